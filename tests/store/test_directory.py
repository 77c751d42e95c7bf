"""A folder held open: private, confined, and replacing files as a whole."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from support.ledgers import needs_proc, open_descriptors, posix_only
from tokentrack.store.directory import Directory, NotRegularError, open_regular, read_regular


@pytest.fixture
def folder(tmp_path):
    with Directory.open(str(tmp_path)) as directory:
        yield directory


def test_a_file_is_replaced_whole(folder, tmp_path):
    folder.replace("file", b"old", durable=True)
    folder.replace("file", b"new", durable=True)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert folder.names() == ["file"]


@posix_only
def test_a_file_that_can_not_be_replaced_stays_and_leaves_nothing_behind(folder, tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        folder.replace("file", b"new", durable=True)
    assert folder.names() == ["file"]


def test_a_reader_sees_the_old_or_the_new_file(folder, tmp_path):
    old, new = b"o" * 100_000, b"n" * 100_000
    folder.replace("file", old, durable=False)
    seen = set()
    done = threading.Event()

    def read():
        while not done.is_set():
            seen.add((tmp_path / "file").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        folder.replace("file", new, durable=False)
        folder.replace("file", old, durable=False)
    done.set()
    reader.join()
    assert seen <= {old, new}


def test_a_new_file_takes_the_place_of_none(folder):
    folder.create("file", b"first", durable=False)
    with pytest.raises(FileExistsError):
        folder.create("file", b"second", durable=False)
    assert folder.read("file", 100) == b"first"


def test_removing_what_is_gone_is_fine(folder):
    folder.create("file", b"", durable=False)
    folder.remove("file")
    folder.remove("file")
    assert folder.names() == []


def test_a_file_is_read_from_its_end(folder):
    folder.create("file", b"0123456789", durable=False)
    assert folder.read_tail("file", 3) == b"789"
    assert folder.read_tail("file", 100) == b"0123456789"
    assert folder.read("file", 4) == b"0123"


def test_closing_twice_is_fine(tmp_path):
    directory = Directory.open(str(tmp_path))
    directory.close()
    directory.close()


def test_a_missing_folder_is_made_only_when_asked(tmp_path):
    path = str(tmp_path / "one" / "two")
    with pytest.raises(FileNotFoundError):
        Directory.open(path)
    with Directory.open(path, create=True) as made, made.child("three", create=True) as child:
        child.create("file", b"", durable=False)
        with pytest.raises(FileNotFoundError):
            made.child("four")
    assert (tmp_path / "one" / "two" / "three" / "file").exists()


def put_link(path, target):
    path.symlink_to(target)


def put_hard_link(path, target):
    os.link(target, path)


def put_fifo(path, _target):
    os.mkfifo(path)


def put_folder(path, _target):
    path.mkdir()


@posix_only
@pytest.mark.parametrize("put", [put_link, put_hard_link, put_fifo, put_folder])
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT])
def test_what_is_no_plain_file_is_not_opened(folder, tmp_path, put, flags):
    target = tmp_path / "target"
    target.write_bytes(b"keep")
    put(tmp_path / "name", target)
    before = open_descriptors() if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(OSError, match="name"):
        os.close(folder.open_file("name", flags))
    assert target.read_bytes() == b"keep"
    assert not before or open_descriptors() == before


@posix_only
@pytest.mark.parametrize("put", [put_fifo, put_folder])
@pytest.mark.parametrize("follow", [True, False])
def test_only_a_regular_file_is_opened_and_nothing_is_waited_for(tmp_path, put, follow):
    put(tmp_path / "name", None)
    with pytest.raises(NotRegularError, match="name"):
        os.close(open_regular(str(tmp_path / "name"), follow=follow))


@posix_only
def test_a_link_is_followed_only_where_it_may(tmp_path):
    (tmp_path / "target").write_bytes(b"text")
    link = tmp_path / "link"
    link.symlink_to("target")
    assert read_regular(str(link), 3, follow=True) == b"tex"
    with pytest.raises(NotRegularError, match="link"):
        read_regular(str(link), 3, follow=False)
    link.unlink()
    link.symlink_to("/dev/zero")
    with pytest.raises(NotRegularError, match="link"):
        read_regular(str(link), 3, follow=True)


def test_an_error_of_the_system_is_not_taken_for_another_kind_of_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(str(tmp_path / "missing"), follow=False)


@posix_only
def test_a_link_is_refused_where_the_system_has_no_flag_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tokentrack.store.directory._NO_FOLLOW", 0)
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "target").write_bytes(b"text")
    with pytest.raises(NotRegularError, match="link"):
        read_regular(str(tmp_path / "link"), 3, follow=False)


@posix_only
def test_a_linked_folder_is_refused_where_the_system_has_no_openat(tmp_path, monkeypatch):
    monkeypatch.setattr("tokentrack.store.directory._AT", False)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Directory.open(str(tmp_path)) as folder:
        folder.child("real").close()
        with pytest.raises(NotADirectoryError, match="link"):
            folder.child("link", create=True)


def test_a_folder_some_levels_below_is_opened_and_the_others_are_closed(tmp_path):
    before = open_descriptors() if os.path.isdir("/proc/self/fd") else 0
    with Directory.open(str(tmp_path)).descend(["a", "b"], create=True) as inner:
        inner.create("file", b"", durable=False)
        assert inner.path == str(tmp_path / "a" / "b")
    with pytest.raises(FileNotFoundError):
        Directory.open(str(tmp_path)).descend(["a", "c", "d"])
    assert not before or open_descriptors() == before
    assert (tmp_path / "a" / "b" / "file").exists()


def test_only_an_empty_folder_is_removed(folder):
    folder.child("full", create=True).close()
    folder.child("empty", create=True).close()
    with folder.child("full") as full:
        full.create("file", b"", durable=False)
    folder.remove_folder("empty")
    with pytest.raises(OSError, match="full"):
        folder.remove_folder("full")
    assert folder.names() == ["full"]


def test_chunks_that_fail_leave_the_old_file(folder, tmp_path):
    def chunks():
        yield b"new"
        raise KeyboardInterrupt

    folder.replace("file", [b"o", b"ld"], durable=True)
    with pytest.raises(KeyboardInterrupt):
        folder.replace("file", chunks(), durable=True)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert folder.names() == ["file"]


@posix_only
def test_a_file_of_the_users_may_have_two_links_and_any_mode(folder, tmp_path):
    (tmp_path / "target").write_bytes(b"text")
    put_hard_link(tmp_path / "name", tmp_path / "target")
    (tmp_path / "name").chmod(0o644)
    os.close(folder.open_file("name", os.O_RDWR, private=False))
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o644


@posix_only
def test_a_link_is_not_followed_to_a_folder(folder, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for create in (True, False):
        with pytest.raises(OSError, match="link") as caught:
            folder.child("link", create=create)
        assert caught.value.errno in (errno.ENOTDIR, errno.ELOOP)


@posix_only
def test_replacing_a_link_leaves_its_target_alone(folder, tmp_path):
    (tmp_path / "target").write_bytes(b"keep")
    (tmp_path / "link").symlink_to("target")
    folder.replace("link", b"new", durable=False)
    assert (tmp_path / "target").read_bytes() == b"keep"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_not_opened(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o666)
    os.chown(tmp_path, 12345, 12345)
    for parent in list(path.parents)[1:3]:
        parent.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            folder = Directory.open(str(tmp_path))
            os.setuid(12345)
            folder.open_file("file", os.O_RDWR)
        except OSError as error:
            code = 0 if error.errno == errno.EPERM else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


@posix_only
def test_what_is_made_is_private_whatever_the_mask(tmp_path):
    before = os.umask(0)
    try:
        with Directory.open(str(tmp_path / "new"), create=True) as made:
            made.replace("file", b"", durable=True)
            made.child("child", create=True).close()
    finally:
        os.umask(before)
    found = [tmp_path / "new", *(tmp_path / "new").iterdir()]
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(found)] == [
        "0o700", "0o700", "0o600",
    ]  # fmt: skip


@posix_only
def test_an_open_folder_stays_the_same_when_its_name_is_taken(folder, tmp_path):
    # A path would now lead elsewhere.
    child = folder.child("child", create=True)
    (tmp_path / "child").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "child").symlink_to("elsewhere")
    with child:
        child.create("file", b"", durable=True)
    assert (tmp_path / "moved" / "file").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@needs_proc
def test_no_call_leaks_a_descriptor(folder):
    before = open_descriptors()
    for _ in range(3):
        folder.replace("file", b"data", durable=True)
        folder.read("file", 10)
        folder.child("child", create=True).close()
        for wrong in ("missing", "child"):
            with pytest.raises(OSError, match=wrong):
                folder.open_file(wrong, os.O_RDWR)
        folder.names()
    assert open_descriptors() == before


@posix_only
def test_a_mount_that_refuses_modes_costs_no_row(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    (tmp_path / "file").write_bytes(b"a")
    (tmp_path / "file").chmod(0o666)
    monkeypatch.setattr(os, "fchmod", refuse)
    with Directory.open(str(tmp_path)) as folder:
        os.close(folder.open_file("file", os.O_WRONLY))


def test_folders_on_the_way_are_as_private_as_the_last(tmp_path):
    before = os.umask(0)
    try:
        Directory.open(str(tmp_path / "a" / "b" / "c"), create=True).close()
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")] == [0o700] * 3
