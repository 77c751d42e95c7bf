"""Write synthetic ledgers of any size, always the same ones: `FOLDER ROWS`.

There are twelve workspaces and the user's own ledger. Of the executions one in ten has a second
ledger row, half of those much later and with other numbers, one in nine has an earlier usage row
without credits, and one in a hundred lies in two ledgers. Eight workspaces have archives. Rows
are spread over three years.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TextIO

from tokentrack.common.timestamps import format_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = 1_669_852_800_000_000  # 1 December 2022
YEARS = 3 * 365 * 86_400_000_000
WORKSPACES = 12
WITH_ARCHIVES = 8
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

    def write(self, kind: str, done: float, line: str) -> None:
        ending = self._endings[min(int(done * len(self._endings)), len(self._endings) - 1)]
        if (kind, ending) not in self._open:
            path = self._folder / f"{kind}{ending}"
            packed = ending.endswith("gz")
            opened = gzip.open(path, "wt") if packed else path.open("w")  # noqa: SIM115  (see close)
            header = COLUMNS if kind == "token_transactions" else USAGE_COLUMNS
            opened.write(",".join(header) + "\n")
            self._open[kind, ending] = opened
        self._open[kind, ending].write(line)

    def close(self) -> None:
        for file in self._open.values():
            file.close()


def generate(folder: Path, rows: int) -> None:
    """Write the ledgers and a file `ledgers.json` with the paths of their folders."""
    random = Random(20261128)  # noqa: S311  (always the same data, not a secret)
    folders = [folder / f"project-{n:02d}" / ".kiro" for n in range(WORKSPACES)]
    folders.append(folder / "home" / ".kiro")
    files = [_Files(f, with_archives=n < WITH_ARCHIVES) for n, f in enumerate(folders)]
    executions = max(1, int(rows * 0.9))
    later: list[tuple[int, int, str]] = []
    for number in range(executions):
        done = number / executions
        workspace = min(int(random.expovariate(0.35)), WORKSPACES - 1)
        at = FIRST + int(YEARS * done) + random.randrange(1_000_000)
        for target, kind, line in _execution(random, number, at, workspace):
            files[target].write(kind, done, line)
        if random.random() < 0.1:
            distance = random.randint(1, 4) if random.random() < 0.5 else random.randint(50, 5000)
            line = _row(random, _identity(number), at + 90_000_000, workspace, number // 300)
            later.append((number + distance, workspace, line))
        if number % 100 == 99:
            for due, target, line in later:
                if due <= number:
                    files[target].write("token_transactions", done, line)
            later = [found for found in later if found[0] > number]
    for _, target, line in later:
        files[target].write("token_transactions", 1, line)
    for file in files:
        file.close()
    paths = [str(f) for f in folders]
    (folder / "ledgers.json").write_text(json.dumps({"folders": paths, "last": FIRST + YEARS}))


def _identity(number: int) -> str:
    digits = f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _execution(
    random: Random, number: int, at: int, workspace: int
) -> Iterator[tuple[int, str, str]]:
    identity = _identity(number)
    if random.random() < 1 / 9:
        yield workspace, "token_usage", _usage(random, identity, at, is_known=False)
    usage = _usage(random, identity, at + 20_000_000, is_known=True)
    row = _row(random, identity, at, workspace, number // 300)
    yield workspace, "token_usage", usage
    yield workspace, "token_transactions", row
    if random.random() < 0.01:
        yield WORKSPACES, "token_usage", usage
        yield WORKSPACES, "token_transactions", row


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


def _usage(random: Random, identity: str, at: int, *, is_known: bool) -> str:
    model = random.choices(MODELS, (50, 10, 20, 14, 6))[0] if is_known else ""
    amount = repr(random.expovariate(1.0) ** 2) if is_known else ""
    source = "kiro-v1-session" if is_known else "visible-text"
    source_id = f"{identity[19:]}-{identity[:18]}" if is_known else ""
    tags = random.choices(("", "customer=acme", "customer=acme;team=red"), (90, 6, 4))[0]
    context = f"{random.random() * 80:.2f}" if is_known else ""
    return (
        f"{identity},{format_us(at)},,v1,{model},,,,{amount},{context},estimated,"
        f"{'reported' if is_known else 'unknown'},{source},{source_id},ann,laptop-{at % 2},{tags}\n"
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
