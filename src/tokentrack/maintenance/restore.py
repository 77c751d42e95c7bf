"""Bring back rows from a backup: those the ledger lacks, or the backup as it is.

A row that stands in the ledger with the same bytes is there. A row of the same execution with
other bytes is there too, in another version, which stays: an execution never gets more rows than
the backup or the ledger had of it.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from tokentrack.errors import TokenTrackError
from tokentrack.maintenance.backup import backups_in, copy_ledger, usage_backup_of
from tokentrack.maintenance.lines import Row, earliest_and_latest, read_rows, record_lines
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.store.archives import COMPRESSED, names_in, open_in, stem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_ID = COLUMNS.index("agent_execution_id")
_USAGE_ID = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED_AT = USAGE_COLUMNS.index("recorded_at")


class Plan:
    """What a restore changes.

    Attributes:
        name: the backup.
        replaces: whether the ledger becomes the backup.
        rows: the number of rows in the backup.
        unreadable: lines of the backup that are no whole records, and stay there.
        lines: the rows to add, or all rows of the new ledger.
        added: how many rows the ledger gets.
        removed: how many rows leave the ledger.
        versions: rows that stay as they are although the backup has another version.
        usage: the usage rows that the usage ledger lacks.
        new_usage: all rows of the new usage ledger; None leaves it as it is but for `usage`.
        changes_usage: whether the usage ledger is to change.
    """

    def __init__(self, name: str, rows: Sequence[Row], unreadable: int, *, replaces: bool) -> None:
        """Name the backup and count what is in it."""
        self.name = name
        self.replaces = replaces
        self.rows = len(rows)
        self.unreadable = unreadable
        self.lines: list[bytes] = []
        self.added = self.removed = self.versions = 0
        self.usage: list[bytes] = []
        self.new_usage: list[bytes] | None = None
        self.changes_usage = False

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return bool(self.added or self.removed or self.changes_usage)


def find_backup(folder: Directory, paths: LedgerPaths, name: str) -> str:
    """Return a backup by its name with or without `.csv`, its path or its time stamp.

    "" is the newest.

    Raises:
        TokenTrackError: there is none, or none of that name.
    """
    names = list(backups_in(folder, paths.ledger))
    if not names:
        raise TokenTrackError(f"there is no backup in {paths.folder}")
    if not name:
        return names[-1]
    head, tail = os.path.split(name)
    wanted = tail if head and os.path.realpath(head) == os.path.realpath(paths.folder) else name
    for candidate in names:
        stem = stem_of(candidate)
        if wanted in (candidate, stem) or stem.endswith(f"_backup_{wanted}"):
            return candidate
    raise TokenTrackError(
        f"{name!r} is no backup of this ledger: `tokentrack backup list` names them"
    )


def plan_restore(folder: Directory, paths: LedgerPaths, name: str, *, replace: bool) -> Plan:
    """Return what a restore of a backup would change, and write nothing.

    Raises:
        OSError: a file can't be read.
    """
    with open_in(folder, name) as file:
        rows, unreadable = record_lines(file, COLUMNS)
    plan = Plan(name, rows, unreadable, replaces=replace)
    usage_name = _usage_beside(folder, paths, name)
    with_usage = bool(usage_name)
    ids = {row.cells[_ID] for row in rows}
    if replace:
        _plan_replacement(plan, rows, _count(folder, _archived(folder, paths.ledger), ids), ids)
        _count_difference(plan, folder, paths)
    else:
        standing = _count(folder, names_in(folder, paths.ledger), ids)
        plan.lines, plan.versions = _missing(rows, *standing)
        plan.added = len(plan.lines)
    if with_usage:
        plan.usage = _plan_usage(folder, paths, usage_name, replace=False)
        plan.changes_usage = bool(plan.usage)
    if with_usage and replace:
        plan.new_usage = _plan_usage(folder, paths, usage_name, replace=True)
        plan.changes_usage = plan.new_usage != _lines_of(folder, paths.usage)
    return plan


def restore(ledger: LockedLedger, plan: Plan) -> str:
    """Do what a plan says, made under the same lock; return the backup of what was replaced.

    The caller holds the ledger by `lock_drained`. Rows are added by one append; a ledger is
    replaced as a whole, after a backup of it was made.

    Raises:
        OSError: a file can't be written.
    """
    kept = copy_ledger(ledger) if plan.replaces else ""
    # The usage first: a row of the ledger must never lack the mark of what its number is.
    if plan.usage:
        ledger.append_usage(USAGE_COLUMNS, plan.usage, durable=True)
    if plan.replaces:
        _replace(ledger, ledger.paths.ledger, COLUMNS, plan.lines)
    elif plan.lines:
        ledger.append(COLUMNS, plan.lines, durable=True)
    if plan.new_usage is not None:
        _replace(ledger, ledger.paths.usage, USAGE_COLUMNS, plan.new_usage)
    return kept


def _replace(
    ledger: LockedLedger, name: str, columns: Sequence[str], lines: Iterable[bytes]
) -> None:
    ledger.folder.replace(name, [codec.encode_line(list(columns)), *lines], durable=True)


def _usage_beside(folder: Directory, paths: LedgerPaths, name: str) -> str:
    plain = usage_backup_of(name, paths.ledger, paths.usage)
    return next((n for n in (plain, plain + COMPRESSED) if folder.has(n)), "")


def _archived(folder: Directory, active: str) -> list[str]:
    return [name for name in names_in(folder, active) if name != active]


def _count(
    folder: Directory, names: Iterable[str], ids: set[str]
) -> tuple[Counter[bytes], Counter[str]]:
    # How often each row of these executions stands in the files, and each execution.
    lines: Counter[bytes] = Counter()
    executions: Counter[str] = Counter()
    for name in names:
        with open_in(folder, name) as file:
            for row in read_rows(file, COLUMNS):
                if row.cells and row.cells[_ID] in ids:
                    lines[row.line[:-1].removesuffix(b"\r") + b"\n"] += 1
                    executions[row.cells[_ID]] += 1
    return lines, executions


def _missing(
    rows: Iterable[Row], lines: Counter[bytes], executions: Counter[str]
) -> tuple[list[bytes], int]:
    # The rows to add, in their order, and how many stay out as other versions.
    unmatched: list[Row] = []
    room: Counter[str] = Counter()
    left = Counter(lines)
    for row in rows:
        identity = row.cells[_ID]
        room[identity] += 1
        if left[row.line]:
            left[row.line] -= 1
        else:
            unmatched.append(row)
    room -= executions
    added: list[bytes] = []
    for row in unmatched:
        identity = row.cells[_ID]
        if room[identity] > 0:
            room[identity] -= 1
            added.append(row.line)
    return added, len(unmatched) - len(added)


def _plan_replacement(
    plan: Plan, rows: Sequence[Row], archived: tuple[Counter[bytes], Counter[str]], ids: set[str]
) -> None:
    # Rows that an archive holds stay there: the ledger and its archives count together.
    if ids & set(archived[1]):
        plan.lines, plan.versions = _missing(rows, *archived)
    else:
        plan.lines = [row.line for row in rows]


def _count_difference(plan: Plan, folder: Directory, paths: LedgerPaths) -> None:
    now: Counter[bytes] = Counter()
    others = 0
    if paths.ledger in folder.names():
        with open_in(folder, paths.ledger) as file:
            standing, others = record_lines(file, COLUMNS)
        now = Counter([row.line for row in standing])
    then = Counter(plan.lines)
    plan.added = (then - now).total()
    plan.removed = (now - then).total() + others


def _plan_usage(folder: Directory, paths: LedgerPaths, name: str, *, replace: bool) -> list[bytes]:
    with open_in(folder, name) as file:
        rows, _ = record_lines(file, USAGE_COLUMNS)
    names = _archived(folder, paths.usage) if replace else names_in(folder, paths.usage)
    lines: set[bytes] = set()
    newest: dict[str, int] = {}
    for standing in names:
        with open_in(folder, standing) as file:
            for row in record_lines(file, USAGE_COLUMNS)[0]:
                lines.add(row.line)
                identity = row.cells[_USAGE_ID]
                newest[identity] = max(newest.get(identity, 0), _recorded(row))
    # A later line supersedes an earlier one, so what is older than the newest must not follow it.
    return [
        row.line
        for row in rows
        if row.line not in lines
        and (replace or _recorded(row) >= newest.get(row.cells[_USAGE_ID], 0))
    ]


def _lines_of(folder: Directory, name: str) -> list[bytes]:
    if name not in folder.names():
        return []
    with open_in(folder, name) as file:
        return [row.line for row in record_lines(file, USAGE_COLUMNS)[0]]


def _recorded(row: Row) -> int:
    bounds = earliest_and_latest(row.cells[_RECORDED_AT])
    return bounds[1] if bounds else 0
