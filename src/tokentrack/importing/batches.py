"""Append many rows to a ledger in batches: each under the lock, and durable before the next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokentrack.errors import FileSystemError
from tokentrack.maintenance.locked import lock_drained
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.execution_state import running_events
from tokentrack.recorder.rows import ledger_line
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.importing.known import KnownExecutions
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.recorder.events import Event
    from tokentrack.store.paths import LedgerPaths


class Batch:
    """The rows to append to a ledger at once; what is added is known at once."""

    def __init__(self, paths: LedgerPaths, known: KnownExecutions) -> None:
        self._paths = paths
        self._known = known
        self.running: list[Event] = []
        self.usage_lines: list[bytes] = []
        self.lines: list[bytes] = []

    def add(self, transaction: TokenTransaction, cells: list[str]) -> None:
        """Add a new execution."""
        self.lines.append(ledger_line(transaction))
        self._known.add_row(self._paths, transaction)
        self.add_usage(cells)

    def add_usage(self, cells: list[str]) -> None:
        """Add a usage row, which supersedes an earlier one of its execution."""
        self.usage_lines.append(codec.encode_line(cells))
        self._known.add_usage(self._paths, cells)


@contextmanager
def open_batch(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    known: KnownExecutions,
    *,
    dry_run: bool,
) -> Iterator[Batch]:
    """Lock a ledger and append the batch that the caller fills; `dry_run` neither locks nor writes.

    Raises:
        FileSystemError: the ledger can't be read, locked or written.
    """
    batch = Batch(paths, known)
    try:
        if dry_run:
            known.refresh(paths)
            batch.running = open_executions(paths)
            yield batch
            return
        paths.open_folder(create=config.auto_create_directories).close()
        with lock_drained(paths, config, environ, may_create=True) as ledger:
            known.refresh(paths)
            batch.running = open_executions(paths)
            yield batch
            durable = config.durability == "fsync"
            # The usage rows first: a ledger row without one has numbers of unknown source.
            if batch.usage_lines:
                ledger.append_usage(USAGE_COLUMNS, batch.usage_lines, durable=durable)
            if batch.lines:
                ledger.append(COLUMNS, batch.lines, durable=durable)
            known.mark_current(paths)
    except FileSystemError:
        raise  # it says it itself
    except OSError as error:
        raise FileSystemError(
            f"the ledger {paths.path} can't be written: {error.strerror or error}"
        ) from error


def open_executions(paths: LedgerPaths) -> list[Event]:
    """Return the starts of a ledger's open executions; what can't be read is treated as absent."""
    try:
        with paths.open_folder(create=False) as folder, folder.child(paths.state) as state:
            return running_events(state)
    except (OSError, ValueError):
        return []  # nothing runs there, or the path is impossible
