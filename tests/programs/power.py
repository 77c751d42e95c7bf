"""Cut the power of a disk while processes record: run as a program, as root.

`python -m programs.power FOLDER CUTS DURABILITY` makes a file system in a file, mounts it, lets
writers record, and cuts the power by FS_IOC_SHUTDOWN, so that everything that was not flushed is
gone. Then it mounts the file system again and compares. It prints the results as JSON, or
`{"cannot": reason}`.

Only rows that were accepted before the cut began are counted. While the kernel is still taking the
file system down, an fsync can return as if all were well, which no machine without power does. The
number of such rows, and of those among them that are gone, are `during` and `during_lost`. With
`reference` in place of the durability, the writers are a few lines of write and fsync without code
of this project: they lose rows in the same moment, and only then.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from programs import storm

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
WORKERS = 4


class CannotError(Exception):
    """This machine has no way to do it."""


def _run(*words: object) -> None:
    done = subprocess.run([*map(str, words)], capture_output=True, check=False, text=True)
    if done.returncode:
        raise CannotError(f"{words[0]}: {done.stderr.strip()[:200]}")


def cut(base: Path, durability: str, seed: int) -> dict:
    """Let writers record, cut the power, and return the rows that are left."""
    image, mount, notes = base / "image", base / "mount", base / "notes"
    for folder in (mount, notes):
        folder.mkdir()
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    _run("mkfs.ext4", "-q", image)
    _run("mount", "-o", "loop", image, mount)
    try:
        (mount / "notes").symlink_to(notes)  # the accepted rows are noted outside
        mode = "fsync" if durability == "reference" else durability
        spec = storm.Spec(mount, durability=mode, seed=seed, workers=WORKERS)
        space = spec.workspace()
        fields = {"session_id": "first", "prompt": storm.prompt_of("first", spec.size)}
        assert space.complete("first", **fields)
        descriptor = os.open(mount, os.O_RDONLY)
        os.fsync(descriptor)
        os.sync()
        worker = _reference if durability == "reference" else storm._work
        writers = [_fork(worker, spec, f"w{number}") for number in range(WORKERS)]
        time.sleep(random.Random(seed).uniform(0.3, 0.9))
        sizes = {path.name: path.stat().st_size for path in notes.iterdir()}
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(descriptor)
        for pid in writers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        _run("umount", mount)
        _run("mount", "-o", "loop", image, mount)
        if worker is storm._work:
            storm._settle(spec, space)
        return _examine(spec, sizes)
    finally:
        subprocess.run(["umount", "-l", mount], capture_output=True, check=False)


def _fork(worker, spec: storm.Spec, name: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            worker(spec, name)
        finally:
            os._exit(1)
    return pid


def _reference(spec: storm.Spec, name: str) -> None:
    notes = os.open(f"{spec.base}/notes/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number in count():
        tag = f"{name}-{number}"
        try:
            lock = os.open(f"{spec.base}/lock", flags, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            for file in ("first", "second"):
                descriptor = os.open(f"{spec.base}/{file}", flags, 0o600)
                os.write(descriptor, f"{tag} {'x' * 400}\n".encode())
                os.fsync(descriptor)
                os.close(descriptor)
            os.close(lock)
        except OSError:
            continue
        os.write(notes, f"stop {tag}\n".encode())


def _examine(spec: storm.Spec, sizes: dict[str, int]) -> dict[str, int]:
    before, during = set(), set()
    for path in Path(spec.base, "notes").iterdir():
        data, size = path.read_bytes(), sizes.get(path.name, 0)
        before |= _tags(data[:size])
        during |= _tags(data[size:])
    second = Path(spec.base, "second")
    if second.exists():
        rows = {line.split(b" ")[0].decode() for line in second.read_bytes().split(b"\n")}
        found = {"damaged": [], "twice": []}
    else:
        rows = {row[storm.SESSION] for row in spec.workspace().rows()}
        found = storm.examine(spec)
    return {
        "accepted": len(before),
        "lost": len(before - rows),
        "torn": len(found["damaged"]),
        "twice": len(found["twice"]),
        "during": len(during),
        "during_lost": len(during - rows),
    }


def _tags(notes: bytes) -> set[str]:
    return {line.split(" ")[1] for line in notes.decode().split("\n")[:-1]}


def run(folder: Path, cuts: int, durability: str) -> dict:
    total = dict.fromkeys(("cuts", "accepted", "lost", "torn", "twice", "during", "during_lost"), 0)
    for seed in range(cuts):
        base = Path(tempfile.mkdtemp(dir=folder))
        try:
            found = cut(base, durability, seed)
        except (CannotError, OSError) as error:
            return {"cannot": str(error)}
        finally:
            shutil.rmtree(base, ignore_errors=True)
        total["cuts"] += 1
        for name, number in found.items():
            total[name] += number
    return total


if __name__ == "__main__":
    _folder, _cuts, _durability = sys.argv[1:]
    print(json.dumps(run(Path(_folder), int(_cuts), _durability)))  # noqa: T201
