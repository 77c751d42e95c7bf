"""How a stretch of a file writes its records: separator, order of the columns, line ends."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Sequence

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


class Dialect(NamedTuple):
    """A form of records.

    Attributes:
        separator: what stands between two cells.
        order: for each of the table's columns, where its cell is.
        width: the number of cells of a record.
    """

    separator: str
    order: tuple[int, ...]
    width: int

    @property
    def is_own(self) -> bool:
        """Whether records are as this program writes them, perhaps with more columns behind."""
        return self.separator == "," and self.order == tuple(range(len(self.order)))

    def fit(self, cells: Sequence[str]) -> list[str] | None:
        """Return the cells in the table's order, None when there are too few."""
        if len(cells) <= max(self.order):
            return None
        return [cells[index] for index in self.order]


def as_lines(data: bytes, columns: Sequence[str]) -> tuple[bytes, str]:
    """Return a file as lines of UTF-8 that end in a line feed, and what was another form of it.

    Only what a spreadsheet makes of a whole file is undone: the text is "" for all others.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
        if of_header(text.partition("\n")[0].rstrip("\r"), columns) is not None:
            return text.encode("utf-8"), "UTF-16 text: saved by a spreadsheet"
    if b"\r" in data and b"\n" not in data:
        return data.replace(b"\r", b"\n"), "line ends of CR alone: saved by a spreadsheet"
    return data, ""


def own(columns: Sequence[str]) -> Dialect:
    """Return the form in which this program writes."""
    return Dialect(",", tuple(range(len(columns))), len(columns))


def of_record(text: str, columns: Sequence[str]) -> Dialect:
    """Return the form of a record without a header above it."""
    form = own(columns)
    wanted = len(columns) - 1
    counts = {separator: text.count(separator) for separator in SEPARATORS}
    return form._replace(separator=next((s for s in counts if counts[s] >= wanted), ","))


def of_header(text: str, columns: Sequence[str]) -> Dialect | None:
    """Return the form that a header announces, None when the line is no header."""
    if columns[0] not in text:
        return None
    for separator in SEPARATORS:
        try:
            names = split(text, separator)
        except ValueError:
            continue
        if set(columns) <= set(names):
            return Dialect(separator, tuple([names.index(name) for name in columns]), len(names))
    return None


def split(text: str, separator: str) -> list[str]:
    """Return the cells of a record.

    Raises:
        ValueError: a quote is not closed or stands where none can.
    """
    if separator == ",":
        return codec.decode_line(text)
    try:
        rows = list(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [codec.unescape(cell) for cell in rows[0]] if rows else []
