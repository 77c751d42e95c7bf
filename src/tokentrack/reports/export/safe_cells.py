"""The columns of an export, and cells that are safe in UTF-8 and in a spreadsheet."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from tokentrack.models.columns import COLUMNS, join_list

if TYPE_CHECKING:
    from collections.abc import Mapping

# The column that an export adds to the ledger's own: how reliable `tokens_used` is.
BASIS = "token_basis"
EXPORT_COLUMNS = (*COLUMNS, BASIS)

_STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  (full-width forms are meant)
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def safe_cell(text: str) -> str:
    """Return a text, after an apostrophe if a spreadsheet could take it as a formula.

    Such a text starts with `= + - @`, a tab, CR or LF, or a full-width form of one. Spaces and
    invisible characters before it do not matter, since importers drop some of those. Numbers are
    never passed here.
    """
    if not text:
        return text
    if text[0] in _STARTS_FORMULA or _first_visible(text) in _STARTS_FORMULA:
        return f"'{text}"
    return text


def _first_visible(text: str) -> str:
    for char in text:
        if unicodedata.category(char) not in _INVISIBLE:
            return char
    return ""


def encodable(text: str) -> str:
    r"""Return a text that UTF-8 can encode: a lone surrogate becomes its escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its list and its truth value as the texts that the ledger stores."""
    return {
        **row,
        "file_patterns": join_list(row["file_patterns"]),
        "error_occurred": "true" if row["error_occurred"] else "false",
    }
