"""Write down what a program does to the files below a folder: run as a program.

`python -m programs.crash_states.record LOG FOLDER tokentrack [WORD]...` runs the installed
program with each call of `os` that changes a file replaced by one that notes what it did;
`MODULE:FUNCTION` in place of `tokentrack` runs that function. LOG gets what was there before, and
then each operation, as `disk` reads them. It needs no tracer, no compiler
and no root. Whoever reads the log compares its result with the real files, so no missed operation
stays unnoticed.
"""

from __future__ import annotations

import _pyio
import builtins
import fcntl
import importlib
import io
import os
import pickle
import stat
import sys
import threading
from pathlib import Path

# What changes files in other ways: no code of this project does.
UNKNOWN = ("link", "symlink", "pwrite", "pwritev", "writev", "mkfifo", "mknod", "sendfile",
           "copy_file_range", "splice", "posix_fallocate")  # fmt: skip


class Recorder:
    """Files and folders have numbers of their own: those of the file system are used again."""

    def __init__(self, log: str, base: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._numbers: dict[tuple[int, int], int] = {}
        self._lock = threading.RLock()
        self._real = dict(vars(os))
        start: list[tuple] = []
        self._number(os.stat(base))
        self._look(Path(base), start)
        self._note("start", start)

    def _look(self, folder: Path, found: list[tuple]) -> None:
        at = self._numbers[self._key(folder.stat())]
        for path in sorted(folder.iterdir()):
            status = path.lstat()
            number, mode = self._number(status), stat.S_IMODE(status.st_mode)
            data = None if path.is_dir() else path.read_bytes()
            found.append((at, path.name, number, mode, data))
            if data is None:
                self._look(path, found)

    @staticmethod
    def _key(status: os.stat_result) -> tuple[int, int]:
        return status.st_dev, status.st_ino

    def _number(self, status: os.stat_result) -> int:
        self._last = getattr(self, "_last", 0) + 1
        self._numbers[self._key(status)] = self._last
        return self._last

    def _note(self, *operation: object) -> None:
        self._real["write"](self._log, pickle.dumps(operation))

    # --- what a call is about ---

    def _entry(self, path, at: int | None) -> tuple[int | None, str]:
        # The number of the folder, None outside, and the name in it.
        head, name = os.path.split(os.fsdecode(path))
        try:
            status = os.stat(head or ".", dir_fd=at)
        except OSError:
            return None, name
        return self._numbers.get(self._key(status)), name

    def _of_path(self, path, at: int | None = None) -> int | None:
        try:
            status = os.stat(path) if at is None else os.stat(path, dir_fd=at)
        except OSError:
            return None
        return self._numbers.get(self._key(status))

    # --- the calls ---

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        folder, name = self._entry(path, dir_fd)
        before = self._of_path(path, dir_fd)
        descriptor = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        status = os.fstat(descriptor)
        if folder is None:
            if before is None:
                self._numbers.pop(self._key(status), None)  # one of ours had this inode once
        elif before is None and flags & os.O_CREAT:
            number = self._number(status)
            self._note("create", folder, name, number, stat.S_IMODE(status.st_mode))
        elif flags & os.O_TRUNC:
            self._note("truncate", before, 0)
        return descriptor

    def write(self, descriptor, data):
        status = os.fstat(descriptor)
        number = self._numbers.get(self._key(status))
        if number is None:
            return self._real["write"](descriptor, data)
        appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
        at = status.st_size if appends else os.lseek(descriptor, 0, os.SEEK_CUR)
        taken = self._real["write"](descriptor, data)
        self._note("write", number, at, bytes(data)[:taken])
        return taken

    def truncate(self, path, length):
        number = self._of_path(path)
        self._real["truncate"](path, length)
        if number is not None:
            self._note("truncate", number, length)

    ftruncate = truncate

    def fsync(self, descriptor):
        number = self._of_path(descriptor)
        self._real["fsync"](descriptor)
        if number is not None:
            self._note("sync", number)

    fdatasync = fsync

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        folder, name = self._entry(path, dir_fd)
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        if folder is not None:
            status = os.stat(path, dir_fd=dir_fd)
            number = self._number(status)
            self._note("mkdir", folder, name, number, stat.S_IMODE(status.st_mode))

    def unlink(self, path, *, dir_fd=None):
        self._remove("unlink", path, dir_fd)

    remove = unlink

    def rmdir(self, path, *, dir_fd=None):
        self._remove("rmdir", path, dir_fd)

    def _remove(self, call: str, path, at: int | None) -> None:
        folder, name = self._entry(path, at)
        number = self._of_path(path, at)
        self._real[call](path, dir_fd=at)
        if folder is not None:
            self._note("unlink", folder, name, number)

    def replace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        old, new = self._entry(src, src_dir_fd), self._entry(dst, dst_dir_fd)
        number = self._of_path(src, src_dir_fd)
        self._real["replace"](src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if (old[0] is None) != (new[0] is None):
            self._note("unknown", "a rename into or out of the folder")
        elif number is not None:
            self._note("rename", *old, *new, number)

    rename = replace

    def chmod(self, path, mode, *, dir_fd=None, follow_symlinks=True):
        number = self._of_path(path, dir_fd)
        self._real["chmod"](path, mode, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if number is not None:
            self._note("chmod", number, mode)

    def fchmod(self, descriptor, mode):
        self.chmod(descriptor, mode)

    # --- in place of the real ones ---

    def install(self) -> None:
        for name in ("open", "write", "truncate", "ftruncate", "fsync", "fdatasync", "mkdir",
                     "unlink", "remove", "rmdir", "replace", "rename", "chmod",
                     "fchmod"):  # fmt: skip
            self._put(name, getattr(self, name))
        for name in UNKNOWN:
            if hasattr(os, name):
                self._put(name, self._unknown(name))
        # The files of `io` write in C; these, their twins in Python, by `os.write`.
        builtins.open = io.open = _pyio.open

    def _put(self, name: str, instead) -> None:
        def call(*args, **kwargs):
            with self._lock:
                return instead(*args, **kwargs)

        real = self._real[name]
        setattr(os, name, call)
        for kind in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if real in kind:
                kind.add(call)

    def _unknown(self, name: str):
        def call(*args, **kwargs):
            self._note("unknown", name)
            return self._real[name](*args, **kwargs)

        return call


def main(log: str, base: str, program: str, words: list[str]) -> int:
    Recorder(log, base).install()
    if program != "tokentrack":
        module, _, function = program.partition(":")
        getattr(importlib.import_module(module), function)(*words)
        return 0
    sys.argv = [program, *words]
    from tokentrack.__main__ import main

    return main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
