"""Read a ledger from its end, so that its last records cost the same at any size."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

from tokentrack.store.reader import PhysicalLines, is_record, layout_of, own_layout, records_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.store.reader import Layout, Record

_PART = 64 * 1024
_LARGER = 4


def records_from_end(file: BinaryIO, columns: Sequence[str]) -> Iterator[Record]:
    """Yield the records of a plain ledger, the last first: those that `read_records` yields.

    Damaged lines are left out, and the lines' numbers are not those of the file.
    """
    first = PhysicalLines(file, finished=False)
    header = first.next()
    if header is None:
        return
    layout = layout_of(header, columns)
    start = 0 if layout is None else first.offset
    layout = layout or own_layout(columns)
    end = file.seek(0, os.SEEK_END)
    while end > start:
        data = _last_part(file, start, end, layout)
        if not data:
            return  # the file was truncated meanwhile
        end -= len(data)
        lines = PhysicalLines(io.BytesIO(data), finished=False)
        records = [record for record in records_in(lines, layout) if not record.problem]
        yield from reversed(records)


def _last_part(file: BinaryIO, start: int, end: int, layout: Layout) -> bytes:
    # It begins with a line that is a record of its own, which no line before can change.
    size = _PART
    while end - start > size:
        file.seek(end - size)
        data = file.read(size)
        at = data.find(b"\n") + 1
        while at and (stop := data.find(b"\n", at)) >= 0:
            if is_record(data[at:stop], layout):
                return data[at:]
            at = stop + 1
        size *= _LARGER
    file.seek(start)
    return file.read(end - start)
