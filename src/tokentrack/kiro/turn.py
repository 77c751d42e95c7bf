"""One turn as Kiro itself recorded it: the record that every reader of this package yields."""

from __future__ import annotations

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from typing import Any

V1_SESSION = "kiro-v1-session"
CLI_SESSION = "kiro-cli-session"
CLI_DATABASE = "kiro-cli-database"
IDE_STORAGE = "kiro-ide-storage"

SUCCESS, ABORTED, ERROR = "success", "aborted", "error"


class Turn:
    """What Kiro wrote about one execution; a number it did not write is None.

    Attributes:
        source: the place, one of the four constants of this module.
        source_id: what tells the turn from all others of its source; never empty.
        execution_id: Kiro's own id of it, "" where the place has none.
        session_id: Kiro's session or conversation, "" where the place has none.
        workspace: the path of the workspace's folder, "" where the place does not say.
        started_at: microseconds since the epoch.
        ended_at: the same. None with an empty `status`: it had not ended when it was read.
        model: the model, or Kiro's selection (often `auto`), or "".
        credits: an exact decimal number as text, for a cell or `decimal.Decimal`; never a float,
            whose sums drift.
        input_tokens: 1 or more; Kiro writes 0 where it does not know.
        output_tokens: the same.
        cached_tokens: tokens read from the cache, 1 or more.
        context_percent: how full the context was at the end; a snapshot that has no sum.
        request_count: requests to a model.
        status: `success`, `aborted`, `error`, or "" where nothing says.
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
        """Begin a record of which nothing else is known."""
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
        """Compare all attributes."""
        return isinstance(other, Turn) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # it changes while a reader fills it in

    def __repr__(self) -> str:
        """Show what identifies the turn, without the prompt."""
        return f"Turn({self.source}, {self.source_id!r}, credits={self.credits})"
