"""One turn as Kiro itself recorded it: the record that every reader of this package yields."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

V1_SESSION = "kiro-v1-session"
CLI_SESSION = "kiro-cli-session"
CLI_DATABASE = "kiro-cli-database"
IDE_STORAGE = "kiro-ide-storage"

SUCCESS, ABORTED, ERROR = "success", "aborted", "error"

# In microseconds, 30 days. Where a turn claims to have run longer, its start is not believed.
LONGEST_TURN = 30 * 24 * 3600 * 1_000_000


class Turn:
    """What Kiro wrote about one execution; a number that it did not write is None.

    Attributes:
        source: where it was read, one of the four constants of this module.
        source_id: distinguishes the turn from all others of its source; never empty.
        execution_id: Kiro's own id of the execution, "" where the source has none.
        session_id: Kiro's session or conversation, "" where the source has none.
        workspace: the path of the workspace's folder, "" where the source does not say.
        started_at: microseconds since the epoch.
        ended_at: the same. None with an empty `status` means that it had not ended when it was
            read.
        model: the model, or Kiro's selection (often `auto`), or "".
        credits: an exact decimal number as text, for a cell or `decimal.Decimal`. Never a float:
            sums of floats drift.
        input_tokens: 1 or more; Kiro writes 0 where it does not know.
        output_tokens: the same.
        cached_tokens: tokens read from the cache, 1 or more.
        context_percent: how full the context was at the end. A snapshot, not to be added up.
        request_count: requests to a model.
        status: `success`, `aborted`, `error`, or "" where the source does not say.
        origin: why a CLI session exists (`user`, `subagent`, `rewind`), else "".
        prompt: the user's text, where a reader of history finds it.
    """

    __slots__ = (
        "cached_tokens", "context_percent", "credits", "ended_at", "execution_id",
        "input_tokens", "model", "origin", "output_tokens", "prompt", "request_count",
        "session_id", "source", "source_id", "started_at", "status", "workspace",
    )  # fmt: skip

    def __init__(
        self, source: str, source_id: str, session_id: str = "", workspace: str = ""
    ) -> None:
        self.source = source
        self.source_id = source_id
        self.execution_id = ""
        self.session_id = session_id
        self.workspace = workspace
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.model = ""
        self.credits: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.context_percent: float | None = None
        self.request_count: int | None = None
        self.status = ""
        self.origin = ""
        self.prompt = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Turn) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # it changes while a reader fills it in

    def __repr__(self) -> str:
        # Without the prompt: a repr ends up in logs.
        return f"Turn({self.source}, {self.source_id!r}, credits={self.credits})"
