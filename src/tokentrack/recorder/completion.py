"""What is remembered of an execution that ended."""

from __future__ import annotations

from tokentrack.models.columns import is_time
from tokentrack.recorder.event_fields import is_count, is_text

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Completion:
    """What is remembered of a completion, so that it is recognised when it is reported again.

    Attributes:
        at: when it was reported, in microseconds since the epoch; None is unknown.
        done: when it was recorded, the same.
        fingerprint: its event's, "" where the caller gave an execution id.
        execution_id: that id, "" for any other completion.
        search_from: the offset in the ledger from which on the row of that id is; None is unknown.
        recorded: whether that row was seen before a rotation moved it to an archive.
    """

    __slots__ = ("at", "done", "execution_id", "fingerprint", "recorded", "search_from")

    def __init__(
        self,
        at: int | None,
        done: int | None,
        *,
        fingerprint: str = "",
        execution_id: str = "",
        search_from: int | None = None,
        recorded: bool = False,
    ) -> None:
        self.at = at
        self.done = done
        self.fingerprint = fingerprint
        self.execution_id = execution_id
        self.search_from = search_from
        self.recorded = recorded

    def to_dict(self) -> dict[str, Any]:
        """Return the completion as JSON data."""
        data: dict[str, Any] = {"at": self.at, "done": self.done}
        if not self.execution_id:
            return {**data, "fingerprint": self.fingerprint}
        data |= {"since": self.search_from, "execution_id": self.execution_id}
        return {**data, "recorded": True} if self.recorded else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """Return the completion of what `to_dict` returned."""
        return cls(
            data["at"],
            data["done"],
            fingerprint=data.get("fingerprint", ""),
            execution_id=data.get("execution_id", ""),
            search_from=data.get("since"),
            recorded=data.get("recorded", False),
        )


_UNKNOWN_OR_TIME = (None, is_time)
_COMPLETION = {"at": _UNKNOWN_OR_TIME, "done": _UNKNOWN_OR_TIME}
_NAMED_COMPLETION = {**_COMPLETION, "since": (None, is_count), "execution_id": is_text}
# What `Completion.to_dict` returns.
COMPLETION_SHAPE = (
    {**_COMPLETION, "fingerprint": is_text},
    _NAMED_COMPLETION,
    {**_NAMED_COMPLETION, "recorded": lambda value: value is True},
)
