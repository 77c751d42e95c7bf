"""`query` without ledgers asks those that the commands ask, and creates nothing where none are."""

import json
import os
import subprocess
import sys

import pytest

from support.imported import tokentrack
from support.kiro_homes import build

_ASK = """
import json, sys
from tokentrack.reports import query
by, options = json.loads(sys.argv[1])
answer = query(by, **options)
told = {"rows": answer.rows, "total": answer.total, "source": answer.provenance["source"]}
print(json.dumps(told | {"unreadable": answer.unreadable}))
"""
_TRACK = """
from tokentrack.usage import UsageTracker
UsageTracker().track_request("s", "claude-sonnet-4.5", 100, 20)
"""


def python(machine, program, *words, env=None):
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=machine.root, capture_output=True, text=True,
        env={"HOME": str(machine.home), "PATH": os.defpath, **(env or {})}, check=True,
    )  # fmt: skip
    return done.stdout


def ask(machine, by, **options):
    return json.loads(python(machine, _ASK, json.dumps([by, options])))


def everything_in(folder):
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture
def imported(machine):
    build(machine.home, 7)
    tokentrack(machine, "import", "--all")
    machine.send("UserPromptSubmit", prompt="hello")
    machine.send("Stop")
    return machine


def test_a_program_and_the_command_give_the_same_rows(imported):
    words = ("report", "day", "model", "--json", "--since", "all", "--tz", "UTC")
    document = json.loads(tokentrack(imported, *words))
    found = ask(imported, ["day", "model"], tz="UTC")
    assert found["total"]["turns"] == document["total"]["turns"] > 10
    assert found["total"]["credits"] == document["total"]["credits"]
    keys = found["rows"][0].keys()
    assert found["rows"] == [{k: row[k] for k in keys} for row in document["rows"]]
    assert found["source"] == document["provenance"]["source"] == "index"


def test_where_there_is_no_ledger_nothing_is_created(machine):
    (machine.root / ".kiro").rmdir()
    before = everything_in(machine.root.parent)
    found = ask(machine, ["day"])
    assert (found["rows"], found["total"]["turns"], found["unreadable"]) == ([], 0, {})
    assert everything_in(machine.root.parent) == before
    # A control: a request that is tracked does create something.
    python(machine, _TRACK)
    assert everything_in(machine.root.parent) > before


def test_a_home_with_tracked_requests_alone_is_a_ledger_too(machine):
    python(machine, _TRACK)
    assert ask(machine, ["session"])["rows"][0]["tokens"] == 120
    document = json.loads(tokentrack(machine, "report", "session", "--json"))
    assert [(row["session"], row["turns"]) for row in document["rows"]] == [("s", 1)]


def test_an_answer_needs_no_writable_state_folder(imported):
    blocked = imported.root / "blocked"
    blocked.write_text("a file where the state folder would be")
    usual = ask(imported, ["model"])
    found = json.loads(
        python(imported, _ASK, json.dumps([["model"], {"files": [str(imported.root)]}]),
               env={"XDG_STATE_HOME": str(blocked)})
    )  # fmt: skip
    assert (found["source"], usual["source"]) == ("scan", "index")
    alone = ask(imported, ["model"], files=[str(imported.root)])
    assert found["rows"] == alone["rows"] != []
    unregistered = json.loads(
        python(imported, _ASK, json.dumps([["model"], {}]), env={"XDG_STATE_HOME": str(blocked)})
    )
    assert (unregistered["source"], unregistered["rows"] != []) == ("scan", True)


def test_files_are_read_instead_of_the_known_ledgers(imported):
    found = ask(imported, ["day"], files=[str(imported.root)])
    assert 0 < found["total"]["turns"] < ask(imported, ["day"])["total"]["turns"]
    assert found["source"] == "scan"


def test_the_usage_ledger_of_a_program_can_be_named(machine):
    # With a name of its own, so that it belongs to no ledger.
    python(machine, _TRACK.replace("UsageTracker()", "UsageTracker('mine.csv')"))
    assert ask(machine, ["session"], files=["mine.csv"])["rows"][0]["tokens"] == 120
    shown = tokentrack(machine, "report", "session", "--file", "mine.csv", "--json")
    assert json.loads(shown)["total"]["turns"] == 1
    assert ask(machine, ["session"])["rows"] == []
