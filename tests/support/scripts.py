"""The programs in scripts/, run as a developer runs them, or loaded as modules."""

import importlib.util
import os
import subprocess
import sys

from support import SCRIPTS


def load(name):
    """Return a script as a module; like when it runs, it finds the scripts next to it."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


class Runner:
    """Runs scripts in folders of their own, so that what they leave behind can be seen."""

    def __init__(self, folder):
        self.home, self.temporary = folder / "home", folder / "temporary"
        self.home.mkdir()
        self.temporary.mkdir()

    def run(self, script, *arguments, code=0, cwd=None, **environ):
        """Run a script, check its exit code and return what it printed on both streams."""
        result = subprocess.run(
            [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
            cwd=cwd or self.home,
            env={
                "PATH": os.defpath,
                "HOME": str(self.home),
                "TMPDIR": str(self.temporary),
                **environ,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        output, errors = result.stdout.decode(), result.stderr.decode()
        assert result.returncode == code, output + errors
        assert "Traceback" not in errors
        return output, errors

    def left_behind(self):
        """Return the paths that the scripts left in the two folders."""
        return [*self.home.iterdir(), *self.temporary.iterdir()]


def files_below(folder):
    """Return the bytes of every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
