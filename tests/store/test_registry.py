"""The registry of ledgers: what is registered comes back, and nothing else does."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ledgers import posix_only
from tokentrack.store.paths import LedgerPaths, state_folder, workspace_paths
from tokentrack.store.registry import forget, register, registered

LEDGER = ".kiro/token_transactions.csv"


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state")}


def files(environ):
    folder = os.path.join(state_folder(environ), "ledgers")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def paths_of(found):
    return [paths.path for paths in found]


def test_registered_ledgers_come_back_in_the_order_of_their_paths(environ, tmp_path):
    ledgers = [workspace_paths(str(tmp_path / name), LEDGER) for name in ("b", "a", "é\n")]
    assert all(register(paths, environ) for paths in (*ledgers, *ledgers))
    found = registered(environ)
    assert paths_of(found) == sorted(paths.path for paths in ledgers)
    assert {(paths.base, paths.folders) for paths in found} == {
        (paths.base, (".kiro",)) for paths in ledgers
    }


@posix_only
def test_the_files_are_private_and_say_nothing_but_the_path(environ, tmp_path):
    register(workspace_paths(str(tmp_path), LEDGER), environ)
    (file,) = files(environ)
    assert os.stat(file).st_mode & 0o777 == 0o600
    with open(file, "rb") as opened:
        assert opened.read() == os.fsencode(f"{tmp_path}\0.kiro\0token_transactions.csv")


def test_a_ledger_is_forgotten_once(environ, tmp_path):
    paths = workspace_paths(str(tmp_path), LEDGER)
    assert not forget(paths, environ)
    register(paths, environ)
    assert forget(paths, environ)
    assert not forget(paths, environ)
    assert registered(environ) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"relative\0a.csv", b"/base", b"/base\0..\0a.csv", b"/base\0a/b.csv",
     b"/base\0", b"/" + b"x" * 9000 + b"\0a.csv", b"/other\0.kiro\0token_transactions.csv"],
)  # fmt: skip
def test_a_file_that_this_program_did_not_write_is_ignored(environ, tmp_path, data):
    paths = workspace_paths(str(tmp_path), LEDGER)
    register(paths, environ)
    (file,) = files(environ)
    with open(file, "wb") as opened:
        opened.write(data)
    assert registered(environ) == []
    assert register(paths, environ)
    assert paths_of(registered(environ)) == [paths.path]


@posix_only
def test_a_link_or_a_pipe_in_the_registry_is_ignored(environ, tmp_path):
    paths = workspace_paths(str(tmp_path), LEDGER)
    register(paths, environ)
    (file,) = files(environ)
    os.rename(file, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", file)
    os.mkfifo(os.path.join(os.path.dirname(file), "0" * 16))
    assert registered(environ) == []


def test_no_more_than_a_thousand_ledgers_are_registered(environ, tmp_path):
    many = [workspace_paths(str(tmp_path / str(number)), LEDGER) for number in range(1001)]
    assert [register(paths, environ) for paths in many] == [True] * 1000 + [False]
    assert register(many[0], environ)
    assert len(registered(environ)) == 1000


def test_a_registry_that_can_not_be_written_is_no_error(environ, tmp_path):
    (tmp_path / "state").write_text("a file")
    assert not register(workspace_paths(str(tmp_path), LEDGER), environ)
    assert registered(environ) == []


NAMES = st.binary(min_size=1, max_size=20).map(os.fsdecode).filter(
    lambda name: name not in {".", ".."} and not {"/", "\0"} & set(name)
)  # fmt: skip


@given(NAMES, st.lists(NAMES, max_size=3), NAMES)
def test_every_path_of_the_system_comes_back(tmp_path_factory, base, folders, ledger):
    environ = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    paths = LedgerPaths(f"/{base}", tuple(folders), ledger)
    assert register(paths, environ)
    (found,) = registered(environ)
    assert (found.base, found.folders, found.ledger) == (paths.base, paths.folders, ledger)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"XDG_STATE_HOME": "/s"}, "/s/tokentrack"),
     ({"XDG_STATE_HOME": "s", "HOME": "/h"}, "/h/.local/state/tokentrack"),
     ({"HOME": "/h"}, "/h/.local/state/tokentrack")],
)  # fmt: skip
@posix_only
def test_the_state_folder_follows_the_specification(environ, expected):
    assert state_folder(environ) == expected


# --- the recorder registers its ledger ---


def folder_of(machine):
    return machine.home / ".local" / "state" / "tokentrack" / "ledgers"


def test_a_hook_registers_its_ledger_once_an_hour(machine):
    machine.send("Stop", "first")
    (file,) = folder_of(machine).iterdir()
    assert registered(machine.environment)[0].path == str(machine.folder / "token_transactions.csv")
    file.unlink()
    machine.send("Stop", "second")
    assert registered(machine.environment) == []
    os.utime(machine.state / "closed" / "swept", (0, 0))
    machine.send("Stop", "third")
    assert len(registered(machine.environment)) == 1
    assert len(machine.rows()) == 3


def test_a_configuration_keeps_a_ledger_out_of_the_registry(machine):
    machine.configure(registry_enabled=False)
    machine.send("Stop")
    assert registered(machine.environment) == []
    assert len(machine.rows()) == 1


def test_a_state_folder_that_can_not_be_written_costs_no_row(machine):
    (machine.home / ".local").write_text("a file")
    machine.send("Stop")
    assert len(machine.rows()) == 1
    assert machine.log() == ""


def test_a_home_that_does_not_exist_is_not_created(machine, tmp_path):
    machine.environment["HOME"] = str(tmp_path / "gone")
    machine.send("Stop")
    assert len(machine.rows()) == 1
    assert not (tmp_path / "gone").exists()
    (tmp_path / "gone").mkdir()  # the control
    for file in (machine.state / "closed").iterdir():
        file.unlink()
    machine.send("Stop")
    assert len(registered(machine.environment)) == 1
