"""Run commands of tokentrack as their user does, and check how they end."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import TESTS


class _Server:
    """The program that runs the commands (see programs/commands.py), for one process of tests."""

    def __init__(self):
        self.owner = os.getpid()
        self.folder = tempfile.TemporaryDirectory(prefix="tokentrack-commands-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "programs.commands"], cwd=TESTS, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        atexit.register(self._stop)

    def run(self, words, cwd, environ):
        files = {name: os.path.join(self.folder.name, name) for name in ("output", "errors")}
        umask = os.umask(0)
        os.umask(umask)
        request = {"words": words, "cwd": str(cwd), "environ": environ, "umask": umask, **files}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        output, errors = (Path(path).read_bytes() for path in files.values())
        return subprocess.CompletedProcess(words, code, output, errors)

    def _stop(self):
        if self.owner == os.getpid():
            self._process.communicate()
            self.folder.cleanup()


_server = None


def _server_of_this_process():
    global _server  # noqa: PLW0603  (started by the first test that needs it)
    if _server is None or _server.owner != os.getpid():
        _server = _Server()
    return _server


def run(words, cwd, environ, code=0):
    """Run a command; return the finished process with its output as text.

    Args:
        words: what comes after `tokentrack`.
        cwd: the folder to run it in.
        environ: its whole environment.
        code: the exit code that it must have, None for any.
    """
    words = [*map(str, words)]
    if "PYTHONIOENCODING" in environ:  # the interpreter reads it when it starts
        command = [sys.executable, "-m", "tokentrack", *words]
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, check=False)
    else:
        done = _server_of_this_process().run(words, cwd, environ)
    done.stdout, done.stderr = (
        text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr)
    )
    assert code in (None, done.returncode), done.stderr + done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return done


def tokentrack(machine, *words, code=0, cwd=None, env=None, errors=False):
    """Run a command in a machine's workspace; return its output.

    Args:
        machine: the workspace and the home.
        words: the command and its arguments.
        code: the exit code that it must have, None for any.
        cwd: another folder to run it in.
        env: more of the environment.
        errors: whether to return what it printed on stderr, too.
    """
    environ = {**machine.environment, **(env or {})}
    done = run(words, cwd or machine.root, environ, code)
    return done.stdout + done.stderr if errors else done.stdout
