"""The documented properties of the Python API, by number; each fault has a control."""

import errno
import json
import multiprocessing
import os
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.examples import at_most
from support.flawed import FlawedRecorder
from support.ledgers import Workspace
from support.operations import operate, operate_in_process, settle, writer_of
from tokentrack import CSVWriter, TokenTracker, TokenTrackingHook, TokenTransaction
from tokentrack.config.trust import trust
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COMPLETED

few = settings(max_examples=at_most(25))
# Lone surrogates and NUL are texts too.
texts = st.text(st.characters(codec=None), max_size=60)
names = st.text(st.characters(codec=None), min_size=1, max_size=20)
counts = st.integers(0, 2**63 - 1)
durations = st.none() | st.floats(0, 1e9) | st.integers(0, 10**9)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
transactions = st.builds(
    TokenTransaction,
    timestamp=times,
    prompt_text=texts,
    tokens_used=counts,
    elapsed_time=durations,
    session_id=texts,
    workspace_folder=texts,
    hook_trigger_type=texts,
    agent_execution_id=names,
    file_patterns=st.lists(names, max_size=4),
    hook_name=texts,
    error_occurred=st.booleans(),
    error_message=texts,
)


@contextmanager
def workspace(**config):
    with tempfile.TemporaryDirectory() as folder:
        yield Workspace(Path(folder), durability="none", **config)


# --- 1: CSV transaction persistence ---


@few
@given(st.lists(transactions, max_size=5))
def test_property_1_every_valid_transaction_is_stored_and_comes_back_equal(given_ones):
    with workspace() as space:
        writer = writer_of(space)
        assert writer.write_transactions_batch(given_ones) == len(given_ones)
        assert writer.read_transactions() == given_ones
        assert writer.validate_csv_integrity()["issues"] == []


# --- 2: data append safety ---


@few
@given(st.lists(st.lists(transactions, max_size=3), max_size=5))
def test_property_2_an_append_leaves_every_earlier_byte_as_it_was(batches):
    with workspace() as space:
        before = b""
        for batch in batches:
            writer_of(space).write_transactions_batch(batch)
            after = space.ledger.read_bytes() if space.ledger.exists() else b""
            assert after.startswith(before)
            before = after
        assert writer_of(space).read_transactions() == [one for batch in batches for one in batch]


# --- 3: no transaction lost or damaged by any set of concurrent operations ---

operations = st.lists(
    st.lists(st.sampled_from(["write", "batch", "event", "backup", "read", "check", "export"]),
             min_size=1, max_size=4),
    min_size=2, max_size=5,
)  # fmt: skip


class Unlocked(FlawedRecorder):
    """Rewrites the whole file, like a writer that ignores all others."""

    def write(self, items, seconds, *, repeated=False):  # noqa: ARG002
        path = self.paths.path
        before = Path(path).read_bytes() if os.path.exists(path) else b""
        seen.wait()
        with tempfile.TemporaryDirectory() as folder:
            other = Workspace(Path(folder), durability="none")
            other.recorder.record(items, 1)
            new = other.ledger.read_bytes()
        Path(path).write_bytes(before + (new.partition(b"\n")[2] if before else new))
        return len(items)


seen = threading.Barrier(2)


@few
@given(operations)
def test_property_3_threads_lose_and_damage_nothing(plan):
    with workspace() as space, ThreadPoolExecutor(len(plan)) as pool:
        accepted = list(pool.map(lambda item: operate(space, item[1], item[0]), enumerate(plan)))
        settle(space)
        assert sorted(space.ids()) == sorted(name for names in accepted for name in names)
        assert sorted(space.usage_ids()) == sorted(space.ids())
        for backup in space.kiro.glob("*_backup_*.csv"):
            assert backup.read_bytes() == b"" or backup.read_bytes().endswith(b"\n")


@pytest.mark.slow
def test_property_3_processes_lose_and_damage_nothing(tmp_path):
    plan = [["write", "batch", "event", "backup", "read"] * 4 for _ in range(6)]
    space = Workspace(tmp_path, durability="none")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(plan), mp_context=context) as pool:
        bases = [str(tmp_path)] * len(plan)
        accepted = list(pool.map(operate_in_process, bases, plan, range(len(plan))))
    settle(space)
    assert sorted(space.ids()) == sorted(name for names in accepted for name in names)
    assert len(space.ids()) == 6 * 4 * 5


def test_property_3_control_a_writer_without_the_lock_loses_rows():
    with workspace() as space, ThreadPoolExecutor(2) as pool:
        writers = [writer_of(space) for _ in range(2)]
        for writer in writers:
            writer.recorder.recorder = Unlocked(space.paths, space.config, space.environ)
        made = [TokenTransaction.create_new("p", 1, 0.5, "w", "t") for _ in range(2)]
        assert all(pool.map(CSVWriter.write_transaction, writers, made))
        assert len(space.ids()) == 1


# --- 4: hook-tracker integration ---

contexts = st.fixed_dictionaries(
    {"session_id": st.sampled_from(["a", "b", "c"]), "prompt": texts},
    optional={"file_patterns": st.lists(names, max_size=3), "workspace_folder": names,
              "hook_name": names},
)  # fmt: skip


@few
@given(st.lists(st.tuples(contexts, st.integers(0, 10**9) | st.none(), st.booleans()), max_size=4))
def test_property_4_each_completion_is_one_row_with_its_metadata(turns):
    with workspace(redact_secrets=False) as space:
        hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
        for number, (context, tokens, started) in enumerate(turns):
            context = {**context, "agent_execution_id": f"exec-{number}"}  # noqa: PLW2901
            if started:
                hook.on_agent_execution_start(context)
            for _ in range(2):  # twice is once
                hook.on_agent_execution_complete(context, {"tokens_used": tokens})
        rows = space.tracker.get_transaction_history()
        assert len(rows) == len(turns)
        for row, (context, tokens, started) in zip(rows, turns, strict=True):
            assert (row.hook_trigger_type, row.session_id) == (COMPLETED, context["session_id"])
            assert row.prompt_text == context["prompt"]
            assert row.file_patterns == list(dict.fromkeys(context.get("file_patterns", [])))
            assert row.hook_name == context.get("hook_name", space.config.hook_name)
            assert tokens in {None, row.tokens_used}
            assert (row.elapsed_time is not None) == started
        assert space.usage_ids() == space.ids()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
known_keys = st.sampled_from([
    "session_id", "status", "error", "usage", "result", "tokens_used", "elapsed_time", "prompt",
    "file_patterns", "tool_input", "cwd", "hook_name", "tags", "hook_event_name", "success",
])  # fmt: skip


@few
@given(st.dictionaries(known_keys, json_values), st.dictionaries(known_keys, json_values))
def test_property_4_no_context_raises_or_costs_the_row(context, result):
    with workspace() as space:
        hook = TokenTrackingHook(space.config, root=space.root, environ=space.environ)
        hook.on_agent_execution_complete(context, result)
        assert len(space.tracker.get_transaction_history()) == 1


# --- 5: error recovery resilience ---

FOREIGN = "to,do\nbuy,milk\n"
FAULTS = ("a folder in the ledger's place", "a foreign file", "no place for folders", "lock held")


@contextmanager
def fault(space, kind):
    if kind == "lock held":
        with space.locked():
            yield
        return
    victim = space.kiro if kind == "no place for folders" else space.ledger
    aside = space.root / "aside"
    if victim.exists():
        victim.rename(aside)
    if kind == "a folder in the ledger's place":
        victim.mkdir()
    else:
        victim.write_text(FOREIGN)
    yield
    if kind == "a folder in the ledger's place":
        victim.rmdir()
    else:
        assert victim.read_text() == FOREIGN
        victim.unlink()
    if aside.exists():
        aside.rename(victim)


@few
@given(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3), st.integers(1, 3))
def test_property_5_what_a_fault_keeps_out_comes_in_when_it_is_over(kinds, each):
    with workspace(file_lock_timeout_seconds=0.0) as space:
        for kind in kinds:
            with fault(space, kind):
                for _ in range(each):
                    space.tracker.record_transaction("p", 1, 0.5)
                event(kind)
        # The next holder of the lock drains the user's folder.
        assert space.tracker.record_transaction("p", 1, 0.5)
        settle(space)
        assert len(space.ids()) == len(kinds) * each + 1


def test_property_5_control_dropping_by_policy_loses_the_rows():
    with workspace() as space:
        hooks = space.kiro / "hooks"
        hooks.mkdir()
        block = {"error_handling": {"on_file_error": "log_and_skip"}}
        file = hooks / "token-tracking.kiro.hook"
        file.write_text(json.dumps(block))
        trust(file, file.read_bytes(), space.environ)
        with fault(space, "a foreign file"):
            assert not space.tracker.record_transaction("p", 1, 0.5)
        settle(space)
        assert space.ids() == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_property_5_nowhere_to_write_is_false_and_counted(tmp_path):
    space = Workspace(tmp_path)
    (tmp_path / "file").write_text("")
    environ = {"HOME": str(tmp_path / "file"), "XDG_STATE_HOME": str(tmp_path / "file")}
    tracker = TokenTracker.for_workspace(str(tmp_path / "file"), space.config, environ)
    assert tracker.record_transaction("p", 1, 0.5) is False
    statistics = tracker.get_statistics()["errors"]
    assert statistics["by_category"] == {"csv_write": 1}
    assert statistics["last_error"]["type"] == NOT_A_FOLDER


NOT_A_FOLDER = type(OSError(errno.ENOTDIR, "")).__name__


# --- 7: special character handling ---


@few
@given(st.lists(st.text(st.characters(codec=None)), max_size=5))
def test_property_7_no_text_is_changed_and_each_record_is_one_line(prompts):
    with workspace(max_prompt_length=1_000_000, redact_secrets=False) as space:
        for prompt in prompts:
            assert space.tracker.record_transaction(prompt, 1, 0.5, {"error_message": "e"})
        assert [t.prompt_text for t in space.tracker.get_transaction_history()] == prompts
        assert len(space.lines()) == len(prompts)
        result = space.tracker.test_unicode_compatibility(prompts)
        assert (result["unicode_support_verified"], result["failed_tests"]) == (True, [])


def test_property_7_control_a_plain_line_format_does_not_keep_every_text():
    kept = []
    for text in ("a\nb", "a,b", "ü"):
        line = f"{text},1\n"
        kept.append(line.splitlines()[0].split(",")[0] == text)
    assert kept == [False, False, True]


# --- 8: data validation integrity ---

SOUND = {
    "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "prompt_text": "p", "tokens_used": 1,
    "elapsed_time": 0.5, "session_id": "s", "workspace_folder": "w", "hook_trigger_type": "t",
    "agent_execution_id": "e", "file_patterns": ["*.py"], "hook_name": "h",
    "error_occurred": False, "error_message": "",
}  # fmt: skip
WRONG = {
    "timestamp": ["2026-01-01", None, 1.5, True, datetime.min],  # noqa: DTZ901
    "prompt_text": [None, 5, b"x"],
    "tokens_used": [-1, 1.5, "5", None, True, 2**63, 10**5000],
    "elapsed_time": [-0.1, float("nan"), float("inf"), "1", True, 10**400],
    "session_id": [None, 5],
    "workspace_folder": [None, ["w"]],
    "hook_trigger_type": [None, 5],
    "agent_execution_id": [None, "", 5],
    "file_patterns": ["*.py", [5], [""], 5],
    "hook_name": [None, 5],
    "error_occurred": [None, 0, "false"],
    "error_message": [5, ["x"]],
}


@st.composite
def breakages(draw):
    chosen = draw(st.lists(st.sampled_from(sorted(WRONG)), min_size=1, unique=True))
    return {name: draw(st.sampled_from(WRONG[name])) for name in chosen}


@given(breakages())
def test_property_8_every_broken_field_is_named_and_nothing_is_stored(broken):
    with pytest.raises(ValidationError) as caught:
        TokenTransaction(**{**SOUND, **broken})
    assert {issue.split()[0] for issue in caught.value.issues} == set(broken)


def test_property_8_control_the_sound_record_is_taken():
    assert TokenTransaction(**SOUND).tokens_used == 1


@few
@given(breakages())
def test_property_8_a_tracker_refuses_what_the_model_refuses(broken):
    given_ones = {n: v for n, v in broken.items() if n in {"tokens_used", "elapsed_time"}}
    given_ones = {n: v for n, v in given_ones.items() if v is not None}  # None is unknown
    with workspace() as space:
        tracker = space.tracker
        accepted = tracker.record_transaction(
            **{"prompt_text": "p", "tokens_used": 1, "elapsed_time": 0.5, **given_ones}
        )
        assert accepted == (not given_ones)
        assert len(space.ids()) == accepted
        assert tracker.get_statistics()["errors"]["total_errors"] == bool(given_ones)
