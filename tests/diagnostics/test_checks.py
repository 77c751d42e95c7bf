"""`status` and `doctor` run one list of health checks: the same opinion in the same sentence."""

import json

import pytest

from support.doctor import BIN, findings, having, install, tokentrack
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.ledgers import HEADER, posix_only
from tokentrack.diagnostics.checks import CHECKS, NOTES, PROBLEMS, findings_for_status
from tokentrack.diagnostics.findings import PROBLEM, WARNING
from tokentrack.diagnostics.setup import Setup


def switched_off(machine):
    config = {"enabled": False, "max_prompt_length": "many"}
    (machine.folder / "token_tracker_config.json").write_text(json.dumps(config))


def no_end(machine):
    path = machine.folder / "hooks" / "tokentrack.json"
    document = json.loads(path.read_text())
    document["hooks"] = document["hooks"][:1]
    path.write_text(json.dumps(document))


def damaged(machine):
    (machine.folder / "token_transactions.csv").write_bytes(HEADER + b"milk\n")


def unreadable(machine):
    (machine.folder / "token_transactions.csv").mkdir()


def lost(machine):
    machine.send("Stop")
    (machine.state / "lost.log").write_text("2026-01-01T00:00:00.000Z errno=28\n")


CASES = {
    "no hook": (lambda m: (m.folder / "hooks" / "tokentrack.json").unlink(), ["no hook is"]),
    "nothing recorded": (lambda _: None, ["no hook has recorded a turn"]),
    "switched off": (switched_off, ["switched off", "max_prompt_length"]),
    "no hook at the end of a turn": (no_end, ["no hook fires at the end of a turn"]),
    "damage": (damaged, ["1 damaged line, the first in token_transactions.csv, line 2"]),
    "a folder as the ledger": (unreadable, ["token_transactions.csv: is a folder"]),
    "a lost event": (lost, ["1 event could not be written anywhere"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_status_says_what_doctor_says(machine, case):
    make, texts = CASES[case]
    install(machine, "--surface", "v1")
    make(machine)
    facts = json.loads(tokentrack(machine, "status", "--json", code=None))
    said = facts["problems"] + facts["notes"]
    found = findings(machine, code=None)
    assert set(said) <= {f"{finding['message']}; fix: {finding['fix']}" for finding in found}
    for text in texts:
        assert [sentence for sentence in said if text in sentence], said
    # What status calls a problem is one for doctor as well.
    problems = {finding["message"] for finding in found if finding["level"] == "problem"}
    assert {sentence.partition("; fix: ")[0] for sentence in facts["problems"]} <= problems


@posix_only
@pytest.mark.slow
def test_a_program_that_is_missing_is_a_problem_until_something_is_recorded(machine):
    install(machine, "--surface", "v1")
    assert "is not on PATH" not in tokentrack(machine, "status")
    missing = {"path": "/usr/bin:/bin"}
    assert "PROBLEM       `tokentrack` is" in tokentrack(machine, "status", code=1, **missing)
    assert having(findings(machine, code=1, **missing), "is not on PATH", "problem")
    machine.send("Stop")
    assert "note          `tokentrack` is" in tokentrack(machine, "status", **missing)
    assert having(findings(machine, **missing), "is not on PATH", "warning")
    assert not [f for f in findings(machine) if "is not on PATH" in f["message"]]


def test_every_check_of_status_is_one_of_doctors_and_finds_nothing_on_a_healthy_machine(machine):
    install(machine, "--surface", "v1")
    V1Session(KiroHome(machine.home))
    machine.send("Stop")
    environ = {**machine.environment, "PATH": f"{BIN}:{machine.environment['PATH']}"}
    setup = Setup(str(machine.root), environ)
    assert findings_for_status(setup) == {PROBLEMS: [], NOTES: []}
    levels = {finding.level for check in CHECKS[:-1] for finding in check.run(setup)}
    assert not levels & {PROBLEM, WARNING}
    assert {check.in_status for check in CHECKS} == {"", PROBLEMS, NOTES}
