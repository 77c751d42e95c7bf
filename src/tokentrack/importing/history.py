"""Import the turns that Kiro has on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack import workspace
from tokentrack.importing.batches import Batch, open_batch
from tokentrack.importing.known import Known, identity_of
from tokentrack.importing.records import has_ended, record_of, time_of
from tokentrack.importing.summary import ELSEWHERE, KNOWN, RUNNING, TIMELESS, Summary
from tokentrack.kiro import history
from tokentrack.kiro.homes import Homes
from tokentrack.kiro.scan import Scan
from tokentrack.models.config_fields import DEFAULT_LEDGER
from tokentrack.reconcile.numbers import SURFACE_OF, with_numbers
from tokentrack.redaction import redact
from tokentrack.store.place import workspace_place
from tokentrack.timestamps import now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from tokentrack.importing.known import Match
    from tokentrack.kiro.turn import Turn
    from tokentrack.models.config import TrackerConfig
    from tokentrack.store.place import Place

SURFACES = tuple(dict.fromkeys(SURFACE_OF.values()))
_BATCH = 1000
_SECOND = 1_000_000


class Selection(NamedTuple):
    """Which turns are wanted.

    Attributes:
        root: the workspace's root, "" for events of no workspace; None is every workspace.
        since: microseconds since the epoch; turns that ended before are left out. None is all.
        surfaces: none is all.
    """

    root: str | None
    since: int | None = None
    surfaces: Collection[str] = ()


class HistoryImport:
    """One import into one ledger."""

    def __init__(
        self,
        place: Place,
        config: TrackerConfig,
        environ: Mapping[str, str],
        selection: Selection,
        *,
        dry_run: bool = False,
    ) -> None:
        """Name the ledger and which turns it shall get."""
        self._place = place
        self._config = config
        self._environ = environ
        self._selection = selection
        self._dry_run = dry_run
        self._known = Known()
        self._roots: dict[str, str] = {}
        self.summary = Summary()

    def run(self, on_batch: Callable[[Summary], bool]) -> Summary:
        """Import all wanted turns in batches.

        `on_batch` is told after each what is done, and whether to go on is its answer.

        Raises:
            FileSystemError: a ledger can't be read or written; the batches before are safe.
        """
        wanted = self._selection.surfaces or SURFACES
        sources = [source for source, surface in SURFACE_OF.items() if surface in wanted]
        root = self._selection.root
        homes = Homes(self._environ)
        try:
            with Scan(self._selection.since) as scan:
                turns = history.turns(homes, scan, sources, [root] if root else [])
                for batch in self._batches(turns):
                    self._take(batch)
                    if not on_batch(self.summary):
                        break
                self.summary.left_out = dict(scan.counts)
                self.summary.examples = [repr(example) for example in scan.examples]
        finally:
            self._known.close()
        return self.summary

    def _batches(self, turns: Iterable[Turn]) -> Iterator[list[Turn]]:
        batch: list[Turn] = []
        for turn in turns:
            self.summary.read += 1
            if self._is_wanted(turn):
                batch.append(turn)
            else:
                self.summary.skip(ELSEWHERE)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _is_wanted(self, turn: Turn) -> bool:
        root = self._selection.root
        return root is None or self._root_of(turn.workspace) == root

    def _root_of(self, path: str) -> str:
        # As the hook finds it; the folder may be gone. A turn of no workspace has "".
        if path not in self._roots:
            root = workspace.find_root(path, self._environ) if os.path.isdir(path) else path
            shared = not root or workspace.is_no_workspace(root, self._environ)
            self._roots[path] = "" if shared else root
        return self._roots[path]

    def _take(self, turns: list[Turn]) -> None:
        with open_batch(
            self._place, self._config, self._environ, self._known, dry_run=self._dry_run
        ) as batch:
            for turn in turns:
                self._take_turn(turn, batch)

    def _take_turn(self, turn: Turn, batch: Batch) -> None:
        at = time_of(turn)
        root = self._root_of(turn.workspace)
        folder = os.path.basename(root.replace("\\", "/"))
        if self._config.redact_secrets:
            folder = redact(folder)  # as the hook stores it
        found = self._known.find(self._place, turn, folder)
        if found is not None:
            self._complete(found, turn, batch)
        elif at is None:
            self.summary.skip(TIMELESS)
        elif self._may_run(turn, at, batch):
            self.summary.skip(RUNNING)
        else:
            identity = self._identity(turn, root, folder)
            batch.add(*record_of(turn, identity, at, folder, self._config))
            self.summary.add(SURFACE_OF[turn.source], turn.credits)

    def _complete(self, found: Match, turn: Turn, batch: Batch) -> None:
        if found.has_credits or turn.credits is None:
            self.summary.skip(KNOWN)
            return
        batch.add_usage(with_numbers(found.cells, turn, found.how, now_us()))
        self.summary.complete(turn.credits)

    def _may_run(self, turn: Turn, at: int, batch: Batch) -> bool:
        # Its own hook records it: twice would be once too often.
        if not has_ended(turn):
            hours = self._config.stale_execution_hours
            return at > now_us() - int(hours * 3600 * _SECOND)
        surface = SURFACE_OF[turn.source]
        return any(
            started.at <= at and started.session_id in ("", turn.session_id)
            for started in batch.running
            if started.session_id or started.surface == surface
        )

    def _identity(self, turn: Turn, root: str, folder: str) -> str:
        # In the user's ledger, an execution has the id that its own workspace's ledger gave it:
        # found in both, it is one.
        if self._selection.root is None and root:
            own = workspace_place(root, DEFAULT_LEDGER)
            if own.path != self._place.path:
                if not self._known.is_loaded(own):
                    self._load(own)
                found = self._known.find(own, turn, folder)
                if found is not None:
                    return found.identity
        return identity_of(turn)

    def _load(self, place: Place) -> None:
        try:
            self._known.refresh(place)
        except OSError:
            pass  # no ledger that could know the turn
