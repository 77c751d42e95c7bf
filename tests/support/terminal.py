"""Run a command of tokentrack on a terminal, as a person does."""

import os
import pty
import subprocess

from support.kiro import TIMEOUT, installed_command


def on_terminal(words, cwd, environ, code=0, columns=100):
    """Return all that a command prints on a terminal.

    Args:
        words: what comes after `tokentrack`.
        cwd: the folder to run it in.
        environ: its environment.
        code: the exit code that it must have, None for any.
        columns: the width of the terminal.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*installed_command(), *words], cwd=cwd, env={**environ, "COLUMNS": str(columns)},
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:
            pass  # the other end is closed
        os.close(ours)
        ended = process.wait(TIMEOUT)
        assert code in (None, ended), said
    return said.decode().replace("\r\n", "\n")
