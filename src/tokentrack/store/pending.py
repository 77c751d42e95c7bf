"""Notes of the executions whose real numbers Kiro has not written yet, in the state folder.

One file per execution. Its name begins with the time when a hook should look for the numbers, so
one listing of the folder shows which notes are due.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

# Kiro writes its numbers within seconds; after this long they will not come any more.
GIVE_UP_SECONDS = 7 * 24 * 3600

PENDING = "pending"
_DUE_DIGITS = 12
_MAX_NOTES = 2000


def put_note(state: Directory, due: int, rest: str, data: bytes) -> None:
    """Leave a note, unless there are very many.

    Raises:
        OSError: it could not be written.
    """
    with state.child(PENDING, create=True) as folder:
        if sum(1 for _ in zip(range(_MAX_NOTES), folder.scan(), strict=False)) < _MAX_NOTES:
            folder.create(note_name(due, rest), data, durable=False)


def open_notes(state: Directory) -> Directory:
    """Open the folder of the notes.

    Raises:
        OSError: there is none.
    """
    return state.child(PENDING)


def due_notes(state: Directory, now_seconds: float) -> list[str]:
    """Return the names of the notes that are due, the longest due first."""
    try:
        with open_notes(state) as folder:
            limit = note_name(int(now_seconds), "~")
            names = zip(range(_MAX_NOTES), folder.scan(), strict=False)
            return sorted([name for _, name in names if name <= limit])
    except OSError:
        return []


def note_name(due: int, rest: str) -> str:
    """Return the name of a note.

    Args:
        due: when a hook looks at it, in seconds since the epoch. For a note that only a command
            can answer, the time to give it up.
        rest: surface and execution.
    """
    return f"{due:0{_DUE_DIGITS}d}-{rest}"


def is_of_ide(name: str) -> bool:
    """Tell whether a note waits for the storage of IDE 0.x."""
    return name.startswith("ide-0.", _DUE_DIGITS + 1)


def is_of_crew(name: str) -> bool:
    """Tell whether a note waits for Kiro Crew, which does not say where it keeps numbers."""
    return name.startswith("crew.", _DUE_DIGITS + 1)
