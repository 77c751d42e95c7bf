"""What tracked requests add up to, worked out the slow way from the rows of their usage ledger.

Written apart from `tokentrack`: `csv`, dictionaries and `Decimal`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

# USD per 1,000 tokens of plain input, output and cached input; the list prices.
PRICES = {
    "claude-sonnet-4.5": (Decimal("0.003"), Decimal("0.015"), Decimal("0.0003")),
    "claude-haiku-4.5": (Decimal("0.001"), Decimal("0.005"), Decimal("0.0001")),
}


class Request:
    """One request: its deciding row, and where that is."""

    def __init__(self, number, cells):
        self.number = number
        self.at = cells["recorded_at"]
        self.session, self.model, self.user = cells["session_id"], cells["model"], cells["user"]
        kinds = ("input_tokens", "output_tokens", "cached_tokens")
        self.tokens = tuple(int(cells[name]) for name in kinds)

    @property
    def cost(self):
        if self.model not in PRICES:
            return None
        given, produced, cached = self.tokens
        plain, output, read = PRICES[self.model]
        return ((given - cached) * plain + produced * output + cached * read) / 1000


class UsageOracle:
    """The requests and resets of a file; `forgets` leaves out a rule, for controls."""

    def __init__(self, path, forgets=""):
        self.requests, self.resets = {}, defaultdict(lambda: -1)
        with open(path, newline="", encoding="utf-8") as file:
            for number, cells in enumerate(csv.DictReader(file)):
                if cells["source"] == "session-reset" and forgets != "resets":
                    self.resets[cells["session_id"]] = number
                if cells["source"] == "tracked-request":
                    key = cells["agent_execution_id"] if forgets != "repeats" else number
                    known = self.requests.get(key)
                    if known is None or cells["recorded_at"] >= known.at:
                        self.requests[key] = Request(number, cells)

    def sessions(self):
        """Return by session its requests since the last reset, in the order of the file."""
        found = defaultdict(list)
        for request in sorted(self.requests.values(), key=lambda r: r.number):
            if request.number > self.resets[request.session]:
                found[request.session].append(request)
        return dict(found)

    def groups(self, key):
        """Return the sums of all requests by a function of a request."""
        found = defaultdict(list)
        for request in self.requests.values():
            found[key(request)].append(request)
        return {name: sums(requests) for name, requests in found.items()}


def sums(requests):
    """Return tokens by kind, how many requests, their cost, and how many have no price."""
    tokens = tuple(sum(column) for column in zip(*[r.tokens for r in requests], strict=True))
    costs = [request.cost for request in requests if request.cost is not None]
    cost = float(sum(costs, Decimal(0))) if costs else None
    return tokens, len(requests), cost, len(requests) - len(costs)


def local_day(request, zone):
    """Return the local date of a request."""
    return datetime.fromisoformat(request.at).astimezone(ZoneInfo(zone)).date()
