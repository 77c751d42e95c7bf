"""One row of the usage ledger: what an execution cost, and where each number comes from."""

from __future__ import annotations

import os

from tokentrack.common import timestamps
from tokentrack.models.columns import join_list

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTED, ESTIMATED, UNKNOWN = "reported", "estimated", "unknown"
API = "api"  # the surface of what a program gave
# Sources of rows that a program wrote through `tokentrack.usage`.
TRACKED_SOURCE, RESET_SOURCE = "tracked-request", "session-reset"

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
    """Return the usage row of an execution, from its event alone; unknown cells are empty.

    The cell `input_tokens` is all input; `cached_tokens` is the part read from the cache.

    Args:
        execution_id: the execution.
        recorded_at: microseconds since the epoch.
        session_id: Kiro's session, "" if unknown.
        surface: the Kiro surface, such as `v1` or `cli-2`.
        model: the model, "" if unknown.
        usage: reported token counts: `input`, `output`, and `cached`, or `cache_read` and
            `cache_write`.
        token_basis: `reported`, `estimated` or `unknown`.
        tags: more facts, as keys and values. Where a program gave them (`api`), `credits` and
            `credits_basis` are for the cells of these names.
    """
    amount, amount_basis = "", UNKNOWN
    if surface == API and _is_amount(tags.get("credits", "")):
        # A program tells an execution's credits as tags.
        amount, amount_basis = tags["credits"], tags.get("credits_basis", REPORTED)
        tags = {name: v for name, v in tags.items() if name not in ("credits", "credits_basis")}
    cached = usage.get("cache_read", usage.get("cached"))
    source = {REPORTED: "payload", ESTIMATED: "visible-text"}.get(token_basis, "")
    return [
        execution_id,
        timestamps.format_us(recorded_at),
        session_id,
        surface,
        model,
        _cell(_all_input(usage)),
        _cell(usage.get("output")),
        _cell(cached),
        amount,
        "",
        token_basis,
        amount_basis,
        source,
        "",
        "",  # the caller knows whose row it is, see `user_name`
        _machine(),
        join_list([f"{key}={value}" for key, value in tags.items()]),
    ]


def _all_input(usage: Mapping[str, int]) -> int | None:
    # Payloads report cached tokens in one of two ways: on top of the input (`cache_read` and
    # `cache_write`) or as a part of it (`cached`). The cell always includes them.
    if "input" not in usage:
        return None
    return usage["input"] + usage.get("cache_read", 0) + usage.get("cache_write", 0)


def _is_amount(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()


def _cell(number: int | None) -> str:
    return "" if number is None else str(number)


def _machine() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
