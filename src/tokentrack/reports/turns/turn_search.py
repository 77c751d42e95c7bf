"""Find a turn by its id, by the beginning of its id, or by the short form that lists show.

The index has no ids, only numbers that stand for them. So the beginning of an id is looked for in
the bytes of the files, and counts where the index knows the whole cell as an execution.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokentrack.common.terminal import quote
from tokentrack.errors import TokenTrackError, ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.turns.row_reader import blocks
from tokentrack.reports.turns.turn_rows import code_of
from tokentrack.store import codec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from typing import BinaryIO

    from tokentrack.reports.turns.row_reader import RowReader

ID, USAGE_ID = COLUMNS.index("agent_execution_id"), USAGE_COLUMNS.index("agent_execution_id")
_PREFIX = "exec_"  # lists leave it out
_CODE = re.compile(r"x[0-9a-f]{7,16}")
_PLAIN_CELL = re.compile(rb"[^,\r\n]*")
_QUOTED_CELL = re.compile(rb'(?:[^"]|"")*')
_MOST = 5  # candidates that a message names


def find_turn(database: sqlite3.Connection, reader: RowReader, wanted: str) -> int:
    """Return the number of the turn that an id, or the beginning of one, names.

    Raises:
        ValidationError: nothing was asked for.
        TokenTrackError: no turn has it, or several have.
        ChangedError: a file has changed since it was read into the index.
        OSError: a file can't be read.
    """
    if not wanted:
        raise ValidationError(["the id must not be empty: `tokentrack turns` lists ids"])
    for text in (wanted, _PREFIX + wanted):
        found = _turn_of(database, key_of_text(text))
        if found is not None:
            return found
    candidates: dict[int, str] = {}
    for number, identity in _candidates(database, reader, wanted):
        candidates.setdefault(number, identity)
        if len(candidates) > _MOST:
            break
    if not candidates:
        raise TokenTrackError(
            f"no turn has an id that begins with {quote(wanted)}: `tokentrack turns` lists ids"
        )
    if len(candidates) > 1:
        names = ", ".join(list(candidates.values())[:_MOST])
        more = " and more" if len(candidates) > _MOST else ""
        raise TokenTrackError(
            f"several ids begin with {quote(wanted)}, so type more of one: {names}{more}"
        )
    return next(iter(candidates))


def _turn_of(database: sqlite3.Connection, key: int) -> int | None:
    query = "select id from turn where at is not null and id = ifnull({}, ?)"
    root = "(select root from alias where id = ?)"
    row = database.execute(query.format(root), (key, key)).fetchone()
    return int(row[0]) if row else None


def _candidates(
    database: sqlite3.Connection, reader: RowReader, wanted: str
) -> Iterator[tuple[int, str]]:
    if _CODE.fullmatch(wanted):
        query = "select id from turn where at is not null union select id from alias"
        for (key,) in database.execute(query).fetchall():
            code = code_of(key)
            found = _turn_of(database, key) if code.startswith(wanted) else None
            if found is not None:
                yield found, code
    for identity in dict.fromkeys(_ids_in_files(reader, wanted)):
        number = _turn_of(database, key_of_text(identity))
        if number is not None:
            yield number, identity


def _ids_in_files(reader: RowReader, wanted: str) -> Iterator[str]:
    needle = stored(wanted)
    for n in reader.files:
        with reader.open(n) as stream:
            for data in chunks(stream):
                at = data.find(needle)
                while at >= 0:
                    identity = _cell_at(data, at)
                    if identity is not None:
                        yield identity
                    at = data.find(needle, at + 1)


def stored(text: str) -> bytes:
    """Return a text as a cell has it, without quotes around it."""
    cell = codec.encode_line([text])[:-1]
    return cell[1:-1] if cell.startswith(b'"') else cell


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a file's whole lines, many at a time."""
    kept = b""
    for chunk in blocks(stream):
        whole, found, rest = chunk.rpartition(b"\n")
        if found:
            yield kept + whole + found
            kept = rest
        else:
            kept += chunk
    if kept:
        yield kept


def _cell_at(data: bytes, at: int) -> str | None:
    # The text of the cell that begins here, or here but for the prefix.
    prefix = _PREFIX.encode()
    if data[max(0, at - len(prefix)) : at] == prefix:
        at -= len(prefix)
    before = data[at - 1 : at]
    if before not in {b"", b",", b'"', b"\n"}:
        return None
    match = (_QUOTED_CELL if before == b'"' else _PLAIN_CELL).match(data, at)
    cell = match[0] if match else b""
    if before == b'"':
        cell = cell.replace(b'""', b'"')
    try:
        return codec.unescape(cell.decode("utf-8"))
    except UnicodeDecodeError:
        return None
