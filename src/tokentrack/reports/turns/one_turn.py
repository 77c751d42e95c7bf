"""Everything about one turn: each field with its source, and the lines of all its rows."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError
from tokentrack.models.usage_record import ESTIMATED, RESET_SOURCE, UNKNOWN
from tokentrack.reports.groups import Words
from tokentrack.reports.index.cells import key_of_text
from tokentrack.reports.index.names import IMPORT_HOOK
from tokentrack.reports.index.tables import PLACE_BITS
from tokentrack.reports.question import ask_index
from tokentrack.reports.sources import Source
from tokentrack.reports.turns.row_reader import ChangedError, RowReader, start
from tokentrack.reports.turns.turn_rows import rows_of, select
from tokentrack.reports.turns.turn_search import ID, USAGE_ID, chunks, find_turn, stored
from tokentrack.reports.zones import Zone
from tokentrack.store.reader import PhysicalLines, records_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.index.database import OpenIndex
    from tokentrack.reports.index.refresh import Progress
    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.turns.row_reader import RowFile
    from tokentrack.store.paths import LedgerPaths

_ATTEMPTS = 3
_LEDGER_FIELDS = {
    "prompt": "prompt_text", "seconds": "elapsed_time", "workspace": "workspace_folder",
    "trigger": "hook_trigger_type", "hook": "hook_name", "patterns": "file_patterns",
    "failed": "error_occurred", "message": "error_message", "when": "timestamp",
}  # fmt: skip
_USAGE_FIELDS = (
    "surface", "model", "input_tokens", "output_tokens", "cached_tokens", "context_percent",
    "user", "machine", "tags", "source_id",
)  # fmt: skip
# The end of a row of several lines could have as many cells as a row.
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]")
HOOK, IMPORT = "hook", "import"


class Line(NamedTuple):
    """A row of the turn: where it is, and its cells."""

    file: RowFile
    line: int
    offset: int
    cells: dict[str, str]

    @property
    def place(self) -> int:
        """Its place in the index, if it has a line of its own."""
        return self.file.n << PLACE_BITS | self.offset


class OneTurn(NamedTuple):
    """A turn.

    Attributes:
        turn: its fields, as lists of turns have them.
        fields: for each field its `value`, `basis`, `source`, `read_at`, and the `file` and `line`
            that it comes from; None is unknown.
        rows: its rows, each with its `file`, `line`, `kind` (`ledger` or `usage`), `recorded_at`,
            and whether it `counts`. Of usage rows the latest one counts, and earlier ones for
            what it does not know.
        source: `index` or `scan`.
    """

    turn: dict[str, Any]
    fields: dict[str, dict[str, Any]]
    rows: list[dict[str, Any]]
    source: str


def show_turn(
    wanted: str,
    *,
    ledgers: Sequence[LedgerPaths],
    index: str | None = None,
    progress: Progress | None = None,
    rates: Rates | None = None,
) -> OneTurn:
    """Return the turn that an id, or the beginning of one, names.

    Args:
        wanted: the id.
        ledgers: all ledgers of which an index is kept.
        index: the path of the index; without one, the files are read for this answer alone.
        progress: is told how many bytes were read.
        rates: how credits are priced; without them, a turn has no cost.

    Raises:
        TokenTrackError: no turn has such an id, or several have; or the ledgers can't be read.
    """

    def answer(opened: OpenIndex) -> OneTurn:
        reader = RowReader(opened.database, ledgers)
        number = find_turn(opened.database, reader, wanted)
        found = _one_turn(opened, reader, number)
        if rates is not None:
            from tokentrack.reports.pricing.turn_cost import cost_of_turn

            model = found.turn["model"]
            fact = cost_of_turn(opened.database, number, model, rates, Zone())
            found.fields["cost"] = fact
        return found

    limit = None
    if rates is not None:
        from tokentrack.reports.pricing.costs import limit_of

        limit = limit_of(rates)
    for _ in range(_ATTEMPTS):
        try:
            return ask_index(index, ledgers, progress, answer, limit=limit)
        except ChangedError:
            continue
    raise FileSystemError("the ledgers kept changing while they were read: try again")


def _one_turn(opened: OpenIndex, reader: RowReader, number: int) -> OneTurn:
    database = opened.database
    (row,) = select(database, [Source("turn", (f"t.id = {number}",))], "when", 0)
    (turn,) = rows_of([row], Words(database), reader, database)
    lines = list(_lines(database, reader, number, turn["id"]))
    ledger = [line for line in lines if not line.file.is_usage]
    usage = [line for line in lines if line.file.is_usage]
    usage.sort(key=lambda line: (timestamps.parse(line.cells["recorded_at"]), line.place))
    counting = [line for line in ledger if line.place == row.place]
    if row.place is not None and not counting:
        raise ChangedError
    fields = _fields(turn, counting[0] if counting else None, usage)
    rows = [_row(line, is_counted=line.place == row.place) for line in ledger]
    rows += [_row(line, is_counted=line is usage[-1]) for line in usage]
    return OneTurn(turn, fields, rows, opened.source)


def _row(line: Line, *, is_counted: bool) -> dict[str, Any]:
    time = "recorded_at" if line.file.is_usage else "timestamp"
    return {
        "file": line.file.path,
        "line": line.line,
        "kind": "usage" if line.file.is_usage else "ledger",
        "recorded_at": _in_utc(line.cells[time]),
        "counts": is_counted,
    }


def _in_utc(text: str) -> str:
    return timestamps.format_us(timestamps.parse(text))


def _fields(
    turn: dict[str, Any], ledger: Line | None, usage: Sequence[Line]
) -> dict[str, dict[str, Any]]:
    found = {}
    if ledger is not None:
        is_imported = ledger.cells["hook_name"] == IMPORT_HOOK
        source = IMPORT if is_imported else HOOK
        for name, column in _LEDGER_FIELDS.items():
            basis = None
            if name == "seconds" and turn[name] is not None:
                basis = "reported" if is_imported else "measured"
            value = turn[name] if ledger.cells[column] else None
            found[name] = _fact(value, ledger, basis=basis, source=source)
    else:
        found["when"] = _fact(turn["when"], usage[-1])
    found["session"] = _first_known(turn["session"], "session_id", ledger, usage)
    counts = _last_with(usage, "input_tokens") or _last_with(usage, "output_tokens")
    found["tokens"] = _fact(
        turn["tokens"], counts or ledger, basis=turn["token_basis"],
        source="visible-text" if turn["token_basis"] == ESTIMATED else None,
    )  # fmt: skip
    amount = None if turn["credits"] is None else _last_with(usage, "credits")
    basis = amount.cells["credits_basis"] if amount else UNKNOWN
    found["credits"] = _fact(turn["credits"], amount, basis=basis)
    for name in _USAGE_FIELDS:
        line = _last_with(usage, name)
        cell = line.cells[name] if line else None
        number = int(cell) if cell and name.endswith("_tokens") else cell
        found[name] = _fact(turn.get(name, number), line)
    return found


def _first_known(
    value: Any, column: str, ledger: Line | None, usage: Sequence[Line]
) -> dict[str, Any]:
    if ledger is not None and ledger.cells[column]:
        return _fact(value, ledger)
    return _fact(value, _last_with(usage, column))


def _last_with(usage: Sequence[Line], column: str) -> Line | None:
    return next((line for line in reversed(usage) if line.cells[column]), None)


def _fact(
    value: Any, line: Line | None, *, basis: str | None = None, source: str | None = None
) -> dict[str, Any]:
    is_usage = line is not None and line.file.is_usage
    if line is not None and source is None:
        is_imported = not is_usage and line.cells["hook_name"] == IMPORT_HOOK
        source = line.cells["source"] if is_usage else IMPORT if is_imported else HOOK
    return {
        "value": value,
        "basis": basis,
        "source": source or None,
        "read_at": _in_utc(line.cells["recorded_at"]) if line is not None and is_usage else None,
        "file": line.file.path if line else None,
        "line": line.line if line else None,
    }


def _lines(
    database: sqlite3.Connection, reader: RowReader, number: int, identity: str
) -> Iterator[Line]:
    query = "select id from alias where root = ?"
    keys = {number, *[key for (key,) in database.execute(query, (number,))]}
    skipped = set(database.execute("select segment, line from skipped"))
    query = "select copies + superseded, place, usage_place from turn where id = ?"
    ((more, *places),) = database.execute(query, (number,))
    files = set(reader.files)
    if not more:
        files &= {place >> PLACE_BITS for place in places if place is not None}
    for file in [reader.files[n] for n in sorted(files)]:
        some = _lines_with(reader, file, identity) if len(keys) == 1 else None
        # Other ids, or a row of several lines, are found only in all rows.
        found = _all_lines(reader, file) if some is None else iter(some)
        at = USAGE_ID if file.is_usage else ID
        for line, offset, cells in found:
            if key_of_text(cells[at]) in keys and (file.n, line) not in skipped:
                named = dict(zip(file.columns, cells, strict=True))
                if named.get("source") != RESET_SOURCE:
                    yield Line(file, line, offset, named)


def _lines_with(
    reader: RowReader, file: RowFile, identity: str
) -> list[tuple[int, int, list[str]]] | None:
    # The rows whose line has the id; None where a row with it may begin in another line.
    needle, found = stored(identity), []
    time = file.columns.index("recorded_at" if file.is_usage else "timestamp")
    with reader.open(file.n) as stream:
        offset = number = 0
        _, layout = start(io.BytesIO(stream.readline()), file.columns)
    with reader.open(file.n) as stream:
        for data in chunks(stream):
            done = 0
            at = data.find(needle)
            while at >= 0:
                begin = data.rfind(b"\n", 0, at) + 1
                end = data.find(b"\n", at) + 1
                if not end:
                    break  # a line that is still being written
                number += data.count(b"\n", done, begin)
                done = begin
                line = io.BytesIO(data[begin:end])
                record = next(records_in(PhysicalLines(line, finished=False), layout), None)
                if record is None or record.problem or not _DATE.match(record.cells[time]):
                    return None
                found.append((number + 1, offset + begin, record.cells))
                at = data.find(needle, end)
            number += data.count(b"\n", done)
            offset += len(data)
    return found


def _all_lines(reader: RowReader, file: RowFile) -> Iterator[tuple[int, int, list[str]]]:
    with reader.open(file.n) as stream:
        lines, layout = start(stream, file.columns)
        while True:
            offset = lines.offset
            try:
                record = next(records_in(lines, layout), None)
            except OSError:  # the index has what comes before the damage of an archive
                return
            if record is None:
                return
            if not record.problem:
                yield record.line, offset, record.cells
