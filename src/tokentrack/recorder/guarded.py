"""Record what a caller of the Python API gives; the error policy decides about faulty records.

A refused record is counted and logged, never raised. A write that can pass is tried again, and the
threads of a process that write to one ledger wait for a slot.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokentrack.error_handler import Action
from tokentrack.errors import TokenTrackError, ValidationError
from tokentrack.models.rules import rule_issues
from tokentrack.models.transaction import TokenTransaction
from tokentrack.recorder.calls import CallContext, finish_call, finish_transaction, finish_unchanged
from tokentrack.recorder.interrupts import interrupts_deferred
from tokentrack.recorder.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.error_handler import ErrorHandler
    from tokentrack.recorder.rows import FinishedExecution
    from tokentrack.store.paths import LedgerPaths

_FIRST_PAUSE = 0.02  # seconds before the first repetition; each further one doubles it

_free = threading.Condition()
_writing: Counter[str] = Counter()  # by ledger, the threads of this process that hold a slot


@contextmanager
def write_slot(path: str, limit: int, seconds: float) -> Iterator[float]:
    """Wait until fewer than `limit` threads write to a ledger; give what is left of `seconds`.

    0 says that no slot became free in time: the caller must not wait for the lock as well.
    """
    deadline = time.monotonic() + seconds
    with _free:
        taken = _free.wait_for(lambda: _writing[path] < limit, seconds)
        _writing[path] += taken
    try:
        yield max(0.0, deadline - time.monotonic()) if taken else 0.0
    finally:
        with _free:
            _writing[path] -= taken
            if not _writing[path]:
                del _writing[path]
            _free.notify()


class _SkippedError(TokenTrackError):
    # The policy gives up the record because its metadata can't be collected.
    pass


class GuardedRecorder:
    """Records the rows that callers give in one ledger; `TokenTracker` and `CSVWriter` share it."""

    def __init__(
        self,
        paths: LedgerPaths,
        config: TrackerConfig,
        environ: Mapping[str, str],
        handler: ErrorHandler,
        on_written: Callable[[], None],
    ) -> None:
        """Take the ledger, the policy, and a function to call after rows were written."""
        self.recorder = Recorder(paths, config, environ)
        self._path = paths.path
        self._config = config
        self._environ = environ
        self._handler = handler
        self._on_written = on_written

    def record_call(
        self,
        prompt_text: str,
        tokens_used: int | None,
        elapsed_time: float | None,
        context: Mapping[str, Any] | None,
    ) -> bool:
        """Record an execution that ended now; return whether it is safe."""
        surroundings = CallContext(self._config, self._environ, self._check_metadata_error)
        try:
            with interrupts_deferred():
                done = finish_call(prompt_text, tokens_used, elapsed_time, context, surroundings)
        except ValidationError as error:
            self._handler.handle_validation_error(error.issues, tells_no_text=True)
            return False
        except _SkippedError:
            return False
        return self.is_valid(done.transaction) and self._write([done], repeated=True) == 1

    def record_transaction(self, transaction: Any) -> bool:
        """Record a whole transaction, its texts as the configuration says; return if it is safe."""
        if not isinstance(transaction, TokenTransaction):
            kind = type(transaction).__name__
            issue = f"prompt_text must be text or a TokenTransaction, not {kind}"
            self._handler.handle_validation_error([issue], tells_no_text=True)
            return False
        done = finish_transaction(transaction, self._config)
        return self.is_valid(done.transaction) and self._write([done], repeated=True) == 1

    def record_unchanged(self, transactions: Iterable[Any]) -> int:
        """Record transactions as they are, under one lock; return how many were written."""
        valid = [transaction for transaction in transactions if self.is_valid(transaction)]
        return self._write([finish_unchanged(each, self._config) for each in valid])

    def is_valid(self, transaction: Any) -> bool:
        """Return whether a value may be stored; if not, that is counted and logged."""
        if not isinstance(transaction, TokenTransaction):
            issue = f"a TokenTransaction is needed, not {type(transaction).__name__}"
            self._handler.handle_validation_error([issue], tells_no_text=True)
            return False
        issues = rule_issues(transaction, is_valid=True) if self._config.enable_validation else []
        if not issues:
            return True
        decision = self._handler.handle_validation_error(issues, transaction)
        return decision.action is Action.CONTINUE

    def _check_metadata_error(self, error: Exception) -> None:
        decision = self._handler.handle_metadata_collection_error(error)
        if decision.action is Action.SKIP:
            raise _SkippedError(decision.message)

    def _write(self, finished: Sequence[FinishedExecution], *, repeated: bool = False) -> int:
        # `repeated` says that a caller may have given the same record before.
        if not finished:
            return 0
        config = self._config
        seconds = config.file_lock_timeout_seconds
        with (
            write_slot(self._path, config.max_concurrent_writes, seconds) as left,
            interrupts_deferred(),
        ):
            written = self._write_with_retries(finished, left, repeated=repeated)
        if written:
            self._on_written()
        return written

    def _write_with_retries(
        self, finished: Sequence[FinishedExecution], seconds: float, *, repeated: bool
    ) -> int:
        first, path, handler = finished[0].transaction, self._path, self._handler
        pause, failed = _FIRST_PAUSE, False
        while True:
            try:
                safe = self.recorder.write(finished, seconds, repeated=repeated or failed)
            except OSError as error:
                decision = handler.handle_csv_write_error(error, path, first)
                if decision.action is Action.QUEUE:
                    self.recorder.rescue(finished, error)
                if decision.action is not Action.RETRY:
                    return 0  # even where it is queued: it is not in the ledger
            else:
                if failed:
                    handler.forget_attempts(path, first)
                return safe
            failed = True
            time.sleep(pause)
            pause *= 2
