"""Look up the turns that may be an execution in Kiro's files, each of which is read once."""

from __future__ import annotations

import os

from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import ReadPass

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentrack.kiro.cli_database import RecentConversations
    from tokentrack.kiro.ide_storage import RecentExecutions
    from tokentrack.kiro.reconcile.pending_note import PendingNote
    from tokentrack.kiro.turn import Turn

_SECOND = 1_000_000
# How much of a session a hook reads; turns further back are left to the commands.
_HOOK_TURNS, _HOOK_TAIL, _SHORT_TAIL = 4, 128 * 1024, 512 * 1024
# A command reads all turns within its limit in bytes.
_ALL_TURNS = 2**31
# For coarse clocks and file systems, and start hooks that run after their turn began.
_SLACK = 10 * _SECOND
# A turn whose file was written this long after an execution's end did not end with it.
_WRITTEN = 600 * _SECOND
_FOREVER = 2**63


class Candidates:
    """The turns that may be an execution.

    Attributes:
        turns: turns of its session, or of its workspace.
        unassigned: turns whose workspace is unknown.
        is_whole: whether no other turn may be the execution: none was left out because of limits.
    """

    __slots__ = ("is_whole", "turns", "unassigned")

    def __init__(
        self, turns: list[Turn], unassigned: list[Turn] | None = None, *, is_whole: bool = True
    ) -> None:
        self.turns = turns
        self.unassigned = unassigned or []
        self.is_whole = is_whole


class TurnLookup:
    """Kiro's files in one pass, each of which is read once.

    What a hook reads is limited: ends of sessions and small files, no databases, and of IDE 0.x
    only the workspace's own folder.
    """

    def __init__(
        self, environ: Mapping[str, str], root: str, *, in_hook: bool, is_short: bool = False
    ) -> None:
        """Prepare a lookup; nothing is read yet.

        Args:
            environ: the environment, by which Kiro's files are found.
            root: the workspace's root, "" for a ledger that several workspaces share.
            in_hook: whether to stay within a hook's limits.
            is_short: whether to read less of long sessions.
        """
        self._environ = environ
        self._paths = KiroPaths(environ)
        self._root = root
        self._in_hook = in_hook
        self._is_short = is_short
        self._reading = ReadPass()
        self._sessions: dict[tuple[str, str], list[Turn]] = {}
        self._databases: list[RecentConversations] | None = None
        self._storages: dict[str, str] | None = None
        self._executions: RecentExecutions | None = None
        self._roots: dict[str, str] = {}

    def find(self, note: PendingNote) -> Candidates:
        """Return the turns that may be an execution."""
        if note.surface == "ide-0":
            return self._in_storage(note)
        turns = self._of_session(note.surface, note.session) if note.session else []
        if turns or note.surface != "cli-2" or self._in_hook:
            # A session runs one turn at a time. So if one of these began before the execution,
            # the turns before it, which were not read, can't be the execution.
            is_whole = any(_began_before(turn, note.window.start) for turn in turns)
            return Candidates(turns, is_whole=is_whole)
        return self._in_databases(note)

    def _of_session(self, surface: str, session: str) -> list[Turn]:
        key = (surface, session)
        if key not in self._sessions:
            # It is unknown where Crew keeps a session, so both are tried for it.
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
        if self._is_short:
            tail = min(tail, _SHORT_TAIL)
        limit, size = (_HOOK_TURNS, _HOOK_TAIL) if self._in_hook else (_ALL_TURNS, tail)
        found = (read(folder, session, limit, self._reading, size) for folder in folders)
        return next(filter(None, found), [])

    def _in_databases(self, note: PendingNote) -> Candidates:
        databases = self._open_databases()
        if note.session:
            return Candidates([t for base in databases for t in base.of_session(note.session)])
        since = note.window.start - _SLACK
        turns = [
            turn
            for database in databases
            for turn in database.of_folders(lambda path: self._is_of(path, note), since)
        ]
        return Candidates(turns) if self._root else Candidates([], turns)

    def _open_databases(self) -> list[RecentConversations]:
        if self._databases is None:
            from tokentrack.kiro.cli_database import RecentConversations

            existing = [path for path in self._paths.cli_databases if os.path.lexists(path)]
            self._databases = [RecentConversations(path, self._reading) for path in existing]
        return self._databases

    def _in_storage(self, note: PendingNote) -> Candidates:
        own, others = self._folders(note)
        window = note.window
        earliest = window.start - _SLACK
        # A turn's file is created when the turn begins, which is known only with a start hook.
        created = 0 if window.started_at is None or not self._in_hook else earliest
        at = window.start if window.is_aborted else window.ended_at
        if own or self._in_hook:
            written = (earliest, _FOREVER)
            turns, is_whole = self._open_storage().around(own, at, written, created)
            return Candidates(turns, is_whole=is_whole)
        written = (earliest, window.ended_at + _WRITTEN)
        turns, is_whole = self._open_storage().around(others, at, written, created)
        return Candidates([], turns, is_whole=is_whole)

    def _open_storage(self) -> RecentExecutions:
        if self._executions is None:
            from tokentrack.kiro.ide_storage import FOR_A_COMMAND, FOR_A_HOOK, RecentExecutions

            limits = FOR_A_HOOK if self._in_hook else FOR_A_COMMAND
            self._executions = RecentExecutions(limits, self._reading)
        return self._executions

    def _folders(self, note: PendingNote) -> tuple[tuple[str, ...], tuple[str, ...]]:
        # The storage folders of an execution's workspace, and those that may be.
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
        # Without reading which workspaces VS Code knows.
        from tokentrack.kiro.ide_workspaces import names_of
        from tokentrack.kiro.kiro_files import is_real_folder

        names = names_of(self._root) if self._root else []
        storages = [path for path in self._paths.ide_storages if is_real_folder(path)]
        paths = [os.path.join(storage, name) for storage in storages for name in names]
        return tuple([path for path in paths if is_real_folder(path)])

    def _known_folders(self) -> dict[str, str]:
        # The workspace's path for each folder in the storage, "" where it is unknown.
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
        # Whether a path is in an execution's workspace. A ledger that several workspaces share
        # has only the names of their folders.
        root = self._root_of(path)
        return root == self._root if self._root else os.path.basename(root) == note.folder

    def _root_of(self, path: str) -> str:
        # The workspace's root as a hook finds it, "" outside of any. The folder may be gone.
        if path not in self._roots:
            from tokentrack.workspace import find_root, is_shared_folder

            exists = os.path.isabs(path) and os.path.isdir(path)
            root = find_root(path, self._environ) if exists else path
            self._roots[path] = "" if is_shared_folder(root, self._environ) else root
        return self._roots[path]


def _began_before(turn: Turn, at: int) -> bool:
    began = turn.ended_at if turn.started_at is None else turn.started_at
    return began is not None and began <= at
