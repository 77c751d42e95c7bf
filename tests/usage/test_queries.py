"""Sessions, totals, periods, users, budgets and reports equal an oracle's, whatever was tracked."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from support.usage_fixtures import run_python
from support.usage_oracle import UsageOracle, local_day, sums
from tokentrack.common import timestamps
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.reports import query
from tokentrack.store.paths import LedgerPaths
from tokentrack.usage import Budget, UsageTracker

ZONE = "America/St_Johns"
MODELS = ("claude-sonnet-4.5", "claude-haiku-4.5", "mystery")
SESSIONS = ("a", "b,=1", "!c", "\u00e9")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BUDGETS = [
    Budget(limit_usd=0.5, limit_tokens=90_000, period="day"),
    Budget(limit_tokens=400_000, period="month", session_id="!c"),
    Budget(limit_usd=3, period="total", user="bob", model_name=MODELS[0]),
]
_PROCESS = """
import sys, json
from tokentrack.usage import UsageTracker
tracker = UsageTracker(sys.argv[1])
for session, model, *counts in json.loads(sys.argv[2]):
    tracker.track_request(session, model, *counts)
print(json.dumps(tracker.get_global_total().requests))
"""


class Steps:
    """Two trackers of one file, and other programs that write to it."""

    def __init__(self, folder, seed, monkeypatch):
        self.path = folder / "token_usage.csv"
        self.random = Random(seed)
        self._patch = monkeypatch
        self.trackers = [
            UsageTracker(self.path, zone=ZONE, budgets=BUDGETS, history_limit=3) for _ in range(2)
        ]

    def request(self):
        given = self.random.randint(0, 5000)
        session, model = self.random.choice(SESSIONS), self.random.choice(MODELS)
        return session, model, given, self.random.randint(0, 900), self.random.randint(0, given)

    def track(self):
        at = NOW - timedelta(seconds=self.random.randint(0, 40 * 86_400))
        self._patch.setattr(timestamps, "now_us", lambda: timestamps.from_datetime(at))
        self._patch.setenv("USER", self.random.choice(["ann", "bob"]))
        self.random.choice(self.trackers).track_request(*self.request())

    def reset(self):
        self.random.choice(self.trackers).reset_session_usage(self.random.choice(SESSIONS))

    def repeat(self):
        # A later row of the same request, perhaps of an earlier time.
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in file if "tracked-request" in line]
        if lines:
            cells = self.random.choice(lines).split(",", 2)
            cells[1] = f"2026-11-{self.random.randint(10, 19)}T03:04:05.000000Z"
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(",".join(cells).replace("mystery", MODELS[0]))

    def other_process(self):
        requests = [self.request() for _ in range(2)]
        run_python(_PROCESS, self.path, json.dumps(requests))


def close(found, wanted):
    return found == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def same(total, wanted):
    usage = total.usage
    tokens = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    return (tokens, total.requests, total.unpriced_requests) == (*wanted[:2], wanted[3]) and close(
        total.cost_usd, wanted[2]
    )


def differences(tracker, path, forgets=""):
    """Return what a tracker and a report say otherwise than the oracle."""
    oracle, found = UsageOracle(path, forgets), []
    expected, sessions = oracle.sessions(), tracker.get_sessions()
    if list(sessions) != sorted(expected, key=lambda name: expected[name][0].number):
        return ["which sessions"]
    for name, requests in expected.items():
        usage = sessions[name]
        last = max(requests, key=lambda r: (r.at, r.number))
        history = [(u.input_tokens, u.output_tokens, u.cached_tokens)
                   for u in usage.request_history]  # fmt: skip
        at = (min(r.at for r in requests), max(r.at for r in requests))
        times = tuple(datetime.fromisoformat(text).timestamp() for text in at)
        if not (
            same(usage.total, sums(requests)) and history == [r.tokens for r in requests[-3:]]
            and (usage.created_at, usage.last_updated) == times and usage.model_name == last.model
            and tracker.get_session_usage(name) == usage
        ):  # fmt: skip
            found.append(f"session {name!r}")
    counted = [request for requests in expected.values() for request in requests]
    if counted and not same(tracker.get_global_total(), sums(counted)):
        found.append("total")
    days = {day.start.date(): day.total for day in tracker.get_usage_by_period("day")}
    wanted = oracle.groups(lambda r: local_day(r, ZONE))
    if days.keys() != wanted.keys() or not all(same(days[day], wanted[day]) for day in days):
        found.append("days")
    users, wanted = tracker.get_usage_by_user(), oracle.groups(lambda r: r.user)
    if users.keys() != wanted.keys() or not all(same(users[name], wanted[name]) for name in users):
        found.append("users")
    found += budget_differences(tracker, oracle)
    ledger = LedgerPaths(str(path.parent), (), "token_transactions.csv")
    report = query(["session"], ledgers=[ledger], where={"surface": ["api"]})
    rows = {row["session"]: (row["turns"], row["tokens"]) for row in report.rows}
    if rows != {n: (u.request_count, u.total_usage.total_tokens) for n, u in sessions.items()}:
        found.append("report session")
    if report.total["turns"] != len(oracle.requests):
        found.append("the report's total")
    return found


def budget_differences(tracker, oracle):
    today = NOW.astimezone(tracker._meters[0]._tzinfo).date()
    in_scope = [
        lambda r: local_day(r, ZONE) == today,
        lambda r: local_day(r, ZONE).replace(day=1) == today.replace(day=1) and r.session == "!c",
        lambda r: r.user == "bob" and r.model == MODELS[0],
    ]
    found = []
    for status, test in zip(tracker.get_budget_status(), in_scope, strict=True):
        requests = [request for request in oracle.requests.values() if test(request)]
        tokens, _, cost, unpriced = sums(requests) if requests else ((0, 0, 0), 0, 0, 0)
        spent = sum(tokens[:2])
        budget = status.budget
        share = max(
            (cost or 0) / budget.limit_usd if budget.limit_usd else 0,
            spent / budget.limit_tokens if budget.limit_tokens else 0,
        )
        if (status.spent_tokens, status.unpriced_requests) != (spent, unpriced) or not (
            close(status.spent_usd, cost or 0) and close(status.share, share)
        ):
            found.append(f"budget {budget.key}")
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


KINDS = ["track"] * 8 + ["reset", "reset", "repeat", "repeat"]


@pytest.mark.parametrize(
    ("seed", "length"), [(0, 12), *[pytest.param(n, 40, marks=pytest.mark.slow) for n in range(4)]]
)
def test_everything_equals_the_oracle_after_any_step(home, monkeypatch, seed, length):
    steps = Steps(home, seed, monkeypatch)
    for number in range(length):
        getattr(steps, steps.random.choice(KINDS))()
        if number % 20 == 7:
            steps.other_process()
        monkeypatch.setattr(timestamps, "now_us", lambda: timestamps.from_datetime(NOW))
        if steps.path.exists():
            assert differences(steps.random.choice(steps.trackers), steps.path) == [], number
    assert differences(UsageTracker(steps.path, zone=ZONE, budgets=BUDGETS, history_limit=3),
                       steps.path) == []  # fmt: skip


@pytest.mark.parametrize("rule", ["resets", "repeats"])
def test_without_a_rule_the_oracle_would_say_something_else(home, monkeypatch, rule):
    steps = Steps(home, 1, monkeypatch)
    for kind in ["track"] * 12 + ["reset"] * 4 + ["repeat"] * 3:
        getattr(steps, kind)()
    monkeypatch.setattr(timestamps, "now_us", lambda: timestamps.from_datetime(NOW))
    assert differences(steps.trackers[0], steps.path) == []
    assert differences(steps.trackers[0], steps.path, forgets=rule) != []


def test_sums_beyond_64_bits_are_exact(home):
    path, count, tokens = home / "token_usage.csv", 9_300, 10**15 - 1
    cells = dict.fromkeys(USAGE_COLUMNS, "") | {
        "recorded_at": "2026-11-19T03:04:05Z", "session_id": "s", "model": "claude-sonnet-4.5",
        "input_tokens": str(tokens), "output_tokens": "0", "cached_tokens": "0",
        "source": "tracked-request",
    }  # fmt: skip
    lines = [",".join((cells | {"agent_execution_id": f"r-{n}"}).values()) for n in range(count)]
    path.write_text("\n".join([",".join(USAGE_COLUMNS), *lines, ""]))
    tracker = UsageTracker(path, zone="UTC")
    wanted = count * tokens
    assert wanted > 2**63
    assert tracker.get_global_usage().input_tokens == wanted
    assert tracker.get_session_usage("s").total_usage.input_tokens == wanted
    (day,) = tracker.get_usage_by_period("day")
    assert day.total.usage.input_tokens == wanted
    tracker.track_request("s", "claude-sonnet-4.5", 1, 0)
    assert tracker.get_global_usage().input_tokens == wanted + 1
