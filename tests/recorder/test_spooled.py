"""Events and records in the spool: they come out as they were put in, in the order of time."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.ledgers import (
    Workspace,
    finished,
    needs_proc,
    open_descriptors,
    posix_only,
    transaction,
)
from support.texts import TEXT
from tokentrack.recorder import spooled
from tokentrack.store import spool
from tokentrack.store.directory import Directory


@pytest.fixture
def parent(tmp_path):
    with Directory.open(str(tmp_path)) as directory:
        yield directory


def read_all(parent: Directory) -> list[bytes]:
    with spool.open_new(parent) as new:
        return [spool.read(new, name) for name in new.names()]


def test_nothing_waits_where_there_is_no_spool(parent):
    assert spool.open_new(parent) is None
    assert spool.waiting(parent) == []


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_put_in_comes_out_in_the_order_of_time(parent, durable):
    for at in (30, 10**15, 20, 10):
        spool.put(parent, at, str(at).encode(), durable=durable)
    assert read_all(parent) == [b"10", b"20", b"30", str(10**15).encode()]


@pytest.mark.parametrize("at", [0, -1, 10**15, 253_402_300_799_999_999])
def test_any_time_of_a_record_makes_a_name(parent, at):
    spool.put(parent, 5 * 10**14, b"later", durable=False)
    spool.put(parent, at, b"this", durable=False)
    assert sorted(read_all(parent)) == [b"later", b"this"]


def test_events_of_the_same_moment_all_wait(parent):
    def put() -> None:
        for _ in range(50):
            spool.put(parent, 7, b"event", durable=False)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spool.waiting(parent)) == 400


@posix_only
def test_an_event_that_can_not_be_put_leaves_nothing_behind(parent, tmp_path):
    spool.put(parent, 1, b"first", durable=False)
    (tmp_path / "spool" / "new").rename(tmp_path / "spool" / "away")
    (tmp_path / "spool" / "new").symlink_to("away")
    with pytest.raises(OSError, match="new"):
        spool.put(parent, 2, b"second", durable=False)
    assert list((tmp_path / "spool" / "tmp").iterdir()) == []
    assert len(list((tmp_path / "spool" / "away").iterdir())) == 1


@posix_only
def test_a_spool_is_private(parent, tmp_path):
    before = os.umask(0)
    try:
        spool.put(parent, 1, b"event", durable=False)
    finally:
        os.umask(before)
    found = [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]
    assert len(found) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in found)


@needs_proc
def test_a_spool_leaks_no_descriptor(parent):
    spool.put(parent, 1, b"event", durable=True)
    before = open_descriptors()
    for at in range(5):
        spool.put(parent, at, b"event", durable=True)
        spool.waiting(parent)
        read_all(parent)
    assert open_descriptors() == before


@given(TEXT, TEXT, TEXT)
@settings(deadline=None)
def test_an_event_comes_back_from_its_file(prompt, session, response):
    space = EVENTS
    fields = {"prompt": prompt, "session_id": session, "assistant_response": response}
    event = space.event("UserPromptSubmit", **fields)
    back = spooled.decode(spooled.encode(event))
    assert back.to_dict() == event.to_dict()
    assert spooled.time_of(back) == event.at


@given(TEXT, TEXT, st.lists(TEXT.filter(bool), max_size=3))
@settings(deadline=None)
def test_a_given_record_comes_back_from_its_file(prompt, message, patterns):
    row = transaction(prompt_text=prompt, error_message=message, file_patterns=patterns)
    item = finished(row)
    back = spooled.decode(spooled.encode(item))
    assert back.transaction == row
    assert back.usage == item.usage
    assert spooled.time_of(back) == row.timestamp_us


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_event(data):
    with pytest.raises(ValueError, match=r"\w"):
        spooled.decode(data)


class _Events(Workspace):
    # Only to make events: there is no folder.
    def __init__(self) -> None:
        self.environ = {"HOME": os.sep}


EVENTS = _Events()
