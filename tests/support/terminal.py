"""A program on a terminal of its own: what it prints there, and keys that are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from support.kiro import installed_command

PATIENCE = 60  # only turns a hang into a failure


class Terminal:
    """A pseudo terminal with a program.

    Attributes:
        process: the program.
        text: all that it has printed on the terminal so far.
    """

    def __init__(self, command, *, columns=80, rows=24, streams=("stdin", "stdout", "stderr"),
                 **options):  # fmt: skip
        """Start the program; `streams` are those that are the terminal."""
        self._own, self._its = pty.openpty()
        self.resize(columns, rows)
        self.modes = termios.tcgetattr(self._its)
        self.text = ""
        self._seen = 0
        options |= dict.fromkeys(streams, self._its)
        # The child makes the terminal its own before it starts; no other thread runs here.
        self.process = subprocess.Popen(
            command, start_new_session=True, preexec_fn=self._control, **options,  # noqa: PLW1509
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        with self.process:  # closes its pipes
            self.process.wait()
        for descriptor in (self._own, self._its):
            os.close(descriptor)

    def _control(self):
        fcntl.ioctl(self._its, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal

    def resize(self, columns, rows):
        """Change the size; the program gets a signal."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, size)

    def press(self, keys):
        """Send keys."""
        os.write(self._own, keys)

    def wait_for(self, *texts):
        """Wait until all of these texts were printed since the last call; return what was."""
        end = time.monotonic() + PATIENCE
        while not all(text in self.text[self._seen :] for text in texts):
            assert time.monotonic() < end, f"{texts} not in {self.text[self._seen :]!r}"
            self._read(0.1)
        found = self.text[self._seen :]
        self._seen = len(self.text)
        return found

    def end(self):
        """Wait for the end of the program; return its exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, "the program does not end"
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.returncode

    def has_its_modes(self):
        """Tell whether the terminal is set up as it was before."""
        return termios.tcgetattr(self._its) == self.modes

    def _read(self, seconds):
        if not select.select([self._own], [], [], seconds)[0]:
            return False
        data = os.read(self._own, 65536)
        self.text += data.decode("utf-8", "replace")
        return bool(data)


def on_terminal(words, cwd, environ, code=0, columns=100):
    """Return all that a command of tokentrack prints on a terminal.

    Args:
        words: what comes after `tokentrack`.
        cwd: the folder to run it in.
        environ: its environment.
        code: the exit code that it must have, None for any.
        columns: the width of the terminal.
    """
    command = [*installed_command(), *words]
    with Terminal(command, columns=columns, cwd=cwd, env=environ) as terminal:
        ended = terminal.end()
        assert code in (None, ended), terminal.text
        return terminal.text.replace("\r\n", "\n")
