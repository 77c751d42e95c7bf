"""A look for the real numbers of the executions that wait for them.

Kiro writes credits up to 15 seconds after its stop hook has begun. The recorder leaves a note for
each such execution; whoever holds the ledger's lock next looks at the notes that are due.
"""

from __future__ import annotations

import time

from tokentrack.common.timestamps import now_us
from tokentrack.kiro.reconcile.lookup import TurnLookup
from tokentrack.kiro.reconcile.matching import LATE, choose, choose_only
from tokentrack.kiro.reconcile.notes import PendingNote
from tokentrack.kiro.reconcile.numbers import as_part, take_secrets_out, with_numbers
from tokentrack.kiro.reconcile.usage_tail import RecordedUsage
from tokentrack.kiro.turn import CLI_DATABASE
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.store.pending import open_notes

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.kiro.reconcile.lookup import Found
    from tokentrack.kiro.turn import Turn
    from tokentrack.store.ledger import LockedLedger

# After this long Kiro has written all that ran beside an execution: what is the only turn then
# stays the only one.
_SETTLED = 60_000_000
# Of the usage ledger, in bytes.
_HOOK_TAIL, _COMMAND_TAIL = 128 * 1024, 32 * 1024 * 1024
_CREDITS = USAGE_COLUMNS.index("credits")


def fill_in(
    held: LockedLedger,
    names: list[str],
    environ: Mapping[str, str],
    config: TrackerConfig,
    *,
    seconds: float | None,
) -> int:
    """Append the numbers that have come for the notes of these names; return for how many.

    What has not come is due again later, the later the older it is.

    Args:
        held: the ledger.
        names: the notes; one at least is looked at.
        environ: says where Kiro's files are.
        config: whether rows are durable, and secrets taken out of what Kiro wrote.
        seconds: how long a hook may take; None is a command, which may also read databases and
            large files.

    Raises:
        OSError: the numbers could not be written; they stay due.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    search = _Search(held, environ, config, in_hook=seconds is not None)
    lines: list[bytes] = []
    done: list[str] = []
    filled = 0
    with open_notes(held.state) as folder:
        for name in names:
            try:
                note = PendingNote(folder, name)
            except OSError:
                continue  # no file of the recorder's
            except (ValueError, KeyError, TypeError, RecursionError):
                done.append(name)  # nothing that the recorder wrote whole
                continue
            answer = search.look(note)
            lines += answer.lines
            filled += answer.has_turn
            if answer.is_last:
                done.append(name)
            else:
                folder.rename_to(name, folder, note.renamed(for_hooks=answer.for_hooks))
            if deadline is not None and time.monotonic() > deadline:
                break
        if lines:
            durable = config.durability == "fsync"
            held.append_usage(USAGE_COLUMNS, lines, durable=durable)
        for name in done:
            folder.remove(name)
    return filled


class _Answer:
    # The lines to append; whether the execution's turn is among them; whether no more are to
    # come; and, if some are, whether a hook may find them.
    __slots__ = ("for_hooks", "has_turn", "is_last", "lines")

    def __init__(
        self,
        *rows: list[str],
        is_last: bool = True,
        has_turn: bool = False,
        for_hooks: bool = True,
    ) -> None:
        self.lines = [codec.encode_line(row) for row in rows]
        self.is_last = is_last
        self.has_turn = has_turn
        self.for_hooks = for_hooks


class _Search:
    # Looks for turns in Kiro's files, and knows which are taken.

    def __init__(
        self,
        held: LockedLedger,
        environ: Mapping[str, str],
        config: TrackerConfig,
        *,
        in_hook: bool,
    ) -> None:
        self._redact_secrets = config.redact_secrets
        # A ledger's path below a workspace's root has folders on the way.
        root = held.paths.base if held.paths.folders else ""
        self._places = TurnLookup(environ, root, in_hook=in_hook)
        length = _HOOK_TAIL if in_hook else _COMMAND_TAIL
        self._recorded = RecordedUsage(held, length, in_hook=in_hook)
        self._clean: dict[int, Turn] = {}

    def look(self, note: PendingNote) -> _Answer:
        """Return what can be said of an execution now."""
        identity = note.window.execution_id
        reaches = self._recorded.reaches(note.window.first)
        if self._recorded.has_credits(identity):
            return _Answer()  # an import was first
        if not reaches:
            # Its turn may be another's, of which nothing can be seen from here.
            return _Answer(is_last=note.is_over, for_hooks=False)
        found = self._places.find(note)
        if self._redact_secrets:
            for turn in (*found.turns, *found.others):
                # Once: a session's notes share its turns. It is kept, so its id stays its own.
                if id(turn) not in self._clean:
                    take_secrets_out(turn)
                    self._clean[id(turn)] = turn
        answer = self._joined(note, found) or self._part(note, found)
        if answer is None:
            answer = _Answer(is_last=note.is_over, for_hooks=_may_come(note, found))
        self._recorded.add(answer.lines)
        return answer

    def _joined(self, note: PendingNote, found: Found) -> _Answer | None:
        # None if no turn is the execution; else its numbers, as far as they are complete.
        identity = note.window.execution_id
        turns = found.turns

        def is_taken(turn: Turn) -> bool:
            return self._recorded.holder(turn.source_id, identity) != []

        chosen = choose(note.window, turns, is_taken)
        if chosen is None and found.is_whole and note.age > _SETTLED:
            turns = found.others
            chosen = choose_only(note.window, turns, is_taken)
        if chosen is None:
            return None
        turn, match = chosen
        if not note.is_over and not _is_complete(turn, turns):
            return _Answer(is_last=False)
        row = with_numbers(note.cells, turn, match, now_us())
        return _Answer(row, has_turn=True)

    def _part(self, note: PendingNote, found: Found) -> _Answer | None:
        # None if the execution is no part of a turn that another one has.
        if note.age <= _SETTLED:
            return None
        for turn in [*found.turns, *found.others]:
            if not note.window.is_part_of(turn):
                continue
            holder = self._recorded.holder(turn.source_id, note.window.execution_id)
            if holder and _is_complete(turn, []):
                rows = [as_part(note.cells, holder[0], turn.source, now_us())]
                if turn.credits != holder[_CREDITS]:
                    # The turn went on after the holder's stop hook.
                    rows.insert(0, with_numbers(holder, turn, "", now_us()))
                return _Answer(*rows)
        return None


def _may_come(note: PendingNote, found: Found) -> bool:
    # Whether a hook may find the numbers: what its places still lack after the time that Kiro
    # takes is somewhere else.
    return (found.turns != [] and found.is_whole) or note.age <= LATE


def _is_complete(turn: Turn, beside: list[Turn]) -> bool:
    # A turn whose credits will not change any more.
    if turn.credits is not None:
        return turn.ended_at is not None or turn.status != ""
    # The database has the credits of each conversation's last turn only.
    return turn.source == CLI_DATABASE and any(
        other.session_id == turn.session_id and (other.started_at or 0) > (turn.started_at or 0)
        for other in beside
    )
