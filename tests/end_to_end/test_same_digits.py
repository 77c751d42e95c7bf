"""Credits that are known in advance are the same digits in every answer, for every surface."""

import csv
import io
import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from support.kiro_homes.cli import CliSession
from support.kiro_homes.database import CliDatabase
from support.kiro_homes.home import SECOND, KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from support.scripts import load

pytestmark = pytest.mark.slow

Demo = load("make_report_docs").Demo
ALPHA, BETA = "/w/alpha", "/w/beta"
# As Kiro writes them: with 18 digits, with an exponent, and such that floats add up wrongly.
USAGES = [[0.015805053067993367], [0.1, 0.2], [1e-05], [2.25, 0.7], [0.30000000000000004]]


def v1(home):
    sessions = [V1Session(home, ALPHA), V1Session(home, BETA, "b2")]
    for number, usage in enumerate(USAGES):
        sessions[number % 2].turn(usage, status="error" if number == 3 else "success")
    sessions[0].copy()  # counted once


def cli(home):
    session = CliSession(home, ALPHA)
    for usage in USAGES:
        session.turn(usage)
    session.rewind(2)


def database(home):
    store = CliDatabase(home)
    for usage in USAGES:
        store.conversation([usage], BETA)


def ide(home):
    storage = IdeStorage(home)
    for usage in USAGES:
        storage.execution(usage, ALPHA)


def everything(home):
    for write in (v1, cli, database, ide):
        write(home)


def writer(fill):
    """Return what writes a home whose turns are of the hours before a time."""

    def write(folder, until):
        home = KiroHome(folder)
        home.at = int(until.timestamp() - 5 * 3600) * SECOND
        fill(home)
        return home

    return write


API = """
import json
from tokentrack import TokenTracker
from tokentrack.reports import query

answer = query(by=["surface"], since="this-month")
frame = answer.to_pandas()
print(json.dumps([
    answer.total["credits"], [row["credits"] for row in answer.rows], list(frame["credits"]),
    TokenTracker().get_statistics()["credits"],
]))
"""


def added(texts):
    return sum((Decimal(text) for text in texts if text), Decimal(0))


def exact_sums(demo):
    """Yield by its place each exact sum that an answer says."""
    report = json.loads(demo.run("report", "surface", "--json"))
    yield "report --json", Decimal(report["total"]["credits"])
    yield "report --json, rows", added(row["credits"] for row in report["rows"])
    for dimension in ("day", "workspace", "model", "session", "failed"):
        table = list(csv.DictReader(io.StringIO(demo.run("report", dimension, "--format", "csv"))))
        yield f"report {dimension} --format csv", added(row["credits"] for row in table)
    overview = json.loads(demo.run("overview", "--json"))
    for place in ("total", "today"):
        yield f"overview --json, {place}", Decimal(overview[place]["credits"])
    for place in ("rows", "workspaces", "models"):
        yield f"overview --json, {place}", added(row["credits"] for row in overview[place])
    yield "overview --json, plan", Decimal(overview["plan"]["used"])
    turns = json.loads(demo.run("turns", "--json"))
    yield "turns --json", Decimal(turns["total"]["credits"])
    yield "turns --json, rows", added(row["credits"] for row in turns["rows"])
    listed = list(csv.DictReader(io.StringIO(demo.run("turns", "--format", "csv"))))
    yield "turns --format csv", added(row["credits"] for row in listed)
    shown = [json.loads(demo.run("show", row["id"], "--json")) for row in turns["rows"]]
    yield "show --json", added(turn["fields"]["credits"]["value"] for turn in shown)
    status = json.loads(demo.run("status", "--json"))
    yield "status --json", Decimal(status["credits"]["total"])
    total, rows, cells, statistics = json.loads(demo.execute(API))
    yield "query", Decimal(total)
    yield "query, rows", added(rows)
    yield "to_pandas", added(cells)
    yield "get_statistics", Decimal(statistics)


@pytest.mark.parametrize("fill", [v1, cli, database, ide, everything])
def test_every_answer_has_the_digits_that_kiro_wrote(tmp_path, fill):
    demo = Demo(tmp_path, writer(fill))
    total = demo.kiro.total()
    assert len(demo.kiro.expected) == len(USAGES) * (4 if fill is everything else 1)
    assert total == added(str(u) for usage in USAGES for u in usage) * (
        4 if fill is everything else 1
    )
    wrong = {place: amount for place, amount in exact_sums(demo) if amount != total}
    assert wrong == {}
    shown = f"{total.quantize(Decimal('0.1'), ROUND_HALF_EVEN):,}"
    assert demo.run("statusline", "--format", "{today.credits} {month.credits}") == (
        f"{shown} {shown}\n"
    )
    assert demo.run("overview").count(f" {shown} credits ") == 2
    for words in (("report", "day"), ("report", "workspace", "--no-index")):
        last = [line for line in demo.run(*words).splitlines() if line.startswith("total")]
        assert last[0].split()[1:3] == [str(len(demo.kiro.expected)), shown]


def test_a_digit_that_is_changed_is_noticed(tmp_path):
    demo = Demo(tmp_path, writer(v1))
    path = tmp_path / ".kiro" / "token_usage.csv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0.015805053067993367", b"0.015805053067993366"))
    assert path.read_bytes() != before
    assert {amount for _, amount in exact_sums(demo)} == {
        demo.kiro.total() - Decimal("0.000000000000000001")
    }
