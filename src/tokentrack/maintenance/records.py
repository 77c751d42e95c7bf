"""Read one record at a line of a file, as its dialect has it, over several lines if it must."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.maintenance import dialect, spreadsheet
from tokentrack.maintenance.tables import LEDGER
from tokentrack.models.fields import COLUMNS
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.maintenance.dialect import Dialect
    from tokentrack.maintenance.tables import Table

_MAX_JOINED = 200
_ERROR = COLUMNS.index("error_occurred")
_MESSAGE = COLUMNS.index("error_message")


class Reading(NamedTuple):
    """A record's cells, or what is wrong with it; and how many lines it takes."""

    cells: list[str]
    problem: str
    taken: int


def read_record(lines: Sequence[bytes], at: int, text: str, form: Dialect, table: Table) -> Reading:
    """Read the record that starts with `text`, the line `at` after its cleaning."""
    try:
        cells = dialect.split(text, form.separator)
    except ValueError as error:
        return _join(lines, at, text, form, table) or Reading([], str(error), 1)
    if form.fit(cells) is None:
        return Reading([], f"{len(cells)} columns instead of {form.width}", 1)
    return Reading(cells, "", 1)


def _join(
    lines: Sequence[bytes], at: int, text: str, form: Dialect, table: Table
) -> Reading | None:
    # A quoted line feed. Quotes come in pairs, so the first even count ends the record; a line
    # that is a whole record by itself is never swallowed.
    quotes = text.count('"')
    for taken, more in enumerate(lines[at + 1 : at + _MAX_JOINED], start=2):
        following = more.decode("utf-8", "replace")
        if is_record(following.rstrip("\r"), form, table):
            return None
        text += "\n" + following
        quotes += more.count(b'"')
        if quotes % 2 == 0:
            cells = _joined(text.removesuffix("\r"), form)
            return Reading(cells, "", taken) if cells else None
    return None


def _joined(text: str, form: Dialect) -> list[str]:
    try:
        cells = dialect.split(text, form.separator)
    except ValueError:
        return []
    is_whole = len(cells) <= form.width and form.fit(cells) is not None
    return cells if is_whole and "\ufffd" not in text else []


def is_record(text: str, form: Dialect, table: Table) -> bool:
    """Tell whether a text is one record of a dialect, perhaps with more cells behind."""
    try:
        row = form.fit(dialect.split(text, form.separator))
    except ValueError:
        return False
    return row is not None and not table.problem(row)


def is_whole(text: str, table: Table) -> bool:
    """Tell whether a text is one whole record as this program writes it."""
    try:
        cells = codec.decode_line(text)
    except ValueError:
        return False
    return len(cells) == len(table.columns) and not table.problem(cells)


def holds_another(cells: Sequence[str], form: Dialect, table: Table) -> bool:
    """Tell whether what a record has too many cells of may be another record."""
    if len(cells) <= form.width:
        return False
    surplus = ",".join([*cells[form.width - 1 :], ""]).encode("utf-8", "replace")
    starts = table.start is not None and table.start.search(surplus) is not None
    return starts or len(cells) >= 2 * len(table.columns) - 1


def ends_whole(line: bytes, found: Dialect | None, table: Table) -> bool:
    """Tell whether a last line without its line feed can't be cut, as the next append decides it.

    Only a record that ends in an empty message of an execution without an error is sure to be
    whole, and a header.
    """
    form = found or dialect.own(table.columns)
    try:
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        row = form.fit(dialect.split(text, form.separator))
    except ValueError:
        return False
    if dialect.of_header(text, table.columns) is not None:
        return True
    # Where a message follows, the flag before it is in quotes.
    quoted = text.endswith(f'"{form.separator}')
    if table is not LEDGER or row is None or quoted:
        return False
    mended = spreadsheet.mend(row, day_first=None, naive_is_utc=True).cells
    return mended[_ERROR] == "false" and not mended[_MESSAGE]
