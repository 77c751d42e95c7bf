"""An ordinary user, for the tests of this folder that root runs."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.kiro import Machine


@pytest.fixture
def nobody():
    """Return a machine below a folder that another user can reach, and how to become that user."""
    if os.name != "posix" or os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("plain modes bind only another user than root: needs root and setpriv")
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        machine = Machine(Path(folder))
        os.chown(machine.home, 65534, 65534)
        trial = [*prefix, *machine.command, "--version"]
        if subprocess.run(trial, check=False, capture_output=True).returncode:
            pytest.skip("another user can't run this installation")
        yield machine, prefix
