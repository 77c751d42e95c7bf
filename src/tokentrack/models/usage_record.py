"""One row of the usage ledger: what is known about an execution's cost, and from where."""

from __future__ import annotations

import os

from tokentrack import timestamps
from tokentrack.models.fields import join_list

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTED, ESTIMATED, UNKNOWN = "reported", "estimated", "unknown"

USAGE_COLUMNS = (
    "agent_execution_id", "recorded_at", "session_id", "surface", "model", "input_tokens",
    "output_tokens", "cached_tokens", "credits", "context_percent", "token_basis",
    "credits_basis", "source", "source_id", "user", "machine", "tags",
)  # fmt: skip


def usage_row(
    execution_id: str,
    recorded_at: int,
    session_id: str,
    surface: str,
    model: str,
    usage: Mapping[str, int],
    token_basis: str,
    tags: Mapping[str, str],
) -> list[str]:
    """Return the cells of an execution whose payload was all there is; unknown cells are empty."""
    cached = usage.get("cache_read", usage.get("cached"))
    source = {REPORTED: "payload", ESTIMATED: "visible-text"}.get(token_basis, "")
    return [
        execution_id,
        timestamps.format_us(recorded_at),
        session_id,
        surface,
        model,
        _cell(usage.get("input")),
        _cell(usage.get("output")),
        _cell(cached),
        "",
        "",
        token_basis,
        UNKNOWN,
        source,
        "",
        _user(),
        _machine(),
        join_list([f"{key}={value}" for key, value in tags.items()]),
    ]


def _cell(number: int | None) -> str:
    return "" if number is None else str(number)


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or ""


def _machine() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
