"""If something is in the way, each command names the right file and how to fix it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.ledgers import HEADER, posix_only
from support.maintained import Maintained, row
from tokentrack.config.fields import check_value
from tokentrack.maintenance.real_numbers import count_pending

AT = 1_780_000_000_000_000
A, B = row("a", AT), row("b", AT + 1)
HINT = "Kiro has history here"
# Root is above every mode, unless it gives that up.
_AS_OTHERS = [
    "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all",
]  # fmt: skip


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def run_in(space, script, *words):
    """Run a shell's script in the workspace, with the program as its arguments."""
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "tokentrack", *words],
        cwd=space.root, env={**space.environ, "PATH": os.defpath}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("words", [(), ("--since", "2030-01-01")])
def test_an_import_that_adds_nothing_ends_the_hint(space, words):
    session = V1Session(KiroHome(space.home), workspace="/elsewhere")
    session.turn([0.5])
    assert HINT in space.run("status", code=1)
    space.run("import", "--dry-run")
    assert HINT in space.run("status", code=1)  # the control: a dry run leaves no mark
    space.run("import", *words)
    assert HINT not in space.run("status", code=1)
    assert not space.ledger.exists()


def test_an_import_makes_no_folder_only_for_its_mark(space):
    space.kiro.rmdir()
    space.run("import", "--workspace", ".")
    assert not space.kiro.exists()


def test_status_names_the_fix_for_damage(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    assert "instead of 12; fix: tokentrack repair" in space.run("status", code=1)


def test_only_repair_says_what_it_quarantines(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    line = "token_transactions.csv:3: 1 columns instead of 12"
    assert f"{line}\n" in space.run("verify", code=1)
    assert f"{line}: would be quarantined\n" in space.run("repair", "--dry-run")
    said = space.run("repair")
    assert f"{line}: quarantined\n" in said
    (original,) = space.state.glob("quarantine/*.csv")
    assert f"the original is {original}\n" in said


def test_no_ledger_is_all_that_is_said_of_one(space):
    space.write("token_transactions.csv", b"milk\nbread\n")
    reason = "not a ledger (no header, no readable record); move or rename it"
    assert space.run("verify", code=1) == f"token_transactions.csv is {reason}\n"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.symlink_to("x"), "is a link"),
        (lambda path: os.link(_file(path.with_name("x")), path), "has 2 hard links"),
        (os.mkfifo, "not a regular file"),
    ],
)
@posix_only
def test_what_is_in_the_ledgers_place_is_named(space, make, what):
    space.run("init")
    make(space.ledger)
    said = space.run("status", code=1)
    assert f"{space.ledger}: {what}; " in said
    assert "no hook has recorded a turn" not in said
    assert f"{space.ledger}: {what}; " in space.run("verify", code=1)


def _file(path):
    path.write_bytes(HEADER)
    return path


@posix_only
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize("locked", ["", "hooks"])
def test_a_folder_that_cant_be_read_is_named_once(space, locked):
    space.run("init")
    folder = space.kiro / locked
    limits = " ".join(_AS_OTHERS) if os.geteuid() == 0 else ""
    folder.chmod(0)
    try:
        said = run_in(space, f'exec {limits} "$@"', "status")
        verified = run_in(space, f'exec {limits} "$@"', "verify")
    finally:
        folder.chmod(0o700)
    assert f"{space.kiro}/.kiro" not in said + verified
    assert f"{space.kiro}/hooks can't be read" in said
    assert "no hook is installed" not in said
    if not locked:
        assert f"{space.kiro}: Permission denied" in verified


def test_restore_takes_the_names_that_people_have(space):
    space.write("token_transactions.csv", HEADER + A)
    created = space.run("backup", "create").split()[-1]
    backup = next(space.kiro.glob("token_transactions_backup_*.csv"))
    for name in (created, str(backup), f".kiro/{backup.name}", backup.stem, backup.name):
        assert "nothing to do" in space.run("restore", name)
    elsewhere = space.root / backup.name
    assert "is not a backup of this ledger" in space.run("restore", str(elsewhere), code=1)


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("command", ["status", "doctor", "validate-hooks"])
@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(space, command, closed):
    space.run("init")
    code = run_in(space, '"$@" >/dev/null 2>&1; echo $?', command)
    assert run_in(space, f'"$@" {closed}; echo $?', command).endswith(code)


def test_crews_turns_are_not_promised_any_credits(space):
    names = [f"000000000000-{surface}.{'0' * 32}.json" for surface in ("v1", "crew")]
    (space.state / "pending").mkdir(parents=True)
    for name in names:
        (space.state / "pending" / name).write_text("{}")
    assert count_pending(space.paths) == 1


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("words", [
    ("status",), ("doctor",), ("verify",), ("import",), ("init",), ("backup", "list"),
])  # fmt: skip
def test_a_working_directory_that_is_gone_is_called_that(space, words):
    gone = 'mkdir gone; cd gone; rmdir ../gone; "$@"'
    said = run_in(space, gone, *words)
    assert "the current folder is gone: name one with --workspace" in said
    space.run("init")
    named = run_in(space, gone, *words, "--workspace", str(space.root))
    assert "No such file" not in named
    assert "is gone" not in named


def test_a_problem_of_the_configuration_names_whose_and_where(space):
    text = '{\n "enabled": true\n "log_level": "INFO"}'
    for folder in (space.kiro, space.home / ".kiro"):
        folder.mkdir(exist_ok=True)
        (folder / "token_tracker_config.json").write_text(text)
    said = space.run("status", code=1, KIRO_TOKEN_TRACKER_MAX_PROMPT_LENGTH="many")
    for whose in ("workspace", "user"):
        assert f"the {whose}'s configuration: token_tracker_config.json is not JSON" in said
    assert said.count("line 3 column 2") == 2
    assert "KIRO_TOKEN_TRACKER_MAX_PROMPT_LENGTH must be a whole number" in said
    facts = json.loads(space.run("status", "--json", code=1))
    assert len(facts["problems"]) == 3
    assert "no hook is installed" in facts["problems"][0]


def test_bounds_are_written_as_people_write_numbers():
    said = check_value("max_prompt_length", 2_000_000)
    assert said == "max_prompt_length must be from 0 to 1,000,000, not 2000000"
    assert "from 0.01 to 8,760" in check_value("stale_execution_hours", 0)
