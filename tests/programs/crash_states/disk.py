"""What a crash can leave on a disk, given the operations that a program did.

The disk keeps what the standard lets a caller rely on, and no more: the bytes, the size and the
mode of a file are safe after an fsync of the file, its name after an fsync of its folder, and a
name that was renamed has the old file or the new one. Everything else can be there or not, in any
order: an operation can be missing, and a write can have reached the disk in part. Real file
systems keep more of an order; what is right here is right on all of them.

Names are slots: a file can't be created under a name whose removal or renaming is missing.
"""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = 1
SECTOR = 512  # what a disk writes atomically
CUT, ZERO, HOLE = "cut", "zero", "hole"


class Tear(NamedTuple):
    """A write of which a part is missing.

    Only the first bytes are there (CUT), or they and zeros (ZERO): the file has its size, its last
    sectors have not. HOLE is the other way round: the sectors came in another order.
    """

    kind: str
    at: int

    def of(self, data: bytes) -> bytes:
        if self.kind == CUT:
            return data[: self.at]
        if self.kind == ZERO:
            return data[: self.at].ljust(len(data), b"\0")
        return data[self.at :].rjust(len(data), b"\0")


class Fault(NamedTuple):
    """What a crash did: the operations before it, those missing, and the one that is torn."""

    after: int
    missing: frozenset[int] = frozenset()
    torn: int = -1
    tear: Tear | None = None

    @property
    def has_hole(self) -> bool:
        return self.tear is not None and self.tear.kind == HOLE

    def told(self, operations: list[tuple]) -> str:
        """Say it for people."""
        words = [f"after {self.after} of {len(operations)} operations"]
        words += [f"without {i + 1} ({_brief(operations[i])})" for i in sorted(self.missing)]
        if self.tear:
            what = _brief(operations[self.torn])
            words.append(f"{self.tear.kind} at {self.tear.at} of {self.torn + 1} ({what})")
        return ", ".join(words)


def _brief(operation: tuple) -> str:
    return " ".join(str(len(p)) + " bytes" if isinstance(p, bytes) else str(p) for p in operation)


class Disk:
    """Files and folders by number, and the names in each folder."""

    def __init__(self, start: list[tuple]) -> None:
        self.data: dict[int, bytearray] = {}
        self.names: dict[int, dict[str, int]] = defaultdict(dict)
        self.modes: dict[int, int] = {}
        for folder, name, number, mode, data in start:
            self.names[folder][name] = number
            self.modes[number] = mode
            if data is not None:
                self.data[number] = bytearray(data)

    def apply(self, operations: list[tuple], fault: Fault) -> None:
        for index, operation in enumerate(operations[: fault.after]):
            kind, *rest = operation
            if kind in ("create", "mkdir"):
                self._make(kind, *rest, is_there=index not in fault.missing)
            elif index in fault.missing:
                continue
            elif kind == "write":
                number, at, data = rest
                self._write(number, at, fault.tear.of(data) if index == fault.torn else data)
            elif kind == "truncate":
                number, length = rest
                del self.data[number][length:]
                self.data[number].extend(b"\0" * (length - len(self.data[number])))
            elif kind == "chmod":
                self.modes[rest[0]] = rest[1]
            elif kind == "rename":
                folder, name, new_folder, new_name, number = rest
                self._unlink(folder, name, number)
                self.names[new_folder][new_name] = number
            elif kind == "unlink":
                self._unlink(*rest)

    def _make(
        self, kind: str, folder: int, name: str, number: int, mode: int, *, is_there: bool
    ) -> None:
        self.modes[number] = mode
        if kind == "create":
            self.data[number] = bytearray()
        if is_there:
            self.names[folder].setdefault(name, number)

    def _write(self, number: int, at: int, data: bytes) -> None:
        content = self.data[number]
        content.extend(b"\0" * (at - len(content)))
        content[at : at + len(data)] = data

    def _unlink(self, folder: int, name: str, number: int) -> None:
        if self.names[folder].get(name) == number:
            del self.names[folder][name]

    def numbers(self, folder: int = ROOT, path: str = "") -> Iterator[tuple[str, int]]:
        """Yield the path and the number of each entry."""
        for name, number in self.names[folder].items():
            yield f"{path}{name}", number
            if number not in self.data:
                yield from self.numbers(number, f"{path}{name}/")

    def tree(self, folder: int = ROOT, path: str = "") -> Iterator[tuple[str, int, bytes | None]]:
        """Yield the path, the mode and the bytes of each entry; a folder comes before its own."""
        for name, number in sorted(self.names[folder].items()):
            inner = f"{path}{name}"
            if number in self.data:
                yield inner, self.modes[number], bytes(self.data[number])
            else:
                yield inner, self.modes[number], None
                yield from self.tree(number, inner + "/")


NUMBERS = {"create": (1, 3), "mkdir": (1, 3), "write": (1,), "truncate": (1,), "sync": (1,),
           "chmod": (1,), "rename": (1, 3, 5), "unlink": (1, 3)}  # fmt: skip
_MANY = 1_000_000


def _renumbered(operation: tuple, program: int, known: dict[int, int]) -> tuple:
    changed = list(operation)
    for place in NUMBERS.get(operation[0], ()) if program else ():
        changed[place] = known.get(operation[place], operation[place] + program * _MANY)
    return tuple(changed)


class Recording:
    """The recorded operations of programs that ran one after the other."""

    def __init__(self, logs: list[Path]) -> None:
        self.start: list[tuple] = []
        self.operations: list[tuple] = []
        for number, log in enumerate(logs):
            with log.open("rb") as file:
                _, start = pickle.load(file)
                known = self._known(start) if number else {}
                self.start = self.start if number else start
                while file.peek(1):
                    self.operations.append(_renumbered(pickle.load(file), number, known))
        self.unknown = [o for o in self.operations if o[0] == "unknown"]

    def _known(self, start: list[tuple]) -> dict[int, int]:
        # What a later program found at its start is what those before it left.
        paths, found = {}, {}
        for folder, name, number, *_ in start:
            paths[number] = f"{paths[folder]}/{name}" if folder in paths else name
        ours = dict(self.disk(self.end()).numbers())
        found = {number: ours[path] for number, path in paths.items()}
        return {ROOT: ROOT, **found}

    def disk(self, fault: Fault) -> Disk:
        disk = Disk(self.start)
        disk.apply(self.operations, fault)
        return disk

    def files(self, fault: Fault) -> dict[str, bytes]:
        """Return the files of a state by their paths."""
        return {path: data for path, _, data in self.disk(fault).tree() if data is not None}

    def end(self) -> Fault:
        return Fault(len(self.operations))

    def pending(self, after: int) -> list[int]:
        """Return which of the first operations no fsync has made safe."""
        left: dict[int, tuple[int, ...]] = {}
        for index, (kind, *rest) in enumerate(self.operations[:after]):
            if kind == "sync":
                left = {i: targets for i, targets in left.items() if rest[0] not in targets}
            elif kind == "rename":
                left[index] = (rest[0], rest[2])  # atomic: both names, or none
            else:
                left[index] = (rest[0],)
        return list(left)

    def faults(self, drops: int) -> Iterator[Fault]:
        """Yield what a crash can do at each moment.

        Of what is pending, at most `drops` operations are missing or all but at most one; one of
        the missing may be there in part.
        """
        for after in range(len(self.operations) + 1):
            pending = self.pending(after)
            yield Fault(after)
            yield Fault(after, frozenset(pending))
            for one in pending:
                yield Fault(after, frozenset(pending) - {one})
            for count in range(1, drops + 1):
                for missing in combinations(pending, count):
                    yield Fault(after, frozenset(missing))
                    yield from self._torn(after, missing)

    def _torn(self, after: int, missing: tuple[int, ...]) -> Iterator[Fault]:
        for torn in missing:
            kind, *rest = self.operations[torn]
            if kind == "write":
                for tear in tears(rest[1], len(rest[2])):
                    yield Fault(after, frozenset(missing) - {torn}, torn, tear)


def tears(at: int, length: int) -> list[Tear]:
    """Return how a write of `length` bytes at an offset can be torn."""
    sectors = list(range(SECTOR - at % SECTOR, length, SECTOR))
    sectors = sorted({*sectors[:1], *sectors[-1:]})
    cuts = sorted({1, length // 2, length - 1, *sectors} - {0, length})
    found = [Tear(CUT, cut) for cut in cuts]
    found += [Tear(ZERO, cut) for cut in [0, *cuts]]
    return found + [Tear(HOLE, sector) for sector in sectors]


def put(tree: list[tuple[str, int, bytes | None]], base: Path) -> None:
    """Write a tree into an empty folder."""
    for path, mode, data in tree:
        place = os.path.join(base, path)
        if data is None:
            os.mkdir(place, mode)
        else:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(descriptor, data)
            os.close(descriptor)
