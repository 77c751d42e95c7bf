"""Read one record at a line of a file, as its dialect has it, over several lines if it must."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.maintenance.damage import formats, spreadsheet
from tokentrack.maintenance.damage.formats import LEDGER
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.maintenance.damage.formats import Dialect, Table

_BOM = b"\xef\xbb\xbf"
# How many texts that look like the start of a record one record may hold.
_MAX_STARTS = 100


class Part(NamedTuple):
    """A piece of a line: a whole record or a header, or what is neither."""

    data: bytes
    is_whole: bool


def part_line(line: bytes, width: int, table: Table) -> list[Part]:
    """Return the pieces of a line in their order; what is neither record nor header is joined.

    The line is parted where a record may start. Such a place can also be inside a cell, so pieces
    are joined again until they make a record. Bytes decide, since a torn record can end inside a
    character.

    Args:
        line: the line without its line feed.
        width: how many cells a record may have, beside those of the table.
        table: what a record is.
    """
    starts = [match.start() for match in table.start.finditer(line)] if table.start else []
    bounds = sorted({0, *starts, len(line)})
    parts: list[Part] = []
    at = rest = 0  # `rest` is the bound behind the last record
    while at < len(bounds) - 1:
        end = _end_of_record(line, bounds, at, width, table)
        if not end:
            at += 1
            continue
        if rest < at:
            parts.append(Part(line[bounds[rest] : bounds[at]], is_whole=False))
        parts.append(Part(line[bounds[at] : bounds[end]], is_whole=True))
        at = rest = end
    if rest < at:
        parts.append(Part(line[bounds[rest] :], is_whole=False))
    return parts


def _end_of_record(line: bytes, bounds: Sequence[int], at: int, width: int, table: Table) -> int:
    # The bound at which the record or header that starts at one ends, 0 where none does.
    first, commas = table.columns[0].encode(), 0
    fewest = min(width, len(table.columns)) - 1
    for end in range(at + 1, min(at + 1 + _MAX_STARTS, len(bounds))):
        commas += line.count(b",", bounds[end - 1], bounds[end])
        if commas < fewest and line.find(first, bounds[at], bounds[end]) < 0:
            continue  # too short for a record, and no header of another separator
        try:
            text = bare(line[bounds[at] : bounds[end]]).decode("utf-8")
            cells = codec.decode_line(text)
        except UnicodeDecodeError:
            return 0
        except ValueError:
            if _is_open(text):
                continue  # what looked like a start may be inside of the quote
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
    # Whether more text can make a record of it: all that is wrong is a quote without its end.
    try:
        codec.split_line(text + '"')
    except ValueError:
        return False
    return True


def bare(piece: bytes) -> bytes:
    """Return a record without what a lost line end, or a power loss, left around it."""
    return piece.removeprefix(_BOM).removesuffix(_BOM).strip(b"\0\r")


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
        cells = formats.split(text, form.separator)
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
        cells = formats.split(text, form.separator)
    except ValueError:
        return []
    is_whole = len(cells) <= form.width and form.fit(cells) is not None
    return cells if is_whole and "\ufffd" not in text else []


def is_record(text: str, form: Dialect, table: Table) -> bool:
    """Tell whether a text is one record of a dialect, perhaps with more cells behind."""
    try:
        row = form.fit(formats.split(text, form.separator))
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
    form = found or formats.own(table.columns)
    try:
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        row = form.fit(formats.split(text, form.separator))
    except ValueError:
        return False
    if formats.of_header(text, table.columns) is not None:
        return True
    # Where a message follows, the flag before it is in quotes.
    quoted = text.endswith(f'"{form.separator}')
    if table is not LEDGER or row is None or quoted:
        return False
    mended = spreadsheet.mend(row, day_first=None, naive_is_utc=True).cells
    return mended[_ERROR] == "false" and not mended[_MESSAGE]
