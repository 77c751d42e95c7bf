"""What is in a spool or a state folder, and can't be recorded or read, keeps no event waiting."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from support.commands import tokentrack
from support.ledgers import Workspace, finished, posix_only, transaction
from tokentrack.recorder import drain, event_fields, executions, hook_run, spooled
from tokentrack.recorder.metadata import MetadataCollector
from tokentrack.recorder.rows import FinishedExecution
from tokentrack.store import spool
from tokentrack.store.quarantine import QUARANTINE_NAME

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path, durability="none", hook_lock_timeout_ms=0)


def name(number: int, size: int = 700) -> str:
    return f"{number:017d}-{number:012x}.{size}.json"


def link(path: Path) -> None:
    path.symlink_to("/nowhere")


def folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def damaged(path: Path) -> None:
    path.write_bytes(b"{" * 700)


def lists(path: Path) -> None:
    path.write_bytes(b"[" + b"[]," * 1000 + b"[]]")


def huge(path: Path) -> None:
    os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 10**9)


def hard_link(path: Path) -> None:
    (path.parents[4] / "other").write_bytes(b"mine")
    path.hardlink_to(path.parents[4] / "other")


KINDS = [link, folder, pipe, damaged, lists, huge, hard_link]


@posix_only
@pytest.mark.parametrize("make", KINDS)
def test_an_entry_that_is_not_an_event_goes_and_the_next_event_is_recorded(space, make):
    space.spool.mkdir(parents=True)
    make(space.spool / name(1))
    waiting = space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    assert space.complete("next")
    assert space.ids() == ["waits", "next"]
    assert not waiting.exists()
    assert space.spooled() == []
    assert len(list((space.state / QUARANTINE_NAME).iterdir())) == 1


@posix_only
def test_thousands_of_entries_that_are_not_events_delay_no_event(space):
    space.spool.mkdir(parents=True)
    for number in range(3000):
        link(space.spool / name(number))
    (space.spool / "a foreign name").touch()
    assert space.complete("first")
    assert space.ids() == ["first"]
    while space.spooled():
        assert space.complete("more")
    assert len(list((space.state / QUARANTINE_NAME).iterdir())) == 3001


def test_more_damaged_files_than_one_drain_reads_delay_no_event(space, monkeypatch):
    space.spool.mkdir(parents=True)
    for number in range(200):
        damaged(space.spool / name(number))
    monkeypatch.setattr("tokentrack.recorder.recorder._DRAIN_SECONDS", 0)
    assert space.complete("first")
    assert space.ids() == ["first"]
    assert space.spooled() == []
    assert list((space.state / "spool").glob("aside-*"))


def test_without_setting_aside_they_would_delay_it(space, monkeypatch):
    monkeypatch.setattr(drain.spool, "set_aside", lambda _: False)
    monkeypatch.setattr(drain.quarantine, "set_aside", lambda *_: False)
    monkeypatch.setattr(drain.Drain, "take", _take_as_before)
    space.spool.mkdir(parents=True)
    for number in range(200):
        damaged(space.spool / name(number))
    assert space.complete("first")
    assert space.ids() == []


def _take_as_before(self, _seconds):
    return 0, not self._read_batch(self._look())[1]


def test_an_event_that_is_read_stays_before_those_that_come_later(space, monkeypatch):
    for number in range(100):
        event = space.event("agentExecutionCompleted", execution_id=f"row-{number}")
        space.put_in_spool(event)
    monkeypatch.setattr("tokentrack.recorder.recorder._DRAIN_SECONDS", 0)
    assert space.complete("last")
    for _ in range(5):
        space.recorder.write((), 0)
    assert space.ids() == [*[f"row-{number}" for number in range(100)], "last"]


def test_an_event_that_fails_each_time_goes_alone(space, monkeypatch):
    apply = executions.Executions.apply

    def fails(self, event):
        if event.execution_id == "bad":
            raise RuntimeError("a fault of this program")
        return apply(self, event)

    monkeypatch.setattr(executions.Executions, "apply", fails)
    for execution in ("a", "bad", "b"):
        space.put_in_spool(space.event("agentExecutionCompleted", execution_id=execution))
    assert space.complete("next")
    assert space.ids() == ["a", "b", "next"]
    (kept,) = space.quarantined()
    assert json.loads(kept)["event"]["execution_id"] == "bad"


def test_a_start_that_makes_its_completion_fail_is_set_aside(space, monkeypatch):
    assert space.record(space.event("UserPromptSubmit", session_id="s", prompt="poison"))
    completed = executions.completed

    def fails(event, started, config):
        if started is not None and started.prompt == "poison":
            raise MemoryError
        return completed(event, started, config)

    monkeypatch.setattr(executions, "completed", fails)
    assert space.record(space.event("Stop", session_id="s", prompt="answered"))
    (row,) = space.rows()
    assert row[1] == "answered"
    (kept,) = space.quarantined()
    assert b"poison" in kept


# --- from the parsed event on, every exception leads to a spool, or is counted ---


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError, KeyboardInterrupt])
def test_whatever_fails_below_the_event_waits_in_the_spool(space, monkeypatch, error):
    def fails(*_args, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("tokentrack.recorder.under_lock.new_lines", fails)
        if error is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                space.complete("row")
        else:
            assert space.complete("row")
    assert len(space.spooled()) == 1
    assert space.complete("next")
    assert space.ids() == ["row", "next"]


def test_where_the_own_spool_fails_too_the_users_takes_it(space, monkeypatch):
    put, state = spool.put, str(space.state)

    def fails(*_args, **_options):
        raise RuntimeError

    def refuses(parent, *args, **options):
        if parent.path == state:
            raise RecursionError
        return put(parent, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("tokentrack.recorder.under_lock.new_lines", fails)
        patch.setattr(spool, "put", refuses)
        assert space.complete("row")
        assert (len(space.spooled()), len(space.rescued())) == (0, 1)
        patch.setattr(spool, "put", fails)
        assert not space.complete("lost")
    assert (space.state / "lost.log").read_text().endswith(" RuntimeError\n")
    assert space.complete("next")
    assert space.ids() == ["row", "next"]


def test_metadata_that_cannot_be_collected_costs_only_itself(space, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(MetadataCollector, "complete", fails)
    assert _run(space, monkeypatch, {"hook_event_name": "Stop", "session_id": "s"})
    (row,) = space.rows()
    assert row[4] == "s"
    assert "metadata could not be collected (MemoryError)" in _log(space)


def test_an_event_that_cannot_be_parsed_is_counted(space, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(event_fields.PayloadFields, "usage", fails)
    with pytest.raises(MemoryError):
        _run(space, monkeypatch, {"hook_event_name": "Stop", "session_id": "s"})
    assert (space.state / "lost.log").read_text().endswith(" MemoryError\n")


def _run(space, monkeypatch, payload) -> bool:
    data = json.dumps(payload).encode()
    monkeypatch.setattr(hook_run.payload, "read_stdin", lambda: (data, ""))
    return hook_run.run(["--workspace", str(space.root)], space.environ)


def _log(space) -> str:
    return (space.state / "tokentrack.log").read_text()


def test_what_follows_when_the_event_is_safe_cannot_undo_it(space, monkeypatch):
    def fails(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr("tokentrack.recorder.sweep.Sweep.run", fails)
    assert space.complete("row")
    assert space.ids() == ["row"]
    assert space.spooled() == []


# --- state files ---


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("place", ["drain.json", "drained.json", "running", "closed", "quarantine",
                                   "running/s-s..json", "closed/s-s"])  # fmt: skip
@pytest.mark.parametrize("make", [link, folder, pipe, damaged, lists, huge])
def test_whatever_is_in_the_place_of_a_state_file_the_events_are_recorded(machine, place, make):
    path = machine.state / place
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    (machine.state / "spool" / "new").mkdir(parents=True)
    damaged(machine.state / "spool" / "new" / name(1))
    for _ in range(2):
        machine.send("UserPromptSubmit", "s", prompt="p")
        machine.send("Stop", "s")
    assert len(machine.rows()) == 2
    assert machine.waiting() == []


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("make", [link, folder, lists])
def test_whatever_is_in_the_place_of_all_state_files_a_command_has_no_traceback(machine, make):
    machine.send("UserPromptSubmit", "s", prompt="p")
    machine.send("Stop", "s")
    for place in ("drain.json", "drained.json", "running/s-t..json", "closed/s-t", "pending/a",
                  "quarantine", "lost.log", "tokentrack.log"):  # fmt: skip
        path = machine.state / place
        path.unlink(missing_ok=True)
        make(path)
    for words in (["status"], ["doctor"], ["verify"], ["backup", "create"], ["rotate"]):
        tokentrack(machine, *words, code=None)  # without a traceback


def test_a_given_row_that_the_model_refuses_is_not_an_event():
    item = spooled.decode(spooled.encode(finished(transaction("given"))))
    assert isinstance(item, FinishedExecution)
    data = json.loads(spooled.encode(item))
    data["row"][2] = "-1"
    with pytest.raises(ValueError, match="not a row"):
        spooled.decode(json.dumps(data).encode())
