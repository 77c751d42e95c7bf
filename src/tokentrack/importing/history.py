"""Import the turns that Kiro's own files on this machine have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack import workspace
from tokentrack.common.redaction import redact
from tokentrack.common.timestamps import now_us
from tokentrack.config.fields import DEFAULT_LEDGER
from tokentrack.errors import FileSystemError
from tokentrack.importing.batches import Batch, open_batch, open_executions
from tokentrack.importing.known import KnownExecutions, identity_of, recorded_now, with_user
from tokentrack.importing.summary import ELSEWHERE, KNOWN, RUNNING, TIMELESS, UNPLACED, Summary
from tokentrack.importing.turns import has_ended, names_for, row_of, time_of
from tokentrack.kiro import all_sources
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import DUPLICATE, ReadPass
from tokentrack.kiro.reconcile.numbers import SURFACE_OF, redact_turn, with_numbers
from tokentrack.maintenance.real_numbers import reconcile
from tokentrack.store.paths import workspace_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.importing.known import Match
    from tokentrack.kiro.turn import Turn
    from tokentrack.recorder.events import Event
    from tokentrack.store.paths import LedgerPaths

SURFACES = tuple(dict.fromkeys(SURFACE_OF.values()))
_BATCH = 1000
_LOCK_SECONDS = 0.2
_SECOND = 1_000_000


class Selection(NamedTuple):
    """Which turns are wanted.

    Attributes:
        root: the workspace's root, "" for turns outside any workspace; None for all turns.
        since: microseconds since the epoch; turns that ended before are left out. None for all.
        surfaces: the wanted surfaces, empty for all.
    """

    root: str | None
    since: int | None = None
    surfaces: Collection[str] = ()


class HistoryImport:
    """One import into one ledger."""

    def __init__(
        self,
        paths: LedgerPaths,
        config: TrackerConfig,
        environ: Mapping[str, str],
        selection: Selection,
        *,
        user: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Prepare the import; it reads and changes nothing before `run`.

        Args:
            paths: the ledger to import into.
            config: its configuration.
            environ: the environment.
            selection: which turns are wanted.
            user: whose turns they are; None is as the configuration and the environment say. Rows
                that already name a user keep that name.
            dry_run: whether only to count.
        """
        self._paths = paths
        self._config = config
        self._environ = environ
        self._selection = selection
        self._user = user
        self._dry_run = dry_run
        self._known = KnownExecutions()
        self._roots: dict[str, str] = {}
        self._running: dict[str, list[Event]] = {}
        self.summary = Summary()

    def run(self, on_batch: Callable[[Summary], bool]) -> Summary:
        """Import all wanted turns in batches.

        Args:
            on_batch: called after every 1,000 turns with what was done; returns whether to go on.

        Raises:
            FileSystemError: a ledger can't be read or written; earlier batches are safe.
        """
        wanted = self._selection.surfaces or SURFACES
        sources = [source for source, surface in SURFACE_OF.items() if surface in wanted]
        root = self._selection.root
        paths = KiroPaths(self._environ)
        if not self._dry_run:
            self._reconcile()
        try:
            with ReadPass(self._selection.since) as reading:
                turns = all_sources.turns(paths, reading, sources, [root] if root else [])
                for batch in self._batches(turns):
                    if batch:
                        self._take(batch)
                    if not on_batch(self.summary):
                        break
                self.summary.left_out = dict(reading.counts)
                self.summary.repeated = self.summary.left_out.pop(DUPLICATE, 0)
                self.summary.examples = [repr(example) for example in reading.examples]
        finally:
            self._known.close()
        return self.summary

    def _reconcile(self) -> None:
        # First, each recorded execution gets the turn of its own session. The import gives a turn
        # to the oldest session that has it, and could not tell that a hook recorded it in another.
        paths, config, environ = self._paths, self._config, self._environ
        try:
            done = reconcile(paths, config, environ, lock_seconds=_LOCK_SECONDS)
            self.summary.reconciled = done.filled
        except (FileSystemError, OSError):
            pass  # if it still fails, the import itself reports it

    def _batches(self, turns: Iterable[Turn]) -> Iterator[list[Turn]]:
        # The wanted turns of every 1,000; a batch may be empty.
        batch: list[Turn] = []
        for turn in turns:
            self.summary.read += 1
            root = self._selection.root
            if root is None or self._root_of(turn.workspace) == root:
                batch.append(turn)
            else:
                self.summary.skip(ELSEWHERE if turn.workspace else UNPLACED)
            if self.summary.read % _BATCH == 0:
                yield batch
                batch = []
        yield batch

    def _root_of(self, path: str) -> str:
        # Found like the hook does it; the folder may be gone. "" is outside any workspace.
        if path not in self._roots:
            exists = os.path.isabs(path) and os.path.isdir(path)
            root = workspace.find_root(path, self._environ) if exists else path
            shared = not root or workspace.is_shared_folder(root, self._environ)
            self._roots[path] = "" if shared else root
        return self._roots[path]

    def _take(self, turns: list[Turn]) -> None:
        self._running.clear()
        with open_batch(
            self._paths, self._config, self._environ, self._known, dry_run=self._dry_run
        ) as batch:
            for turn in turns:
                self._take_turn(turn, batch)

    def _take_turn(self, turn: Turn, batch: Batch) -> None:
        if self._config.redact_secrets:
            redact_turn(turn)
        at = time_of(turn)
        root = self._root_of(turn.workspace)
        folder = self._stored(os.path.basename(root.replace("\\", "/")))
        found = self._known.find(self._paths, turn, folder)
        if found is not None:
            self._complete(found, turn, batch)
        elif at is None:
            self.summary.skip(TIMELESS)
        else:
            self._take_new(turn, at, root, folder, batch)

    def _stored(self, text: str) -> str:
        return redact(text) if self._config.redact_secrets else text  # as the hook stores it

    def _take_new(self, turn: Turn, at: int, root: str, folder: str, batch: Batch) -> None:
        # In the user's ledger, an execution keeps the id from its own workspace's ledger, so that
        # it is the same execution in both.
        own = self._own_ledger(root)
        there = own and self._known.find(own, turn, folder)
        running = batch.running if there else [*batch.running, *self._running.get(root, ())]
        if self._may_run(turn, at, running):
            self.summary.skip(RUNNING)
            return
        identity = there.identity if there else identity_of(turn)
        tag = ""
        if self._selection.root is None and root:
            tag, names = self._stored(root), [self._stored(name) for name in names_for(root)]
            folder = self._known.folders(self._paths).name_of(tag, names)
        batch.add(*row_of(turn, identity, at, folder, tag, self._config, self._user))
        self.summary.add(SURFACE_OF[turn.source], turn.credits)

    def _complete(self, found: Match, turn: Turn, batch: Batch) -> None:
        cells = with_user(found.cells, self._user)
        if turn.credits is not None and not found.has_credits:
            batch.add_usage(with_numbers(cells, turn, found.how, now_us()))
            self.summary.complete(turn.credits)
        elif cells != found.cells:
            batch.add_usage(recorded_now(cells))
            self.summary.named += 1
        else:
            self.summary.skip(KNOWN)

    def _may_run(self, turn: Turn, at: int, running: Iterable[Event]) -> bool:
        # A turn that its own hook is still recording must not be imported too.
        if not has_ended(turn):
            hours = self._config.stale_execution_hours
            return at > now_us() - int(hours * 3600 * _SECOND)
        surface = SURFACE_OF[turn.source]
        return any(
            started.at <= at and started.session_id in ("", turn.session_id)
            for started in running
            if started.session_id or started.surface == surface
        )

    def _own_ledger(self, root: str) -> LedgerPaths | None:
        # For a turn that goes into the user's ledger: its own workspace's ledger, as it was when
        # the batch began. The path comes from Kiro's files: it is tried, not trusted.
        if self._selection.root is not None or not os.path.isabs(root):
            return None
        own = workspace_paths(root, DEFAULT_LEDGER)
        if own.path == self._paths.path:
            return None
        if root not in self._running:
            # In this order: a turn that ends in between is left for later, not taken twice.
            self._running[root] = open_executions(own)
            try:
                self._known.refresh(own)
            except (OSError, ValueError):
                pass  # no ledger there can know the turn
        return own
