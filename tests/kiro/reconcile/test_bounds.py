"""Hooks and commands open few files of IDE 0.x's storage, only small ones, and no links."""

import json
import os
import subprocess
import sys

import pytest

from support.hot_path import HEAVY, bare
from support.kiro import latest
from support.kiro_homes.home import digest, dump
from support.played import Ide, UnprovenIde, make_due, notes

# With -I, as little as possible is loaded before.
OPENED = r"""
import sys
opened = []
def watch(event, arguments):
    if event == "open" and {folder!r} in str(arguments[0]):
        opened.append(str(arguments[0]))
sys.addaudithook(watch)
sys.argv = ["tokentrack", *{arguments!r}]
from tokentrack.__main__ import main
try:
    main()
finally:
    with open({note!r}, "w") as file:
        file.write("\n".join([*opened, "", *sys.modules]))
"""
HOOK = ("hook-run", "--event", "promptSubmit", "--no-stdin")
MANY = 5000


def run(ide, *arguments):
    """Run the program; return the executions of IDE 0.x that it opened, and what it loaded."""
    note = ide.machine.home / "opened"
    folder = str(ide.storage.folder)
    code = OPENED.format(folder=folder, arguments=arguments, note=str(note))
    environment = {**ide.machine.environment, **ide.environment("promptSubmit")}
    subprocess.run([sys.executable, "-I", "-c", code], env=environment, cwd=ide.root, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    opened, _, modules = note.read_text().rpartition("\n\n")
    return opened.strip().splitlines(), set(modules.split())


def opened_by(ide, *arguments):
    return run(ide, *arguments)[0]


def credits_of(machine):
    return [row["credits"] for row in latest(machine).values()]


def recorded(machine, surface=Ide):
    """Return the surface with an execution that waits for its numbers."""
    ide = surface(machine)
    ide.start()
    ide.stop()
    return ide


def fill(ide, sessions):
    """Write many executions into the folder of the workspace, all of them before today."""
    folder = ide.storage.path(ide.storage.start(ide.root)).parent.parent
    text = json.dumps({"executionId": "old", "startTime": 1000, "endTime": 2000})
    for number in range(sessions):
        session = folder / digest(f"session {number}")
        session.mkdir(parents=True)
        for name in range(MANY // sessions):
            path = session / f"{number:08x}-{name:08x}"
            path.write_text(text)
            os.utime(path, (1, 1))
        os.utime(session, (1, 1))
    return folder


def test_among_5000_executions_a_hook_opens_few_and_finds_the_turn(machine):
    ide = recorded(machine)
    fill(ide, 250)
    ide.write([0.5])
    opened = opened_by(ide, *HOOK)
    assert (len(opened), credits_of(machine)) == (1, ["0.5"])


@pytest.mark.slow
def test_a_hook_leaves_a_session_of_5000_executions_to_a_command(machine):
    ide = recorded(machine)
    folder = fill(ide, 1)
    ide.wait(30)
    expected = ide.write([0.5])
    ide.storage.path(expected).rename(folder / digest("session 0") / expected.source_id)
    # It is opened only if it is among those that the hook looks at.
    by_hook = [*opened_by(ide, *HOOK), *opened_by(ide, *HOOK)]
    assert len([*by_hook, *opened_by(ide, "reconcile")]) == 1
    assert credits_of(machine) == ["0.5"]
    # The control: a reader of all history opens each.
    assert len(opened_by(ide, "import", "--dry-run")) > MANY


def test_a_hook_leaves_a_large_document_to_a_command(machine):
    ide = recorded(machine)
    ide.wait(30)
    expected = ide.write([0.5])
    path = ide.storage.path(expected)
    document = json.loads(path.read_text())
    dump(path, {**document, "actions": ["x" * 300 * 1024]})
    assert opened_by(ide, *HOOK) == []
    assert opened_by(ide, *HOOK) == []
    assert opened_by(ide, "reconcile") == [str(path)]
    assert credits_of(machine) == ["0.5"]


def test_a_hook_that_reads_the_storage_loads_nothing_heavy(machine):
    ide = recorded(machine)
    ide.write([0.5])
    opened, modules = run(ide, *HOOK)
    assert (len(opened), credits_of(machine)) == (1, ["0.5"])
    assert modules & HEAVY - bare() == set()
    ide.start()  # the control: a command does
    assert run(ide, "reconcile")[1] & HEAVY - bare() > {"click", "functools"}


def test_a_hook_that_has_no_storage_to_look_at_loads_no_reader(machine):
    ide = recorded(machine)
    (note,) = notes(machine)
    ide.hook("promptSubmit")
    assert notes(machine) == [note], "it was not looked at"
    ide.storage.folder.mkdir(parents=True)  # the control
    ide.hook("promptSubmit")
    assert notes(machine) != [note]


def make_link(path, elsewhere):
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def make_pipe(path, elsewhere):
    path.rename(elsewhere)
    os.mkfifo(path)


def make_folder(path, elsewhere):
    path.rename(elsewhere)
    path.mkdir()


# How deep the parent of an execution is nested, and what replaces it.
HOSTILE = [(make_link, 0), (make_link, 1), (make_link, 2), (make_link, 3), (make_pipe, 0),
           (make_folder, 0)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("surface", [Ide, UnprovenIde])
@pytest.mark.parametrize("spoil", [*HOSTILE, None])
def test_links_and_pipes_in_the_storage_are_not_opened(machine, surface, spoil):
    ide = recorded(machine, surface)
    ide.wait(100)
    path = ide.storage.path(ide.write([0.5]))
    if spoil:
        spoil[0]([path, *path.parents][spoil[1]], machine.home / "elsewhere")
    opened = opened_by(ide, *HOOK)
    make_due(machine)
    opened += opened_by(ide, "reconcile")
    if spoil:
        assert (opened, credits_of(machine)) == ([], [""])
    else:  # the control
        assert (opened, credits_of(machine)) == ([str(path)], ["0.5"])
