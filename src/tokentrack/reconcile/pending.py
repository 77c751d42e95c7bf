"""The executions whose real numbers are still to come, and a look for them in Kiro's files.

Kiro writes credits up to 15 seconds after its stop hook has begun. The recorder leaves a note for
each such execution; whoever holds the ledger's lock next looks at the notes that are due.
"""

from __future__ import annotations

import time

from tokentrack import fastjson
from tokentrack.events import STARTED
from tokentrack.execution_state import open_pending, pending_name
from tokentrack.kiro import cli_sessions, v1_sessions
from tokentrack.kiro.homes import Homes
from tokentrack.kiro.scan import Scan
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reconcile.matching import Window, choose
from tokentrack.reconcile.numbers import with_numbers
from tokentrack.store import codec
from tokentrack.timestamps import now_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.kiro.turn import Turn
    from tokentrack.store.ledger import HeldLedger

_SECOND = 1_000_000
# Kiro's numbers come within seconds; after this long they will not come any more.
_GIVE_UP_SECONDS = 7 * 24 * 3600
_FIRST_PAUSE, _LONGEST_PAUSE = 5, 6 * 3600
_MAX_NOTE = 256 * 1024
_MAX_TURNS = 16
_TAIL = 128 * 1024

_EXECUTION = USAGE_COLUMNS.index("agent_execution_id")
_SESSION = USAGE_COLUMNS.index("session_id")
_SURFACE = USAGE_COLUMNS.index("surface")
_RECORDED = USAGE_COLUMNS.index("recorded_at")


class Note:
    """One execution that waits for its numbers: its usage row's cells, and when it ran."""

    __slots__ = ("cells", "since", "window")

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Read a note.

        Raises:
            KeyError, TypeError, ValueError: it is not as the recorder writes it.
        """
        self.cells = [str(cell) for cell in data["usage"]]
        at, elapsed = int(data["at"]), data["elapsed"]
        if len(self.cells) != len(USAGE_COLUMNS):
            raise ValueError("a usage row has another number of cells")
        started: int | None = None if elapsed is None else at - int(float(elapsed) * _SECOND)
        self.since = at
        if data["trigger"] == STARTED:
            # Nothing completed it, so its time is that of the start.
            from tokentrack.kiro.values import microseconds

            started, at = at, microseconds(self.cells[_RECORDED]) or at
        self.window = Window(self.cells[_EXECUTION], started, at)


def fill_in(
    held: HeldLedger,
    names: list[str],
    environ: Mapping[str, str],
    *,
    seconds: float,
    durable: bool,
) -> int:
    """Append the numbers that have come for the notes of these names; return for how many.

    At least one note is looked at, others until `seconds` are over. What has not come is due
    again later, the later the older it is.

    Raises:
        OSError: the numbers could not be written; they stay due.
    """
    deadline = time.monotonic() + seconds
    search = _Search(held, environ)
    lines: list[bytes] = []
    done: list[str] = []
    with open_pending(held.state) as folder:
        for name in names:
            try:
                note = Note(fastjson.loads(folder.read(name, _MAX_NOTE).decode("ascii")))
            except (ValueError, KeyError, TypeError, RecursionError):
                done.append(name)  # nothing that the recorder wrote whole
                continue
            row, is_over = search.numbers_of(note)
            if row:
                lines.append(codec.encode_line(row))
            if is_over:
                done.append(name)
            else:
                folder.rename_to(name, folder, _later(name, note))
            if time.monotonic() > deadline:
                break
        if lines:
            held.append_usage(USAGE_COLUMNS, lines, durable=durable)
        for name in done:
            folder.remove(name)
    return len(lines)


def _later(name: str, note: Note) -> str:
    now = now_us()
    age = max(0, (now - note.since) // _SECOND)
    pause = min(max(_FIRST_PAUSE, age // 2), _LONGEST_PAUSE)
    return pending_name(now // _SECOND + pause, name.partition("-")[2])


class _Search:
    # Looks for turns in Kiro's sessions, once in each, and knows which are taken.

    def __init__(self, held: HeldLedger, environ: Mapping[str, str]) -> None:
        self._homes = Homes(environ)
        self._turns: dict[tuple[str, str], list[Turn]] = {}
        self._taken: set[str] = set()
        self._recorded = _end_of_usage(held)

    def numbers_of(self, note: Note) -> tuple[list[str], bool]:
        """Return the cells to append, [] for none yet, and whether no more are to come."""
        key = (note.cells[_SURFACE], note.cells[_SESSION])
        if key not in self._turns:
            self._turns[key] = self._read(*key)
        now = now_us()
        is_over = now - note.since > _GIVE_UP_SECONDS * _SECOND
        identity = note.window.execution_id
        found = choose(note.window, self._turns[key], lambda turn: self._is_taken(turn, identity))
        if found is None:
            return [], is_over
        turn, match = found
        if turn.credits is None and not is_over:
            return [], False
        self._taken.add(turn.source_id)
        return with_numbers(note.cells, turn, match, now), True

    def _read(self, surface: str, session: str) -> list[Turn]:
        scan = Scan()
        v1 = surface == "v1"
        for place in self._homes.sessions if v1 else self._homes.cli_sessions:
            read = v1_sessions.last_turns if v1 else cli_sessions.last_turns
            turns = read(place, session, _MAX_TURNS, scan)
            if turns:
                return turns
        return []

    def _is_taken(self, turn: Turn, identity: str) -> bool:
        return turn.source_id in self._taken or self._recorded_for_another(turn, identity)

    def _recorded_for_another(self, turn: Turn, identity: str) -> bool:
        mark = b"," + codec.encode_line([turn.source_id])[:-1] + b","
        own = codec.encode_line([identity])[:-1] + b","
        at = self._recorded.find(mark)
        while at >= 0:
            start = self._recorded.rfind(b"\n", 0, at) + 1
            if not self._recorded.startswith(own, start):
                return True
            at = self._recorded.find(mark, at + 1)
        return False


def _end_of_usage(held: HeldLedger) -> bytes:
    try:
        with held.place.open_folder(create=False) as folder:
            return folder.read_tail(held.place.usage, _TAIL)
    except OSError:
        return b""
