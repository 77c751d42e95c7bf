"""Files of state that tokentrack did not write: no turn is lost, and no command fails."""

import json
import subprocess
import sys

import pytest

from programs import state_files
from support.kiro import Machine
from support.ledgers import posix_only, run_python


@posix_only
@pytest.mark.slow
def test_whatever_the_state_files_hold_no_turn_is_lost(tmp_path):
    """40 shapes; `python scripts/torture --only state` tries thousands."""
    assert found(tmp_path, 40) == ([], [])


@posix_only
@pytest.mark.slow
def test_without_the_look_at_their_shapes_there_are_failures(tmp_path):
    lost, wrong = found(tmp_path, 60, "flawed")
    assert lost or wrong


def found(folder, *words):
    code = (
        "import json, sys; from pathlib import Path; from programs import state_files as s; "
        "f = s.run(Path(sys.argv[1]), int(sys.argv[2]), flawed=len(sys.argv) > 3); "
        "print(json.dumps([f['lost'], f['wrong']]))"
    )
    done = run_python(code, folder, *words)
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


@pytest.mark.parametrize("name", range(9))
def test_the_files_that_are_changed_are_good_before(tmp_path, name):
    """Each is carried out, or left as it is: the shapes are those of what is written."""
    trial = state_files.Trial(tmp_path)
    space = trial.copy(tmp_path / "copy")
    path = space.state / list(trial.documents)[name]
    state_files.write(path, trial.documents[path.relative_to(space.state).as_posix()])
    assert space.complete("late")
    assert "late" in space.ids()
    assert space.quarantined() == []


# --- large ones: each as the whole memory of a machine would see it ---


LISTS = b"[" + b"[]," * 10_000_000 + b"[]]"  # 31 MB, which a decoder makes 821 MB of


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["drain.json", "drained.json", "running/s-s1..json", "closed/s-s1", "closed/swept",
     "spool/new/00000000000000001-aaaaaaaaaaaa.9000.json", "pending/000000000000-v1.s.json"],
)  # fmt: skip
def test_lists_that_fill_a_file_stay_undecoded(machine, name):
    path = machine.state / name
    path.parent.mkdir(parents=True)
    path.write_bytes(LISTS)
    (machine.state / "spool" / "new").mkdir(parents=True, exist_ok=True)
    (machine.state / "spool" / "new" / state_files.NAME).write_bytes(b"x" * 900)
    seconds, memory = cost(machine)
    assert memory < 64 * 1024 * 1024
    assert seconds < 1
    assert machine.row()["session_id"] == "s1"


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["running", "closed", "pending", "spool/tmp", "spool/new", "."])
def test_very_many_files_in_a_folder_are_not_all_looked_at(machine, folder):
    place = machine.state / folder
    place.mkdir(parents=True)
    for number in range(22_000):  # more than a spool can hold
        (place / f"s-{number}..json").touch()
    seconds, memory = cost(machine)
    assert memory < 64 * 1024 * 1024
    assert seconds < 1
    assert machine.row()["session_id"] == "s1"


def cost(machine: Machine):
    """Run the hook on a start and a completion; return the CPU seconds and bytes of the dearer."""
    code = (
        "import json, resource, subprocess, sys\n"
        "for event in ('UserPromptSubmit', 'Stop'):\n"
        "    payload = json.dumps({'hook_event_name': event, 'session_id': 's1'})\n"
        "    subprocess.run(sys.argv[1:], input=payload.encode(), check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([(used.ru_utime + used.ru_stime) / 2, used.ru_maxrss * 1024]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *machine.command, "hook-run"],
        cwd=machine.root, env=machine.environment, capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)
