"""Make foreign text safe for a terminal: escape control characters, and limit its length."""

from __future__ import annotations

import sys

# Controls, formats (bidi and invisible ones), surrogates, and the two Unicode line ends.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONGEST = 60


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def escape(text: str) -> str:
    """Replace each character that could control or deceive a terminal with its escape."""
    if text.isascii() and text.isprintable():
        return text
    import unicodedata  # few texts need it

    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def quote(text: str) -> str:
    """Return a value for a message: escaped, in double quotes, cut at about 60 characters."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f'"{escape(short)}"'


def wrap(text: str, indent: int, *, err: bool = False) -> list[str]:
    """Escape a line and wrap it to the terminal's width; without a terminal, it is not wrapped.

    A word that is wider than the terminal, such as a path, stays whole, so that it can be copied.

    Args:
        text: one line.
        indent: how many spaces the lines after the first begin with.
        err: whether it is for stderr.
    """
    if not (sys.stderr if err else sys.stdout).isatty():
        return [escape(text)]
    import shutil  # they take longer to load than a report to answer
    import textwrap

    return textwrap.wrap(
        escape(text),
        width=shutil.get_terminal_size().columns,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
