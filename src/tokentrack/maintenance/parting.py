"""Part a line in which records were joined: one that lost its line feed, or a torn one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.maintenance import dialect
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentrack.maintenance.tables import Table

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
        if dialect.of_header(text, table.columns) is not None:
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
