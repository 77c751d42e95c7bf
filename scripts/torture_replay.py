"""The part of scripts/torture that replays what a power loss can leave of each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torture_table import Row

if TYPE_CHECKING:
    from torture_parts import Machine

_PROGRAM = "crash_states"
_FLAWED = ("no fsync", "rewrite in place", "rename without fsync", "compress without fsync")


def replay(machine: Machine) -> list[Row]:
    """Return a row for each kind of command, with the states as its faults."""
    drops, limit = (1, 24) if machine.quick else (2, 0)
    found = machine.run(_PROGRAM, machine.folder(memory=True), drops, limit)
    flawed = machine.run(_PROGRAM, machine.folder(memory=True), 1, limit, *_FLAWED)
    rows: dict[str, Row] = {}
    for name, done in found.items():
        kind = name.partition(":")[0]
        row = rows.setdefault(kind, Row(f"crash states: {kind}"))
        row.faults += done["states"]
        row.wrong += [f"{name}, {text}" for text in done["wrong"]]
        row.lost = len(row.wrong)
        # Each of the flawed writers must be caught, in some state of it.
        row.control = min(len(one["wrong"]) if one["states"] else 0 for one in flawed.values())
    return list(rows.values())
