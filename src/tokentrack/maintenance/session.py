"""Hold a ledger for work on its files, in a state that nothing can be repeated into."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.oserrors import sentence_of, with_path
from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.execution_state import RUNNING, ExecutionState
from tokentrack.recorder.recorder import Recorder
from tokentrack.recorder.rows import execution_id_of
from tokentrack.store import archives, spool
from tokentrack.store.append import ForeignFileError
from tokentrack.store.atomic import remove_temporaries
from tokentrack.store.directory import Directory
from tokentrack.store.ledger import JOURNAL_NAME, LockedLedger, lock_ledger
from tokentrack.store.paths import rescue_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.ledger import Tail
    from tokentrack.store.paths import LedgerPaths

_ID_COLUMN = COLUMNS.index("agent_execution_id")


def close_recorded(held: LockedLedger) -> None:
    """Close the open executions whose row is written; a crash can leave such.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(held.state)
    try:
        running = state.all_running()
        tails = _tails(held, (started.ledger_size for _, started in running))
        for name, started in running:
            if _stands_in(tails, execution_id_of(started)):
                state.discard(name)
        state.commit(durable=True)
    finally:
        state.close()


def forget_offsets(held: LockedLedger) -> None:
    """Let the rows of open executions be looked for everywhere, and those of closed ones nowhere.

    Raises:
        OSError: the ledger can't be read, or its state not be written.
    """
    state = ExecutionState(held.state)
    try:
        for name, started in state.all_running():
            if started.ledger_size:
                started.ledger_size = 0
                state.open(name, started)
        closed = state.named_completions()
        tails = _tails(held, (done["since"] for _, done in closed))
        for key, done in closed:
            recorded = _stands_in(tails, done["execution_id"])
            state.remember_completion(key, {**done, "since": 0, "recorded": recorded})
        state.commit(durable=True)
    finally:
        state.close()
    # That an execution ended need not be on the disk yet. One that a power loss opens again is
    # known by its row, but not where that is going.
    with held.state.child(RUNNING) as running:
        running.sync()


def _tails(held: LockedLedger, sinces: Iterable[int]) -> list[Tail]:
    # Nobody knows exactly where: an offset can be of a ledger that was another file.
    known = list(sinces)
    return [held.tail(), held.tail(min(known))] if known else []


def _stands_in(tails: list[Tail], identity: str) -> bool:
    return any(tail.has_in_column(identity, _ID_COLUMN) for tail in tails)


class Session(NamedTuple):
    """A ledger under its lock, with its folder open."""

    held: LockedLedger
    folder: Directory
    config: TrackerConfig

    @property
    def paths(self) -> LedgerPaths:
        """Where the ledger lies."""
        return self.held.paths


@contextmanager
def lock_for_maintenance(
    paths: LedgerPaths,
    config: TrackerConfig,
    environ: Mapping[str, str],
    seconds: float | None = None,
) -> Iterator[Session]:
    """Hold a ledger's lock, and leave nothing in the spool that came meanwhile.

    Every error of the system names its file.

    Raises:
        FileSystemError: there is no ledger's folder, or another holder kept the lock.
    """
    wait = config.file_lock_timeout_seconds if seconds is None else seconds
    held = _hold(paths, wait)
    try:
        with (
            with_path(paths.folder, paths.ledger),
            held,
            paths.open_folder(create=False) as folder,
        ):
            _sweep(paths, folder)
            yield Session(held, folder, config)
    finally:
        # Whoever lets go of the lock takes what came meanwhile; what can't be taken waits on.
        with suppress(OSError):
            Recorder(paths, config, environ).drain()


@contextmanager
def lock_drained(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]
) -> Iterator[Session]:
    """Hold a ledger's lock when nothing is left to do that its end may already hold.

    After a crash an event can wait in the spool, or its execution stand open, although its row is
    written. The recorder knows such a row by its id, from the last 128 KiB of the ledger or from
    the place where it stood when the execution started. A rotation, a removal or a large addition
    takes the row out of that sight, and it would be written again. So the spool is empty here, no
    execution is open whose id stands in the ledger, and the others are looked for in all of it;
    then the recorder needs no look into archives.

    Raises:
        FileSystemError: there is no ledger, the lock is kept, or the spool can't be emptied.
    """
    with _hold_idle(paths, config, environ, with_spool=True) as session:
        _mend(session)
        close_recorded(session.held)
        forget_offsets(session.held)
        yield session


@contextmanager
def lock_for_repair(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str]
) -> Iterator[Session]:
    """Hold a ledger's lock when no drain was interrupted: it would go on at a byte's offset.

    What waits in the spool may wait for this very repair.

    Raises:
        FileSystemError: there is no ledger, the lock is kept, or a drain can't be finished.
    """
    with _hold_idle(paths, config, environ, with_spool=False) as session:
        forget_offsets(session.held)
        yield session


@contextmanager
def _hold_idle(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], *, with_spool: bool
) -> Iterator[Session]:
    with open_folder(paths):
        pass  # nothing is made where there is no ledger
    deadline = time.monotonic() + max(config.file_lock_timeout_seconds, 1.0)
    while True:
        problem = _finish_waiting(paths, config, environ, _left(deadline))
        with lock_for_maintenance(paths, config, environ, _left(deadline)) as session:
            waiting = _waiting(session, environ) if with_spool else 0
            if not waiting and not session.held.state.has(JOURNAL_NAME):
                yield session
                return
        if problem or not _left(deadline):
            why = problem or "more come all the time"
            raise FileSystemError(
                f"events still wait to be recorded in {paths.path} ({why}): see `tokentrack "
                "status` and `tokentrack verify`, or run this again"
            )


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _finish_waiting(
    paths: LedgerPaths, config: TrackerConfig, environ: Mapping[str, str], seconds: float
) -> str:
    # Records nothing, and before that what waits; returns why that was not possible.
    try:
        with with_path(paths.folder, paths.ledger):
            Recorder(paths, config, environ).write((), seconds)
    except OSError as error:
        return sentence_of(error)
    return ""


@contextmanager
def open_folder(paths: LedgerPaths) -> Iterator[Directory]:
    """Open a ledger's folder to look at it; every error of the system names its file.

    Raises:
        FileSystemError: there is none, or it can't be used.
    """
    try:
        folder = paths.open_folder(create=False)
    except OSError as error:
        raise _unusable(paths, error) from error
    with with_path(paths.folder, paths.ledger), folder:
        yield folder


def _unusable(paths: LedgerPaths, error: OSError) -> FileSystemError:
    if isinstance(error, FileNotFoundError):
        return FileSystemError(f"there is no ledger at {paths.path}")
    error.filename = paths.folder
    return FileSystemError(f"the ledger's folder can't be used: {sentence_of(error)}")


def _hold(paths: LedgerPaths, seconds: float) -> LockedLedger:
    try:
        held = lock_ledger(paths, seconds, create=False)
    except OSError as error:
        raise _unusable(paths, error) from error
    if held is None:
        raise FileSystemError(
            f"another process holds the lock of {paths.path}: wait for it and run this again"
        )
    return held


def _sweep(paths: LedgerPaths, folder: Directory) -> None:
    # What a kill left: temporary files, and a compressed copy beside the archive that counts.
    stems = "|".join(re.escape(archives.stem_of(name)) for name in (paths.ledger, paths.usage))
    ours = re.compile(
        rf"(?:{stems})(?:_\d{{8}}(?:_\d+)?|_backup_\d{{8}}_\d{{6}}(?:_\d+)?)?\.csv(?:\.gz)?"
    )
    remove_temporaries(folder, lambda name: ours.fullmatch(name) is not None)
    for active in (paths.ledger, paths.usage):
        for archive in archives.archives_in(folder, active):
            if archives.has_copy(folder, archive.name):
                folder.remove(archive.name + archives.COMPRESSED)


def _waiting(session: Session, environ: Mapping[str, str]) -> int:
    # An item that can't be read is no event: it waits for somebody to look, not for a drain.
    count = _readable(spool.open_new(session.held.state))
    rescued = rescue_folder(session.paths, environ)
    if os.path.isdir(rescued):
        with Directory.open(rescued) as parent:
            count += _readable(spool.open_new(parent))
    return count


def _readable(new: Directory | None) -> int:
    if new is None:
        return 0
    count = 0
    with new:
        for name in new.names():
            try:
                spool.read(new, name)
            except OSError:
                continue
            count += 1
    return count


def _mend(session: Session) -> None:
    # An append of nothing does to a torn last line what every append does.
    held, paths = session.held, session.paths
    try:
        if session.folder.has(paths.usage):
            held.append_usage(USAGE_COLUMNS, [], durable=True)
        if session.folder.has(paths.ledger):
            held.append(COLUMNS, [], durable=True)
    except ForeignFileError as error:
        raise FileSystemError(
            f"{error.filename} is not a ledger as this program writes it: run `tokentrack verify`"
        ) from error
