"""Find the records where lines and records differ: joined on one line, or broken over several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.maintenance.damage import formats, spreadsheet
from tokentrack.maintenance.damage.formats import LEDGER
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec
from tokentrack.store.reader import Record, join_quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.maintenance.damage.formats import Dialect, Table

_BOM = b"\xef\xbb\xbf"
_ERROR = COLUMNS.index("error_occurred")
_MESSAGE = COLUMNS.index("error_message")
# How many texts that look like the start of a record one record may contain.
_MAX_STARTS = 100


# --- several records on one line ---


class Piece(NamedTuple):
    """A piece of a line: a whole record or header, or bytes that are neither."""

    data: bytes
    is_whole: bool


def split_joined(line: bytes, width: int, table: Table) -> list[Piece]:
    """Return the pieces of a line in their order; adjacent bytes without a record are one piece.

    The line is split where a record may start. The start of a record can also be a part of a cell,
    so pieces are joined again until they make a record. This works on bytes, since a torn record
    can end inside a character.

    Args:
        line: the line without its line feed.
        width: how many cells a record may have, in addition to the table's.
        table: what a record is.
    """
    starts = [match.start() for match in table.start.finditer(line)] if table.start else []
    bounds = sorted({0, *starts, len(line)})
    pieces: list[Piece] = []
    at = rest = 0  # `rest` is the bound after the last record
    while at < len(bounds) - 1:
        end = _end_of_record(line, bounds, at, width, table)
        if not end:
            at += 1
            continue
        if rest < at:
            pieces.append(Piece(line[bounds[rest] : bounds[at]], is_whole=False))
        pieces.append(Piece(line[bounds[at] : bounds[end]], is_whole=True))
        at = rest = end
    if rest < at:
        pieces.append(Piece(line[bounds[rest] :], is_whole=False))
    return pieces


def _end_of_record(line: bytes, bounds: Sequence[int], at: int, width: int, table: Table) -> int:
    # The bound at which the record or header that starts at another one ends, 0 for neither.
    first, commas = table.columns[0].encode(), 0
    fewest = min(width, len(table.columns)) - 1
    for end in range(at + 1, min(at + 1 + _MAX_STARTS, len(bounds))):
        commas += line.count(b",", bounds[end - 1], bounds[end])
        if commas < fewest and line.find(first, bounds[at], bounds[end]) < 0:
            continue  # too short for a record, and not a header with another separator
        try:
            text = bare(line[bounds[at] : bounds[end]]).decode("utf-8")
            cells = codec.decode_line(text)
        except UnicodeDecodeError:
            return 0
        except ValueError:
            if _is_open(text):
                continue  # the next start may be inside the quote
            return 0
        if formats.of_header(text, table.columns) is not None:
            return end
        if len(cells) > max(width, len(table.columns)):
            return 0
        if len(cells) in (width, len(table.columns)):
            row = cells[: len(table.columns)]
            if not table.problem(row):
                return end
    return 0


def _is_open(text: str) -> bool:
    # Whether only the end of a quote is missing, so that more text can make it a record.
    try:
        codec.split_line(text + '"')
    except ValueError:
        return False
    return True


def bare(piece: bytes) -> bytes:
    """Return a record without what a lost line end, or a power loss, left around it."""
    return piece.removeprefix(_BOM).removesuffix(_BOM).strip(b"\0\r")


# --- one record on one line, or on several ---


def read_record(
    lines: Sequence[bytes], at: int, text: str, form: Dialect, table: Table
) -> tuple[Record, int]:
    """Return the record that begins with a line, and how many lines it has.

    Quoted line feeds are joined like the reader does it, in whichever dialect the file has.

    Args:
        lines: the file's lines, without line feeds.
        at: the index of the record's first line.
        text: that line after its cleaning.
        form: how the file writes its records.
        table: what a record is.
    """
    number = at + 1
    try:
        cells = formats.split(text, form.separator)
    except ValueError as error:
        # Inside a quote, a CR that the cleaning removed belongs to the cell.
        first = text.encode("utf-8") + (b"\r" if lines[at].endswith(b"\r") else b"")
        joined = join_quoted(
            first,
            (lines[index] for index in range(at + 1, len(lines))),
            lambda more: _is_own_line(more, form, table),
            lambda data: _joined_cells(data, form),
        )
        if joined is None:
            return Record(number, [], str(error)), 1
        return Record(number, joined[0]), joined[1]
    if form.fit(cells) is None:
        return Record(number, [], f"{len(cells)} columns instead of {form.width}"), 1
    return Record(number, cells), 1


def _is_own_line(line: bytes, form: Dialect, table: Table) -> bool:
    # Whether a line is a record without the lines before it; surplus cells speak against that.
    try:
        cells = formats.split(line.decode("utf-8", "replace").rstrip("\r"), form.separator)
    except ValueError:
        return False
    row = form.fit(cells) if len(cells) in (form.width, len(table.columns)) else None
    return row is not None and not table.problem(row)


def _joined_cells(data: bytes, form: Dialect) -> list[str] | None:
    cells = formats.split(data.decode("utf-8").removesuffix("\r"), form.separator)
    return cells if len(cells) <= form.width and form.fit(cells) is not None else None


def is_record(text: str, form: Dialect, table: Table) -> bool:
    """Tell whether a text is one record of a dialect, perhaps with more cells at its end."""
    try:
        row = form.fit(formats.split(text, form.separator))
    except ValueError:
        return False
    return row is not None and not table.problem(row)


def holds_another(cells: Sequence[str], form: Dialect, table: Table) -> bool:
    """Tell whether the cells that a record has too many may be another record."""
    if len(cells) <= form.width:
        return False
    surplus = ",".join([*cells[form.width - 1 :], ""]).encode("utf-8", "replace")
    starts = table.start is not None and table.start.search(surplus) is not None
    return starts or len(cells) >= 2 * len(table.columns) - 1


def ends_whole(line: bytes, found: Dialect | None, table: Table) -> bool:
    """Tell whether a last line without its line feed is whole, as the next append decides it.

    Only a header, and a record of an execution without an error that ends in an empty message,
    can't be the beginning of something longer.
    """
    form = found or formats.own(table.columns)
    try:
        text = line.removeprefix(_BOM).decode("utf-8")
        row = form.fit(formats.split(text, form.separator))
    except ValueError:
        return False
    if formats.of_header(text, table.columns) is not None:
        return True
    # Where a message follows, the flag before it is in quotes.
    quoted = text.endswith(f'"{form.separator}')
    if table is not LEDGER or row is None or quoted:
        return False
    cells = spreadsheet.undo(row, day_first=None, naive_is_utc=True).cells
    return cells[_ERROR] == "false" and not cells[_MESSAGE]
