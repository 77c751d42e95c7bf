"""Show foreign text: nothing that steers a terminal, and never more than a line of it."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata

# Controls, formats (bidi and invisible ones), surrogates, and the two Unicode line ends.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONGEST = 60


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def escape(text: str) -> str:
    """Replace every character that could steer or deceive a terminal by its escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def quote(text: str) -> str:
    """Put a value into a message: escaped, in double quotes, cut at about 60 characters."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return f'"{escape(short)}"'


def wrap(text: str, indent: int) -> list[str]:
    """Return a line, escaped, as the lines that fit the terminal; whole where there is none.

    Args:
        text: one line.
        indent: how many spaces the lines after the first begin with.
    """
    if not sys.stdout.isatty():
        return [escape(text)]
    return textwrap.wrap(
        escape(text),
        width=shutil.get_terminal_size().columns,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
