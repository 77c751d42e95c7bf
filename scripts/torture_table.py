"""The table that scripts/torture prints."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

HEADERS = ("part", "kills", "faults", "accepted", "found", "lost", "torn", "doubled", "control")


@dataclass
class Row:
    """The results of one part; `skipped` says why it could not run.

    `control` is how many rows the part's flawed writer lost, tore or doubled, None for a part
    without one. `wrong` describes what was found, for people to read.
    """

    part: str
    kills: int = 0
    faults: int = 0
    accepted: int = 0
    found: int = 0
    lost: int = 0
    torn: int = 0
    doubled: int = 0
    control: int | None = None
    skipped: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether anything was lost, or the control did not fail."""
        bad = self.lost or self.torn or self.doubled or self.wrong
        return not self.skipped and bool(bad or self.control == 0)

    def cells(self) -> list[str]:
        """Return the row as texts."""
        if self.skipped:
            return [self.part, f"not here: {self.skipped}"]
        numbers = (self.kills, self.faults, self.accepted, self.found,
                   self.lost, self.torn, self.doubled)  # fmt: skip
        control = "-" if self.control is None else f"fails ({self.control:,})"
        control = "DID NOT FAIL" if self.control == 0 else control
        return [self.part, *[f"{number:,}" for number in numbers], control]


def print_table(rows: list[Row]) -> None:
    """Print the rows as Markdown, and what was wrong."""
    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()}\n")
    print("| " + " | ".join(HEADERS) + " |")
    print("|---|" + "--:|" * (len(HEADERS) - 2) + "---|")
    for row in rows:
        cells = row.cells()
        print("| " + " | ".join(cells + [""] * (len(HEADERS) - len(cells))) + " |")
    kills, faults, accepted = (
        sum(getattr(row, name) for row in rows) for name in ("kills", "faults", "accepted")
    )
    bad = sum(row.lost + row.torn + row.doubled for row in rows)
    print(f"\n{kills:,} kills, {faults:,} faults, {accepted:,} rows accepted:", end=" ")
    print(f"{bad:,} lost, torn or doubled")
    for row in rows:
        for text in row.wrong[:10]:
            print(f"{row.part}: {text}")
        if row.control == 0:
            print(f"{row.part}: the flawed writer was not caught, so this part proves nothing")
