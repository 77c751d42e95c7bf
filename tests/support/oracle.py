"""What every report must say, worked out the slow way: dictionaries, `Decimal` and `zoneinfo`.

Written apart from `tokentrack.reports`: it shares with it only the reader of single records and
the check of a ledger row.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from support.oracle_files import COUNTS, EXACT, REQUEST, RESET, World, rounded
from support.plan_oracle import costs_of, number_of

if TYPE_CHECKING:
    from tokentrack.reports.pricing.plan import Rates

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Turn(NamedTuple):
    """One execution that counts as a turn."""

    at: int
    values: dict[str, Any]  # of the dimensions with one value
    tags: list[str]
    patterns: list[str]
    credits: Decimal | None
    tokens: int | None
    micros: int | None
    basis: str
    is_request: bool
    copies: int
    superseded: int
    is_before_reset: bool
    counts: list[int]  # input, output and cached tokens of a request
    number: int  # decides between turns of one time


class Executions(NamedTuple):
    """The turns of a world, how many usage rows have none, and the turn of each row by its id."""

    turns: list[Turn]
    orphans: int
    by_id: dict[str, Turn]


def executions(world: World) -> Executions:
    """Count every execution once."""
    usage = [u for u in world.usage if u.cells["source"] != RESET]
    resets: dict[tuple, tuple] = {}
    for row in world.usage:
        if row.cells["source"] == RESET:
            key = (row.ledger, row.cells["session_id"])
            resets[key] = max(row.order[2], resets.get(key, row.order[2]))
    root = _groups(world, usage)
    rows_of, usage_of = defaultdict(list), defaultdict(list)
    for row in world.rows:
        rows_of[root(("id", row.record.agent_execution_id))].append(row)
    for row in usage:
        usage_of[root(("id", row.cells["agent_execution_id"]))].append(row)
    turns, orphans, by_id = [], 0, {}
    for key in {*rows_of, *usage_of}:
        turn = _turn(
            sorted(rows_of[key], key=lambda r: r.order),
            sorted(usage_of[key], key=lambda u: u.order),
            resets,
        )
        if turn is None:
            orphans += len(usage_of[key])
        else:
            turns.append(turn)
            by_id |= dict.fromkeys([r.record.agent_execution_id for r in rows_of[key]], turn)
    return Executions(turns, orphans, by_id)


def _groups(world, usage):
    above = {}

    def root(member):
        while above.get(member, member) != member:
            member = above[member]
        return member

    ids = {row.record.agent_execution_id for row in world.rows}
    for row in usage:
        source, source_id = row.cells["source"], row.cells["source_id"]
        if source == REQUEST or not source_id:
            continue
        turn = root(("turn", source, source_id))
        above[turn] = root(("id", row.cells["agent_execution_id"]))
        for name in (source_id, f"{source}:{source_id}"):
            if name in ids:
                above[root(("turn", source, source_id))] = root(("id", name))
    return root


def _turn(rows, usage, resets) -> Turn | None:
    merged: dict[str, str] = {}
    for row in usage:
        merged |= {name: cell for name, cell in _known(row.cells).items() if cell}
    is_request = not rows and merged.get("source") == REQUEST
    if not rows and not is_request:
        return None
    record = rows[0].record if rows else None
    amount = None  # as all credits of requests
    if merged.get("credits") and not is_request:
        amount = rounded(merged["credits"], 27)
    at = record.timestamp_us if record else usage[-1].at
    values = {
        "workspace": record.workspace_folder if record else "",
        "trigger": record.hook_trigger_type if record else "",
        "hook": record.hook_name if record else "",
        "session": (record.session_id if record else "") or merged.get("session_id", ""),
        "message": record.error_message if record else "",
        "failed": bool(record and record.error_occurred),
        "surface": merged.get("surface", ""),
        **{name: merged.get(name, "") for name in ("model", "user", "machine")},
    }
    is_before_reset = False
    if is_request:
        reset = resets.get((usage[-1].ledger, values["session"]))
        is_before_reset = reset is not None and usage[-1].order[2] < reset
    ids = [r.record.agent_execution_id for r in rows]
    ids += [u.cells["agent_execution_id"] for u in usage]
    return Turn(
        at, values, _items(merged.get("tags", "")), list(record.file_patterns) if record else [],
        amount, _tokens(record, merged), rows[0].micros if rows else None,
        merged.get("token_basis", "unknown"), is_request, max(0, len(rows) - 1),
        max(0, len(usage) - 1), is_before_reset,
        [int(merged.get(name) or 0) for name in COUNTS], min(map(number_of, ids)),
    )  # fmt: skip


def _known(cells):
    known = dict(cells)
    for name in ("token_basis", "credits_basis"):
        if known[name] not in ("reported", "estimated"):
            known[name] = ""
    if known["source"] == REQUEST:
        known |= {"surface": "api", "credits": ""}
    return known


def _tokens(record, merged) -> int | None:
    counts = [int(merged[name]) for name in COUNTS[:2] if merged.get(name)]
    if counts:
        return sum(counts)
    if record is None:
        return None
    return record.tokens_used or (0 if merged.get("token_basis") else None)


def _items(cell: str) -> list[str]:
    # A backslash before a semicolon keeps it.
    items, run, item = [], 0, ""
    for char in cell:
        if char == "\\":
            run += 1
        elif char == ";":
            item += "\\" * (run // 2)
            if run % 2:
                item += ";"
            else:
                items.append(item)
                item = ""
            run = 0
        else:
            item += "\\" * run + char
            run = 0
    return [*items, item + "\\" * run] if cell else []


# Reports.

PLAIN = (
    "workspace", "trigger", "hook", "session", "message", "failed", "surface", "model", "user",
    "machine",
)  # fmt: skip


def local(at: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))


def labels(turn: Turn, name: str, zone: str) -> list[Any]:
    """Return the values of a dimension that a turn has; one of them is None where it is unknown."""
    if name in PLAIN:
        value = turn.values[name]
        return [value if value != "" else None]
    if name == "pattern":
        return list(dict.fromkeys(turn.patterns)) or [None]
    if name == "tag":
        return list(dict.fromkeys(turn.tags)) or [None]
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        found = [tag.partition("=")[2] for tag in turn.tags if tag.partition("=")[0] == key]
        return list(dict.fromkeys(found)) or [None]
    moment = local(turn.at, zone)
    year, week, weekday = moment.isocalendar()
    return [{
        "hour": moment.hour, "day": f"{moment:%Y-%m-%d}", "week": f"{year:04d}-W{week:02d}",
        "month": f"{moment:%Y-%m}", "weekday": weekday,
    }[name]]  # fmt: skip


def passes(turn: Turn, where: dict[str, list], zone: str) -> bool:
    for name, wanted in where.items():
        found = [str(v) if v is not None else "" for v in labels(turn, name, zone)]
        if name == "failed":
            found = [str(turn.values["failed"]).lower()]
        if name == "tag":
            found += [tag.partition("=")[0] for tag in turn.tags]
        included = [w for w in wanted if not w.startswith("!")]
        excluded = [w[1:] for w in wanted if w.startswith("!")]
        if included and not set(included) & set(found):
            return False
        if set(excluded) & set(found):
            return False
    return True


def add_up(turns: list[Turn], costs: dict[int, Decimal | None] | None) -> dict[str, Any]:
    """Return the numbers of a report's row."""
    failed = [turn for turn in turns if turn.values["failed"]]
    return {
        "turns": len(turns),
        "credits": _sum([turn.credits for turn in turns]),
        "credits_unknown": sum(t.credits is None and not t.is_request for t in turns),
        "tokens": _sum([turn.tokens for turn in turns]),
        "micros": _sum([turn.micros for turn in turns]),
        "rate": _rate(turns),
        "failed": len(failed),
        "cost": _cost(turns, costs),
        "credits_failed": _sum([turn.credits for turn in failed]),
        "tokens_estimated": _sum([t.tokens for t in turns if t.basis == "estimated"]),
        "tokens_unknown": _sum([t.tokens for t in turns if t.basis == "unknown"]),
    }


def _cost(turns: list[Turn], costs: dict[int, Decimal | None] | None) -> Decimal | None:
    if costs is None:
        return None
    return _sum([costs[id(turn)] for turn in turns]) if turns else Decimal(0)


def _rate(turns: list[Turn]) -> float | None:
    timed = [turn for turn in turns if turn.tokens is not None and turn.micros]
    seconds = sum(Fraction(turn.micros, 10**6) for turn in timed)
    return round(float(sum(turn.tokens for turn in timed) / seconds), 3) if timed else None


def _sum(values):
    known = [value for value in values if value is not None]
    with localcontext(EXACT):
        return sum(known[1:], known[0]) if known else None


def report(
    found: Executions, by, where, since, until, zone, rates: Rates | None = None
) -> dict[tuple, dict[str, Any]]:
    """Return the rows of a report by their labels, and its total under ()."""
    costs = costs_of(found.turns, rates) if rates else None
    chosen = [
        turn for turn in found.turns
        if _is_within(turn, since, until, zone) and passes(turn, where, zone)
    ]  # fmt: skip
    groups = defaultdict(list)
    for turn in chosen:
        if "session" in by and turn.is_before_reset:
            continue
        keys = [()]
        for name in by:
            keys = [(*key, label) for key in keys for label in labels(turn, name, zone)]
        for key in keys:
            groups[key].append(turn)
    rows = {key: add_up(turns, costs) for key, turns in groups.items()}
    rows[("total",)] = add_up(chosen, costs) | {"chosen": chosen}
    return rows


def _is_within(turn: Turn, since, until, zone: str) -> bool:
    # ("day", a date), of which the last one belongs to the span, or ("at", microseconds).
    if since and (
        turn.at < since[1] if since[0] == "at" else local(turn.at, zone).date() < since[1]
    ):
        return False
    return not until or (
        turn.at < until[1] if until[0] == "at" else local(turn.at, zone).date() <= until[1]
    )
