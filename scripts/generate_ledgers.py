"""Write synthetic ledgers of any size, always the same ones but for their dates.

FOLDER is a home: the ledgers of its workspaces and its own are listed in its registry. Of the
executions one in ten has a second ledger row, half of those much later and with other numbers, one
in nine has an earlier usage row without credits, and one in a hundred lies in two ledgers. Every
later usage row has a source id. Eight workspaces have archives. Rows are spread over the three
years that end now.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from decimal import Decimal, getcontext
from pathlib import Path
from random import Random
from typing import TextIO

from tokentrack.common.timestamps import format_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.paths import LedgerPaths
from tokentrack.store.registry import register

ROWS, USAGE = "token_transactions", "token_usage"
YEARS = 3 * 365 * 86_400_000_000
WITH_ARCHIVES = 8
_FARTHEST = 5000  # executions between a row and its duplicate
USER = "ann"
MODELS = ("claude-sonnet-4.5", "claude-opus-4.5", "claude-haiku-4.5", "auto", "qwen3-coder-next")
MESSAGES = (
    "The model returned an error: throttled", '"aborted by the user, after 12 s"',
    "context window exceeded", "Tool failed: exit status 1",
)  # fmt: skip
VERBS = ("fix", "explain", "refactor", "document", "test", "extract", "migrate", "implement")
THINGS = (
    "a flaky test in CI", "the payment retry", "release notes", "the login form", "the importer",
    "the slow query on the dashboard", "the error handling of the client", "a memory leak",
)  # fmt: skip
_ARCHIVES = ("_20240101.csv.gz", "_20240601.csv.gz", "_20250101.csv")


class _Files:
    # The files of a ledger, one after the other as time goes on.

    def __init__(self, folder: Path, *, with_archives: bool) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._endings = (*_ARCHIVES, ".csv") if with_archives else (".csv",)
        self._open: dict[tuple[str, str], TextIO] = {}
        self.paths: dict[str, list[str]] = {ROWS: [], USAGE: []}

    def write(self, kind: str, done: float, line: str) -> None:
        ending = self._endings[min(int(done * len(self._endings)), len(self._endings) - 1)]
        if (kind, ending) not in self._open:
            path = self._folder / f"{kind}{ending}"
            self.paths[kind].append(str(path))
            packed = ending.endswith("gz")
            opened = gzip.open(path, "wt") if packed else path.open("w")  # noqa: SIM115  (see close)
            header = COLUMNS if kind == ROWS else USAGE_COLUMNS
            opened.write(",".join(header) + "\n")
            self._open[kind, ending] = opened
        self._open[kind, ending].write(line)

    def close(self) -> None:
        for file in self._open.values():
            file.close()


class Ledgers:
    """The ledgers of a home; the last one is the user's own if there are several."""

    def __init__(self, home: Path, number: int) -> None:
        """Make the folders, and list the ledgers in the registry."""
        self._home = home
        self._random = Random(20261128)  # noqa: S311  (always the same data, not a secret)
        self._workspaces = max(1, number - 1)
        folders = [home / f"project-{n:02d}" for n in range(self._workspaces)]
        folders += [home] if number > 1 else []
        self._files = [
            _Files(f / ".kiro", with_archives=n < WITH_ARCHIVES) for n, f in enumerate(folders)
        ]
        for folder in folders:
            paths = LedgerPaths(str(folder), (".kiro",), "token_transactions.csv")
            register(paths, {"HOME": str(home)})
        self._later: list[tuple[int, int, str]] = []
        self._credits = Decimal(0)

    def write(self, executions: int, now: int) -> None:
        """Write the rows of so many executions, and a file `generated.json` about them.

        It has the `files` by their kind, the `ids` of some executions, the time of the `last` one
        in microseconds, and the exact sum of their `credits`, as text.
        """
        for number in range(executions):
            done = number / executions
            at = now - int(YEARS * (1 - done)) + self._random.randrange(1_000_000)
            self._write_execution(number, at, done)
            if number % 100 == 99:
                self._write_later(number, done)
        self._write_later(executions + _FARTHEST, 1)
        files: dict[str, list[str]] = {ROWS: [], USAGE: []}
        for found in self._files:
            found.close()
            for kind, paths in found.paths.items():
                files[kind] += paths
        told = {
            "files": files,
            "ids": [_identity(executions * n // 10) for n in range(10)],
            "last": now,
            "credits": format(self._credits.normalize(), "f"),
        }
        (self._home / "generated.json").write_text(json.dumps(told))

    def _write_execution(self, number: int, at: int, done: float) -> None:
        random = self._random
        workspace = min(int(random.expovariate(4.2 / self._workspaces)), self._workspaces - 1)
        identity, amount = _identity(number), repr(random.expovariate(1.0) ** 2)
        self._credits += Decimal(amount)
        if random.random() < 1 / 9:
            self._files[workspace].write(USAGE, done, _usage(random, identity, at, credits_=""))
        usage = _usage(random, identity, at + 20_000_000, credits_=amount)
        row = _row(random, identity, at, workspace, number // 300)
        targets = {workspace, len(self._files) - 1} if random.random() < 0.01 else {workspace}
        for target in targets:
            self._files[target].write(USAGE, done, usage)
            self._files[target].write(ROWS, done, row)
        if random.random() < 0.1:
            distance = (
                random.randint(1, 4) if random.random() < 0.5 else random.randint(50, _FARTHEST)
            )
            again = _row(random, identity, at + 90_000_000, workspace, number // 300)
            self._later.append((number + distance, workspace, again))

    def _write_later(self, number: int, done: float) -> None:
        for due, target, line in self._later:
            if due <= number:
                self._files[target].write(ROWS, done, line)
        self._later = [found for found in self._later if found[0] > number]


def _identity(number: int) -> str:
    digits = f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _row(random: Random, identity: str, at: int, workspace: int, session: int) -> str:
    prompt = f"{random.choice(VERBS)} {random.choice(THINGS)} in module {random.randrange(300)}"
    kind = random.random()
    if kind < 0.25:
        prompt = f'"{prompt}, and say ""why"" it was needed, then run the tests"'
    elif kind < 0.4:
        prompt += "\\nkeep the interface as it is"
    failed = random.random() < 0.055
    patterns = "" if random.random() < 0.8 else f"src/module_{random.randrange(300)}.py"
    return (
        f"{format_us(at)},{prompt},{len(prompt) // 4},{random.randrange(1_000, 90_000_000) / 1e6},"
        f"sess_{workspace:02d}{session * 7919:010d},project-{workspace:02d},"
        f"agentExecutionCompleted,{identity},{patterns},tokentrack-stop,"
        f"{'true' if failed else 'false'},"
        f"{random.choice(MESSAGES) if failed else ''}\n"
    )


def _usage(random: Random, identity: str, at: int, *, credits_: str) -> str:
    is_known = credits_ != ""
    model = random.choices(MODELS, (50, 10, 20, 14, 6))[0] if is_known else ""
    source = "kiro-v1-session" if is_known else "visible-text"
    source_id = f"{identity[19:]}-{identity[:18]}" if is_known else ""
    tags = random.choices(("", "customer=acme", "customer=acme;team=red"), (90, 6, 4))[0]
    context = f"{random.random() * 80:.2f}" if is_known else ""
    user = f"{USER},laptop-{at % 2}"
    return (
        f"{identity},{format_us(at)},,v1,{model},,,,{credits_},{context},estimated,"
        f"{'reported' if is_known else 'unknown'},{source},{source_id},{user},{tags}\n"
    )


def main() -> None:
    """Read the arguments, and write the ledgers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--ledgers", type=int, default=13)
    options = parser.parse_args()
    getcontext().prec = 100  # so that the sum is exact
    ledgers = Ledgers(options.folder, options.ledgers)
    ledgers.write(max(1, int(options.rows * 0.9)), time.time_ns() // 1000)


if __name__ == "__main__":
    main()
