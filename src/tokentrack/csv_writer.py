"""The Python API's writer: it stores transactions in one ledger as they are, and reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.config.in_force import program_paths
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.error_handler import handler_of
from tokentrack.errors import FileSystemError, ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.recorder.guarded import GuardedRecorder
from tokentrack.reports.ledger.ledger_rows import last_transactions, ledger_rows
from tokentrack.store.archives import open_ledger_file
from tokentrack.store.reader import has_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tokentrack.error_handler import ErrorHandler
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.reports.ledger.filters import RecordTest
    from tokentrack.store.paths import LedgerPaths


class CSVWriter:
    """The ledger of a configuration, safe for any number of threads and processes.

    Transactions are stored unchanged; `TokenTracker` cuts prompts and redacts secrets.
    """

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        paths: LedgerPaths | None = None,
        environ: Mapping[str, str] | None = None,
        error_handler: ErrorHandler | None = None,
    ) -> None:
        """Take a ledger; nothing is written before the first transaction.

        Args:
            config: how to write; by default, the defaults of all fields.
            paths: the ledger; by default, the configuration's path, as for `TokenTracker`.
            environ: the environment; by default, that of the process.
            error_handler: decides about errors; by default, one with the workspace's policy.
        """
        self.config = (config or TrackerConfig()).sanitized()
        self.environ = os.environ if environ is None else environ
        self.paths = paths or program_paths(self.config, self.environ, in_force=False)
        self.error_handler = error_handler or handler_of(self.paths, None, self.environ)
        self.recorder = GuardedRecorder(
            self.paths, self.config, self.environ, self.error_handler, self._run_due
        )

    def write_transaction(self, transaction: TokenTransaction) -> bool:
        """Append a transaction; return whether it is in the ledger, or waits only for its lock."""
        return self.write_transactions_batch([transaction]) == 1

    def write_transactions_batch(self, transactions: Iterable[TokenTransaction]) -> int:
        """Append transactions under one lock and with one fsync; return how many were written.

        Those that wait in the spool for the ledger's lock are counted. Those that a failing disk
        kept out are not, even where they are queued elsewhere and will be recorded later.

        A value that is not a transaction, or breaks a registered rule, is left out and counted as
        an error.
        """
        return self.recorder.record_unchanged(transactions)

    def read_transactions(
        self, limit: int | None = None, *, test: RecordTest | None = None
    ) -> list[TokenTransaction]:
        """Return the transactions in the order of the file, the last `limit` of them.

        Lines that can't be read are left out here and listed by `validate_csv_integrity`.

        Args:
            limit: how many at most.
            test: which of them to return; by default, all.

        Raises:
            FileSystemError: the ledger can't be opened.
            ValidationError: the limit is negative or not a whole number.
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise ValidationError([f"limit must be a whole number, not {type(limit).__name__}"])
        if limit is not None and limit < 0:
            raise ValidationError([f"limit must be 0 or more, not {limit}"])
        if limit is None:
            return list(filter(test, self.iter_transactions()))
        try:
            return last_transactions(self.paths, limit, test)
        except OSError as error:
            raise self._unreadable(error) from error

    def iter_transactions(self) -> Iterator[TokenTransaction]:
        """Yield the transactions of the archives and the ledger, one at a time.

        Raises:
            FileSystemError: the ledger can't be opened.
        """
        try:
            for row in ledger_rows(self.paths):
                if row.transaction is not None:
                    yield row.transaction
        except OSError as error:
            raise self._unreadable(error) from error

    def validate_csv_integrity(self) -> dict[str, Any]:
        """Return `file_exists, valid_headers, valid_rows, total_rows, issues, files`.

        Each issue names a line and its problem. `files` has the paths of the files that are
        checked: the ledger, not its archives, which `tokentrack verify` checks too.

        Raises:
            FileSystemError: the ledger can't be opened.
        """
        issues: list[str] = []
        total = 0
        try:
            for row in ledger_rows(self.paths, archives=False):
                total += 1
                if row.problem:
                    issues.append(f"line {row.line}: {row.problem}")
            damaged = len(issues)
            headed = self._check_ends(issues)
        except OSError as error:
            raise self._unreadable(error) from error
        exists = os.path.exists(self.paths.path)
        return {
            "file_exists": exists,
            "valid_headers": headed,
            "valid_rows": total - damaged,
            "total_rows": total,
            "issues": issues,
            "files": [self.paths.path] if exists else [],
        }

    def validate_unicode_handling(
        self, test_strings: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Write texts to a temporary ledger and read them back.

        Returns:
            `unicode_support_verified`, `total_tests`, `passed_tests` and `failed_tests`, a list
            of `{"test_string", "problem"}`.
        """
        from tokentrack.recorder.selftest import check_texts

        return check_texts(open_writer, test_strings)

    def create_backup(self) -> Path | None:
        """Copy the ledger to `<ledger>_backup_YYYYMMDD_HHMMSS.csv` (UTC) next to it.

        The copy is made under the lock together with that of the usage ledger, has mode 0600, and
        appears whole or not at all. None if there is no ledger yet, or if it can't be copied,
        which is logged and counted.
        """
        from tokentrack.maintenance.backup import back_up

        try:
            return back_up(self.paths, self.config)
        except (OSError, FileSystemError) as error:
            self.error_handler.handle_csv_read_error(error, self.paths.path)
            return None

    def test_csv_operations(self) -> dict[str, Any]:
        """Try creating, writing, reading, checking and copying on a temporary ledger.

        Returns:
            `success`; `checks`, by name whether each passed; `issues`, a sentence for each check
            that did not.
        """
        from tokentrack.recorder.selftest import check_csv_operations

        return check_csv_operations(open_writer, self.config)

    def is_valid(self, transaction: Any) -> bool:
        """Return whether a value may be stored; if not, that is counted and logged.

        With `enable_validation` the registered rules are asked; the policy's
        `on_validation_error` decides whether their findings are a reason to refuse.
        """
        return self.recorder.is_valid(transaction)

    def __reduce__(self) -> tuple[Any, ...]:
        # For a process that is started anew; the counts of errors stay behind.
        environ = None if self.environ is os.environ else dict(self.environ)
        return _opened_again, (type(self), self.config, self.paths, environ)

    def _run_due(self) -> None:
        from tokentrack.maintenance.schedule import run_due_at_times

        run_due_at_times(self.paths, self.config, self.environ)

    def _check_ends(self, issues: list[str]) -> bool:
        try:
            with open_ledger_file(self.paths.path) as file:
                headed = has_header(file, COLUMNS)
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    if file.read() != b"\n":
                        issues.append("the last line is incomplete: it is being written, or torn")
        except FileNotFoundError:
            return False
        return headed

    def _unreadable(self, error: OSError) -> FileSystemError:
        self.error_handler.handle_csv_read_error(error, self.paths.path)
        return FileSystemError(f"the ledger {self.paths.path} can't be read: {error.strerror}")


def open_writer(config: TrackerConfig, paths: LedgerPaths, environ: Mapping[str, str]) -> CSVWriter:
    """Return the writer of a ledger, for the self-tests."""
    return CSVWriter(config, paths=paths, environ=environ)


def _opened_again(
    kind: type[CSVWriter],
    config: TrackerConfig,
    paths: LedgerPaths,
    environ: Mapping[str, str] | None,
) -> CSVWriter:
    return kind(config, paths=paths, environ=environ)
