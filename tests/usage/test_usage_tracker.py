"""Sessions, totals, resets and reports of tracked requests, over processes and reopened files."""

import json
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import at_most
from support.usage_fixtures import MODEL, rows_of, run_python
from tokentrack.common import timestamps
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.usage import (
    MODEL_PRICING,
    SessionTokenUsage,
    TokenTracker,
    TokenUsage,
    UsageTracker,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "ada")
    for name in ("KIRO_HOME", "TOKENTRACK_PRICES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "my" / "token_usage.csv"


@pytest.fixture
def tracker(path):
    with UsageTracker(path) as opened:
        yield opened


def test_the_first_snippet_of_the_page_in_the_users_own_ledger(home):
    assert TokenTracker is UsageTracker
    tracker = TokenTracker()
    tracker.track_request(
        session_id="session-123",
        model_name="claude-sonnet-4.5",
        input_tokens=1500,
        output_tokens=800,
        cached_tokens=400,
    )
    session = tracker.get_session_usage("session-123")
    assert isinstance(session, SessionTokenUsage)
    assert session.total_usage == TokenUsage(1500, 800, 400)
    assert session.total_cost_usd == 0.01542
    (row,) = rows_of(home / ".kiro" / "token_usage.csv")
    assert row["token_basis"] == "reported"
    assert row["source"] == "tracked-request"
    assert (row["user"], row["credits"]) == ("ada", "")


def test_kiro_home_is_honoured(tmp_path, monkeypatch):
    monkeypatch.setenv("KIRO_HOME", str(tmp_path / "elsewhere"))
    assert UsageTracker().path == str(tmp_path / "elsewhere" / "token_usage.csv")


def test_files_are_private(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_session_over_several_requests(tracker):
    tracker.track_request("s", "claude-haiku-4.5", 1000, 0)
    tracker.track_request("s", MODEL, 1000, 1000)
    session = tracker.get_session_usage("s")
    assert session.request_history == [TokenUsage(1000, 0), TokenUsage(1000, 1000)]
    assert (session.request_count, session.model_name) == (2, MODEL)
    assert session.total_cost_usd == 0.001 + 0.018
    assert session.created_at < session.last_updated
    assert tracker.get_session_usage("other") is None


def test_a_clock_that_goes_back_does_not_shorten_a_session(path, tracker, monkeypatch):
    for seconds, model in ((2000, "first"), (3000, "latest"), (1000, "earliest"), (2500, "last")):
        monkeypatch.setattr(timestamps, "now_us", lambda seconds=seconds: seconds * 1_000_000)
        tracker.track_request("s", model, 1, 0)
        tracker.get_session_usage("s")
    for reader in (tracker, UsageTracker(path)):
        session = reader.get_session_usage("s")
        assert (session.created_at, session.last_updated) == (1000, 3000)
        assert session.model_name == "latest"


def test_a_session_that_was_handed_out_does_not_change(tracker):
    tracker.track_request("s", MODEL, 1, 1)
    session = tracker.get_session_usage("s")
    session.request_history.clear()
    tracker.track_request("s", MODEL, 1, 1)
    assert session.total_usage == TokenUsage(1, 1)
    assert tracker.get_session_usage("s").request_count == 2


def test_history_is_bounded_and_the_count_is_not(path):
    with UsageTracker(path, history_limit=3) as tracker:
        for tokens in range(5):
            tracker.track_request("s", MODEL, tokens, 0)
        session = tracker.get_session_usage("s")
    assert [usage.input_tokens for usage in session.request_history] == [2, 3, 4]
    assert (session.request_count, session.total_usage.input_tokens) == (5, 10)


def test_an_unknown_model_is_counted_and_never_costs_nothing(tracker):
    tracker.track_request("s", "mystery", 1000, 1000)
    assert tracker.get_session_usage("s").total_cost_usd is None
    assert tracker.get_global_cost() is None
    tracker.track_request("s", MODEL, 2000, 1000)
    session, total = tracker.get_session_usage("s"), tracker.get_global_total()
    assert (session.total_cost_usd, session.unpriced_requests) == (0.021, 1)
    assert (total.cost_usd, total.unpriced_requests, total.requests) == (0.021, 1, 2)


def test_global_totals(tracker):
    assert (tracker.get_global_usage(), tracker.get_global_cost()) == (TokenUsage(), 0.0)
    tracker.track_request("a", MODEL, 2000, 1000, 800)
    tracker.track_request("b", "claude-opus-4.6", 2000, 1000)
    assert tracker.get_global_usage() == TokenUsage(4000, 2000, 800)
    assert tracker.get_global_cost() == 0.12384
    # With a name: all tokens as if that model had served them.
    assert tracker.get_global_cost("claude-haiku-4.5") == 0.01328


def test_refused_requests_leave_no_trace(path, tracker):
    with pytest.raises(ValidationError) as caught:
        tracker.track_request("", None, -1, True, "x")
    assert len(caught.value.issues) == 5
    with pytest.raises(ValidationError, match="one request cannot have more than"):
        tracker.track_request("s", MODEL, 10**12, 1)
    assert not path.exists()


@pytest.mark.parametrize("name", ['a,"b', "line\nbreak\r\0", "\\n", "\ud800", "=1+1", "ключ"])
def test_any_text_is_a_session(path, tracker, name):
    tracker.track_request(name, MODEL, 1, 1)
    tracker.track_request(name, MODEL, 1, 1)
    assert UsageTracker(path).get_session_usage(name).request_count == 2
    assert path.read_bytes().count(b"\n") == 3


def test_every_tracker_sees_what_any_process_tracked(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    program = """
import json, sys
from tokentrack.usage import UsageTracker
tracker = UsageTracker(sys.argv[1])
tracker.track_request("s", "claude-sonnet-4.5", 10, 10)
print(json.dumps(tracker.get_session_usage("s").request_count))
"""
    assert run_python(program, path) == 2
    assert tracker.get_session_usage("s").total_usage == TokenUsage(11, 11)


def test_a_reset_counts_for_every_process(path, tracker):
    other = UsageTracker(path)
    tracker.track_request("s", MODEL, 1000, 0)
    other.track_request("kept", MODEL, 5, 0)
    assert other.reset_session_usage("s") is True
    assert tracker.reset_session_usage("s") is False
    assert tracker.get_session_usage("s") is None
    assert tracker.get_global_usage() == TokenUsage(5, 0)
    tracker.track_request("s", MODEL, 7, 0)
    for reader in (tracker, other, UsageTracker(path)):
        assert reader.get_session_usage("s").total_usage == TokenUsage(7, 0)
    # A reset does not undo spending: the ledger and the totals over time keep it.
    (today,) = other.get_usage_by_period("month")
    assert today.total.usage == TokenUsage(1012, 0)
    assert [row["source"] for row in rows_of(path)].count("session-reset") == 1


def test_a_session_that_is_unknown_can_not_be_reset(path, tracker):
    assert tracker.reset_session_usage("s") is False
    assert not path.exists()


def test_rows_of_the_hook_are_no_tracked_requests(machine):
    machine.send("UserPromptSubmit", prompt="hello there")
    machine.send("Stop")
    path = machine.folder / "token_usage.csv"
    tracker = UsageTracker(path)
    assert (tracker.get_global_total().requests, tracker.check()) == (0, [])
    tracker.track_request("s1", MODEL, 1, 2)
    machine.send("Stop", session="s2")
    assert tracker.get_sessions().keys() == {"s1"}
    hook, tracked, _ = rows_of(path)
    assert (hook["token_basis"], tracked["token_basis"]) == ("estimated", "reported")
    assert len(machine.rows()) == 2


def test_the_shape_of_the_report(tracker):
    tracker.track_request("session-123", MODEL, 2700, 1400, 400)
    tracker.track_request("other", "mystery", 1, 1)
    report = json.loads(json.dumps(tracker.export_usage_report(), allow_nan=False))
    assert report.keys() == {"generated_at", "global_summary", "sessions", "model_pricing"}
    assert report["global_summary"] == {
        "total_tokens": 4102,
        "input_tokens": 2701,
        "output_tokens": 1401,
        "cached_tokens": 400,
        "total_cost_usd": 0.02802,
        "session_count": 2,
    }
    session = report["sessions"]["session-123"]
    assert session.keys() == {
        "session_id", "model_name", "total_usage", "request_history", "created_at",
        "last_updated", "total_cost_usd", "request_count",
    }  # fmt: skip
    assert session["request_history"] == [session["total_usage"]]
    assert report["sessions"]["other"]["total_cost_usd"] is None
    assert report["model_pricing"].keys() == {*MODEL_PRICING, "mystery"}
    assert report["model_pricing"]["mystery"] is None


def test_totals_over_users(tracker, monkeypatch):
    tracker.track_request("a", MODEL, 1, 1)
    monkeypatch.setenv("USER", "bob")
    tracker.track_request("b", MODEL, 10, 10)
    tracker.track_request("c", MODEL, 100, 100)
    users = tracker.get_usage_by_user()
    assert [(user, total.requests) for user, total in users.items()] == [("ada", 1), ("bob", 2)]


def test_a_foreign_file_is_kept_aside(path, caplog):
    path.parent.mkdir()
    path.write_bytes(b"garbage\x00\nmore, of it\n")
    tracker = UsageTracker(path)
    assert (tracker.get_global_usage(), len(tracker.check())) == (TokenUsage(), 2)
    assert tracker.track_request("s", MODEL, 1, 1).saved
    (aside,) = path.parent.glob("token_usage.csv.corrupt-*")
    assert aside.read_bytes() == b"garbage\x00\nmore, of it\n"
    assert (tracker.get_global_usage(), tracker.check()) == (TokenUsage(1, 1), [])
    assert "kept as" in caplog.text


def test_a_ledger_of_executions_is_never_moved(tmp_path):
    with pytest.raises(ValidationError, match="name the usage ledger"):
        UsageTracker(tmp_path / "token_transactions.csv")
    path = tmp_path / "other.csv"
    path.write_text("timestamp,prompt_text,tokens_used,elapsed_time,session_id\n")
    tracker = UsageTracker(path)
    assert not tracker.track_request("s", MODEL, 1, 1).saved
    assert path.read_text().startswith("timestamp,")


def test_damaged_rows_are_counted_and_the_others_are_not_lost(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    with path.open("a") as file:
        file.write("half a row\n")
        cells = dict.fromkeys(USAGE_COLUMNS, "") | {"source": "tracked-request"}
        cells |= {"recorded_at": "2026-01-01T00:00:00Z", "input_tokens": "1many"}
        file.write(",".join(cells.values()) + "\n")
    tracker.track_request("s", MODEL, 1, 1)
    assert tracker.get_session_usage("s").request_count == 2
    assert [problem.split(":")[0] for problem in UsageTracker(path).check()] == [
        "token_usage.csv line 3",
        "token_usage.csv line 4",
    ]


def test_a_torn_last_line_goes_to_quarantine(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    with path.open("a") as file:
        file.write("torn,2026")
    tracker.track_request("s", MODEL, 1, 1)
    assert UsageTracker(path).get_session_usage("s").request_count == 2
    (kept,) = (path.parent / ".tokentrack" / "quarantine").iterdir()
    assert kept.read_bytes() == b"torn,2026"


def test_another_file_in_its_place_is_read_anew(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    tracker.get_global_usage()
    tracker.track_request("t", MODEL, 1, 1)
    one_less = b"".join(path.read_bytes().splitlines(keepends=True)[:-1])
    tracker.get_global_usage()
    path.write_bytes(one_less)
    assert tracker.get_global_usage() == TokenUsage(1, 1)
    path.unlink()
    assert tracker.get_global_usage() == TokenUsage()


def test_a_later_row_of_a_request_supersedes_the_earlier_one(path, tracker):
    tracker.track_request("s", MODEL, 1, 1)
    tracker.track_request("s", MODEL, 5, 5)
    assert tracker.get_global_total().requests == 2
    header, first, second = path.read_text().splitlines()
    path.write_text("\n".join([header, first, second, first.replace(",1,1,0,", ",3,3,0,"), ""]))
    for reader in (tracker, UsageTracker(path)):
        assert reader.get_global_usage() == TokenUsage(8, 8)
        assert reader.get_usage_by_user()["ada"].requests == 2


def test_a_disk_that_fails_does_not_raise_and_nothing_is_forgotten(path, tracker, caplog):
    path.parent.write_text("a file where the folder should be")
    result = tracker.track_request("s", MODEL, 1, 1)
    assert (result.saved, tracker.unsaved_requests) == (False, 1)
    assert tracker.reset_session_usage("s") is False
    assert "not on disk yet" in caplog.text
    path.parent.unlink()
    assert tracker.get_session_usage("s").request_count == 1
    assert tracker.track_request("s", MODEL, 1, 1).saved
    assert (len(rows_of(path)), tracker.unsaved_requests) == (2, 0)


def test_what_can_be_kept_nowhere_is_counted(path):
    path.parent.write_text("a file where the folder should be")
    tracker = UsageTracker(path, queue_size=2)
    saved = [tracker.track_request("s", MODEL, 1, 1).saved for _ in range(5)]
    assert (any(saved), tracker.unsaved_requests, tracker.lost_requests) == (False, 2, 3)
    tracker.close()
    assert tracker.lost_requests == 5


def test_a_ledger_that_can_not_be_read_is_an_error_and_no_zero(path):
    path.mkdir(parents=True)
    with pytest.raises(FileSystemError, match="can't be read"):
        UsageTracker(path).get_global_usage()


def test_a_link_is_not_followed(path, tmp_path):
    path.parent.mkdir()
    target = tmp_path / "target.csv"
    target.write_text("mine\n")
    path.symlink_to(target)
    assert not UsageTracker(path).track_request("s", MODEL, 1, 1).saved
    assert target.read_text() == "mine\n"


@pytest.mark.parametrize(
    "options", [{"history_limit": -1}, {"queue_size": 0}, {"zone": "Mars/Olympus"}]
)
def test_arguments_out_of_bounds_are_refused(path, options):
    with pytest.raises(ValidationError):
        UsageTracker(path, **options)


OPERATIONS = st.lists(
    st.tuples(st.sampled_from("tttr"), st.sampled_from("ab"), st.integers(0, 99), st.booleans()),
    max_size=12,
)


@given(OPERATIONS)
@settings(max_examples=at_most(40))
def test_any_order_of_requests_and_resets_gives_the_same_as_a_dictionary(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("usage") / "token_usage.csv"
    trackers = [UsageTracker(path), UsageTracker(path)]
    model = {}
    for kind, session, tokens, second in steps:
        if kind == "t":
            trackers[second].track_request(session, MODEL, tokens, tokens)
            model.setdefault(session, []).append(TokenUsage(tokens, tokens))
        else:
            assert trackers[second].reset_session_usage(session) is bool(model.pop(session, None))
    for tracker in (*trackers, UsageTracker(path)):
        found = tracker.get_sessions()
        assert {name: found[name].request_history for name in found} == model


def test_the_ledger_is_opened_by_a_relative_path_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracker = UsageTracker("usage_of_mine.csv")
    os.chdir("/")
    tracker.track_request("s", MODEL, 1, 1)
    assert len(rows_of(tmp_path / "usage_of_mine.csv")) == 1
