"""A user's home: the files in it, and what readers should find there."""

import hashlib
import json
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

# 2026-08-20T10:00:00Z, in microseconds.
START = 1_787_220_000_000_000
SECOND = 1_000_000


def iso(at: int, digits: int = 3) -> str:
    """Return microseconds since the epoch as Kiro writes them."""
    moment = datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at % SECOND:06d}"[: 20 + digits] + "Z"


@dataclass(frozen=True)
class Expected:
    """What a reader should return for one turn; `credits` is None if Kiro does not know."""

    source: str
    source_id: str
    session_id: str
    workspace: str
    model: str
    credits: Decimal | None
    status: str
    started_at: int | None
    ended_at: int | None
    prompt: str = ""


class KiroHome:
    """An empty home; the surfaces' modules write into it and add to `expected`."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self.folder = Path(folder)
        self.random = random.Random(seed)
        self.expected: list[Expected] = []
        self.at = START
        self.kiro = self.folder / ".kiro"
        self.ide_user = self.folder / ".config" / "Kiro" / "User"
        self.environ = {"HOME": str(self.folder)}
        self.kiro.mkdir(parents=True, exist_ok=True)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def pass_time(self, seconds: float) -> int:
        """Let time pass and return it; whole milliseconds, as Kiro counts."""
        self.at += int(seconds * 1000) * 1000
        return self.at

    def credit(self) -> float:
        """Return credits with as many digits as Kiro's: 0.015805053067993367."""
        return self.random.choice([self.random.random(), round(self.random.random() * 3, 2), 1e-05])

    def expect(self, turn: Expected) -> Expected:
        self.expected.append(turn)
        return turn

    def forget(self, turn: Expected) -> None:
        self.expected.remove(turn)

    def update(self, turn: Expected, **changes: object) -> Expected:
        """Replace an expected turn: its numbers appeared."""
        changed = replace(turn, **changes)
        self.expected[self.expected.index(turn)] = changed
        return changed

    def total(self, workspace: str | None = None) -> Decimal:
        """Return the credits of all turns, or of one workspace's."""
        wanted = [t for t in self.expected if workspace in (None, t.workspace)]
        return exact(turn.credits for turn in wanted)


def exact(numbers: Iterable[Decimal | float | None]) -> Decimal:
    """Add credits as decimal numbers, exactly as the files have them."""
    return sum((Decimal(str(n)) for n in numbers if n is not None), Decimal(0))


def dump(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write one JSON document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False), encoding="utf-8")


def append_lines(path: Path, values: Iterable[object]) -> None:
    """Append JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def digest(text: str) -> str:
    """Return 32 hexadecimal digits, as IDE 0.x names a workspace."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
