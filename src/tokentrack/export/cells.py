"""Text that a spreadsheet shows and never runs."""

from __future__ import annotations

import unicodedata

_STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  (full-width forms are meant)
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def safe_cell(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet could take it as a formula.

    That is a text that starts with `= + - @`, a tab, CR or LF, or a full-width form of one, also
    behind spaces and characters that are not shown, since importers drop some of those. Numbers
    are not text: they never come here.
    """
    if not text:
        return text
    if text[0] in _STARTS_FORMULA or _first_visible(text) in _STARTS_FORMULA:
        return f"'{text}"
    return text


def encodable(text: str) -> str:
    r"""Return a text that UTF-8 can hold: a lone surrogate becomes its escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _first_visible(text: str) -> str:
    for char in text:
        if unicodedata.category(char) not in _INVISIBLE:
            return char
    return ""
