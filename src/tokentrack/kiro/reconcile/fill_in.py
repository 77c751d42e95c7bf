"""Fill in the real numbers of pending executions.

Kiro writes credits up to 15 seconds after its stop hook has begun. The recorder leaves a note of
each such execution, and the next process that holds the ledger's lock searches for the numbers of
the notes that are due.
"""

from __future__ import annotations

import time

from tokentrack.common.timestamps import now_us
from tokentrack.kiro.reconcile.lookup import TurnLookup
from tokentrack.kiro.reconcile.matching import LATE, match_by_time, match_turn
from tokentrack.kiro.reconcile.numbers import as_part, redact_turn, with_numbers
from tokentrack.kiro.reconcile.pending_note import PendingNote
from tokentrack.kiro.reconcile.usage_tail import RecordedUsage
from tokentrack.kiro.turn import CLI_DATABASE
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.store.pending import open_notes
from tokentrack.store.quarantine import set_aside

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.kiro.reconcile.lookup import Candidates
    from tokentrack.kiro.turn import Turn
    from tokentrack.store.ledger import LockedLedger

# In microseconds: this long after an execution ended, Kiro has written all turns that ran at the
# same time. If only one of them can match, no other will come.
_ALL_WRITTEN = 60_000_000
# How much of the usage ledger's end is read, in bytes.
_HOOK_TAIL, _SHORT_TAIL, _COMMAND_TAIL = 128 * 1024, 2 * 1024 * 1024, 32 * 1024 * 1024
_CREDITS = USAGE_COLUMNS.index("credits")


def fill_in(
    ledger: LockedLedger,
    names: list[str],
    environ: Mapping[str, str],
    config: TrackerConfig,
    *,
    seconds: float | None = None,
    in_hook: bool = False,
    postpones: bool = True,
) -> int:
    """Append usage rows with the numbers that Kiro has written; return how many executions got any.

    Notes without an answer stay pending.

    Args:
        ledger: the ledger.
        names: the names of the notes; the first is always answered, even if time is short.
        environ: the environment, by which Kiro's files are found.
        config: whether to write durably and to redact secrets.
        seconds: how long this may take; None is as long as needed. With a limit, less is read of
            large files.
        in_hook: whether a hook asks. A command also reads databases.
        postpones: whether notes without an answer become due again later.

    Raises:
        OSError: the rows could not be written; the notes stay pending.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    search = _Search(ledger, environ, config, in_hook=in_hook, is_short=seconds is not None)
    lines: list[bytes] = []
    done: list[str] = []
    filled = 0
    with open_notes(ledger.state) as folder:
        for name in names:
            try:
                note = PendingNote(folder, name)
                answer = search.answer(note)
            except OSError:
                continue  # not a file that the recorder wrote
            except Exception:  # noqa: BLE001  (damaged, or it would fail each time)
                set_aside(ledger.state, folder, name, "pending note")
                continue
            lines += answer.lines
            filled += answer.has_turn
            if answer.is_final:
                done.append(name)
            elif postpones:
                folder.rename_to(name, folder, note.next_name(for_hooks=answer.for_hooks))
            if deadline is not None and time.monotonic() > deadline:
                break
        if lines:
            durable = config.durability == "fsync"
            ledger.append_usage(USAGE_COLUMNS, lines, durable=durable)
        for name in done:
            folder.remove(name)
    return filled


class _Answer:
    # The lines to append, and whether they have the turn of the execution itself. Whether the
    # search for its numbers ends here; if not, whether a hook may find them.
    __slots__ = ("for_hooks", "has_turn", "is_final", "lines")

    def __init__(
        self,
        *rows: list[str],
        is_final: bool = True,
        has_turn: bool = False,
        for_hooks: bool = True,
    ) -> None:
        self.lines = [codec.encode_line(row) for row in rows]
        self.is_final = is_final
        self.has_turn = has_turn
        self.for_hooks = for_hooks


class _Search:
    # Searches Kiro's files for the turns of executions, and knows which turns are taken.

    def __init__(
        self,
        ledger: LockedLedger,
        environ: Mapping[str, str],
        config: TrackerConfig,
        *,
        in_hook: bool,
        is_short: bool,
    ) -> None:
        self._redact_secrets = config.redact_secrets
        # A ledger inside a workspace has folders between the workspace's root and itself.
        root = ledger.paths.base if ledger.paths.folders else ""
        self._lookup = TurnLookup(environ, root, in_hook=in_hook, is_short=is_short)
        length = _HOOK_TAIL if in_hook else _SHORT_TAIL if is_short else _COMMAND_TAIL
        self._recorded = RecordedUsage(ledger, length, in_hook=in_hook)
        self._redacted: dict[int, Turn] = {}

    def answer(self, note: PendingNote) -> _Answer:
        """Return what is known about a pending execution now."""
        execution_id = note.window.execution_id
        reaches = self._recorded.reaches(note.window.start)
        if self._recorded.has_credits(execution_id):
            return _Answer()  # an import has filled them in
        if not reaches:
            # An older row, which was not read, may already have its turn.
            return _Answer(is_final=note.is_expired, for_hooks=False)
        candidates = self._lookup.find(note)
        if self._redact_secrets:
            self._redact(candidates)
        answer = self._match(note, candidates) or self._match_part(note, candidates)
        if answer is None:
            for_hooks = _may_be_found_by_hook(note, candidates)
            answer = _Answer(is_final=note.is_expired, for_hooks=for_hooks)
        self._recorded.add(answer.lines)
        return answer

    def _redact(self, candidates: Candidates) -> None:
        # Each turn once, since notes of one session share its turns. The turns are kept, so that
        # no other object gets the id of one of them.
        for turn in (*candidates.turns, *candidates.unassigned):
            if id(turn) not in self._redacted:
                redact_turn(turn)
                self._redacted[id(turn)] = turn

    def _match(self, note: PendingNote, candidates: Candidates) -> _Answer | None:
        # None if no turn is the execution.
        execution_id = note.window.execution_id
        turns = candidates.turns

        def is_taken(turn: Turn) -> bool:
            return self._recorded.owner(turn.source_id, execution_id) != []

        matched = match_turn(note.window, turns, is_taken)
        if matched is None and candidates.is_whole and note.age > _ALL_WRITTEN:
            turns = candidates.unassigned
            matched = match_by_time(note.window, turns, is_taken)
        if matched is None:
            return None
        turn, how = matched
        if not note.is_expired and not _is_complete(turn, turns):
            return _Answer(is_final=False)
        row = with_numbers(note.cells, turn, how, now_us())
        return _Answer(row, has_turn=True)

    def _match_part(self, note: PendingNote, candidates: Candidates) -> _Answer | None:
        # None if the execution is not a part of a turn that another execution has.
        if note.age <= _ALL_WRITTEN:
            return None
        for turn in [*candidates.turns, *candidates.unassigned]:
            if not note.window.is_part_of(turn):
                continue
            owner = self._recorded.owner(turn.source_id, note.window.execution_id)
            if owner and _is_complete(turn, []):
                rows = [as_part(note.cells, owner[0], turn.source, now_us())]
                if turn.credits != owner[_CREDITS]:
                    # The turn went on after the owner's stop hook had run.
                    rows.insert(0, with_numbers(owner, turn, "", now_us()))
                return _Answer(*rows)
        return None


def _may_be_found_by_hook(note: PendingNote, candidates: Candidates) -> bool:
    # If the files that a hook reads still lack the numbers after the time that Kiro takes to
    # write them, then they are elsewhere.
    return (candidates.turns != [] and candidates.is_whole) or note.age <= LATE


def _is_complete(turn: Turn, others: list[Turn]) -> bool:
    # Whether a turn's credits will not change any more.
    if turn.credits is not None:
        return turn.ended_at is not None or turn.status != ""
    # The database has credits of the last turn of each conversation only.
    return turn.source == CLI_DATABASE and any(
        other.session_id == turn.session_id and (other.started_at or 0) > (turn.started_at or 0)
        for other in others
    )
