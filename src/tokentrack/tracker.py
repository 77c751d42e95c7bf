"""The core service: events and transactions become rows of one ledger."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tokentrack.config.sources import config_in_force, ledger_paths, program_paths
from tokentrack.recorder.recorder import Recorder
from tokentrack.workspace import find_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any, Self

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.csv_writer import CSVWriter
    from tokentrack.error_handler import ErrorHandler
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.recorder.events import Event
    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths


class TokenTracker:
    """Records executions in a ledger and reads them back."""

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        paths: LedgerPaths | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Open a tracker; nothing is written before the first record.

        Args:
            config: how to record; without one, the configuration of the files and the
                environment that are in force for the working folder. An invalid value counts as
                the field's default, with a warning of the logger `tokentrack`.
            paths: the ledger; without one, the configuration's path. A relative one is below the
                workspace's root if it starts with `.kiro`, else below the working folder.
            environ: the environment; the process's own without one.

        Raises:
            ValidationError: `config` is something else.
        """
        self._environ = os.environ if environ is None else environ
        in_force = config is None
        if config is None:
            config = config_in_force(self._environ)
        if not hasattr(config, "sanitized"):
            from tokentrack.errors import ValidationError

            given = type(config).__name__
            raise ValidationError([f"config must be a TrackerConfig, not {given}"])
        self.config = config.sanitized()
        if paths is None:
            paths = program_paths(self.config, self._environ, in_force=in_force)
            if self.config.auto_create_hooks:
                from tokentrack.hookfiles.install import create_hook_files

                create_hook_files(find_root(os.getcwd(), self._environ))
        self.paths = paths
        self._recorder = Recorder(self.paths, self.config, self._environ)
        self._handler: ErrorHandler | None = None
        self._started = time.monotonic()
        self._recorded = 0

    @classmethod
    def for_workspace(cls, root: str, config: TrackerConfig, environ: Mapping[str, str]) -> Self:
        """Return the tracker of a workspace; a root of "" means the user's own ledger."""
        return cls(config, paths=ledger_paths(root, config, environ), environ=environ)

    def record_event(self, event: Event) -> bool:
        """Record a Kiro event as `tokentrack hook-run` does; return whether it is safe."""
        return self._recorder.record([event], self.config.hook_lock_timeout_ms / 1000) == 1

    def record_transaction(
        self,
        prompt_text: str | TokenTransaction | None = None,
        tokens_used: int | None = None,
        elapsed_time: float | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        transaction: TokenTransaction | None = None,
    ) -> bool:
        """Record a finished execution; return whether it is written. Bad data or a bad disk: False.

        A record that finds the ledger's lock held waits in the spool and counts as written. What a
        bad disk keeps out is queued where it can be. A refusal is logged and counted in
        `get_statistics()["errors"]`.

        Args:
            prompt_text: the prompt, stored as `max_prompt_length` and `redact_secrets` say, or a
                whole TokenTransaction.
            tokens_used: 0 or more, stored as reported. None is unknown: what `context` reports
                counts, else an estimate from the prompt, marked as one.
            elapsed_time: seconds, 0 or more; None is unknown.
            context: what is known besides, by the names of the columns or of a payload; other
                keys, and those in `tags`, become tags in the usage ledger.
            transaction: the same as a whole TokenTransaction in `prompt_text`.
        """
        if not self.config.enabled:
            return False
        from tokentrack.recorder.guarded import record_call, record_whole

        writer = self._writer()
        whole = prompt_text if transaction is None else transaction
        if isinstance(whole, str):
            done = record_call(writer, whole, tokens_used, elapsed_time, context)
        else:
            done = record_whole(writer, whole)
        self._recorded += done
        return done

    def get_transaction_history(
        self, filters: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[TokenTransaction]:
        """Return the ledger's records in the order of the file, the last `limit` of them.

        Args:
            filters: which records. `start_date` and `end_date` (ISO 8601 text, date or datetime,
                both inclusive, local time where there is no zone), `workspace_folder` or
                `workspace`, `hook_trigger_type`, `hook_name`, `session_id`, `min_tokens`,
                `max_tokens`, `error_occurred`, `file_pattern` (a pattern, or a glob of files).
            limit: how many at most.

        Raises:
            FileSystemError: the ledger can't be read.
            ValidationError: a filter is unknown or has an impossible value.
        """
        from tokentrack.reports.filters import record_filter

        test = record_filter(filters) if filters is not None else None
        return self._writer().read_transactions(limit, test=test)

    def get_statistics(self) -> dict[str, Any]:
        """Return the ledger's totals, whoever wrote its rows, and this object's own counts.

        Of the ledger: `transactions_recorded`, `total_tokens_tracked`, `token_basis` (rows by
        what their number is), `transactions_with_errors`, `error_rate` (0 to 1), averages, times
        in seconds or ISO 8601 (UTC), damaged and waiting rows, path and size of the file, and
        `problem`, "" unless it can't be read. Of this object: `recorded_by_this_tracker`,
        `uptime_seconds`, `errors` (see `ErrorHandler.get_error_statistics`). Unknown is None.
        """
        from tokentrack.reports.totals import collect_statistics

        return collect_statistics(self, self._started, self._recorded)

    def validate_csv_integrity(self) -> dict[str, Any]:
        """Return `file_exists, valid_headers, valid_rows, total_rows, issues`, each with its line.

        Raises:
            FileSystemError: the ledger can't be read.
        """
        return self._writer().validate_csv_integrity()

    def test_unicode_compatibility(
        self, test_strings: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Write texts to a temporary ledger, never to this one, and read them back.

        Returns:
            `unicode_support_verified`, `total_tests`, `passed_tests` and `failed_tests`, a list
            of `{"test_string", "problem"}`.
        """
        return self._writer().validate_unicode_handling(test_strings)

    def create_backup(self) -> Path | None:
        """Copy the ledger to `<ledger>_backup_YYYYMMDD_HHMMSS.csv` (UTC) beside it, mode 0600.

        It is whole or not there at all; the usage ledger is copied with it. None when there is
        no ledger yet, or when it can't be copied, which is logged and counted.
        """
        return self._writer().create_backup()

    def export_data(
        self,
        output_path: str | os.PathLike[str],
        format: str = "csv",  # noqa: A002  (the name that the documents promise)
        filters: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write records to a file of another format; return whether it is written.

        The columns are the ledger's and `token_basis`. In csv and excel a text that a spreadsheet
        could run has an apostrophe before it. The file appears whole or not at all, with mode
        0600. A disk that refuses: False, logged, counted.

        Args:
            output_path: the file; its folder is made where it is missing.
            format: `csv`, `json` (a list), `jsonl` (an object a line), `excel` (needs the extra
                `excel`) or `parquet` (needs the extra `duckdb`).
            filters: as for `get_transaction_history`.

        Raises:
            FileSystemError: the ledger can't be read.
            MissingExtraError: the format's extra is not installed.
            ValidationError: a filter or the format is unknown, or the file is the ledger's own.
        """
        from tokentrack.reports.export import export_ledger

        records = self._writer().iter_transactions()
        try:
            export_ledger(self.paths, records, output_path, format, filters)
        except OSError as error:
            self.error_handler.handle_export_error(error, output_path)
            return False
        return True

    @property
    def error_handler(self) -> ErrorHandler:
        """What decides about errors, by the workspace's `error_handling` block, and counts them."""
        if self._handler is None:
            from tokentrack.error_handler import handler_of

            self._handler = handler_of(self.paths, self.log)
        return self._handler

    def drain(self) -> str:
        """Record what waits in the spool, unless another process holds the lock and will.

        What can't be recorded now waits on; `get_statistics` counts it. Returns what stands in
        the way, "" when nothing does or nobody knows.
        """
        try:
            self._recorder.drain()
        except OSError as error:
            name = f"{os.path.basename(os.fsdecode(error.filename))}: " if error.filename else ""
            return f"{name}{error.strerror or error}"
        return ""

    def open_state(self) -> Directory:
        """Open the folder with the ledger's log, spool and executions.

        Raises:
            OSError: it can't be opened or made.
        """
        return self._recorder.open_state()

    def log(self, level: str, messages: list[str]) -> None:
        """Write messages to the ledger's log, as far as the configured level and the disk allow."""
        self._recorder.log(level, messages)

    def __enter__(self) -> Self:
        """Return the tracker."""
        return self

    def __exit__(self, *_: object) -> None:
        """Record what still waits in the spool."""
        self.drain()

    def _writer(self) -> CSVWriter:
        from tokentrack.csv_writer import CSVWriter

        handler = self.error_handler
        return CSVWriter(
            self.config, paths=self.paths, environ=self._environ, error_handler=handler
        )
