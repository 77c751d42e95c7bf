"""The core service: events and transactions become rows of one ledger."""

from __future__ import annotations

import os

from tokentrack import workspace
from tokentrack.recorder import Recorder
from tokentrack.store.place import Place, user_place, workspace_place

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from tokentrack.csv_writer import CSVWriter
    from tokentrack.events import Event
    from tokentrack.models.config import TrackerConfig
    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.directory import Directory


class TokenTracker:
    """Records executions in a ledger and reads them back."""

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        place: Place | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Open a tracker; nothing is written before the first record.

        Args:
            config: how to record; without one, the configuration of the files and the
                environment that are in force for the working folder.
            place: the ledger; without one, the configuration's path below the working folder.
            environ: the environment; the process's own without one.
        """
        self._environ = os.environ if environ is None else environ
        self.config = config or _configuration_in_force(self._environ)
        self.place = place or workspace_place(os.getcwd(), self.config.ledger_path)
        self._recorder = Recorder(self.place, self.config, self._environ)
        if self.config.auto_create_hooks:
            self._create_hooks()

    @classmethod
    def for_workspace(cls, root: str, config: TrackerConfig, environ: Mapping[str, str]) -> Self:
        """Return the tracker of a workspace; a root of "" means the user's own ledger."""
        path = config.ledger_path
        if root or os.path.isabs(path):
            place = workspace_place(root, path)
        else:
            place = user_place(workspace.kiro_home(environ))
        return cls(config, place=place, environ=environ)

    def record_event(self, event: Event) -> bool:
        """Record a Kiro event within the hook's wait for the lock; return whether it is safe."""
        return self._recorder.record([event], self.config.hook_lock_timeout_ms / 1000) == 1

    def record_transaction(
        self,
        prompt_text: str | TokenTransaction,
        tokens_used: int = 0,
        elapsed_time: float = 0.0,
        context: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record a finished execution; return whether it is safe. Bad data or a bad disk: False.

        Args:
            prompt_text: the prompt, or a whole TokenTransaction.
            tokens_used: 0 or more.
            elapsed_time: seconds, 0 or more.
            context: what is known besides, by the names of the columns or of a payload.
        """
        if not self.config.enabled:
            return False
        from tokentrack.errors import ValidationError
        from tokentrack.models.transaction import TokenTransaction
        from tokentrack.transactions import build_transaction

        transaction = prompt_text
        try:
            if not isinstance(transaction, TokenTransaction):
                transaction = build_transaction(
                    transaction, tokens_used, elapsed_time, context, self.config, self._environ
                )
        except ValidationError as error:
            self.log("WARNING", error.issues)
            return False
        return self._writer().write_transaction(transaction)

    def get_transaction_history(self, limit: int | None = None) -> list[TokenTransaction]:
        """Return the ledger's records in the order of the file, the last `limit` of them."""
        return self._writer().read_transactions(limit)

    def drain(self) -> None:
        """Record what waits in the spool, unless another process holds the lock and will."""
        self._recorder.drain()

    def open_state(self) -> Directory:
        """Open the folder with the ledger's log, spool and executions.

        Raises:
            OSError: it can't be opened or made.
        """
        with self.place.open_folder(create=self.config.auto_create_directories) as folder:
            return folder.child(self.place.state, create=True)

    def log(self, level: str, messages: list[str]) -> None:
        """Write messages to the ledger's log, as far as the configured level and the disk allow."""
        if not messages:
            return
        from tokentrack.log import write_log

        try:
            with self.open_state() as state:
                write_log(state, self.config.log_level, level, messages)
        except OSError:
            pass

    def __enter__(self) -> Self:
        """Return the tracker."""
        return self

    def __exit__(self, *_: object) -> None:
        """Record what still waits in the spool."""
        self.drain()

    def _writer(self) -> CSVWriter:
        from tokentrack.csv_writer import CSVWriter

        return CSVWriter(self.config, place=self.place, environ=self._environ)

    def _create_hooks(self) -> None:
        from tokentrack.hookfiles.install import create_hook_files

        create_hook_files(workspace.find_root(os.getcwd(), self._environ))


def _configuration_in_force(environ: Mapping[str, str]) -> TrackerConfig:
    from tokentrack.config_sources import load_config

    root = workspace.find_root(os.getcwd(), environ)
    return load_config(root, workspace.kiro_home(environ), environ)[0]
