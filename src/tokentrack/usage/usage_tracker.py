"""Track what each request to a model used, from any number of threads and processes."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import finalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tokentrack.common import timestamps
from tokentrack.common.redaction import redact, redact_id
from tokentrack.common.user_name import user_name
from tokentrack.config.sources import load_config
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.models.columns import MAX_TOKENS, as_number
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports.pricing import prices_in_force
from tokentrack.reports.requests.budgets import BudgetMeter
from tokentrack.reports.requests.token_usage import (
    SessionTokenUsage,
    TokenUsage,
    UsageRequest,
    usage_issues,
)
from tokentrack.usage.legacy import IMPORT_TAG, read_legacy
from tokentrack.usage.outbox import Outbox
from tokentrack.usage.queries import UsageQueries
from tokentrack.usage.requests import new_id
from tokentrack.usage.storage import find_storage
from tokentrack.usage.usage_index import UsageIndex
from tokentrack.usage.writer import UsageWriter
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests.budgets import Budget, BudgetAlert
    from tokentrack.reports.requests.tracked_requests import TrackedRequests

_MAX_NAME = 1000
_LISTED_PROBLEMS = 100
_log = logging.getLogger("tokentrack.usage")


class TrackedRequest(NamedTuple):
    """The result of tracking a request.

    Attributes:
        request_id: its id in the usage ledger, column `agent_execution_id`.
        saved: whether it is on disk; False while it waits (`UsageTracker.unsaved_requests`) or
            if it was lost (`UsageTracker.lost_requests`).
        alerts: the budget alerts that this call caused.
    """

    request_id: str
    saved: bool
    alerts: tuple[BudgetAlert, ...]


class UsageTracker(UsageQueries):
    """Tracks the usage of sessions in a usage ledger that other processes may write to as well.

    Attributes:
        path: the usage ledger's file.
    """

    def __init__(
        self,
        persistence_path: str | os.PathLike[str] | None = None,
        *,
        history_limit: int | None = 1000,
        background: bool = False,
        queue_size: int = 1000,
        budgets: Sequence[Budget] = (),
        on_alert: Callable[[BudgetAlert], object] | None = None,
        prices: PriceTable | None = None,
        zone: tzinfo | str | None = None,
    ) -> None:
        """Open a tracker; the first request creates the file.

        Args:
            persistence_path: the usage ledger; the user's own by default. A path that ends in
                `.json` is an older tracker's file: it is imported once, into a `.csv` next to it.
            history_limit: how many requests of each session are kept in memory; None keeps all.
            background: whether a thread writes; if not, a request is on disk when
                `track_request` returns.
            queue_size: how many requests may wait for the disk.
            budgets: the budgets to check with each request.
            on_alert: called with each alert; with `background`, by the thread that writes.
            prices: the prices; by default the user's own and `MODEL_PRICING`.
            zone: the time zone of days, weeks and months, or its name; the system's by default.

        Raises:
            FileSystemError: the user's file of prices can't be read.
            ValidationError: an argument or the user's file of prices is invalid.
        """
        _check_bounds(history_limit, queue_size)
        self._arguments = {
            "history_limit": history_limit, "background": background, "queue_size": queue_size,
            "budgets": tuple(budgets), "on_alert": on_alert, "prices": prices, "zone": zone,
        }  # fmt: skip
        storage = find_storage(persistence_path, os.environ)
        prices = prices_in_force() if prices is None else prices
        zone = _zone_of(zone)
        meters = [BudgetMeter(budget, zone) for budget in budgets]
        index = UsageIndex(storage.usage_alone, prices, zone)
        writer = UsageWriter(storage.paths, index, meters)
        deliver = partial(_deliver, on_alert)
        outbox = Outbox(writer, deliver, queue_size, background=background)
        super().__init__(index, outbox, prices, meters, history_limit)
        self._writer = writer
        self.path = storage.path
        self._user = load_config("", kiro_home(os.environ), os.environ)[0].user
        self._deliver = deliver
        self._import_problems: list[str] = []
        # Also runs at the end of the process, and must not keep the tracker alive.
        self._finalizer = finalize(self, outbox.close)
        if storage.legacy:
            self._import(storage.legacy)

    def track_request(
        self,
        session_id: str,
        model_name: str,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
    ) -> TrackedRequest:
        """Track a request; a failing disk does not raise, see `TrackedRequest.saved`.

        Args:
            session_id: the session, up to 1,000 characters; a secret in it is not stored.
            model_name: the model that served the request, with the same bounds.
            input_tokens: all input, cached tokens included.
            output_tokens: all output.
            cached_tokens: the part of the input that was read from the cache.

        Raises:
            ValidationError: with every problem found; nothing is tracked then.
        """
        input_tokens, output_tokens, cached_tokens = map(
            as_number, (input_tokens, output_tokens, cached_tokens)
        )
        issues = _name_issues(session_id, model_name)
        issues += usage_issues(input_tokens, output_tokens, cached_tokens)
        if not issues and input_tokens + output_tokens > MAX_TOKENS:
            issues.append(f"one request cannot have more than {MAX_TOKENS} tokens")
        if issues:
            raise ValidationError(issues)
        usage = TokenUsage(input_tokens, output_tokens, cached_tokens)
        request = UsageRequest(
            new_id(), timestamps.now_us(), session_id, model_name, usage, user_name(self._user)
        )
        saved, alerts = self._outbox.put(_without_secrets(request))
        self._deliver(alerts)
        return TrackedRequest(request.request_id, saved, tuple(alerts))

    def get_session_usage(self, session_id: str) -> SessionTokenUsage | None:
        """Return what a session used since its last reset, None if it used nothing.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        return super().get_session_usage(redact_id(session_id))

    def reset_session_usage(self, session_id: str) -> bool:
        """Restart a session's count, for every process; return whether it had one.

        If the disk fails, that is logged and the result is False. The requests stay in the
        ledger, and in the totals by period, by user and of budgets, because they were spent.
        """
        saved, alerts = self._outbox.flush()
        self._deliver(alerts)
        try:
            return saved and self._writer.reset(redact_id(session_id))
        except (OSError, FileSystemError) as error:
            _log.warning("the session could not be reset: %s", error)
            return False

    @property
    def unsaved_requests(self) -> int:
        """How many requests are not on disk yet."""
        return len(self._outbox.waiting())

    @property
    def lost_requests(self) -> int:
        """How many requests could be kept neither on disk nor in memory."""
        return self._outbox.lost

    def check(self) -> list[str]:
        """Return a sentence for each damaged row, and for each part of an older file not imported.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._index.requests() as requests:
            problems = requests.problems()
        more = len(problems) - _LISTED_PROBLEMS
        rest = [f"and {more} more damaged rows"] if more > 0 else []
        return [*self._import_problems, *problems[:_LISTED_PROBLEMS], *rest]

    def flush(self) -> bool:
        """Write all waiting requests; return whether they are on disk now."""
        saved, alerts = self._outbox.flush()
        self._deliver(alerts)
        return saved

    def close(self) -> None:
        """Write all waiting requests and end the thread; closing twice is fine."""
        self._finalizer()

    def __reduce__(self) -> tuple[Any, ...]:
        # For a process that is started anew; requests that wait stay with this object.
        return _opened_again, (type(self), os.path.abspath(self.path), self._arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _import(self, path: str) -> None:
        name = os.path.basename(path)
        try:
            if self._has_imported(name):
                return
            legacy = read_legacy(path)
            self._import_problems += legacy.problems
            if legacy.requests:
                user = user_name(self._user)
                self._writer.import_requests(
                    [_without_secrets(r)._replace(user=user) for r in legacy.requests]
                )
        except (OSError, FileSystemError) as error:
            self._import_problems.append(f"{name} is not imported: {error}")
        for problem in self._import_problems:
            _log.warning("%s", problem)

    def _has_imported(self, name: str) -> bool:
        # Whether the last one of the file's requests is there.
        paths = self._index.paths
        source = USAGE_COLUMNS.index("source_id")

        def answer(requests: TrackedRequests) -> bool:
            for cells in requests.tagged(paths, IMPORT_TAG):
                found, _, part = cells[source].rpartition(" ")
                number, _, count = part.partition("/")
                if found == name and number == count:
                    return True
            return False

        return self._index.read_back(answer)


def _without_secrets(request: UsageRequest) -> UsageRequest:
    return request._replace(
        session_id=redact_id(request.session_id), model_name=redact(request.model_name)
    )


def _check_bounds(history_limit: int | None, queue_size: int) -> None:
    issues = []
    if history_limit is not None and history_limit < 0:
        issues.append(f"history_limit must be None, 0 or more, not {history_limit!r}")
    if queue_size < 1:
        issues.append(f"queue_size must be 1 or more, not {queue_size!r}")
    if issues:
        raise ValidationError(issues)


def _zone_of(zone: tzinfo | str | None) -> tzinfo | None:
    if not isinstance(zone, str):
        return zone
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValidationError([f"unknown time zone {zone!r}"]) from None


def _name_issues(session_id: str, model_name: str) -> list[str]:
    return [
        f"{name} must be text of 1 to {_MAX_NAME} characters"
        for name, value in {"session_id": session_id, "model_name": model_name}.items()
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME
    ]


def _deliver(on_alert: Callable[[BudgetAlert], object] | None, alerts: list[BudgetAlert]) -> None:
    if on_alert is not None:
        for alert in alerts:
            on_alert(alert)


def _opened_again(kind: type[UsageTracker], path: str, arguments: dict[str, Any]) -> UsageTracker:
    return kind(path, **arguments)
