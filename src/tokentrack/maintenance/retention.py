"""Remove the rows that are older than `retention_days`, and nothing else.

A plan decides once for each line of each file whether it goes; a prune carries that plan out.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.timestamps import format_us
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance.lines import earliest_and_latest, read_lines
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archive_names import COMPRESSED, names_in
from tokentrack.store.archives import compress, open_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokentrack.store.directory import Directory
    from tokentrack.store.ledger import LockedLedger
    from tokentrack.store.paths import LedgerPaths

_DAY_US = 24 * 3600 * 1_000_000
# The release of this code: a correct clock can't show an earlier time.
RELEASED_US = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z
# No turn was recorded earlier: a row dated before was made under a reset clock.
EARLIEST_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
_TIME = COLUMNS.index("timestamp")
_ID = COLUMNS.index("agent_execution_id")
_USAGE_ID = USAGE_COLUMNS.index("agent_execution_id")
_RECORDED_AT = USAGE_COLUMNS.index("recorded_at")


class FilePlan(NamedTuple):
    """What happens to a file.

    Attributes:
        name: the file.
        drops: a byte for each line: 1 if it is removed, else 0.
        kept: the number of lines that stay, without headers.
        is_archive: whether it is an archive, which goes when no line but headers would stay.
    """

    name: str
    drops: bytearray
    kept: int
    is_archive: bool

    @property
    def expired(self) -> int:
        """The number of rows to remove."""
        return self.drops.count(1)

    @property
    def is_removed(self) -> bool:
        """Whether the whole file is removed."""
        return self.is_archive and not self.kept


class PrunePlan(NamedTuple):
    """What a prune removes.

    Attributes:
        cutoff: rows from before this time are expired, in microseconds since the epoch.
        files: the ledger's files, the oldest first.
        usage_files: the usage ledger's.
        digest: a digest of the lines to remove, in their order: two plans with the same one remove
            the same rows, though a rotation may have renamed the files.
    """

    cutoff: int
    files: list[FilePlan]
    usage_files: list[FilePlan]
    digest: bytes

    @property
    def expired(self) -> int:
        """The number of ledger rows to remove."""
        return sum(file.expired for file in self.files)

    @property
    def kept(self) -> int:
        """The number of ledger rows that stay."""
        return sum(file.kept for file in self.files)

    @property
    def removes_anything(self) -> bool:
        """Whether any row or usage row is to be removed."""
        return any(file.expired for file in [*self.files, *self.usage_files])


def plan_prune(
    folder: Directory, paths: LedgerPaths, days: int, now: int, *, trust_clock: bool = False
) -> PrunePlan:
    """Return what a prune would remove, and write nothing.

    Args:
        folder: the ledger's folder.
        paths: the ledger.
        days: how long rows are kept; days of 24 hours, so daylight saving time has no effect.
        now: the time in microseconds since the epoch.
        trust_clock: whether the user says that the clock is right.

    Raises:
        TokenTrackError: rows would be removed although the clock looks wrong.
        OSError: a file can't be read.
    """
    planner = _Planner(now - days * _DAY_US, 0 if trust_clock else EARLIEST_US)
    plan = planner.plan(folder, paths)
    modified = [folder.status(file.name).st_mtime_ns // 1000 for file in plan.files]
    problem = reason_to_distrust(now, plan.cutoff, planner.newest, max(modified, default=0))
    if problem and plan.removes_anything and not trust_clock:
        raise TokenTrackError(
            f"nothing was removed, because the clock may be wrong: {problem}. If the clock is "
            "right, add --trust-clock"
        )
    return plan


def reason_to_distrust(now: int, cutoff: int, newest: int | None, modified: int) -> str:
    """Return why the clock may be wrong, as a part of a sentence; "" without a reason.

    A clock that jumped back shows rows or files from the future. Under one that jumped forward by
    more than the retention, every row is expired; an abandoned ledger looks the same.

    Args:
        now: the clock's time; all times are in microseconds since the epoch.
        cutoff: the time before which rows are expired.
        newest: the time of the newest row, None without any.
        modified: when the ledger's files were last modified.
    """
    if now < RELEASED_US:
        return f"it shows {format_us(now)}, which is before this program was released"
    if newest is not None and newest > now + _DAY_US:
        return f"a row is dated {format_us(newest)}, in the future"
    if modified > now + _DAY_US:
        return f"a file was modified at {format_us(modified)}, in the future"
    if newest is not None and newest < cutoff:
        return f"every row is expired; the newest is from {format_us(newest)}"
    return ""


def prune(ledger: LockedLedger, plan: PrunePlan) -> None:
    """Carry out a plan that was made under the same lock; a crash leaves whole files only.

    Args:
        ledger: locked by `lock_drained`.
        plan: what to remove.

    Raises:
        OSError: a file can't be written; it is unchanged.
    """
    # The usage rows last: a ledger row without one has numbers of unknown source.
    for file in plan.files:
        _rewrite(ledger.folder, file, COLUMNS)
    for file in plan.usage_files:
        _rewrite(ledger.folder, file, USAGE_COLUMNS)


class _Planner:
    # Decides which lines are expired, by one rule for both kinds of files.

    def __init__(self, cutoff: int, earliest: int) -> None:
        self._cutoff = cutoff
        self._earliest = earliest
        self._expired_ids: set[str] = set()
        self._kept_ids: set[str] = set()
        self._digest = blake2b()
        self.newest: int | None = None

    def plan(self, folder: Directory, paths: LedgerPaths) -> PrunePlan:
        files = [
            self._plan_file(folder, name, COLUMNS, self._drops, is_archive=name != paths.ledger)
            for name in names_in(folder, paths.ledger)
        ]
        usage_files = [
            self._plan_file(
                folder, name, USAGE_COLUMNS, self._drops_usage, is_archive=name != paths.usage
            )
            for name in names_in(folder, paths.usage)
        ]
        return PrunePlan(self._cutoff, files, usage_files, self._digest.digest())

    def _plan_file(
        self,
        folder: Directory,
        name: str,
        columns: Sequence[str],
        drops: Callable[[list[str]], bool],
        *,
        is_archive: bool,
    ) -> FilePlan:
        flags = bytearray()
        kept = 0
        with open_in(folder, name) as file:
            for line in read_lines(file, columns):
                # A line that is not a whole record always stays.
                is_dropped = bool(line.cells) and drops(line.cells)
                flags.append(is_dropped)
                kept += not is_dropped and not line.is_header
                if is_dropped:
                    self._digest.update(line.data)
        return FilePlan(name, flags, kept, is_archive)

    def _drops(self, cells: list[str]) -> bool:
        bounds = self._bounds_of(cells[_TIME])
        if bounds is not None:
            self.newest = max(self.newest or 0, bounds[0])
        is_expired = self._is_expired(bounds)
        (self._expired_ids if is_expired else self._kept_ids).add(cells[_ID])
        return is_expired

    def _drops_usage(self, cells: list[str]) -> bool:
        # It goes with its ledger row. Without one, as a crash between the two leaves it, its own
        # time decides.
        if cells[_USAGE_ID] in self._kept_ids:
            return False
        if cells[_USAGE_ID] in self._expired_ids:
            return True
        return self._is_expired(self._bounds_of(cells[_RECORDED_AT]))

    def _bounds_of(self, text: str) -> tuple[int, int] | None:
        bounds = earliest_and_latest(text)
        return bounds if bounds is not None and bounds[0] >= self._earliest else None

    def _is_expired(self, bounds: tuple[int, int] | None) -> bool:
        return bounds is not None and bounds[1] < self._cutoff


def _rewrite(folder: Directory, file: FilePlan, columns: Sequence[str]) -> None:
    if file.is_removed:
        folder.remove(file.name)
        folder.sync()
    elif file.expired:
        lines = _kept_lines(folder, file, columns)
        is_compressed = file.name.endswith(COMPRESSED)
        data = compress(lines) if is_compressed else lines
        folder.replace(file.name, data, durable=True)


def _kept_lines(folder: Directory, file: FilePlan, columns: Sequence[str]) -> Iterator[bytes]:
    with open_in(folder, file.name) as opened:
        for line, is_dropped in zip(read_lines(opened, columns), file.drops, strict=True):
            if not is_dropped:
                yield line.data
