"""What the doctor says about files and file systems that the system keeps closed."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

CONFIG = ".kiro/token_tracker_config.json"

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="needs root, to be another user and to mount",
)


def doctor(machine, *prefix):
    """Return the findings that are not fine."""
    command = [*prefix, sys.executable, "-m", "tokentrack", "doctor", "--json"]
    result = subprocess.run(
        command, cwd=machine.root, env=machine.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr, result.stderr
    return [f for f in json.loads(result.stdout)["findings"] if f["level"] != "ok"]


def unprivileged():
    """Return what starts a program as root without its right to read and write everything."""
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("closed", "said"),
    [
        (CONFIG, "token_tracker_config.json can't be read"),
        ("../home/" + CONFIG, "token_tracker_config.json can't be read"),
        (".kiro/token_transactions.csv", "token_transactions.csv: Permission denied"),
        (".kiro/token_usage.csv", "token_usage.csv: Permission denied"),
    ],
)
def test_a_file_that_is_closed_is_opened_by_the_fix(machine, closed, said):
    machine.send("Stop")
    path = machine.root / closed
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".json":
        path.write_text("{}")
    assert not [f for f in doctor(machine, *unprivileged()) if said in f["message"]]
    path.chmod(0)
    (found,) = [f for f in doctor(machine, *unprivileged()) if said in f["message"]]
    subprocess.run(shlex.split(found["fix"]), cwd=machine.root, check=True)
    assert not [f for f in doctor(machine, *unprivileged()) if said in f["message"]]


@pytest.mark.slow
def test_a_file_system_that_is_mounted_read_only_is_told_as_that(machine):
    folder = shlex.quote(str(machine.root))
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    inside = ["unshare", "-m", "sh", "-c"]
    if subprocess.run([*inside, mount], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    found = doctor(machine, *inside, f'{mount} && cd {folder} && exec "$@"', "sh")
    (seen,) = [f for f in found if f["area"] == "folders"]
    assert "is mounted read-only" in seen["message"]
    assert "csv_file_path" in seen["fix"]
    assert "chmod" not in seen["fix"]
    # The control: the same folder, not mounted so.
    assert not [f for f in doctor(machine) if f["area"] == "folders"]


def test_a_full_disk_is_a_problem(machine):
    folder = shlex.quote(str(machine.root))
    mount = f"mount -t tmpfs -o size=64k none {folder} && mkdir {folder}/.kiro"
    inside = ["unshare", "-m", "sh", "-c"]
    if subprocess.run([*inside, mount], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    fill = f'{mount} && cd {folder} && {{ cat /dev/zero > filler; "$@"; }} 2> /dev/null'
    (seen,) = [f for f in doctor(machine, *inside, fill, "sh") if f["area"] == "folders"]
    assert (seen["level"], seen["fix"]) == ("problem", "free some space")
    # The control: the same disk, not full.
    empty = f'{mount} && cd {folder} && "$@"'
    assert not [f for f in doctor(machine, *inside, empty, "sh") if f["area"] == "folders"]
