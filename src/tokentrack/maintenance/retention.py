"""Remove the rows that are older than `retention_days`, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us, parse
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance.lines import Row, earliest_and_latest, read_rows
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archives import COMPRESSED, compress, names_in, open_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_DAY_US = 24 * 3600 * 1_000_000
# When this was written: no clock that is right shows less.
_WRITTEN_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
# No record is older than this: what shows less was made by a clock without its battery.
EARLIEST_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
_SILENCE_DAYS = 31
_TRUSTED_NAME = "clock_trusted"
_MAX_BYTES = 100


def reason_to_distrust(
    now: int, records: Sequence[int], touched: int, cutoff: int, trusted: int
) -> str:
    """Return why the clock can't be believed as a part of a sentence, "" when it can.

    Args:
        now: the clock's time; all times in microseconds since the epoch.
        records: the times of all records.
        touched: the newest modification time of the ledger's files.
        cutoff: the time before which records are to go.
        trusted: when the user last said that the clock is right; 0 is never.

    A clock that jumped back shows records or files of the future. One that jumped forward shows a
    long silence before now, or before the records that it made itself; a real pause looks the
    same, so the user decides. A silence that ended before the cutoff does no harm: what is older
    is expired by the time since then alone.
    """
    if now < _WRITTEN_US:
        return f"it shows {format_us(now)}, which is before this program was written"
    newest = max(records, default=now)
    if newest > now + _DAY_US:
        return f"a record is of {format_us(newest)}, in its future"
    if touched > now + _DAY_US:
        return f"a file was changed at {format_us(touched)}, in its future"
    return _doubt_forward(now, records, cutoff, trusted)


def _doubt_forward(now: int, records: Sequence[int], cutoff: int, trusted: int) -> str:
    # A time at which the clock was right is as good as a record of then.
    known = [record for record in records if record > trusted]
    since = now
    for record in sorted([trusted, *known] if trusted else known, reverse=True):
        if since < cutoff:
            return ""
        if since - record > _SILENCE_DAYS * _DAY_US:
            return (
                f"nothing was recorded between {format_us(record)} and {format_us(since)}, "
                "so it may have jumped"
            )
        since = record
    return ""


def last_trusted(folder: Directory, paths: LedgerPaths, now: int) -> int:
    """Return when the user last said that the clock is right, 0 for never.

    A time of the future was said of a clock that was wrong.
    """
    try:
        with folder.child(paths.state) as state:
            at = parse(state.read(_TRUSTED_NAME, _MAX_BYTES).decode("ascii").strip())
    except (OSError, ValueError):
        return 0
    return at if at <= now else 0


def note_trust(state: Directory, now: int) -> None:
    """Remember that the user says that the clock is right.

    Raises:
        OSError: it can't be written.
    """
    state.replace(_TRUSTED_NAME, f"{format_us(now)}\n".encode("ascii"), durable=True)


_TIME = COLUMNS.index("timestamp")
_ID = COLUMNS.index("agent_execution_id")
_USAGE_ID = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED_AT = USAGE_COLUMNS.index("recorded_at")


class FilePlan(NamedTuple):
    """What becomes of a file: its expired records, and the lines that stay."""

    name: str
    expired: int
    kept: int
    is_archive: bool

    @property
    def is_removed(self) -> bool:
        """Whether the file goes as a whole: an archive in which nothing else is."""
        return self.is_archive and not self.kept


class Plan:
    """What a prune removes."""

    def __init__(self, cutoff: int, earliest: int) -> None:
        """Name between which times records are expired, in microseconds since the epoch."""
        self.cutoff = cutoff
        self.earliest = earliest
        self.files: list[FilePlan] = []
        self.usage_files: list[FilePlan] = []
        self.gone: set[str] = set()
        self.remaining: set[str] = set()

    @property
    def expired(self) -> int:
        """The number of expired ledger rows."""
        return sum(file.expired for file in self.files)

    def drops(self, row: Row) -> bool:
        """Tell whether a ledger row is expired; what can't be read never is."""
        return bool(row.cells) and self._is_expired(row.cells[_TIME])

    def drops_usage(self, row: Row) -> bool:
        """Tell whether a usage row goes with its ledger row.

        An expired one without any ledger row goes too: a crash may have come between the two.
        """
        if not row.cells or row.cells[_USAGE_ID] in self.remaining:
            return False
        return row.cells[_USAGE_ID] in self.gone or self._is_expired(row.cells[_RECORDED_AT])

    def time_of(self, text: str) -> tuple[int, int] | None:
        """Return between which times a timestamp lies, None for one that can't be true."""
        bounds = earliest_and_latest(text)
        return bounds if bounds is not None and bounds[0] >= self.earliest else None

    def _is_expired(self, text: str) -> bool:
        bounds = self.time_of(text)
        return bounds is not None and bounds[1] < self.cutoff


def plan_prune(
    folder: Directory, paths: LedgerPaths, days: int, now: int, *, trust_clock: bool = False
) -> Plan:
    """Return what a prune would remove, and write nothing.

    Args:
        folder: the ledger's folder.
        paths: the ledger.
        days: how long rows are kept; days of 24 hours, so no change of the clock counts.
        now: the time in microseconds since the epoch.
        trust_clock: whether the user has looked at the clock.

    Raises:
        TokenTrackError: something would be removed by a clock that can't be believed.
        OSError: a file can't be read.
    """
    plan = Plan(now - days * _DAY_US, 0 if trust_clock else EARLIEST_US)
    times: list[int] = []
    touched = 0
    for name in names_in(folder, paths.ledger):
        touched = max(touched, folder.status(name).st_mtime_ns // 1000)
        plan.files.append(_plan_file(folder, paths, name, plan, times))
    plan.gone -= plan.remaining
    for name in names_in(folder, paths.usage):
        plan.usage_files.append(_plan_usage_file(folder, paths, name, plan))
    trusted = last_trusted(folder, paths, now)
    problem = reason_to_distrust(now, times, touched, plan.cutoff, trusted)
    if problem and not trust_clock and _removes(plan):
        raise TokenTrackError(
            f"nothing was removed, because the clock may be wrong: {problem}. If the clock is "
            "right, add --trust-clock"
        )
    return plan


def prune(ledger: LockedLedger, plan: Plan) -> None:
    """Remove what a plan says, made under the same lock; a crash leaves whole files only.

    Raises:
        OSError: a file can't be written; it is as it was.
    """
    # The usage rows last: a ledger row must never lack the mark of what its number is.
    for file in plan.files:
        _rewrite(ledger.folder, file, COLUMNS, plan.drops)
    for file in plan.usage_files:
        _rewrite(ledger.folder, file, USAGE_COLUMNS, plan.drops_usage)


def _removes(plan: Plan) -> bool:
    return any(file.expired for file in [*plan.files, *plan.usage_files])


def _plan_file(
    folder: Directory, paths: LedgerPaths, name: str, plan: Plan, times: list[int]
) -> FilePlan:
    expired = kept = 0
    with open_in(folder, name) as file:
        for row in read_rows(file, COLUMNS):
            if not row.cells:
                kept += not row.is_header
                continue
            bounds = plan.time_of(row.cells[_TIME])
            if bounds is not None:
                times.append(bounds[0])
            is_expired = bounds is not None and bounds[1] < plan.cutoff
            (plan.gone if is_expired else plan.remaining).add(row.cells[_ID])
            expired += is_expired
            kept += not is_expired
    return FilePlan(name, expired, kept, is_archive=name != paths.ledger)


def _plan_usage_file(folder: Directory, paths: LedgerPaths, name: str, plan: Plan) -> FilePlan:
    expired = kept = 0
    with open_in(folder, name) as file:
        for row in read_rows(file, USAGE_COLUMNS):
            is_dropped = plan.drops_usage(row)
            expired += is_dropped
            kept += not is_dropped and not row.is_header
    return FilePlan(name, expired, kept, is_archive=name != paths.usage)


def _rewrite(
    folder: Directory, file: FilePlan, columns: Sequence[str], drops: Callable[[Row], bool]
) -> None:
    if file.is_removed:
        folder.remove(file.name)
        folder.sync()
    elif file.expired:
        lines = _kept_lines(folder, file.name, columns, drops)
        packed = file.name.endswith(COMPRESSED)
        folder.replace(file.name, compress(lines) if packed else lines, durable=True)


def _kept_lines(
    folder: Directory, name: str, columns: Sequence[str], drops: Callable[[Row], bool]
) -> Iterator[bytes]:
    with open_in(folder, name) as file:
        for row in read_rows(file, columns):
            if not drops(row):
                yield row.line
