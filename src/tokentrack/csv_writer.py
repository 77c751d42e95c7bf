"""Write and read transactions in one ledger."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.execution_records import Finished
from tokentrack.models.config import TrackerConfig
from tokentrack.models.fields import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import REPORTED, usage_row
from tokentrack.recorder import Recorder
from tokentrack.store.place import Place, workspace_place
from tokentrack.store.reader import has_header, read_records
from tokentrack.timestamps import now_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tokentrack.store.reader import Record


class CSVWriter:
    """The ledger of a configuration, safe for any number of threads and processes."""

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        place: Place | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Name the ledger; nothing is written before the first transaction."""
        self.config = config or TrackerConfig()
        self.place = place or workspace_place(os.getcwd(), self.config.ledger_path)
        self._recorder = Recorder(self.place, self.config, environ or os.environ)

    def write_transaction(self, transaction: TokenTransaction) -> bool:
        """Append a transaction; return whether it is safe, in the ledger or in the spool."""
        return self.write_transactions_batch([transaction]) == 1

    def write_transactions_batch(self, transactions: Iterable[TokenTransaction]) -> int:
        """Append transactions under one lock and with one fsync; return how many are safe."""
        finished = [Finished(t, _usage_of(t), given=True) for t in transactions]
        if not finished:
            return 0
        return self._recorder.record(finished, self.config.file_lock_timeout_seconds)

    def read_transactions(self, limit: int | None = None) -> list[TokenTransaction]:
        """Return the transactions in the order of the file, the last `limit` of them.

        What can't be read is left out here and listed by `validate_csv_integrity`.

        Raises:
            FileSystemError: the ledger can't be opened.
        """
        kept: deque[TokenTransaction] = deque(maxlen=limit)
        for record in self._records():
            try:
                if not record.problem:
                    kept.append(TokenTransaction.from_csv_row(record.cells))
            except ValidationError:
                continue
        return list(kept)

    def validate_csv_integrity(self) -> dict[str, Any]:
        """Return `file_exists, valid_headers, valid_rows, total_rows, issues`.

        An issue names the line and what is wrong with it.

        Raises:
            FileSystemError: the ledger can't be opened.
        """
        issues: list[str] = []
        total = 0
        for record in self._records():
            total += 1
            problem = record.problem or _problem_of(record)
            if problem:
                issues.append(f"line {record.line}: {problem}")
        return {
            "file_exists": os.path.exists(self.place.path),
            "valid_headers": self._has_header(),
            "valid_rows": total - len(issues),
            "total_rows": total,
            "issues": issues,
        }

    def _has_header(self) -> bool:
        try:
            with open(self.place.path, "rb") as file:
                return has_header(file, COLUMNS)
        except FileNotFoundError:
            return False

    def _records(self) -> Iterator[Record]:
        try:
            with open(self.place.path, "rb") as file:
                yield from read_records(file, COLUMNS)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileSystemError(
                f"the ledger {self.place.path} can't be read: {error.strerror}"
            ) from error


def _problem_of(record: Record) -> str:
    try:
        TokenTransaction.from_csv_row(record.cells)
    except ValidationError as error:
        return str(error)
    return ""


def _usage_of(transaction: TokenTransaction) -> list[str]:
    return usage_row(
        transaction.agent_execution_id,
        now_us(),
        transaction.session_id,
        "api",
        "",
        {"total": transaction.tokens_used},
        REPORTED,
        {},
    )
