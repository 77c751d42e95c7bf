"""The notes of executions whose real numbers Kiro writes after its hook has run.

`pending/` beside the ledger has a file for each, whose name says when a hook looks at it and whose
it is. `tokentrack.reconcile` reads them; here is what every hook needs.
"""

from __future__ import annotations

from tokentrack import fastjson
from tokentrack.execution_state import file_key
from tokentrack.models.usage_record import UNKNOWN, USAGE_COLUMNS

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.execution_records import Finished
    from tokentrack.store.directory import Directory

# Kiro's numbers come within seconds; after this long they will not come any more.
GIVE_UP_SECONDS = 7 * 24 * 3600

_PENDING = "pending"
_DUE_DIGITS = 12
_MAX_NOTES = 2000
# Where Kiro may keep a turn's numbers: found by the session only, or by the workspace as well.
_BY_SESSION = frozenset({"v1", "crew"})
_BY_WORKSPACE = frozenset({"cli-2", "ide-0"})


def expect_numbers(state: Directory, finished: Iterable[Finished]) -> None:
    """Note the executions of which Kiro has written no numbers yet.

    A note that is lost costs a look-up and no row, so no error counts here.
    """
    for done in finished:
        usage = dict(zip(USAGE_COLUMNS, done.usage, strict=True))
        surface, session = usage["surface"], usage["session_id"]
        has_place = surface in _BY_WORKSPACE or (session and surface in _BY_SESSION)
        if usage["credits_basis"] != UNKNOWN or not has_place:
            continue
        record = done.transaction
        note = {
            "at": record.timestamp_us,
            "elapsed": record.elapsed_time,
            "folder": record.workspace_folder,
            "trigger": record.hook_trigger_type,
            "usage": done.usage,
        }
        due = 0
        if surface == "cli-2" and not session:
            # Only the CLI's database has it, which takes longer than a hook may.
            due = record.timestamp_us // 1_000_000 + GIVE_UP_SECONDS
        name = f"{surface}.{file_key(usage['agent_execution_id'])}.json"
        try:
            with state.child(_PENDING, create=True) as folder:
                if len(folder.names()) < _MAX_NOTES:
                    data = fastjson.dumps(note).encode("ascii")
                    folder.create(pending_name(due, name), data, durable=False)
        except OSError:
            pass


def pending_name(due: int, rest: str) -> str:
    """Return a note's name.

    Args:
        due: when a hook looks at it, in seconds since the epoch. For one that only a command can
            answer, that is when it is to be given up.
        rest: the surface and the execution.
    """
    return f"{due:0{_DUE_DIGITS}d}-{rest}"


def is_of_ide(name: str) -> bool:
    """Tell whether a note waits for IDE 0.x's storage."""
    return name.startswith("ide-0.", _DUE_DIGITS + 1)


def is_of_crew(name: str) -> bool:
    """Tell whether a note waits for Kiro Crew, which says nowhere where it keeps numbers."""
    return name.startswith("crew.", _DUE_DIGITS + 1)


def due_numbers(state: Directory, now_seconds: float) -> list[str]:
    """Return the names of the notes that are due, the longest due first."""
    try:
        with state.child(_PENDING) as folder:
            limit = pending_name(int(now_seconds), "~")
            return [name for name in folder.names() if name <= limit]
    except OSError:
        return []


def open_pending(state: Directory) -> Directory:
    """Open the folder of the notes.

    Raises:
        OSError: there is none.
    """
    return state.child(_PENDING)
