"""Record what a caller of the Python API gives; what is wrong with it is decided, not raised."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokentrack.error_handler import Action
from tokentrack.errors import TokenTrackError, ValidationError
from tokentrack.models.transaction import TokenTransaction
from tokentrack.recorder.calls import CallContext, finish_call, finish_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokentrack.csv_writer import CSVWriter
    from tokentrack.recorder.rows import FinishedExecution

_free = threading.Condition()
_writing: Counter[str] = Counter()


@contextmanager
def write_slot(path: str, limit: int, seconds: float) -> Iterator[float]:
    """Wait until fewer than `limit` threads write to a ledger; give what is left of `seconds`.

    0 says that no slot came free in time: the caller must not wait for the lock as well.
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


def writing(path: str) -> int:
    """Return how many threads of this process hold a slot of a ledger."""
    with _free:
        return _writing[path]


class _SkippedError(TokenTrackError):
    # The policy gives up the record for what surrounds it.
    pass


def record_call(
    writer: CSVWriter,
    prompt_text: str,
    tokens_used: int | None,
    elapsed_time: float | None,
    context: Mapping[str, Any] | None,
) -> bool:
    """Record an execution of now; return whether it is safe."""

    def on_metadata_error(error: Exception) -> None:
        decision = writer.error_handler.handle_metadata_collection_error(error)
        if decision.action is Action.SKIP:
            raise _SkippedError(decision.message)

    around = CallContext(writer.config, writer.environ, on_metadata_error)
    try:
        finished = finish_call(prompt_text, tokens_used, elapsed_time, context, around)
    except ValidationError as error:
        writer.error_handler.handle_validation_error(error.issues)
        return False
    except _SkippedError:
        return False
    return _write(writer, finished)


def record_whole(writer: CSVWriter, transaction: Any) -> bool:
    """Record a transaction that the caller made; return whether it is safe."""
    if not isinstance(transaction, TokenTransaction):
        kind = type(transaction).__name__
        issue = f"prompt_text must be text or a TokenTransaction, not {kind}"
        writer.error_handler.handle_validation_error([issue])
        return False
    return _write(writer, finish_record(transaction, writer.config))


def _write(writer: CSVWriter, finished: FinishedExecution) -> bool:
    if not writer.is_valid(finished.transaction):
        return False
    return writer.write_finished([finished]) == 1
