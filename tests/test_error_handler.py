"""The error handler's decisions by policy, and that the tracker follows them."""

import errno
import json
import threading

import pytest

from support.ledgers import Workspace, posix_only, transaction
from tokentrack import CSVWriter, ErrorHandler, TokenTransaction
from tokentrack.config.error_policy import ErrorPolicy, load_policy, read_policy
from tokentrack.config.trust import trust
from tokentrack.error_handler import Action, handler_of
from tokentrack.errors import CollectorError
from tokentrack.models.rules import rule_in_force

LEDGER = "/somewhere/.kiro/token_transactions.csv"
SECRET = "the very private prompt"
PASSING = OSError(errno.EMFILE, SECRET)
LASTING = OSError(errno.ENOSPC, SECRET)


@pytest.mark.parametrize(
    ("policy", "error", "actions"),
    [
        ({}, PASSING, ["retry", "retry", "retry", "queue"]),
        ({}, LASTING, ["queue"]),
        ({}, OSError(errno.EIO, "fsync"), ["queue"]),
        ({"retry_attempts": 0}, PASSING, ["queue"]),
        ({"retry_attempts": 1}, PASSING, ["retry", "queue"]),
        ({"on_file_error": "log_and_retry"}, PASSING, ["retry", "retry", "retry", "queue"]),
        ({"on_file_error": "log_and_queue"}, PASSING, ["queue"]),
        ({"on_file_error": "log_and_skip"}, PASSING, ["skip"]),
        ({"fallback_behavior": "skip"}, LASTING, ["skip"]),
        ({"fallback_behavior": "skip", "retry_attempts": 2}, PASSING, ["retry", "retry", "skip"]),
        ({}, ValueError(SECRET), ["queue"]),
    ],
)
def test_a_failed_write_is_tried_again_then_queued_or_dropped(policy, error, actions):
    handler = ErrorHandler(ErrorPolicy(**policy))
    record = transaction()
    for round_ in range(2):  # after giving up, the count starts again
        found = [handler.handle_csv_write_error(error, LEDGER, record) for _ in actions]
        assert [decision.action for decision in found] == actions, round_
        left = [decision.attempts_left for decision in found]
        assert left == [*range(len(actions) - 2, -1, -1), 0]


def test_the_attempts_of_two_records_are_counted_apart():
    handler = ErrorHandler(ErrorPolicy(retry_attempts=1))
    for name in ("a", "b"):
        decision = handler.handle_csv_write_error(PASSING, LEDGER, transaction(name))
        assert (decision.action, decision.attempts_left) == (Action.RETRY, 0)


@pytest.mark.parametrize(
    ("policy", "given", "action"),
    [
        ("log_and_skip", True, "skip"),
        ("log_and_skip", False, "skip"),
        ("log_and_continue", True, "continue"),
        ("log_and_continue", False, "skip"),  # there is nothing that could be stored
    ],
)
def test_a_validation_error_is_skipped_unless_the_policy_is_lenient(policy, given, action):
    handler = ErrorHandler(ErrorPolicy(on_validation_error=policy))
    issues = ["tokens_used must be 0 or more, not -1", f"rule team: {SECRET}", SECRET]
    decision = handler.handle_validation_error(issues, transaction() if given else None)
    assert decision.action == action
    assert "tokens_used, rule team, the record" in decision.message


@pytest.mark.parametrize("method", ["metadata_collection", "hook_execution"])
@pytest.mark.parametrize(
    ("policy", "action"), [("log_and_continue", "continue"), ("log_and_skip", "skip")]
)
def test_an_unexpected_error_is_answered_by_the_policy(method, policy, action):
    handler = ErrorHandler(ErrorPolicy(on_unexpected_error=policy))
    decision = getattr(handler, f"handle_{method}_error")(KeyError(SECRET))
    assert (decision.action, decision.attempts_left) == (action, 0)


def test_a_failed_read_and_a_failed_export_go_on():
    handler = ErrorHandler()
    assert handler.handle_csv_read_error(LASTING, LEDGER).action is Action.CONTINUE
    assert handler.handle_export_error(LASTING, LEDGER).action is Action.CONTINUE


def test_no_message_has_a_prompt_or_a_path():
    logged = []
    handler = ErrorHandler(log=lambda _, messages: logged.extend(messages))
    record = transaction(prompt_text=SECRET)
    handler.handle_csv_write_error(PASSING, LEDGER, record)
    handler.handle_csv_read_error(ValueError(SECRET), LEDGER)
    handler.handle_export_error(LASTING, LEDGER)
    handler.handle_validation_error([f"prompt_text {SECRET}", f"rule x: {SECRET}"], record)
    handler.handle_metadata_collection_error(CollectorError("the collector 'x' is missing"))
    handler.handle_hook_execution_error(TypeError(SECRET))
    last = handler.get_error_statistics()["last_error"]["message"]
    assert len(logged) == 6
    assert not [text for text in [*logged, last] if SECRET in text or "/somewhere" in text]
    assert "the collector 'x' is missing" in logged[4]


def test_the_default_log_is_the_logger_of_the_package(caplog):
    ErrorHandler().handle_csv_read_error(LASTING, LEDGER)
    assert [(r.name, r.levelname) for r in caplog.records] == [("tokentrack", "WARNING")]


def test_threads_lose_no_count():
    handler = ErrorHandler(log=lambda *_: None)

    def work():
        for _ in range(200):
            handler.handle_csv_read_error(LASTING, LEDGER)
            handler.handle_csv_write_error(PASSING, LEDGER)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = handler.get_error_statistics()
    assert found["total_errors"] == sum(found["decisions"].values()) == 3200
    assert found["by_category"] == {"csv_read": 1600, "csv_write": 1600}
    assert found["by_type"] == {"OSError": 3200}
    assert found["decisions"]["retry"] == 1200  # 3 of 4 attempts


def test_callers_that_give_up_without_a_word_do_not_fill_the_memory():
    handler = ErrorHandler(log=lambda *_: None)
    for number in range(3000):
        handler.handle_csv_write_error(PASSING, LEDGER, transaction(f"e{number}"))
    assert len(handler._attempts) <= 1000


@pytest.mark.parametrize(
    ("block", "policy", "problems"),
    [
        ({}, {}, 0),
        ({"on_file_error": "log_and_continue", "on_validation_error": "log_and_skip",
          "on_unexpected_error": "log_and_continue", "retry_attempts": 3,
          "fallback_behavior": "graceful_degradation"}, {}, 0),
        ({"retry_attempts": 0, "fallback_behavior": "skip"},
         {"retry_attempts": 0, "fallback_behavior": "skip"}, 0),
        ({"retry_attempts": -1}, {}, 1),
        ({"retry_attempts": True, "on_file_error": []}, {}, 2),
        ({"on_file_error": "explode", "new_key": 1}, {}, 2),
    ],
)  # fmt: skip
def test_a_block_is_read_and_what_is_wrong_in_it_has_its_default(block, policy, problems):
    found, refused = read_policy(block)
    assert (found, len(refused)) == (ErrorPolicy(**policy), problems)


@pytest.mark.parametrize(
    ("text", "attempts"),
    [('{"error_handling": {"retry_attempts": 7}}', 7), ("{", 3), ("[]", 3), (None, 3),
     ('{"error_handling": 5}', 3)],
)  # fmt: skip
def test_the_policy_is_the_hook_files(tmp_path, text, attempts):
    environ = {"HOME": str(tmp_path)}
    home, root = tmp_path / "home", tmp_path / "ws"
    if text is not None:
        write_hook_file(root, text, environ)
    assert load_policy(str(root), str(home), environ)[0].retry_attempts == attempts


def test_the_workspaces_file_takes_precedence_over_the_hook_file_and_the_users(tmp_path):
    space = Workspace(tmp_path)
    home = space.home / ".kiro"
    home.mkdir()

    def policy():
        return load_policy(str(space.root), str(home), space.environ)[0]

    block = {"retry_attempts": 1, "fallback_behavior": "skip"}
    (home / "token_tracker_config.json").write_text(json.dumps({"error_handling": block}))
    assert policy() == ErrorPolicy(**block)
    write_hook_file(space.root, '{"error_handling": {"retry_attempts": 2}}', space.environ)
    assert policy() == ErrorPolicy(**{**block, "retry_attempts": 2})
    path = space.kiro / "token_tracker_config.json"
    path.write_text('{"error_handling": {"retry_attempts": 3, "fallback_behavior": "skip"}}')
    assert policy().retry_attempts == 2  # it is not trusted
    trust(path, path.read_bytes(), space.environ)
    assert policy().retry_attempts == 3


def write_hook_file(root, text, environ):
    path = root / ".kiro" / "hooks" / "token-tracking.kiro.hook"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    trust(path, path.read_bytes(), environ)


class FailsAtFirst:
    """A recorder whose first writes fail as a full table of open files would make them."""

    def __init__(self, recorder, failures, after):
        self.recorder, self.failures, self.after, self.calls = recorder, failures, after, 0

    def write(self, items, seconds, *, repeated=False):
        self.calls += 1
        if self.calls > self.failures:
            return self.recorder.write(items, seconds, repeated=repeated)
        if self.after:  # the rows are written when the error comes
            self.recorder.write(items, seconds, repeated=repeated)
        raise PASSING

    def rescue(self, items, cause):
        return self.recorder.rescue(items, cause)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("failures", "in_ledger"), [(1, 1), (3, 1), (4, 0)])
def test_a_writer_tries_again_as_often_as_the_policy_says(tmp_path, failures, after, in_ledger):
    space = Workspace(tmp_path, durability="none")
    writer = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    writer.recorder.recorder = FailsAtFirst(writer.recorder.recorder, failures, after)
    assert writer.write_transaction(transaction()) is (failures < 4), "queued is not written"
    assert writer.recorder.recorder.calls == min(failures + 1, 4)
    assert len(space.rows()) == max(in_ledger, after), "written once, however often it is tried"
    space.tracker.drain()
    assert len(space.rows()) == 1
    decisions = writer.error_handler.get_error_statistics()["decisions"]
    assert (decisions["retry"], decisions["queue"]) == (min(failures, 3), failures // 4)


@pytest.mark.parametrize(
    ("lenient", "validation", "stored"),
    [(False, True, False), (True, True, True), (False, False, True)],
)
def test_a_rule_keeps_a_record_out_unless_policy_or_configuration_say_otherwise(
    tmp_path, lenient, validation, stored
):
    space = Workspace(tmp_path, enable_validation=validation)
    if lenient:
        block = {"error_handling": {"on_validation_error": "log_and_continue"}}
        write_hook_file(space.root, json.dumps(block), space.environ)
    whole = transaction("whole")
    with rule_in_force("short", lambda t: "" if len(t.prompt_text) < 3 else f"{t.prompt_text}!"):
        tracker = space.tracker
        assert tracker.record_transaction("long prompt", 1, 0.5) is stored
        assert tracker.record_transaction("ok", 1, 0.5)
        assert tracker.record_transaction(whole) is stored
        expected = 2 if validation else 0
        assert tracker.get_statistics()["errors"]["total_errors"] == expected
    assert len(space.rows()) == 1 + 2 * stored
    log = space.state / "tokentrack.log"
    assert not validation or "rule short" in log.read_text()
    assert not validation or "long prompt" not in log.read_text()


def test_a_collector_that_fails_costs_its_tags_or_by_policy_the_record(tmp_path):
    for policy, stored in (("log_and_continue", True), ("log_and_skip", False)):
        space = Workspace(tmp_path / policy, collectors=["not-there"])
        block = {"error_handling": {"on_unexpected_error": policy}}
        write_hook_file(space.root, json.dumps(block), space.environ)
        tracker = space.tracker
        assert tracker.record_transaction("p", 1, 0.5) is stored
        found = tracker.get_statistics()["errors"]
        assert found["by_category"] == {"metadata_collection": 1}
        assert "'not-there'" in found["last_error"]["message"]


@posix_only
def test_a_removed_working_folder_costs_the_metadata_only(tmp_path, monkeypatch):
    space = Workspace(tmp_path)
    tracker = space.tracker
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert tracker.record_transaction("p", 1, 0.5)
    assert tracker.get_statistics()["errors"]["by_category"] == {"metadata_collection": 1}


def test_a_wrong_policy_is_logged(tmp_path):
    space = Workspace(tmp_path)
    write_hook_file(space.root, '{"error_handling": {"retry_attempts": "many"}}', space.environ)
    logged = []
    handler = handler_of(space.paths, lambda _, messages: logged.extend(messages), space.environ)
    assert handler.policy == ErrorPolicy()
    assert "retry_attempts" in logged[0]


def test_what_is_no_transaction_is_left_out_of_a_batch_and_counted(tmp_path):
    space = Workspace(tmp_path)
    writer = CSVWriter(space.config, paths=space.paths, environ=space.environ)
    good = [TokenTransaction.create_new("p", n, 0.5, "w", "t") for n in range(2)]
    assert writer.write_transactions_batch([good[0], None, {"prompt": SECRET}, good[1]]) == 2
    assert writer.error_handler.get_error_statistics()["by_category"] == {"validation": 2}
    assert writer.read_transactions() == good
