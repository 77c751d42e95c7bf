"""Records of the Python API: which are accepted, own rules, and the cost of the import."""

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

import tokentrack
from support.kiro import read_csv
from support.ledgers import Workspace, transaction
from tokentrack import CSVWriter, TokenTrackingHook, TokenTransaction
from tokentrack.errors import ValidationError
from tokentrack.models.rules import register_rule, registered_rules, remove_rule, rule_in_force
from tokentrack.recorder import guarded
from tokentrack.recorder.guarded import write_slot
from tokentrack.recorder.tokens import estimate_tokens

ARGUMENTS = ("p", 1, 0.5, "w", "manual")


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path)


def short_workspace(record):
    return "" if len(record.workspace_folder) < 3 else "workspace_folder must be short"


def two_problems(_):
    return ["one", "two", ""]


def broken(_):
    raise KeyError("a private text")


# --- rules ---


@pytest.mark.parametrize(
    ("rule", "issues"),
    [
        (short_workspace, []),
        (two_problems, ["rule r: one", "rule r: two"]),
        (broken, ["rule r: failed (KeyError)"]),
        (lambda _: None, []),
        (lambda _: "no", ["rule r: no"]),
        (lambda _: iter(["a"]), ["rule r: a"]),
    ],
)
def test_a_rule_is_asked_for_every_record_that_is_made(rule, issues):
    with rule_in_force("r", rule):
        if issues:
            with pytest.raises(ValidationError) as caught:
                TokenTransaction.create_new(*ARGUMENTS)
            assert caught.value.issues == issues
        else:
            assert TokenTransaction.create_new(*ARGUMENTS)
    assert TokenTransaction.create_new(*ARGUMENTS)


def test_the_problems_of_fields_and_rules_are_in_one_error():
    with (
        rule_in_force("a", two_problems),
        rule_in_force("b", lambda record: record.prompt_text + 1),
        pytest.raises(ValidationError) as caught,
    ):
        TokenTransaction.create_new("p", -1, "x", "w", "manual")
    subjects = [issue.split(" ")[0] for issue in caught.value.issues]
    assert subjects == ["tokens_used", "elapsed_time", "rule", "rule"]


def test_no_rule_costs_a_row_of_an_event_or_of_a_file(space):
    made = transaction()
    with rule_in_force("never", lambda _: "never"):
        assert TokenTransaction.from_csv_row(made.to_csv_row()) == made
        assert space.complete("exec-1")
        assert len(space.tracker.get_transaction_history()) == 1


def test_names_are_taken_once_and_can_be_given_back():
    register_rule("mine", short_workspace)
    try:
        with pytest.raises(ValidationError, match="already registered"):
            register_rule("mine", short_workspace)
        assert registered_rules() == ("mine",)
    finally:
        assert remove_rule("mine")
    assert not remove_rule("mine")
    assert registered_rules() == ()


@pytest.mark.parametrize(("name", "rule"), [("", short_workspace), ("x", None), ("x", "text")])
def test_what_is_no_rule_is_refused(name, rule):
    with pytest.raises(ValidationError):
        register_rule(name, rule)


# --- what a call takes ---


def usage_of(space):
    return read_csv(space.usage)[-1]


def test_what_the_context_reports_is_in_the_usage_ledger(space, monkeypatch):
    monkeypatch.chdir(space.root)
    known = {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 3, "model": "auto"}
    others = {"tags": {"issue": "218"}, "customer": "acme", "attempt": 2, "deep": {"a": 1}}
    assert space.tracker.record_transaction("p", context={**known, **others})
    usage = usage_of(space)
    assert {name: usage[name] for name in known} == {n: str(v) for n, v in known.items()}
    assert usage["token_basis"] == "reported"
    assert set(usage["tags"].split(";")) == {"issue=218", "customer=acme", "attempt=2"}
    (row,) = space.tracker.get_transaction_history()
    assert (row.tokens_used, row.elapsed_time) == (15, None)


@pytest.mark.parametrize(
    ("reported", "cells"),
    [
        ({"input_tokens": 10, "output_tokens": 5, "cached_tokens": 3}, ("10", "5", "3")),
        ({"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 4,
          "cache_creation_input_tokens": 2}, ("9", "5", "4")),
        ({"output_tokens": 5, "cache_read_input_tokens": 4}, ("", "5", "4")),
    ],
)  # fmt: skip
def test_the_input_of_the_usage_ledger_has_the_cache_in_it(space, reported, cells):
    assert space.tracker.record_transaction("p", context={"usage": reported})
    usage = usage_of(space)
    assert (usage["input_tokens"], usage["output_tokens"], usage["cached_tokens"]) == cells


@pytest.mark.parametrize(
    ("tokens", "estimate", "expected"),
    [(None, True, ("estimated", estimate_tokens("twelve chars"))),
     (None, False, ("unknown", 0)), (0, True, ("reported", 0)),
     (7, True, ("reported", 7))],
)  # fmt: skip
def test_a_number_says_what_it_is(tmp_path, tokens, estimate, expected):
    space = Workspace(tmp_path, estimate_tokens=estimate)
    assert space.tracker.record_transaction("twelve chars", tokens)
    found = space.tracker.get_transaction_history()[0].tokens_used
    assert (usage_of(space)["token_basis"], found) == expected


@pytest.mark.parametrize("how", ["call", "record", "keyword"])
def test_a_prompt_is_cut_and_redacted_however_it_is_given(tmp_path, how):
    space = Workspace(tmp_path, max_prompt_length=60)
    prompt = "AKIAIOSFODNN7EXAMPLE " + "x" * 100
    tracker = space.tracker
    if how == "call":
        assert tracker.record_transaction(prompt, 1, 0.5)
    elif how == "record":
        assert tracker.record_transaction(transaction(prompt_text=prompt))
    else:
        assert tracker.record_transaction(transaction=transaction(prompt_text=prompt))
    stored = space.tracker.get_transaction_history()[0].prompt_text
    assert len(stored) <= 60
    assert stored.endswith("]")
    assert b"AKIAIOSFODNN7EXAMPLE" not in space.ledger.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        (), (5,), (b"bytes",), ("p", -1), ("p", "5"), ("p", 1, -1.0), ("p", 1, "1"),
        ("p", 1, 0.5, 5), ("p", 1, 0.5, [("a", 1)]), ("p", 1, 0.5, {1: 2}),
        ("p", 1, 0.5, {"session_id": 5}), ("p", None, 0.5, {"tokens_used": "many"}),
    ],
)  # fmt: skip
def test_bad_data_is_false_logged_without_its_text_and_counted(space, arguments):
    tracker = space.tracker
    assert tracker.record_transaction(*arguments) is False
    assert tracker.get_statistics()["errors"]["by_category"] == {"validation": 1}
    assert "refused" in (space.state / "tokentrack.log").read_text()
    assert space.rows() == []


def test_without_validation_what_a_context_has_of_the_wrong_type_is_left_out(tmp_path):
    space = Workspace(tmp_path, enable_validation=False)
    assert space.tracker.record_transaction("p", 1, 0.5, {"session_id": 5, "hook_name": "h"})
    assert not space.tracker.record_transaction("p", -1, 0.5)
    (row,) = space.tracker.get_transaction_history()
    assert (row.session_id, row.hook_name) == ("", "h")


def test_a_path_is_taken_as_text(space):
    assert space.tracker.record_transaction("p", 1, 0.5, {"workspace_folder": Path("mine")})
    assert space.tracker.get_transaction_history()[0].workspace_folder == "mine"


def test_a_switched_off_tracker_records_nothing(tmp_path):
    space = Workspace(tmp_path, enabled=False)
    assert space.tracker.record_transaction("p", 1, 0.5) is False
    assert list(space.kiro.iterdir()) == []


# --- writers of one process ---


def test_no_more_threads_write_at_a_time_than_the_configuration_allows():
    seen, start = [], threading.Barrier(12)

    def work():
        start.wait()
        with write_slot("ledger", 3, 30) as left:
            assert left > 0
            seen.append(guarded._writing["ledger"])

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 12
    assert max(seen) <= 3
    assert not guarded._writing


def test_a_writer_without_a_turn_leaves_its_record_in_the_spool(tmp_path):
    space = Workspace(tmp_path, max_concurrent_writes=1, file_lock_timeout_seconds=0.01)
    writer = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    assert writer.write_transaction(transaction("first"))
    with write_slot(space.paths.path, 1, 1), space.locked():
        assert writer.write_transaction(transaction("second"))
        assert len(space.spooled()) == 1
    space.tracker.drain()
    assert space.ids() == ["first", "second"]


# --- what an import loads ---

HEAVY = {"json", "csv", "logging", "dataclasses", "click", "filelock", "jsonschema", "pathlib"}
LOADS = {
    "__version__": set(),
    "TokenTransaction": {"tracker", "csv_writer", "hook", "recorder", "error_handler"},
    "TrackerConfig": {"tracker", "csv_writer", "hook", "recorder", "error_handler"},
    "TokenTracker": {"csv_writer", "hook", "error_handler", "export", "filters", "selftest"},
    "CSVWriter": {"hook", "export", "filters", "selftest", "statistics", "backups"},
    "ErrorHandler": {"tracker", "csv_writer", "hook", "recorder"},
    "TokenTrackingHook": {"csv_writer", "export", "filters", "selftest", "statistics"},
    "ValidationError": {"models", "tracker", "csv_writer", "hook", "recorder"},
}
LIGHT = {"__version__", "TokenTransaction", "TrackerConfig", "TokenTracker", "ValidationError"}


@pytest.mark.parametrize("name", LOADS)
def test_touching_one_name_loads_nothing_it_does_not_need(name):
    code = (
        "import sys; before = set(sys.modules); import tokentrack; "
        "own = [m for m in sys.modules if m.startswith('tokentrack.')]; "
        f"tokentrack.{name}; "
        "import json; print(json.dumps([own, sorted(set(sys.modules) - before - {'json'})]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    own, loaded = json.loads(done.stdout)
    assert own == [], "the import itself loads nothing"
    forbidden = {f"tokentrack.{module}" for module in LOADS[name]}
    forbidden |= HEAVY - {"json"} if name in LIGHT else {"click", "filelock", "jsonschema"}
    assert forbidden & set(loaded) == set()


def test_every_public_name_is_there_and_no_other():
    for name in tokentrack.__all__:
        assert getattr(tokentrack, name) is not None
    assert set(tokentrack.__all__) <= set(dir(tokentrack))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tokentrack.nothing


# --- refusals ---

REFUSED = {
    "tokens_used must be a whole number of 0 or more, not str": {"tokens_used": "5"},
    "tokens_used must be a whole number of 0 or more, not -1": {"tokens_used": -1},
    "tokens_used must be a whole number of 0 or more, not True": {"tokens_used": True},
    "tokens_used must be a whole number of 0 or more, not 1.5": {"tokens_used": 1.5},
    "elapsed_time must be from 0 to 1,000,000,000 s, not timedelta": {
        "elapsed_time": timedelta(seconds=1)
    },
    "prompt_text must be text or a TokenTransaction, not bytes": {"prompt_text": b"SECRET"},
    "context must be a mapping with text keys, not list": {"context": ["SECRET"]},
    "context: session_id must be text, not int": {"context": {"session_id": 5}},
    "context: credits must be a number of 0 or more": {"context": {"credits": "SECRET"}},
    "context: credits_basis must be one of reported, estimated, unknown": {
        "context": {"credits": 1, "credits_basis": "SECRET"}
    },
    "context: timestamp must be a datetime or an ISO 8601 time": {"context": {"timestamp": 0.1}},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refused_record_says_why_and_quotes_no_text(space, caplog, reason):
    tracker = space.tracker
    arguments = {"prompt_text": "SECRET", "tokens_used": 1, "elapsed_time": 1.0, **REFUSED[reason]}
    assert not tracker.record_transaction(**arguments)
    last = tracker.get_statistics()["errors"]["last_error"]
    assert last["message"] == f"a record is refused: {reason}"
    assert [record.getMessage() for record in caplog.records] == [last["message"]]
    assert {record.name for record in caplog.records} == {"tokentrack"}
    log = (space.state / "tokentrack.log").read_text()
    assert reason in log
    assert "SECRET" not in log


def test_of_a_rule_only_the_name_is_told(space, caplog):
    with rule_in_force("short", lambda record: f"{record.prompt_text} is long"):
        assert not space.tracker.record_transaction("SECRET", 1, 1.0)
    assert [record.getMessage() for record in caplog.records] == [
        "a record is refused because of problems with rule short"
    ]


def test_a_context_that_contains_itself_is_refused(space):
    context = {"session_id": "s"}
    context["usage"] = context
    tracker = space.tracker
    assert not tracker.record_transaction("p", 1, 1.0, context)
    message = tracker.get_statistics()["errors"]["last_error"]["message"]
    assert message == "a record is refused: context must not contain itself"
    hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
    hook.on_agent_execution_complete(context)
    assert (space.rows(), hook.get_statistics()["events_refused"]) == ([], 1)


# --- the same record again ---


def test_a_record_that_is_given_again_is_accepted_and_stored_once(space):
    tracker = space.tracker
    record = transaction("e1")
    assert tracker.record_transaction(record)
    assert tracker.record_transaction("another", 1, 1.0)
    assert tracker.record_transaction(record)
    assert len(space.rows()) == len(read_csv(space.usage)) == 2
    assert tracker.record_transaction(transaction("e2"))
    assert tracker.record_transaction(transaction("e1", tokens_used=99))  # of the same execution
    assert [row["tokens_used"] for row in read_csv(space.ledger)][-1] == "99"
    assert len(space.rows()) == 4


def test_a_record_that_waits_and_is_given_again_is_stored_once(space):
    record = transaction("e1")
    space.config.file_lock_timeout_seconds = 0.0
    with space.locked():
        assert space.tracker.record_transaction(record)
        assert space.tracker.record_transaction(record)
        assert space.rows() == []
    assert space.tracker.record_transaction(record)
    assert len(space.rows()) == len(read_csv(space.usage)) == 1
