"""The JSON file of an older tracker."""

import json

import pytest

from tokentrack.usage import TokenUsage, UsageTracker


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".multi-term" / "token_usage.json"


def entry(input_tokens, output_tokens, cached_tokens=0):
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cached_tokens": cached_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


def session(name, *requests, total=None):
    sums = [sum(request[key] for request in requests) for key in list(entry(0, 0))[:3]]
    return {
        "session_id": name,
        "model_name": "claude-sonnet-4.5",
        "total_usage": total or entry(*sums),
        "request_history": list(requests),
        "created_at": 1708197100.0,
        "last_updated": 1708197234.5,
        "total_cost_usd": 0.04,
        "request_count": len(requests),
    }


def write(path, *sessions):
    path.parent.mkdir(exist_ok=True)
    report = {
        "generated_at": 1708197234.5,
        "global_summary": {},
        "sessions": {found["session_id"]: found for found in sessions},
        "model_pricing": {},
    }
    path.write_text(json.dumps(report))
    return path.read_bytes()


def test_it_is_imported_once_and_stays_as_it_is(path):
    written = write(path, session("session-123", entry(1500, 800, 400), entry(1200, 600)))
    for _ in range(3):
        tracker = UsageTracker(path)
        found = tracker.get_session_usage("session-123")
        assert found.total_usage == TokenUsage(2700, 1400, 400)
        assert found.request_history == [TokenUsage(1500, 800, 400), TokenUsage(1200, 600)]
        assert (found.created_at, found.last_updated) == (1708197100.0, 1708197234.5)
        # The file says 0.04, which its own numbers do not give.
        assert found.total_cost_usd == 0.02802
    assert path.read_bytes() == written
    assert tracker.path == str(path.with_suffix(".csv"))
    assert path.with_suffix(".csv").read_text().count("recorded_at=estimated") == 2


def test_requests_are_tracked_beside_it(path):
    write(path, session("s", entry(1, 1)))
    UsageTracker(path).track_request("s", "claude-sonnet-4.5", 10, 10)
    assert UsageTracker(path).get_session_usage("s").total_usage == TokenUsage(11, 11)
    assert path.with_suffix(".csv").exists()


def test_a_reset_session_does_not_come_back(path):
    write(path, session("s", entry(1, 1)))
    assert UsageTracker(path).reset_session_usage("s") is True
    assert UsageTracker(path).get_session_usage("s") is None


def test_an_import_that_was_cut_off_is_finished(path):
    write(path, session("s", entry(1, 1), entry(2, 2), entry(4, 4)))
    UsageTracker(path)
    ledger = path.with_suffix(".csv")
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    assert UsageTracker(path).get_session_usage("s").total_usage == TokenUsage(7, 7)
    assert ledger.read_bytes().splitlines(keepends=True) == lines


def test_an_older_file_that_grew_is_not_counted_twice(path):
    write(path, session("s", entry(1, 1)))
    UsageTracker(path)
    write(path, session("s", entry(1, 1), entry(2, 2)))
    assert UsageTracker(path).get_session_usage("s").total_usage == TokenUsage(1, 1)


def test_what_the_total_has_beyond_the_history_is_one_request(path):
    write(path, session("s", entry(1, 1), total=entry(10, 5, 2)))
    found = UsageTracker(path).get_session_usage("s")
    assert found.request_history == [TokenUsage(1, 1), TokenUsage(9, 4, 2)]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sessions": []}', "\x00"])
def test_a_file_that_is_none_is_reported_and_kept(path, text):
    path.parent.mkdir()
    path.write_text(text)
    tracker = UsageTracker(path)
    assert len(tracker.check()) == 1
    assert "not imported" in tracker.check()[0]
    assert tracker.track_request("s", "m", 1, 1).saved
    assert path.read_text() == text


def test_a_bad_session_does_not_keep_the_others_out(path):
    bad = [session(f"bad-{number}", entry(1, 1)) for number in range(6)]
    bad[0]["created_at"] = "yesterday"
    bad[1]["total_usage"] = entry(-1, True)
    bad[2]["request_history"] = ["..."]
    bad[3]["total_usage"] = entry(0, 1)
    bad[4]["model_name"] = None
    bad[5]["last_updated"] = 1e300
    write(path, *bad, session("good", entry(1, 1)))
    tracker = UsageTracker(path)
    assert list(tracker.get_sessions()) == ["good"]
    assert [problem.split("'")[1] for problem in tracker.check()] == [f"bad-{n}" for n in range(6)]


def test_a_missing_file_is_an_empty_tracker(path):
    tracker = UsageTracker(path)
    assert (tracker.get_sessions(), tracker.check()) == ({}, [])
    assert not path.parent.exists()
