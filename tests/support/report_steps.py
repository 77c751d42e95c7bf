"""Step after step, the index and a reading of its own must say what the oracle says."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from support.report_changes import ChangingWorld
from support.report_check import Reference, check, random_question
from tokentrack.reports.index.database import open_index
from tokentrack.reports.zones import Zone


class DifferenceError(Exception):
    """An answer differs from the oracle's."""


def run(seed: int, steps: int, *, questions: int = 3) -> Counter[str]:
    """Do so many steps, and ask questions after each; return how often files were followed."""
    random, counts = Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        world = ChangingWorld(Path(folder), seed)
        index = Path(folder) / "state" / "index.db"
        for number in range(steps):
            world.step()
            with open_index(str(index), world.paths, Zone()) as opened:
                counts["rebuilt" if opened.rebuilt_because else "followed"] += 1
            try:
                _ask(world, index, random, questions, number)
            except AssertionError as error:
                last = ", ".join(world.steps[-5:])
                raise DifferenceError(f"seed {seed}, step {number} ({last}): {error}") from error
    return counts


def _ask(world: ChangingWorld, index: Path, random: Random, questions: int, number: int) -> None:
    reference = Reference(world.paths)
    for _ in range(questions):
        check(reference, world.paths, index, random_question(random, reference))
    if number % 10 == 0:
        check(reference, world.paths, None, random_question(random, reference))
    if number % 4 == 0:
        only = random.choice(world.paths)
        own = Reference([only])
        check(own, world.paths, index, random_question(random, own), only)


def leave_out_the_checksum(patch) -> None:
    """Let the index believe that a file begins as it did, if it is long enough: a control."""
    from tokentrack.reports.index import database, follow

    def begins_with(file, segment):
        data = file.read(segment.bytes)
        return data.partition(b"\n")[0] if len(data) == segment.bytes else None

    patch(follow, "begins_with", begins_with)
    patch(database, "begins_with", begins_with)
