"""The Python API's tracker: it records executions in one ledger and reads them back."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from tokentrack.config.in_force import config_in_force, program_paths
from tokentrack.config.sources import ledger_paths
from tokentrack.errors import FileSystemError
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
            config: how to record; by default, the configuration of the files and the environment
                that are in force for the working folder. An invalid value is replaced by the
                field's default, with a warning of the logger `tokentrack`.
            paths: the ledger; by default, the configuration's path. A relative path is below the
                workspace's root if it starts with `.kiro`, else below the working folder. Only
                then `auto_create_hooks` installs missing hook files.
            environ: the environment; by default, that of the process.

        Raises:
            FileSystemError: a hook file can't be written.
            ValidationError: `config` is not a TrackerConfig.
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
        self._made_writer: CSVWriter | None = None
        self._making = threading.Lock()
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
        """Record a finished execution; return whether it is written.

        Invalid data and a failing disk return False; the refusal is logged and counted in
        `get_statistics()["errors"]`. A record that finds the ledger's lock held waits in the spool
        and counts as written. A record that a failing disk keeps out is queued if possible.

        Args:
            prompt_text: the prompt, stored as `max_prompt_length` and `redact_secrets` say, or a
                whole TokenTransaction.
            tokens_used: 0 or more, stored as reported. With None, the number that `context`
                reports is stored, else an estimate from the prompt, marked as such.
            elapsed_time: seconds, 0 or more; None is unknown.
            context: what else is known, by the names of the columns or of a payload. Other keys,
                and those in `tags`, become tags in the usage ledger.
            transaction: a whole TokenTransaction, as in `prompt_text`.
        """
        if not self.config.enabled:
            return False
        recorder = self._writer().recorder
        whole = prompt_text if transaction is None else transaction
        if isinstance(whole, str):
            done = recorder.record_call(whole, tokens_used, elapsed_time, context)
        else:
            done = recorder.record_transaction(whole)
        self._recorded += done
        return done

    def get_transaction_history(
        self, filters: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[TokenTransaction]:
        """Return the ledger's records in the order of the file, the last `limit` of them.

        With a limit the files are read from their ends, so that the last records cost the same
        whatever the ledger's size, unless a filter is about turns.

        Args:
            filters: which records. Some look at the record alone: `start_date` and `end_date` (ISO
                8601 text, date or datetime, both inclusive, local time where there is no zone),
                `workspace_folder` or `workspace`, `hook_trigger_type`, `hook_name`, `session_id`,
                `min_tokens`, `max_tokens`, `error_occurred`, `file_pattern` (a pattern, or a glob
                of files). Others choose the records of the turns that `tokentrack turns` lists:
                `since` and `until` (also words such as `7d`, `yesterday` or `last-month`), `tz`,
                `failed` (a bool), and, as a text or a list of texts of which `!x` excludes x,
                `workspace`, `model`, `trigger`, `hook`, `session`, `tag`, `user`, `surface` and
                the other filters of `tokentrack.reports.query`.
            limit: how many at most.

        Raises:
            FileSystemError: the ledger can't be read.
            ValidationError: a filter is unknown or has an impossible value.
        """
        test = None
        if filters is not None:
            from tokentrack.reports.ledger.turn_filters import choose_records

            test = choose_records(filters, self.paths, self._environ)
        return self._writer().read_transactions(limit, test=test)

    def get_statistics(self) -> dict[str, Any]:
        """Return the totals of the ledger, and the counts of this object.

        Of the ledger, where an execution counts once, however many rows it has:
        `transactions_recorded`, `credits` and `credits_failed` (exact decimal text),
        `credits_unknown` (how many executions Kiro has reported no credits for),
        `total_tokens_tracked`, `token_basis` (executions by what their number of tokens is),
        `transactions_with_errors`, `error_rate` (0 to 1), averages, times in seconds or ISO 8601
        (UTC), `ledger_rows` (all rows), damaged and waiting rows, path and size of the file, and
        `problem`, "" unless it can't be read. Of this object: `enabled`,
        `recorded_by_this_tracker`, `uptime_seconds`, `errors` (see
        `ErrorHandler.get_error_statistics`). Unknown values are None.

        A ledger that `tokentrack` knows is answered from the user's index, another one by reading
        its files.

        Raises:
            FileSystemError: the ledger's files kept changing while they were read.
        """
        from tokentrack.reports.ledger.statistics import ledger_statistics

        return {
            **ledger_statistics(self.paths, self._environ),
            "enabled": self.config.enabled,
            "recorded_by_this_tracker": self._recorded,
            "uptime_seconds": time.monotonic() - self._started,
            "errors": self.error_handler.get_error_statistics(),
        }

    def validate_csv_integrity(self) -> dict[str, Any]:
        """Check the ledger's lines; see `CSVWriter.validate_csv_integrity`."""
        return self._writer().validate_csv_integrity()

    def test_unicode_compatibility(
        self, test_strings: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Try texts on a temporary ledger; see `CSVWriter.validate_unicode_handling`."""
        return self._writer().validate_unicode_handling(test_strings)

    def create_backup(self) -> Path | None:
        """Copy the ledger and its usage ledger; see `CSVWriter.create_backup`."""
        return self._writer().create_backup()

    def export_data(
        self,
        output_path: str | os.PathLike[str],
        format: str = "csv",  # noqa: A002  (the name is public)
        filters: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write records to a file of another format; return whether it is written.

        The columns are the ledger's and `token_basis`. In csv and excel, text that a spreadsheet
        could run is prefixed with an apostrophe. The file appears whole or not at all, with mode
        0600. If the disk fails, the result is False, and the error is logged and counted.

        Args:
            output_path: the file; a missing folder is created.
            format: `csv`, `json` (a list), `jsonl` (one object per line), `excel` (needs the extra
                `excel`) or `parquet` (needs the extra `duckdb`).
            filters: as for `get_transaction_history`; each row of a turn that passes is written.

        Raises:
            FileSystemError: the ledger can't be read.
            MissingExtraError: the format's extra is not installed.
            ValidationError: a filter or the format is unknown, or the file is the ledger's own.
        """
        from tokentrack.reports.export import export_ledger

        records = self._writer().iter_transactions()
        try:
            export_ledger(self.paths, records, output_path, format, filters, self._environ)
        except FileSystemError:
            raise  # of the ledger, not of the export
        except OSError as error:
            self.error_handler.handle_export_error(error, output_path)
            return False
        return True

    @property
    def error_handler(self) -> ErrorHandler:
        """Decides about errors by the workspace's `error_handling` block, and counts them."""
        return self._writer().error_handler

    def drain(self) -> str:
        """Record what waits in the spool, unless another process holds the lock and will do it.

        What can't be recorded now keeps waiting; `get_statistics` counts it. Returns the reason,
        "" when there is none or it is unknown.
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
            OSError: it can't be opened or created.
        """
        return self._recorder.open_state()

    def log(self, level: str, messages: list[str]) -> None:
        """Write messages to the ledger's log, as far as the configured level and the disk allow."""
        self._recorder.log(level, messages)

    def __reduce__(self) -> tuple[Any, ...]:
        # For a process that is started anew; the counts of this object stay behind.
        environ = None if self._environ is os.environ else dict(self._environ)
        return _opened_again, (type(self), self.config, self.paths, environ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drain()

    def _writer(self) -> CSVWriter:
        # Made when it is first needed: it reads the error policy, which may write to the log.
        with self._making:
            if self._made_writer is None:
                from tokentrack.csv_writer import CSVWriter
                from tokentrack.error_handler import handler_of

                self._made_writer = CSVWriter(
                    self.config,
                    paths=self.paths,
                    environ=self._environ,
                    error_handler=handler_of(self.paths, self.log, self._environ),
                )
            return self._made_writer


def _opened_again(
    kind: type[TokenTracker],
    config: TrackerConfig,
    paths: LedgerPaths,
    environ: Mapping[str, str] | None,
) -> TokenTracker:
    return kind(config, paths=paths, environ=environ)
