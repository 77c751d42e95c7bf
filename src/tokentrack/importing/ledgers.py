"""Import the ledgers of other instances: another machine, another user, an archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.common.redaction import redact, redact_id
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.importing.batches import Batch, open_batch
from tokentrack.importing.known import (
    KnownExecutions,
    differing,
    digest_of,
    recorded_now,
    usage_without_numbers,
    with_user,
)
from tokentrack.importing.summary import CONFLICT, EARLIER, KNOWN, Summary
from tokentrack.kiro.values import stored_credits
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import UNKNOWN, USAGE_COLUMNS
from tokentrack.store.foreign import check_ledger, open_foreign, usage_beside
from tokentrack.store.paths import LedgerPaths
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.reader import Record

_BATCH = 1000
_MAX_LISTED = 50
_CREDITS = USAGE_COLUMNS.index("credits")
_CREDITS_BASIS = USAGE_COLUMNS.index("credits_basis")
_SURFACE = USAGE_COLUMNS.index("surface")
_USER = USAGE_COLUMNS.index("user")
_DAMAGED = "damaged"
_IDS = frozenset({"agent_execution_id", "session_id", "source_id"})


class LedgersImport:
    """One import of other ledgers' files into one ledger."""

    def __init__(
        self,
        paths: LedgerPaths,
        config: TrackerConfig,
        environ: Mapping[str, str],
        since: int | None = None,
        *,
        user: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Prepare the import; it reads and changes nothing before `run`.

        Args:
            paths: the ledger to import into.
            config: its configuration.
            environ: the environment.
            since: microseconds since the epoch; earlier rows are left out. None for all.
            user: whose rows they are, where a row does not name its user.
            dry_run: whether only to count.
        """
        self._paths = paths
        self._config = config
        self._environ = environ
        self._since = since
        self._user = user
        self._dry_run = dry_run
        self._known = KnownExecutions()
        self.summary = Summary()

    def run(self, paths: Sequence[str], on_batch: Callable[[Summary], bool]) -> Summary:
        """Import the files in their order, in batches.

        Args:
            paths: the files.
            on_batch: called after every 1,000 rows with what was done; returns whether to go on.

        Raises:
            FileSystemError: a file is not a ledger or can't be read, or the ledger can't be
                written; earlier batches are safe.
        """
        try:
            for path in paths:
                self._check(path)
            for path in paths:
                if not self._import(path, on_batch):
                    break
        finally:
            self._known.close()
        return self.summary

    def _check(self, path: str) -> None:
        check_ledger(path, COLUMNS)
        if os.path.exists(self._paths.path) and os.path.samefile(path, self._paths.path):
            raise FileSystemError(f"{path} is the target ledger itself; choose another file")

    def _import(self, path: str, on_batch: Callable[[Summary], bool]) -> bool:
        # The usage rows first: each ledger row then brings its own.
        origin = LedgerPaths(os.path.dirname(os.path.abspath(path)), (), os.path.basename(path))
        self._read_usage(path, origin)
        batch: list[tuple[int, TokenTransaction]] = []
        for record in self._readable(path):
            self.summary.read += 1
            transaction = self._transaction(path, record)
            if transaction is not None:
                batch.append((record.line, transaction))
            if self.summary.read % _BATCH == 0:
                self._take(origin, batch)
                batch = []
                if not on_batch(self.summary):
                    return False
        self._take(origin, batch)
        return on_batch(self.summary)

    def _readable(self, path: str, columns: tuple[str, ...] = COLUMNS) -> Iterator[Record]:
        # The rows before the truncation of a gzip file are imported; the damage is listed.
        line = 0
        try:
            for record in _records(path, columns):
                line = record.line
                yield record
        except FileSystemError as error:
            if not line:
                raise
            self._leave_out(path, line + 1, str(error.__cause__ or error))

    def _read_usage(self, path: str, origin: LedgerPaths) -> None:
        usage = usage_beside(path)
        for record in self._readable(usage, USAGE_COLUMNS) if usage else ():
            if record.problem:
                self._leave_out(usage, record.line, record.problem)
            else:
                cells = self._stored(record.cells)
                if cells[_CREDITS] and stored_credits(cells[_CREDITS]) is None:
                    self._leave_out(usage, record.line, "invalid credits")
                    cells[_CREDITS], cells[_CREDITS_BASIS] = "", UNKNOWN
                self._known.add_usage(origin, cells)

    def _transaction(self, path: str, record: Record) -> TokenTransaction | None:
        problem = record.problem
        if not problem:
            try:
                found = TokenTransaction.from_csv_row(self._stored(record.cells))
            except ValidationError as error:
                problem = str(error)
            else:
                if self._since is None or found.timestamp_us >= self._since:
                    return found
                self.summary.skip(EARLIER)
                return None
        self._leave_out(path, record.line, problem)
        return None

    def _stored(self, cells: list[str]) -> list[str]:
        # Another instance may not have redacted secrets.
        if not self._config.redact_secrets:
            return cells
        columns = COLUMNS if len(cells) == len(COLUMNS) else USAGE_COLUMNS
        return [
            redact_id(cell) if name in _IDS else redact(cell)
            for name, cell in zip(columns, cells, strict=True)
        ]

    def _leave_out(self, path: str, line: int, problem: str) -> None:
        self.summary.left_out[_DAMAGED] = self.summary.left_out.get(_DAMAGED, 0) + 1
        if len(self.summary.examples) < _MAX_LISTED:
            self.summary.examples.append(f"{path}:{line}: {problem}")

    def _take(self, origin: LedgerPaths, rows: list[tuple[int, TokenTransaction]]) -> None:
        if not rows:
            return
        with open_batch(
            self._paths, self._config, self._environ, self._known, dry_run=self._dry_run
        ) as batch:
            for line, transaction in rows:
                self._take_row(origin, line, transaction, batch)

    def _take_row(
        self, origin: LedgerPaths, line: int, row: TokenTransaction, batch: Batch
    ) -> None:
        identity = row.agent_execution_id
        cells = self._known.usage(origin, identity)
        digest = self._known.digest(self._paths, identity)
        if digest is None:
            marked = cells or usage_without_numbers(identity, row.session_id)
            marked = with_user(marked, self._user)
            batch.add(row, marked)
            self.summary.add(marked[_SURFACE] or "unknown", marked[_CREDITS] or None)
            return
        columns = differing(digest, digest_of(row))
        if columns:
            self.summary.skip(CONFLICT)
            if len(self.summary.conflicts) < _MAX_LISTED:
                where = f"{origin.path}:{line}: {identity}"
                self.summary.conflicts.append(f"{where}, differs in {', '.join(columns)}")
        else:
            self._complete(identity, row.session_id, cells, batch)

    def _complete(self, identity: str, session: str, cells: list[str] | None, batch: Batch) -> None:
        own = self._known.usage(self._paths, identity) or usage_without_numbers(identity, session)
        named = with_user(own, self._user)
        if cells and cells[_CREDITS] and not own[_CREDITS]:
            batch.add_usage(with_user(cells, named[_USER]))
            self.summary.complete(cells[_CREDITS])
        elif named != own:
            batch.add_usage(recorded_now(named))
            self.summary.named += 1
        else:
            self.summary.skip(KNOWN)


def _records(path: str, columns: tuple[str, ...]) -> Iterator[Record]:
    with open_foreign(path) as file:
        yield from read_records(file, columns, finished=True)
