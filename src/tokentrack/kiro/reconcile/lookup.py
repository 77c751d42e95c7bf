"""The turns that Kiro's files have for an execution, as one pass looks at them."""

from __future__ import annotations

import os

from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import ReadPass

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentrack.kiro.cli_database import RecentConversations
    from tokentrack.kiro.ide_storage import RecentExecutions
    from tokentrack.kiro.reconcile.notes import PendingNote
    from tokentrack.kiro.turn import Turn

_SECOND = 1_000_000
# What a hook reads of a session; a turn further back is left to the commands.
_HOOK_TURNS, _HOOK_TAIL = 4, 128 * 1024
_ALL_TURNS = 2**31  # of what a command reads, which is bounded in bytes
# A clock's and a file system's coarseness, and a start hook that ran after its turn began.
_SLACK = 10 * _SECOND
# A turn whose file was written later than so after the execution's end did not end with it.
_WRITTEN = 600 * _SECOND
_EVER = 2**63


class Found:
    """What may be an execution's turn.

    Attributes:
        turns: those of its session, or of its workspace.
        others: those of which nothing says whose workspace they are.
        is_whole: whether nothing else may be its turn that was left out for its size or number.
    """

    __slots__ = ("is_whole", "others", "turns")

    def __init__(
        self, turns: list[Turn], others: list[Turn] | None = None, *, is_whole: bool = True
    ) -> None:
        """Keep all three."""
        self.turns = turns
        self.others = others or []
        self.is_whole = is_whole


class TurnLookup:
    """Kiro's files; each place is read once.

    What a hook reads is bounded: ends of sessions and small files, no databases, and only the
    workspace's own folder of IDE 0.x.
    """

    def __init__(self, environ: Mapping[str, str], root: str, *, in_hook: bool) -> None:
        """Name the user and the workspace.

        Args:
            environ: says where Kiro's files are.
            root: the workspace's root, "" for a ledger that several share.
            in_hook: whether this is a hook, which reads little.
        """
        self._environ = environ
        self._paths = KiroPaths(environ)
        self._root = root
        self._in_hook = in_hook
        self._reading = ReadPass()
        self._sessions: dict[tuple[str, str], list[Turn]] = {}
        self._databases: list[RecentConversations] | None = None
        self._storages: dict[str, str] | None = None
        self._executions: RecentExecutions | None = None
        self._roots: dict[str, str] = {}

    def find(self, note: PendingNote) -> Found:
        """Return what may be the turn of an execution."""
        if note.surface == "ide-0":
            return self._in_storage(note)
        turns = self._of_session(note.surface, note.session) if note.session else []
        if turns or note.surface != "cli-2" or self._in_hook:
            # A session runs one turn at a time: what was not read ended before what was.
            is_whole = any(_began_before(turn, note.window.first) for turn in turns)
            return Found(turns, is_whole=is_whole)
        return self._in_databases(note)

    def _of_session(self, surface: str, session: str) -> list[Turn]:
        key = (surface, session)
        if key not in self._sessions:
            # Nobody says where Crew keeps a session: it may be either.
            found = self._of_v1_session(session) if surface != "cli-2" else []
            self._sessions[key] = found or (
                self._of_cli_session(session) if surface != "v1" else []
            )
        return self._sessions[key]

    def _of_v1_session(self, session: str) -> list[Turn]:
        from tokentrack.kiro.v1_sessions import MAX_TAIL, last_turns

        return self._last_turns(last_turns, self._paths.sessions, session, MAX_TAIL)

    def _of_cli_session(self, session: str) -> list[Turn]:
        from tokentrack.kiro.cli_sessions import MAX_TAIL, last_turns

        return self._last_turns(last_turns, self._paths.cli_sessions, session, MAX_TAIL)

    def _last_turns(
        self, read: Callable[..., list[Turn]], folders: list[str], session: str, tail: int
    ) -> list[Turn]:
        limit, size = (_HOOK_TURNS, _HOOK_TAIL) if self._in_hook else (_ALL_TURNS, tail)
        found = (read(folder, session, limit, self._reading, size) for folder in folders)
        return next(filter(None, found), [])

    def _in_databases(self, note: PendingNote) -> Found:
        if self._databases is None:
            from tokentrack.kiro.cli_database import RecentConversations

            existing = [path for path in self._paths.cli_databases if os.path.lexists(path)]
            self._databases = [RecentConversations(path, self._reading) for path in existing]
        if note.session:
            return Found([t for base in self._databases for t in base.of_session(note.session)])
        since = note.window.first - _SLACK
        turns = [
            turn
            for base in self._databases
            for turn in base.of_folders(lambda path: self._is_of(path, note), since)
        ]
        return Found(turns) if self._root else Found([], turns)

    def _in_storage(self, note: PendingNote) -> Found:
        own, others = self._folders(note)
        window = note.window
        first = window.first - _SLACK
        # A file is created when its turn begins, which is known only with a start hook.
        created = 0 if window.started_at is None or not self._in_hook else first
        at = window.first if window.is_aborted else window.ended_at
        if own or self._in_hook:
            turns, is_whole = self._storage().around(own, at, (first, _EVER), created)
            return Found(turns, is_whole=is_whole)
        written = (first, window.ended_at + _WRITTEN)
        turns, is_whole = self._storage().around(others, at, written, created)
        return Found([], turns, is_whole=is_whole)

    def _storage(self) -> RecentExecutions:
        if self._executions is None:
            from tokentrack.kiro.ide_storage import FOR_A_COMMAND, FOR_A_HOOK, RecentExecutions

            limits = FOR_A_HOOK if self._in_hook else FOR_A_COMMAND
            self._executions = RecentExecutions(limits, self._reading)
        return self._executions

    def _folders(self, note: PendingNote) -> tuple[tuple[str, ...], tuple[str, ...]]:
        # The folders of an execution's workspace, and those that may be.
        if self._in_hook:
            return self._guessed_folders(), ()
        own: list[str] = []
        others: list[str] = []
        for folder, path in self._known_folders().items():
            if not path:
                others.append(folder)
            elif self._is_of(path, note):
                (own if self._root else others).append(folder)
        return tuple(own), tuple(others)

    def _guessed_folders(self) -> tuple[str, ...]:
        from tokentrack.kiro.ide_workspaces import names_of
        from tokentrack.kiro.kiro_files import is_real_folder

        names = names_of(self._root) if self._root else []
        storages = [path for path in self._paths.ide_storages if is_real_folder(path)]
        paths = [os.path.join(storage, name) for storage in storages for name in names]
        return tuple([path for path in paths if is_real_folder(path)])

    def _known_folders(self) -> dict[str, str]:
        # The workspace's path by its folder in the storage, "" where it is unknown.
        if self._storages is None:
            from tokentrack.kiro.ide_storage import workspace_folders
            from tokentrack.kiro.ide_workspaces import workspaces

            self._storages = {}
            candidates = [self._root] if self._root else []
            for user, storage in zip(self._paths.ide_users, self._paths.ide_storages, strict=True):
                known = workspaces(user, candidates, self._reading)
                for folder in workspace_folders(storage):
                    self._storages[folder] = known.get(os.path.basename(folder), "")
        return self._storages

    def _is_of(self, path: str, note: PendingNote) -> bool:
        # A ledger that several workspaces share knows of each only its folder's name.
        root = self._root_of(path)
        return root == self._root if self._root else os.path.basename(root) == note.folder

    def _root_of(self, path: str) -> str:
        # As the hook found it; the folder may be gone. A place of no workspace has "".
        if path not in self._roots:
            from tokentrack.workspace import find_root, is_no_workspace

            exists = os.path.isabs(path) and os.path.isdir(path)
            root = find_root(path, self._environ) if exists else path
            self._roots[path] = "" if is_no_workspace(root, self._environ) else root
        return self._roots[path]


def _began_before(turn: Turn, at: int) -> bool:
    began = turn.ended_at if turn.started_at is None else turn.started_at
    return began is not None and began <= at
