"""What `bench_reports.py` measures, and the bars that its figures have to meet."""

from __future__ import annotations

from typing import NamedTuple

HISTORY = """
import sys
from tokentrack import TokenTracker
found = TokenTracker().get_transaction_history(limit=10)
assert len(found) == 10
"""
_FILES = """
import json, os, sys
with open(os.path.join(sys.argv[1], "generated.json")) as told:
    files = json.load(told)["files"]
"""
READ = f"""{_FILES}
import csv, gzip
for path in [*files["token_transactions"], *files["token_usage"]]:
    with (gzip.open if path.endswith("gz") else open)(path, "rt", newline="") as file:
        for row in csv.reader(file):
            pass
"""
# The sum of the last known credits of each execution that has a row, by others.
DUCKDB = f"""{_FILES}
import duckdb
rows, usage = (
    duckdb.read_csv(files[kind], all_varchar=True, header=True, quotechar='"')
    for kind in ("token_transactions", "token_usage")
)
amount = "arg_max(credits::decimal(38, 27), recorded_at) amount"
last = usage.filter("credits <> ''").aggregate(f"agent_execution_id, {{amount}}")
known = rows.aggregate("agent_execution_id")
print(last.join(known, "agent_execution_id").aggregate("sum(amount)").fetchall()[0][0])
"""
PANDAS = f"""{_FILES}
import pandas
def read(kind, columns):
    return pandas.concat([pandas.read_csv(f, usecols=columns, dtype=str) for f in files[kind]])
rows = read("token_transactions", ["agent_execution_id"])
usage = read("token_usage", ["agent_execution_id", "recorded_at", "credits"]).dropna()
last = usage.sort_values("recorded_at").drop_duplicates("agent_execution_id", keep="last")
print(last[last.agent_execution_id.isin(rows.agent_execution_id)].credits.astype(float).sum())
"""
# What is done before a case.
AGED, GROWN, YOUNG, NEW = "aged", "grown", "young", "new"


class Case(NamedTuple):
    """A command.

    Attributes:
        name: what it is called.
        words: the arguments of `tokentrack`; `ID` and `PREFIX` stand for those of a turn.
        code: instead of these, a program for the interpreter, whose argument is the home.
        before: what is done first: `GROWN` adds 100 turns to one ledger, `NEW` removes the
            index, an empty text does nothing.
        is_slow: whether it reads everything.
        exits: its possible exit codes.
        other: it needs this package, and runs with the interpreter that has it.
    """

    name: str
    words: str = ""
    code: str = ""
    before: str = AGED
    is_slow: bool = False
    exits: tuple[int, ...] = (0,)
    other: str = ""


def _by(*names: str) -> list[Case]:
    return [Case(f"all by {name}", f"report {name} --since all -n 20") for name in names]


CASES = (
    Case("bare", code="pass"),
    Case("R", code=READ, is_slow=True),
    Case("DuckDB", code=DUCKDB, is_slow=True, other="duckdb"),
    Case("pandas", code=PANDAS, is_slow=True, other="pandas"),
    Case("--version", "--version"),
    Case("build", "report", before=NEW, is_slow=True),
    Case("no index", "report --since all --no-index", is_slow=True),
    Case("month", "report"),
    *_by("day", "week", "month", "workspace", "model", "trigger", "surface", "user", "failed"),
    *_by("session", "message", "day model", "workspace model", "tag"),
    Case("other zone", "report --since all --tz Asia/Kolkata -n 20"),
    Case("DST zone", "report --since all --tz America/New_York -n 20"),
    Case("overview", "overview"),
    Case("turns", "turns -n 10"),
    Case("dearest turns", "turns -n 10 --sort credits --since all"),
    Case("show", "show ID"),
    Case("show a prefix", "show PREFIX"),
    Case("status", "status", exits=(0, 1)),
    Case("history", code=HISTORY),
    Case("grown", "report", before=GROWN),
    Case("statusline", "statusline"),
    Case("grown statusline", "statusline", before=GROWN),
)
_SINGLE = ("week", "month", "workspace", "model", "trigger", "surface", "user", "failed")
_DETAILED = ("session", "message", "day model", "workspace model", "tag")
DETAILED = (*[f"all by {name}" for name in _DETAILED], "other zone", "DST zone")


class Bar(NamedTuple):
    """A bar: the lower quartile of a case's CPU time is at most `most` times that of another.

    Attributes:
        case: the case.
        most: how many times.
        of: the other case, of the same size; or `SMALL`, the same case at the smallest size.
        sizes: the sizes for which it holds.
        peak: how many MiB at most, 0 for any number.
    """

    case: str
    most: float
    of: str = "bare"
    sizes: tuple[int, ...] = (1_000_000,)
    peak: float = 0


SMALL = "small"
_BIG = (1_000_000, 5_000_000)
BARS = (
    Bar("month", 5, peak=20),
    Bar("month", 1.1, SMALL),
    Bar("all by day", 10, peak=24),
    *[Bar(f"all by {name}", 7, peak=24) for name in _SINGLE],
    *[Bar(name, 55) for name in DETAILED],
    *[Bar(name, 10, sizes=(100_000,)) for name in DETAILED],
    Bar("grown", 8),
    Bar("build", 4.5, "R", sizes=_BIG, peak=40),
    Bar("no index", 4, "R", sizes=_BIG, peak=40),
    Bar("turns", 5.5),
    Bar("show", 5.5),
    Bar("show a prefix", 5.5),
    Bar("status", 8),
    Bar("status", 1.3, SMALL),
    Bar("history", 1.1, SMALL),
    Bar("statusline", 2.0, peak=16),
    Bar("statusline", 1.1, SMALL),
    Bar("grown statusline", 4.5),
)
MOST_LEDGERS, MORE_LEDGERS = 1.2, 60
MOST_DISK = 0.30  # of the plain text
