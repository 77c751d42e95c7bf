"""scripts/test, scripts/try and scripts/mutate say what is missing before they begin."""

import shutil
import subprocess

import pytest

from support import SCRIPTS


@pytest.mark.parametrize("script", [["try"], ["test"], ["mutate", "store/codec"]], ids=" ".join)
@pytest.mark.parametrize(
    ("python", "finding"),
    [
        (None, "there is none on PATH"),
        ('case "$2" in *print*) echo 3.9;; *) exit 1;; esac', "python3 is 3.9"),
        ("echo this version is not installed >&2; exit 127", "there is none on PATH"),
    ],
)
def test_without_a_new_enough_python_a_script_says_so(script, python, finding, tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    if python:
        (tmp_path / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (tmp_path / "python3").chmod(0o755)
    result = subprocess.run(
        ["/bin/sh", str(SCRIPTS / script[0]), *script[1:]],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"needs Python 3.11 or newer with its venv module, but {finding}" in (
        result.stderr.decode()
    )


@pytest.mark.parametrize("script", ["test", "mutate"])
def test_the_help_of_a_script_is_its_first_comment(script):
    shown = subprocess.check_output([SCRIPTS / script, "--help"], text=True)
    lines = (SCRIPTS / script).read_text().splitlines()[1:]
    assert shown.splitlines()[0] == lines[0].removeprefix("# ")
    assert f"scripts/{script} " in shown


def test_a_module_that_does_not_exist_is_named():
    done = subprocess.run([SCRIPTS / "mutate", "store/gone"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"there is no src/tokentrack/store/gone.py: name a module below" in done.stderr
