"""`tokentrack hook-run` exits with 0 and says nothing, whatever is broken around it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tokentrack
from support.hot_path import OWN
from support.kiro import finish

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
PACKAGE = Path(tokentrack.__file__).parent
HAS_PRLIMIT = shutil.which("prlimit") is not None


def file_at(path):
    def make(machine):
        target = machine.folder.parent / path
        if target.is_dir():
            target.rename(f"{target}.aside")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("in the way\n")

    return make


def folder_at(path):
    return lambda machine: (machine.root / path / "inner").mkdir(parents=True)


def link_at(path, target):
    def make(machine):
        link = machine.root / path
        if link.is_dir():
            link.rmdir()
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    return make


def fifo_at(path):
    def make(machine):
        (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(machine.root / path)

    return make


LEDGER, STATE = ".kiro/token_transactions.csv", ".kiro/.tokentrack"
FAULTS = {
    "a file for .kiro": file_at(".kiro"),
    "a file for the state": file_at(STATE),
    "a file for the running": file_at(f"{STATE}/running"),
    "a file for the closed": file_at(f"{STATE}/closed"),
    "a folder for the ledger": folder_at(LEDGER),
    "a folder for the usage": folder_at(".kiro/token_usage.csv"),
    "a folder for the lock": folder_at(f"{LEDGER}.lock"),
    "a folder for the sweep's mark": folder_at(f"{STATE}/closed/swept"),
    "a FIFO for the ledger": fifo_at(LEDGER),
    "a FIFO for the lock": fifo_at(f"{LEDGER}.lock"),
    "a FIFO for the usage": fifo_at(".kiro/token_usage.csv"),
    "a link for the ledger": link_at(LEDGER, "/dev/full"),
    "a dangling link for .kiro": link_at(".kiro", "/does/not/exist"),
    "a link for .kiro": link_at(".kiro", ".."),
    "a link for the state": link_at(STATE, "/"),
    "another file for the ledger": file_at(LEDGER),
}


def repair(machine):
    """Take everything out of the way but what waits in a spool."""
    for entry in [machine.folder, *machine.folder.glob("*"), *machine.state.glob("*")]:
        if entry.is_symlink() or not entry.is_dir():
            if entry.is_symlink() or is_in_the_way(entry):
                entry.unlink()
        elif entry not in (machine.folder, machine.state) and entry.name != "spool":
            shutil.rmtree(entry)
    machine.folder.mkdir(exist_ok=True)


def is_in_the_way(entry):
    return entry.exists() and not (entry.is_file() and entry.read_bytes().startswith(b"timestamp,"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_an_event_waits_while_the_ledger_cannot_be_written(machine, name):
    FAULTS[name](machine)
    machine.send("Stop", "s1")
    repair(machine)
    machine.send("Stop", "s2")
    assert {row["session_id"] for row in machine.rows()} == {"s1", "s2"}


SMALL_FAULTS = {
    "a file for the spool": file_at(f"{STATE}/spool"),
    "a file for the quarantine": file_at(f"{STATE}/quarantine"),
    "a folder for the log": folder_at(f"{STATE}/tokentrack.log"),
    "a FIFO for the log": fifo_at(f"{STATE}/tokentrack.log"),
    "a folder for a running execution": folder_at(f"{STATE}/running/s-s1..json"),
    "a FIFO for a running execution": fifo_at(f"{STATE}/running/s-s1..json"),
    "a folder among the closed": folder_at(f"{STATE}/closed/old"),
    "a folder in the spool": folder_at(f"{STATE}/spool/new/00000000000000001-a.json"),
    "a FIFO in the spool": fifo_at(f"{STATE}/spool/new/00000000000000001-a.json"),
    "a link in the spool": link_at(f"{STATE}/spool/new/00000000000000001-a.json", "/dev/zero"),
    "a folder for the configuration": folder_at(".kiro/token_tracker_config.json"),
    "a FIFO for the configuration": fifo_at(".kiro/token_tracker_config.json"),
    "an endless configuration": link_at(".kiro/token_tracker_config.json", "/dev/zero"),
    "a file for the hooks": file_at(".kiro/hooks"),
    "a FIFO for .git": fifo_at(".git"),
    "an endless HEAD": link_at(".git/HEAD", "/dev/zero"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL_FAULTS)
def test_what_is_in_the_way_beside_the_ledger_costs_no_row(machine, name):
    SMALL_FAULTS[name](machine)
    machine.send("Stop", "s1")
    machine.send("Stop", "s2")
    assert {row["session_id"] for row in machine.rows()} == {"s1", "s2"}


JUNK = [
    b"", b"{", b"\xff", b"[]", b"{}", b"5", b'"event"', b'{"event": {}}', b'{"event": []}',
    b'{"event": {"at": "now"}}', b'{"row": [], "usage": []}', b'{"row": [1, 2], "usage": null}',
    b'{"row": [1, "p", 2, 3, "s", "w", "t", "e", "", "h", false, ""], "usage": [1]}',
    b'{"row": ["2026-01-15T10:30:45Z","p","1","1","s","w","t","e","","h","false",""],"usage":[1]}',
    b"[" * 100_000,
]  # fmt: skip


def poisoned():
    """Yield events as a foreign program could have written them, one field wrong in each."""
    from tokentrack.recorder import events

    fields = {"event": "UserPromptSubmit", "session_id": "s1"}
    for name in events.Event.__slots__:
        for value in (None, [], {}, "x", -1, 1e300, [None], {"a": []}, True):
            yield json.dumps({**events.parse(fields, {})[0].to_dict(), name: value}).encode()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["running", "closed", "spool/new"])
def test_damaged_state_costs_no_row(machine, folder):
    (machine.state / folder).mkdir(parents=True)
    for number, junk in enumerate(JUNK):
        for name in (f"s-s{number}..json", f"s-s{number}", f"0000000000000{number:03d}-a.json"):
            (machine.state / folder / name).write_bytes(junk)
        machine.send("Stop", f"s{number}")
        assert machine.rows()[-1]["session_id"] == f"s{number}", junk


@pytest.mark.slow
def test_a_poisoned_execution_costs_no_row(machine):
    (machine.state / "running").mkdir(parents=True)
    for number, data in enumerate(poisoned()):
        (machine.state / "running" / f"s-s{number}..json").write_bytes(data)
        if number % 5 == 0:
            machine.send("Stop", f"s{number}")
            assert f"s{number}" in {row["session_id"] for row in machine.rows()}, data


def test_a_poisoned_spool_costs_no_row(machine):
    spool = machine.state / "spool" / "new"
    spool.mkdir(parents=True)
    for number, data in enumerate(poisoned()):
        text = b'{"event": ' + data + b"}"
        (spool / f"0000000000000{number:03d}-a.json").write_bytes(text)
    machine.send("Stop", "mine")
    machine.send("Stop", "mine too")
    # A hook drains as many events as its time allows; the next one drains the rest.
    for _ in range(20):
        if machine.waiting():
            machine.send("Stop", "later")
    assert {"mine", "mine too"} <= {row["session_id"] for row in machine.rows()}
    assert machine.waiting() == []


@pytest.mark.parametrize("home", ["", "/dev/null", "/does/not/exist", "relative", "\udcff"])
def test_a_home_that_is_none_costs_no_row(machine, home):
    machine.hook({**STOP, "cwd": str(machine.root)}, env={"HOME": home})
    assert machine.row()["session_id"] == "s1"


def test_a_place_that_cannot_be_written_at_all_is_silent(machine):
    file_at(".kiro")(machine)
    shutil.rmtree(machine.home)
    machine.home.write_text("in the way")
    for event in ("UserPromptSubmit", "PostToolUse", "Stop"):
        machine.send(event)


def test_a_working_folder_that_was_removed_is_silent(machine):
    gone = machine.root / "gone"
    gone.mkdir()
    process = machine.start(prefix=["sh", "-c", 'rmdir ../gone; exec "$@"', "sh"], cwd=gone)
    finish(process, STOP)
    assert machine.users.row()["session_id"] == "s1"


@pytest.mark.parametrize(
    "redirection",
    [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", ">/dev/full 2>&-"],
)
def test_streams_that_are_closed_or_full_are_no_fault(machine, redirection):
    arguments = ["--event", "Stop"]
    process = machine.start(*arguments, prefix=["sh", "-c", f'"$@" {redirection}', "sh"])
    finish(process, STOP)
    assert machine.row()["hook_trigger_type"] == "agentExecutionCompleted"


def test_a_reader_that_went_away_is_no_fault(machine):
    process = machine.start()
    process.stdout.close()
    process.stderr.close()
    process.stdout = process.stderr = None
    finish(process, STOP)
    assert machine.row()["session_id"] == "s1"


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PRLIMIT, reason="needs prlimit")
@pytest.mark.parametrize("limit", [0, 1, 100, 166, 200, 300, 400, 500, 1000, 2000])
def test_a_full_disk_tears_no_row_and_loses_none(machine, limit):
    machine.send("UserPromptSubmit", "s0", prompt="x" * 60)
    for number in range(4):
        prefix = ["prlimit", f"--fsize={limit}"]
        machine.hook({**STOP, "session_id": f"s{number}"}, prefix=prefix)
        machine.rows()
    machine.send("Stop", "last")
    machine.send("Stop", "very last")
    recorded = {row["session_id"] for row in machine.rows()}
    assert {"last", "very last"} <= recorded
    # An event in the spool takes about 600 bytes.
    assert limit < 1000 or recorded >= {"s0", "s1", "s2", "s3"}


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PRLIMIT, reason="needs prlimit")
def test_too_few_file_descriptors_are_silent(machine):
    for limit in range(3, 20):
        prefix = ["prlimit", f"--nofile={limit}"]
        bare = [*prefix, sys.executable, "-c", "import os, sys, stat, select"]
        if subprocess.run(bare, check=False, capture_output=True).returncode == 0:
            machine.hook(STOP, prefix=prefix)
    machine.rows()


def test_a_signal_of_a_closing_terminal_finds_a_whole_ledger(machine):
    for _ in range(10):
        process = machine.start()
        process.stdin.write(b'{"hook_event_name": "Stop",')
        process.stdin.flush()
        process.terminate()
        process.communicate()
    machine.send("Stop")
    machine.rows()


# The package itself and the door are what runs before anything can be kept silent.
HOT = sorted(
    f"{name.removeprefix('tokentrack.').replace('.', '/')}.py"
    for name in OWN - {"tokentrack", "tokentrack.__main__"}
    if not (PACKAGE.parent / name.replace(".", "/")).is_dir()
)
BREAKS = {
    "missing": None,
    "a syntax error": "def (",
    "an import error": "import no_such_module",
    "printing": "import sys; print('out'); print('err', file=sys.stderr); raise ValueError",
    "exiting": "import os, sys; os.write(2, b'err'); sys.exit(3)",
    "a warning": "import warnings; warnings.warn('w')\nraise KeyboardInterrupt",
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    target = tmp_path_factory.mktemp("copy") / "tokentrack"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def run_copy(machine, copied):
    env = {"PYTHONPATH": str(copied.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    machine.hook(STOP, env=env)


@pytest.mark.slow
@pytest.mark.parametrize("module", [
    "recorder/hook_run.py", "recorder/payload.py", "config/fields.py",
    "store/lock.py", "store/__init__.py",
])  # fmt: skip
@pytest.mark.parametrize("name", BREAKS)
def test_a_module_that_cannot_be_imported_is_silent(machine, copied, module, name):
    path = copied / module
    source = path.read_text()
    try:
        path.unlink()
        if BREAKS[name] is not None:
            path.write_text(BREAKS[name])
        run_copy(machine, copied)
    finally:
        path.write_text(source)


@pytest.mark.slow
@pytest.mark.parametrize("module", HOT)
def test_no_module_of_the_package_is_loud_when_it_breaks(machine, copied, module):
    path = copied / module
    source = path.read_text()
    try:
        path.write_text("import no_such_module")
        run_copy(machine, copied)
    finally:
        path.write_text(source)


def test_the_copy_that_is_broken_is_the_one_that_runs(machine, copied):
    run_copy(machine, copied)
    assert machine.row()["session_id"] == "s1"
    (copied / "recorder" / "hook_run.py").rename(copied / "aside.py")
    run_copy(machine, copied)
    (copied / "aside.py").rename(copied / "recorder" / "hook_run.py")
    assert len(machine.rows()) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONWARNINGS": "error"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"},
        {"TZ": "Nowhere/Nothing", "USER": "\udcff", "TMPDIR": "/does/not/exist"},
    ],
)
def test_a_strange_environment_costs_no_row(machine, environment):
    machine.hook({**STOP, "prompt": "é\ud800"}, env=environment)
    assert machine.row()["session_id"] == "s1"


@pytest.fixture
def bound():
    """Return what makes the modes of files bind the program, as they bind any user but root."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("modes do not bind root: needs setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


@pytest.mark.parametrize("mask", [0, 0o277, 0o477, 0o777], ids=oct)
def test_whatever_the_mask_rows_are_written_and_files_are_private(machine, bound, mask):
    shutil.rmtree(machine.folder)  # made by the test
    for name in ("UserPromptSubmit", "Stop", "UserPromptSubmit", "Stop"):
        machine.hook({**STOP, "hook_event_name": name, "prompt": name}, prefix=bound, umask=mask)
    assert len(machine.rows()) == 2
    found = [machine.folder, *machine.folder.rglob("*")]
    wrong = [p for p in found if p.stat().st_mode & 0o777 != (0o700 if p.is_dir() else 0o600)]
    assert wrong == []


@pytest.mark.parametrize("mode", [0o555, 0o500, 0o000])
def test_a_workspace_that_may_not_be_written_is_silent(nobody, mode):
    machine, prefix = nobody
    os.chown(machine.folder, 65534, 65534)  # another owner's folder would not be used at all
    machine.folder.chmod(mode)
    machine.hook({**STOP, "cwd": str(machine.root)}, prefix=prefix)
    machine.hook({**STOP, "cwd": str(machine.root)}, prefix=prefix, cwd=Path("/"))
    assert machine.rows() == []
    assert list(machine.home.rglob("spool/new/*")) != []
