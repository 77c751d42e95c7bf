"""Questions to a usage ledger: sessions, totals, budgets, reports and tables."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokentrack.errors import ValidationError
from tokentrack.reports.periods import PERIODS, check_period
from tokentrack.reports.pricing import MODEL_PRICING
from tokentrack.usage.exports import (
    REQUEST_COLUMNS,
    SESSION_COLUMNS,
    request_rows,
    session_rows,
    write_csv,
    write_excel,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from tokentrack.reports.pricing import PriceTable
    from tokentrack.reports.requests.budgets import BudgetMeter, BudgetStatus
    from tokentrack.reports.requests.token_usage import (
        SessionTokenUsage,
        TokenUsage,
        UsageRequest,
        UsageTotal,
    )
    from tokentrack.reports.requests.tracked_requests import PeriodUsage, TrackedRequests
    from tokentrack.usage.outbox import Outbox
    from tokentrack.usage.usage_index import UsageIndex


class UsageQueries:
    """Reads a usage ledger; requests that are not on disk yet are counted too."""

    def __init__(
        self,
        index: UsageIndex,
        outbox: Outbox,
        prices: PriceTable,
        meters: Sequence[BudgetMeter],
        history_limit: int | None,
    ) -> None:
        self._index = index
        self._outbox = outbox
        self._prices = prices
        self._meters = meters
        self._history_limit = history_limit

    def get_session_usage(self, session_id: str) -> SessionTokenUsage | None:
        """Return what a session used since its last reset, None if it used nothing.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._requests() as requests:
            return requests.sessions(self._history_limit, session_id).get(session_id)

    def get_sessions(self) -> dict[str, SessionTokenUsage]:
        """Return all sessions that used something since their last reset.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._requests() as requests:
            return requests.sessions(self._history_limit)

    def get_global_usage(self) -> TokenUsage:
        """Return the tokens of all sessions since their last resets.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        return self.get_global_total().usage

    def get_global_total(self) -> UsageTotal:
        """Return tokens, cost and requests of all sessions since their last resets.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._requests() as requests:
            return requests.total()

    def get_global_cost(self, model_name: str | None = None) -> float | None:
        """Return the cost of all sessions in USD, each request at its own model's price.

        With a model's name: what the same tokens would have cost on that model. None when there
        is no price; `get_global_total().unpriced_requests` counts what the cost leaves out.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        if model_name is None:
            return self.get_global_total().cost_usd
        return self.get_global_usage().calculate_cost(model_name, self._prices)

    def get_usage_by_period(self, period: str = "day") -> list[PeriodUsage]:
        """Return the totals of each hour, day, week or month with requests, the earliest first.

        Raises:
            FileSystemError: the usage ledger can't be read.
            ValidationError: the period is not one of these.
        """
        check_period(period, PERIODS)
        with self._requests() as requests:
            return requests.by_period(period)

    def get_usage_by_user(self) -> dict[str, UsageTotal]:
        """Return the totals of each user; "" is an unknown user.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._requests() as requests:
            return requests.by_user()

    def get_budget_status(self) -> list[BudgetStatus]:
        """Return how much of each budget is used.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        with self._index.requests() as requests:
            return [meter.measure(requests)[0] for meter in self._meters]

    def export_usage_report(self) -> dict[str, Any]:
        """Return sessions, their total and the prices as JSON values.

        Raises:
            FileSystemError: the usage ledger can't be read.
        """
        return usage_report(self.get_sessions(), self.get_global_total(), self._prices)

    def export_csv(self, path: str | os.PathLike[str], table: str = "sessions") -> None:
        """Write the table `sessions` or `requests` as CSV.

        Raises:
            FileSystemError: a file can't be read or written.
            ValidationError: the table is unknown.
        """
        if table not in ("sessions", "requests"):
            raise ValidationError([f"table must be sessions or requests, not {table!r}"])
        if table == "sessions":
            write_csv(path, SESSION_COLUMNS, session_rows(self.get_sessions()))
        else:
            write_csv(path, REQUEST_COLUMNS, request_rows(self._rows(), self._prices))

    def export_excel(self, path: str | os.PathLike[str]) -> None:
        """Write the sessions and the requests as two sheets; needs xlsxwriter (extra `excel`).

        Raises:
            TokenTrackError: the extra is missing, or there are too many requests for Excel.
            FileSystemError: a file can't be read or written.
        """
        requests = request_rows(self._rows(), self._prices)
        sheets = {
            "Sessions": (SESSION_COLUMNS, session_rows(self.get_sessions())),
            "Requests": (REQUEST_COLUMNS, requests),
        }
        write_excel(path, sheets)

    @contextmanager
    def _requests(self) -> Iterator[TrackedRequests]:
        # Before the file is read: a request that is written in between is then known by its id.
        waiting = self._outbox.waiting()
        with self._index.requests(waiting) as requests:
            yield requests

    def _rows(self) -> list[UsageRequest]:
        waiting = self._outbox.waiting()
        paths = self._index.paths
        found = self._index.read_back(lambda requests: list(requests.rows(paths)))
        known = {request.request_id for request in found}
        return [*found, *[request for request in waiting if request.request_id not in known]]


def usage_report(
    sessions: Mapping[str, SessionTokenUsage], total: UsageTotal, prices: PriceTable
) -> dict[str, Any]:
    """Return all sessions and their total as JSON values; an unknown cost is None."""
    usage = total.usage
    return {
        "generated_at": time.time(),
        "global_summary": {
            "total_tokens": usage.total_tokens,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "total_cost_usd": total.cost_usd,
            "session_count": len(sessions),
        },
        "sessions": {name: _session(session) for name, session in sessions.items()},
        "model_pricing": _pricing({session.model_name for session in sessions.values()}, prices),
    }


def _session(session: SessionTokenUsage) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "model_name": session.model_name,
        "total_usage": session.total_usage.to_dict(),
        "request_history": [usage.to_dict() for usage in session.request_history],
        "created_at": session.created_at,
        "last_updated": session.last_updated,
        "total_cost_usd": session.total_cost_usd,
        "request_count": session.request_count,
    }


def _pricing(models: set[str], prices: PriceTable) -> dict[str, Any]:
    # MODEL_PRICING and what the sessions use; null is a model without a price per token here.
    found: dict[str, Any] = {}
    for model in [*MODEL_PRICING, *sorted(models - set(MODEL_PRICING))]:
        price = prices.price(model)
        found[model] = None if price is None else price.to_dict()
        if price is None and prices.cost(model, 0, 0) is not None:
            found[model] = {"source": prices.explain(model)}
    return found
