"""Budgets: what they include, and that each threshold alerts once, in all processes together."""

import json

import pytest

from support.usage_fixtures import MODEL, run_python
from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.usage import Budget, UsageTracker

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "token_usage.csv"


def track(path, budget, *tokens, **options):
    """Track requests of so many tokens, and return the thresholds that each gave."""
    with UsageTracker(path, budgets=[budget], **options) as tracker:
        results = [tracker.track_request("s", MODEL, count, 0) for count in tokens]
    return [[alert.threshold for alert in result.alerts] for result in results]


def test_each_threshold_alerts_once(path):
    seen = []
    budget = Budget(limit_tokens=100, name="mine")
    found = track(path, budget, 49, 1, 24, 1, 24, 1, 50, on_alert=seen.append)
    assert found == [[], [0.5], [], [0.75], [], [1.0], []]
    assert [alert.threshold for alert in seen] == [0.5, 0.75, 1.0]
    assert seen[1].message == "mine: 75% reached, 75 of 100 tokens this month"


def test_a_request_can_reach_several_thresholds(path):
    assert track(path, Budget(limit_tokens=100), 80, 100) == [[0.5, 0.75], [1.0]]


def test_dollars_are_compared_exactly(path):
    # $0.003 a request of 1,000 tokens: the 50th is $0.15 of $0.20.
    found = track(path, Budget(limit_usd=0.2, thresholds=(0.75,)), *[10_000] * 5)
    assert found == [[], [], [], [], [0.75]]


def test_an_alert_is_given_once_over_processes(path):
    budget = Budget(limit_tokens=100)
    assert track(path, budget, 50) == [[0.5]]
    program = """
import json, sys
from tokentrack.usage import Budget, UsageTracker
tracker = UsageTracker(sys.argv[1], budgets=[Budget(limit_tokens=100)])
results = [tracker.track_request("s", "m", 25, 0) for _ in range(2)]
print(json.dumps([[alert.threshold for alert in result.alerts] for result in results]))
"""
    assert run_python(program, path) == [[0.75], [1.0]]
    assert track(path, budget, 1) == [[]]


def test_another_limit_is_another_budget(path):
    assert track(path, Budget(limit_tokens=100, thresholds=(0.5,)), 60) == [[0.5]]
    assert track(path, Budget(limit_tokens=120, thresholds=(0.5,)), 1) == [[0.5]]


def test_a_new_period_begins_at_nothing(path, monkeypatch):
    budget = Budget(limit_tokens=100, period="day", thresholds=(1.0,))
    now = timestamps.now_us()
    with UsageTracker(path, budgets=[budget], zone="UTC") as tracker:
        assert tracker.track_request("s", MODEL, 100, 0).alerts
        monkeypatch.setattr(timestamps, "now_us", lambda: now + DAY_US)
        assert tracker.get_budget_status()[0].spent_tokens == 0
        assert not tracker.track_request("s", MODEL, 99, 0).alerts
        assert tracker.track_request("s", MODEL, 1, 0).alerts
        assert tracker.get_budget_status()[0].share == 1.0


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ({}, 111),
        ({"session_id": "a"}, 1),
        ({"model_name": "other"}, 10),
        ({"user": "bob"}, 100),
        ({"user": "nobody"}, 0),
    ],
)
def test_what_is_charged(path, monkeypatch, scope, spent):
    budgets = [Budget(limit_tokens=1000, period="total", **scope)]
    tracker = UsageTracker(path, budgets=budgets)
    monkeypatch.setenv("USER", "ada")
    tracker.track_request("a", MODEL, 1, 0)
    tracker.track_request("b", "other", 10, 0)
    monkeypatch.setenv("USER", "bob")
    tracker.track_request("b", MODEL, 100, 0)
    (status,) = tracker.get_budget_status()
    assert (status.spent_tokens, status.period_start) == (spent, None)


def test_a_reset_gives_nothing_back(path):
    tracker = UsageTracker(path, budgets=[Budget(limit_tokens=100)])
    tracker.track_request("s", MODEL, 60, 0)
    tracker.reset_session_usage("s")
    assert tracker.get_budget_status()[0].share == 0.6


def test_requests_without_a_price_are_counted(path):
    tracker = UsageTracker(path, budgets=[Budget(limit_usd=1, limit_tokens=10, thresholds=(1,))])
    (alert,) = tracker.track_request("s", "mystery", 10, 0).alerts
    assert (alert.status.spent_usd, alert.status.unpriced_requests) == (0.0, 1)
    assert alert.message == (
        "budget: 100% reached, $0.00 of $1.00 and 10 of 10 tokens this month, "
        "and 1 request without a price"
    )


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_damaged_notes_are_kept_aside(path, text):
    state = path.parent / ".tokentrack"
    state.mkdir()
    (state / "usage_alerts.json").write_text(text)
    assert track(path, Budget(limit_tokens=10, thresholds=(1.0,)), 10, 1) == [[1.0], []]
    assert (state / "usage_alerts.json.corrupt").read_text() == text
    assert len(json.loads((state / "usage_alerts.json").read_text())) == 1


def test_notes_that_can_not_be_written_do_not_lose_the_request(path):
    (path.parent / ".tokentrack" / "usage_alerts.json").mkdir(parents=True)
    with UsageTracker(path, budgets=[Budget(limit_tokens=10)]) as tracker:
        result = tracker.track_request("s", MODEL, 10, 0)
    assert (result.saved, result.alerts) == (True, ())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit_usd": 0},
        {"limit_usd": float("nan")},
        {"limit_tokens": True},
        {"limit_tokens": 1, "period": "year"},
        {"limit_tokens": 1, "thresholds": ()},
        {"limit_tokens": 1, "thresholds": (1.0, 0.5)},
        {"limit_tokens": 1, "thresholds": (0.0,)},
    ],
)
def test_a_budget_that_could_never_alert_is_refused(options):
    with pytest.raises(ValidationError):
        Budget(**options)


def test_all_problems_of_a_budget_at_once():
    with pytest.raises(ValidationError) as caught:
        Budget(limit_usd=-1, period="year", thresholds=(2, 1))
    assert len(caught.value.issues) == 3
