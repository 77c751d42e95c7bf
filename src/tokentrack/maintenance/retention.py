"""Remove the rows that are older than `retention_days`, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentrack.errors import TokenTrackError
from tokentrack.maintenance import clock
from tokentrack.maintenance.rows import Row, earliest_and_latest, read_rows
from tokentrack.models.fields import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archives import COMPRESSED, compress, names_in, open_in
from tokentrack.store.rewrite import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokentrack.maintenance.session import Session
    from tokentrack.store.directory import Directory
    from tokentrack.store.place import Place

_DAY_US = 24 * 3600 * 1_000_000
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
    folder: Directory, place: Place, days: int, now: int, *, trust_clock: bool = False
) -> Plan:
    """Return what a prune would remove, and write nothing.

    Args:
        folder: the ledger's folder.
        place: the ledger.
        days: how long rows are kept; days of 24 hours, so no change of the clock counts.
        now: the time in microseconds since the epoch.
        trust_clock: whether the user has looked at the clock.

    Raises:
        TokenTrackError: something would be removed by a clock that can't be believed.
        OSError: a file can't be read.
    """
    plan = Plan(now - days * _DAY_US, 0 if trust_clock else clock.EARLIEST_US)
    times: list[int] = []
    touched = 0
    for name in names_in(folder, place.ledger):
        touched = max(touched, folder.status(name).st_mtime_ns // 1000)
        plan.files.append(_plan_file(folder, place, name, plan, times))
    plan.gone -= plan.remaining
    for name in names_in(folder, place.usage):
        plan.usage_files.append(_plan_usage_file(folder, place, name, plan))
    trusted = clock.last_trusted(folder, place, now)
    problem = clock.doubt(now, times, touched, plan.cutoff, trusted)
    if problem and not trust_clock and _removes(plan):
        raise TokenTrackError(
            f"nothing was removed, because the clock may be wrong: {problem}. If the clock is "
            "right, add --trust-clock"
        )
    return plan


def prune(session: Session, plan: Plan) -> None:
    """Remove what a plan says, made under the same lock; a crash leaves whole files only.

    Raises:
        OSError: a file can't be written; it is as it was.
    """
    # The usage rows last: a ledger row must never lack the mark of what its number is.
    for file in plan.files:
        _rewrite(session.folder, file, COLUMNS, plan.drops)
    for file in plan.usage_files:
        _rewrite(session.folder, file, USAGE_COLUMNS, plan.drops_usage)


def _removes(plan: Plan) -> bool:
    return any(file.expired for file in [*plan.files, *plan.usage_files])


def _plan_file(
    folder: Directory, place: Place, name: str, plan: Plan, times: list[int]
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
    return FilePlan(name, expired, kept, is_archive=name != place.ledger)


def _plan_usage_file(folder: Directory, place: Place, name: str, plan: Plan) -> FilePlan:
    expired = kept = 0
    with open_in(folder, name) as file:
        for row in read_rows(file, USAGE_COLUMNS):
            is_dropped = plan.drops_usage(row)
            expired += is_dropped
            kept += not is_dropped and not row.is_header
    return FilePlan(name, expired, kept, is_archive=name != place.usage)


def _rewrite(
    folder: Directory, file: FilePlan, columns: Sequence[str], drops: Callable[[Row], bool]
) -> None:
    if file.is_removed:
        folder.remove(file.name)
        folder.sync()
    elif file.expired:
        lines = _kept_lines(folder, file.name, columns, drops)
        packed = file.name.endswith(COMPRESSED)
        replace_file(folder, file.name, compress(lines) if packed else lines)


def _kept_lines(
    folder: Directory, name: str, columns: Sequence[str], drops: Callable[[Row], bool]
) -> Iterator[bytes]:
    with open_in(folder, name) as file:
        for row in read_rows(file, columns):
            if not drops(row):
                yield row.line
