"""One row of the ledger."""

from __future__ import annotations

import os

from tokentrack import timestamps
from tokentrack.errors import ValidationError
from tokentrack.models.fields import read_row, row_of

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any


class TokenTransaction:
    """One agent execution, immutable; the attributes are the columns of the ledger.

    Attributes:
        timestamp: when the execution ended, an aware datetime in UTC.
        prompt_text: the prompt, perhaps truncated.
        tokens_used: 0 or more; whether it is reported or estimated, the usage ledger says.
        elapsed_time: seconds, None where nobody measured it.
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
        """Check every field and keep it.

        Args:
            timestamp: a datetime (naive is local time) or microseconds since the epoch.
            prompt_text: the prompt.
            tokens_used: 0 or more.
            elapsed_time: seconds, 0 or more; None is unknown.
            session_id: Kiro's session, "" where the surface has none.
            workspace_folder: the workspace's name.
            hook_trigger_type: the event that recorded the execution.
            agent_execution_id: unique to the execution.
            file_patterns: file patterns and files.
            hook_name: the hook that recorded the execution.
            error_occurred: whether the execution failed.
            error_message: why it failed.

        Raises:
            ValidationError: with every problem found.
        """
        values: dict[str, Any] = {
            "timestamp_us": timestamp if isinstance(timestamp, int) else _microseconds(timestamp),
            "prompt_text": prompt_text,
            "tokens_used": tokens_used,
            "elapsed_time": elapsed_time,
            "session_id": session_id,
            "workspace_folder": workspace_folder,
            "hook_trigger_type": hook_trigger_type,
            "agent_execution_id": agent_execution_id,
            "_patterns": tuple(file_patterns or ()),
            "hook_name": hook_name,
            "error_occurred": error_occurred,
            "error_message": error_message or "",
        }
        issues = find_issues(values)
        if issues:
            raise ValidationError(issues)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a record does not change."""
        raise AttributeError(f"a TokenTransaction is immutable: {name} can't be set")

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
        """Return a record of now, with a new execution id unless `fields` has one.

        Raises:
            ValidationError: with every problem found.
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
        return row_of(self)

    @classmethod
    def from_csv_row(cls, row: Sequence[str]) -> TokenTransaction:
        """Return the record of twelve cells.

        Raises:
            ValidationError: with every cell that can't be read.
        """
        return cls(**read_row(row))

    def get_summary(self) -> dict[str, Any]:
        """Return the record as a dictionary of JSON values, by column."""
        return {
            "timestamp": timestamps.format_us(self.timestamp_us),
            "prompt_text": self.prompt_text,
            "tokens_used": self.tokens_used,
            "elapsed_time": self.elapsed_time,
            "session_id": self.session_id,
            "workspace_folder": self.workspace_folder,
            "hook_trigger_type": self.hook_trigger_type,
            "agent_execution_id": self.agent_execution_id,
            "file_patterns": self.file_patterns,
            "hook_name": self.hook_name,
            "error_occurred": self.error_occurred,
            "error_message": self.error_message,
        }

    def _key(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        """Compare all columns."""
        return isinstance(other, TokenTransaction) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash all columns."""
        return hash(self._key())

    def __repr__(self) -> str:
        """Show what identifies the record, without the prompt."""
        return (
            f"TokenTransaction({self.agent_execution_id!r}, "
            f"{timestamps.format_us(self.timestamp_us)}, tokens_used={self.tokens_used}, "
            f"elapsed_time={self.elapsed_time}, workspace_folder={self.workspace_folder!r})"
        )


_TEXT_FIELDS = (
    "prompt_text", "session_id", "workspace_folder", "hook_trigger_type", "agent_execution_id",
    "hook_name", "error_message",
)  # fmt: skip


def find_issues(values: dict[str, Any]) -> list[str]:
    """Return what is wrong with the fields of a record, one sentence each."""
    issues = [
        f"{name} must be text, not {type(values[name]).__name__}"
        for name in _TEXT_FIELDS
        if not isinstance(values[name], str)
    ]
    if values["agent_execution_id"] == "":
        issues.append("agent_execution_id must not be empty")
    tokens, elapsed = values["tokens_used"], values["elapsed_time"]
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        issues.append(f"tokens_used must be a whole number of 0 or more, not {tokens!r}"[:200])
    if elapsed is not None and not _is_duration(elapsed):
        issues.append(f"elapsed_time must be 0 s or more and finite, not {elapsed!r}"[:200])
    if not isinstance(values["error_occurred"], bool):
        issues.append(
            f"error_occurred must be True or False, not {values['error_occurred']!r}"[:200]
        )
    if not all(isinstance(pattern, str) and pattern for pattern in values["_patterns"]):
        issues.append("file_patterns must be a list of texts that are not empty")
    if not _FIRST_US <= values["timestamp_us"] <= _LAST_US:
        issues.append("timestamp must be a time of the years 1 to 9999")
    return issues


_FIRST_US = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z
_LAST_US = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z


def _is_duration(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")  # type: ignore[operator]  # a number by now


def _microseconds(timestamp: object) -> int:
    # Without importing datetime, which the hook does without.
    if not hasattr(timestamp, "astimezone"):
        raise ValidationError([f"timestamp must be a datetime, not {type(timestamp).__name__}"])
    return timestamps.from_datetime(timestamp)  # type: ignore[arg-type]  # a datetime by now
