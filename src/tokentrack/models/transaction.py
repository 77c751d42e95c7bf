"""One row of the ledger."""

from __future__ import annotations

import os
import sys

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS, as_number, find_issues, join_list, read_row

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Any

# While rules are registered, the function of `tokentrack.models.rules` that applies them: the hook
# does not load that module. It gets the record and whether its fields are valid.
CHECKS: list[Callable[[TokenTransaction, bool], list[str]]] = []


class TokenTransaction:
    """One agent execution, immutable; the attributes are the columns of the ledger.

    Attributes:
        timestamp: when the execution ended, an aware datetime in UTC.
        prompt_text: the prompt, perhaps truncated.
        tokens_used: 0 or more; the usage ledger says whether it is reported or estimated.
        elapsed_time: seconds, None if unknown.
        file_patterns: the patterns and files of the execution, in order.
    """

    __slots__ = (
        "_patterns", "agent_execution_id", "elapsed_time", "error_message", "error_occurred",
        "hook_name", "hook_trigger_type", "prompt_text", "session_id", "timestamp_us",
        "tokens_used", "workspace_folder",
    )  # fmt: skip

    agent_execution_id: str
    elapsed_time: float | None
    error_message: str
    error_occurred: bool
    hook_name: str
    hook_trigger_type: str
    prompt_text: str
    session_id: str
    timestamp_us: int
    tokens_used: int
    workspace_folder: str
    _patterns: tuple[str, ...]

    def __init__(  # noqa: PLR0913, PLR0917  (one parameter for each column)
        self,
        timestamp: datetime | int,
        prompt_text: str,
        tokens_used: int,
        elapsed_time: float | None,
        session_id: str,
        workspace_folder: str,
        hook_trigger_type: str,
        agent_execution_id: str,
        file_patterns: Iterable[str] | None = None,
        hook_name: str = "",
        error_occurred: bool = False,
        error_message: str | None = None,
    ) -> None:
        """Create a record from valid fields.

        Args:
            timestamp: a datetime (naive is local time) or microseconds since the epoch.
            prompt_text: the prompt.
            tokens_used: 0 or more.
            elapsed_time: seconds, 0 or more; None is unknown.
            session_id: Kiro's session, "" where the surface has none.
            workspace_folder: the workspace's name.
            hook_trigger_type: the event that recorded the execution.
            agent_execution_id: the execution's unique id.
            file_patterns: file patterns and files.
            hook_name: the hook that recorded the execution.
            error_occurred: whether the execution failed.
            error_message: why it failed.

        Raises:
            ValidationError: a field or a registered rule is not satisfied; names every problem.
        """
        issues = self._set_fields(
            timestamp=timestamp,
            prompt_text=prompt_text,
            tokens_used=tokens_used,
            elapsed_time=elapsed_time,
            session_id=session_id,
            workspace_folder=workspace_folder,
            hook_trigger_type=hook_trigger_type,
            agent_execution_id=agent_execution_id,
            file_patterns=file_patterns,
            hook_name=hook_name,
            error_occurred=error_occurred,
            error_message=error_message,
        )
        for check in CHECKS:
            issues += check(self, not issues)
        if issues:
            raise ValidationError(issues)

    @classmethod
    def recorded(cls, **fields: Any) -> TokenTransaction:
        """Return the record of an event or of a row, without applying the registered rules.

        A rule of this process must not cost a row that Kiro or another process accepted.

        Raises:
            ValidationError: a field is not valid; names every problem.
        """
        self = cls.__new__(cls)
        if issues := self._set_fields(**fields):
            raise ValidationError(issues)
        return self

    def _set_fields(
        self,
        timestamp: Any,
        file_patterns: Any = None,
        hook_name: str = "",
        error_occurred: bool = False,
        error_message: str | None = None,
        **fields: Any,
    ) -> list[str]:
        patterns = () if file_patterns is None else file_patterns
        values: dict[str, Any] = {
            **fields,
            "timestamp_us": _microseconds(timestamp),
            "_patterns": patterns if isinstance(patterns, str) else _as_tuple(patterns),
            "hook_name": hook_name,
            "error_occurred": error_occurred,
            "error_message": error_message or "",
        }
        for name in ("tokens_used", "elapsed_time"):
            values[name] = as_number(values[name])
        for name, value in values.items():
            object.__setattr__(self, name, value)
        return find_issues(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a TokenTransaction is immutable: {name} can't be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a TokenTransaction is immutable: {name} can't be deleted")

    def __reduce__(self) -> tuple[Callable[..., TokenTransaction], tuple[Any, ...]]:
        # Copy and pickle by the values, which were checked once.
        return _rebuild, self._key()

    @property
    def timestamp(self) -> datetime:
        """When the execution ended, an aware datetime in UTC."""
        return timestamps.to_datetime(self.timestamp_us)

    @property
    def file_patterns(self) -> list[str]:
        """The file patterns, as a new list."""
        return list(self._patterns)

    @classmethod
    def create_new(
        cls,
        prompt_text: str,
        tokens_used: int,
        elapsed_time: float,
        workspace_folder: str,
        hook_trigger_type: str,
        **fields: Any,
    ) -> TokenTransaction:
        """Return a record with the current time and a new execution id; `fields` override both.

        Raises:
            ValidationError: a field or a registered rule is not satisfied; names every problem.
        """
        fields.setdefault("timestamp", timestamps.now_us())
        fields.setdefault("session_id", "")
        fields.setdefault("agent_execution_id", f"exec_{os.urandom(16).hex()}")
        return cls(
            prompt_text=prompt_text,
            tokens_used=tokens_used,
            elapsed_time=elapsed_time,
            workspace_folder=workspace_folder,
            hook_trigger_type=hook_trigger_type,
            **fields,
        )

    def to_csv_row(self) -> list[str]:
        """Return the twelve cells, in the order of the columns."""
        elapsed = self.elapsed_time
        return [
            timestamps.format_us(self.timestamp_us),
            self.prompt_text,
            str(self.tokens_used),
            "" if elapsed is None else repr(elapsed),
            self.session_id,
            self.workspace_folder,
            self.hook_trigger_type,
            self.agent_execution_id,
            join_list(self._patterns),
            self.hook_name,
            "true" if self.error_occurred else "false",
            self.error_message,
        ]

    @classmethod
    def from_csv_row(cls, row: Sequence[str]) -> TokenTransaction:
        """Return the record that twelve cells hold.

        Raises:
            ValidationError: cells can't be read, or their values are not valid; names every one.
        """
        return cls.recorded(**read_row(row))

    def get_summary(self) -> dict[str, Any]:
        """Return the record as a dictionary of JSON values, by column."""
        at = timestamps.format_us(self.timestamp_us)
        return {"timestamp": at, **{name: getattr(self, name) for name in COLUMNS[1:]}}

    def _key(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenTransaction) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        # Without the prompt: a repr ends up in logs.
        return (
            f"TokenTransaction({self.agent_execution_id!r}, "
            f"{timestamps.format_us(self.timestamp_us)}, tokens_used={self.tokens_used}, "
            f"elapsed_time={self.elapsed_time}, workspace_folder={self.workspace_folder!r})"
        )


def _rebuild(*values: Any) -> TokenTransaction:
    made = TokenTransaction.__new__(TokenTransaction)
    for name, value in zip(TokenTransaction.__slots__, values, strict=True):
        object.__setattr__(made, name, value)
    return made


def _microseconds(timestamp: Any) -> Any:
    # A datetime is recognised by its method: importing `datetime` costs the hook 1.4 ms.
    if not hasattr(timestamp, "astimezone"):
        return timestamp
    try:
        return timestamps.from_datetime(timestamp)
    except (OverflowError, ValueError, OSError):
        return -sys.maxsize  # out of the range of UTC; `find_issues` reports it


def _as_tuple(items: Any) -> Any:
    return tuple(items) if hasattr(items, "__iter__") else items
