"""Bring back rows from a backup: those that the ledger lacks, or the backup as it is.

A row is not added if the ledger has it with the same bytes. If the ledger has a row of the same
execution with other contents, that one is kept: an execution never gets more rows than the backup
or the ledger had of it.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from tokentrack.errors import TokenTrackError
from tokentrack.maintenance.backup import (
    BEFORE_RESTORE,
    backups_in,
    copy_ledger,
    is_before_restore,
    remove_copies,
    usage_backup_of,
)
from tokentrack.maintenance.lines import (
    RawLine,
    earliest_and_latest,
    read_lines,
    record_lines,
    with_lf,
)
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.store.archive_names import COMPRESSED, names_in, stem_of
from tokentrack.store.archives import open_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_ID = COLUMNS.index("agent_execution_id")
_USAGE_ID = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED_AT = USAGE_COLUMNS.index("recorded_at")


class RestorePlan:
    """What a restore changes.

    Attributes:
        name: the backup.
        replaces: whether the ledger becomes the backup.
        rows: the number of rows in the backup.
        unreadable: the number of the backup's lines that are not whole records; they are skipped.
        lines: the rows to add, or all rows of the new ledger.
        added: how many rows the ledger gets.
        removed: how many rows leave the ledger.
        versions: how many rows are kept although the backup has them with other contents.
        usage: the usage rows to add.
        new_usage: all rows of the new usage ledger; None only adds `usage`.
        changes_usage: whether the usage ledger is to change.
    """

    def __init__(
        self, name: str, rows: Sequence[RawLine], unreadable: int, *, replaces: bool
    ) -> None:
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
    """Return a backup by its name with or without `.csv`, its path or its timestamp.

    "" is the newest, but never what an earlier restore replaced.

    Raises:
        TokenTrackError: there is no backup, or none of that name.
    """
    names = list(backups_in(folder, paths.ledger))
    if not names:
        raise TokenTrackError(f"there is no backup in {paths.folder}")
    if not name:
        usual = [each for each in names if not is_before_restore(each)]
        if not usual:
            raise TokenTrackError(
                f"there are only backups of what earlier restores replaced in {paths.folder}: "
                "name one that `tokentrack backup list` shows"
            )
        return usual[-1]
    head, tail = os.path.split(name)
    wanted = tail if head and os.path.realpath(head) == os.path.realpath(paths.folder) else name
    for candidate in names:
        stem = stem_of(candidate)
        if wanted in (candidate, stem) or stem.endswith(f"_backup_{wanted}"):
            return candidate
    raise TokenTrackError(
        f"{name!r} is not a backup of this ledger: `tokentrack backup list` lists them"
    )


def plan_restore(folder: Directory, paths: LedgerPaths, name: str, *, replace: bool) -> RestorePlan:
    """Return what a restore of a backup would change, and write nothing.

    Raises:
        OSError: a file can't be read.
    """
    with open_in(folder, name) as file:
        rows, unreadable = record_lines(file, COLUMNS)
    plan = RestorePlan(name, rows, unreadable, replaces=replace)
    usage_name = _usage_backup(folder, paths, name)
    ids = {row.cells[_ID] for row in rows}
    if replace:
        _plan_replacement(plan, rows, _count(folder, _archived(folder, paths.ledger), ids), ids)
        _count_difference(plan, folder, paths)
    else:
        existing = _count(folder, names_in(folder, paths.ledger), ids)
        plan.lines, plan.versions = _missing(rows, *existing)
        plan.added = len(plan.lines)
    if usage_name:
        plan.usage = _plan_usage(folder, paths, usage_name, replace=False)
        plan.changes_usage = bool(plan.usage)
    if usage_name and replace:
        plan.new_usage = _plan_usage(folder, paths, usage_name, replace=True)
        plan.changes_usage = plan.new_usage != _lines_of(folder, paths.usage)
    return plan


def restore(ledger: LockedLedger, plan: RestorePlan) -> str:
    """Carry out a plan that was made under the same lock.

    Rows are added by one append. A ledger is replaced as a whole, after a backup of it was made.

    Args:
        ledger: locked by `lock_drained`.
        plan: what to change.

    Returns:
        The name of that backup, "" when nothing was replaced.

    Raises:
        OSError: a file can't be written. The ledger itself is as it was, or is the backup.
    """
    kept = copy_ledger(ledger, BEFORE_RESTORE) if plan.replaces else ""
    # The usage rows first: a ledger row without one has numbers of unknown source.
    if plan.usage:
        ledger.append_usage(USAGE_COLUMNS, plan.usage, durable=True)
    if plan.replaces:
        _replace_ledger(ledger, plan, kept)
    elif plan.lines:
        ledger.append(COLUMNS, plan.lines, durable=True)
    if plan.new_usage is not None:
        _replace(ledger, ledger.paths.usage, USAGE_COLUMNS, plan.new_usage)
    return kept


def _replace_ledger(ledger: LockedLedger, plan: RestorePlan, kept: str) -> None:
    try:
        _replace(ledger, ledger.paths.ledger, COLUMNS, plan.lines)
    except OSError:
        if kept:  # nothing was replaced, and the disk may be full
            remove_copies(ledger, kept)
        raise


def _replace(
    ledger: LockedLedger, name: str, columns: Sequence[str], lines: Iterable[bytes]
) -> None:
    ledger.folder.replace(name, [codec.encode_line(list(columns)), *lines], durable=True)


def _usage_backup(folder: Directory, paths: LedgerPaths, name: str) -> str:
    plain = usage_backup_of(name, paths.ledger, paths.usage)
    return next((n for n in (plain, plain + COMPRESSED) if folder.has(n)), "")


def _archived(folder: Directory, active: str) -> list[str]:
    return [name for name in names_in(folder, active) if name != active]


def _count(
    folder: Directory, names: Iterable[str], ids: set[str]
) -> tuple[Counter[bytes], Counter[str]]:
    # How often the files have each row of these executions, and each execution.
    lines: Counter[bytes] = Counter()
    executions: Counter[str] = Counter()
    for name in names:
        with open_in(folder, name) as file:
            for row in read_lines(file, COLUMNS):
                if row.cells and row.cells[_ID] in ids:
                    lines[with_lf(row.data)] += 1
                    executions[row.cells[_ID]] += 1
    return lines, executions


def _missing(
    rows: Iterable[RawLine], lines: Counter[bytes], executions: Counter[str]
) -> tuple[list[bytes], int]:
    # The rows to add, in their order, and how many are left out as other versions.
    unmatched: list[RawLine] = []
    room: Counter[str] = Counter()
    left = Counter(lines)
    for row in rows:
        identity = row.cells[_ID]
        room[identity] += 1
        if left[row.data]:
            left[row.data] -= 1
        else:
            unmatched.append(row)
    room -= executions
    added: list[bytes] = []
    for row in unmatched:
        identity = row.cells[_ID]
        if room[identity] > 0:
            room[identity] -= 1
            added.append(row.data)
    return added, len(unmatched) - len(added)


def _plan_replacement(
    plan: RestorePlan,
    rows: Sequence[RawLine],
    archived: tuple[Counter[bytes], Counter[str]],
    ids: set[str],
) -> None:
    # Rows that an archive has stay there: the ledger and its archives are one.
    if ids & set(archived[1]):
        plan.lines, plan.versions = _missing(rows, *archived)
    else:
        plan.lines = [row.data for row in rows]


def _count_difference(plan: RestorePlan, folder: Directory, paths: LedgerPaths) -> None:
    now: Counter[bytes] = Counter()
    others = 0
    if paths.ledger in folder.names():
        with open_in(folder, paths.ledger) as file:
            existing, others = record_lines(file, COLUMNS)
        now = Counter([row.data for row in existing])
    then = Counter(plan.lines)
    plan.added = (then - now).total()
    plan.removed = (now - then).total() + others


def _plan_usage(folder: Directory, paths: LedgerPaths, name: str, *, replace: bool) -> list[bytes]:
    with open_in(folder, name) as file:
        rows, _ = record_lines(file, USAGE_COLUMNS)
    names = _archived(folder, paths.usage) if replace else names_in(folder, paths.usage)
    lines: set[bytes] = set()
    newest: dict[str, int] = {}
    for existing in names:
        with open_in(folder, existing) as file:
            for row in record_lines(file, USAGE_COLUMNS)[0]:
                lines.add(row.data)
                identity = row.cells[_USAGE_ID]
                newest[identity] = max(newest.get(identity, 0), _recorded(row))
    # A later line supersedes an earlier one, so no line may follow a newer one.
    return [
        row.data
        for row in rows
        if row.data not in lines
        and (replace or _recorded(row) >= newest.get(row.cells[_USAGE_ID], 0))
    ]


def _lines_of(folder: Directory, name: str) -> list[bytes]:
    if name not in folder.names():
        return []
    with open_in(folder, name) as file:
        return [row.data for row in record_lines(file, USAGE_COLUMNS)[0]]


def _recorded(row: RawLine) -> int:
    bounds = earliest_and_latest(row.cells[_RECORDED_AT])
    return bounds[1] if bounds else 0
