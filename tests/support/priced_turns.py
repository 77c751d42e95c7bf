"""Turns with credits at chosen times, written into the ledger of a workspace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tokentrack.common.timestamps import format_us
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DAY = 86_400_000_000
FILES = (("token_transactions.csv", COLUMNS), ("token_usage.csv", USAGE_COLUMNS))


def add_turn(
    folder: Path,
    identity: str,
    at: int,
    credits: str,  # noqa: A002  (the column's name)
    **cells: str,
) -> None:
    """Append a turn to the ledger in a `.kiro` folder.

    Args:
        folder: the folder.
        identity: the turn's id.
        at: when it ended, in microseconds since the epoch.
        credits: its credits; "" if they are unknown.
        cells: further cells of its two rows.
    """
    add_turns(folder, [(identity, at)], credits, **cells)


def add_turns(
    folder: Path,
    turns: Iterable[tuple[str, int]],
    credits: str,  # noqa: A002  (the column's name)
    **cells: str,
) -> None:
    """Append turns, given by their ids and when they ended, that are otherwise the same."""
    usual = {
        "tokens_used": "100", "elapsed_time": "2.5", "session_id": "s-1", "workspace_folder": "web",
        "hook_trigger_type": "agentExecutionCompleted", "hook_name": "tokentrack-stop",
        "error_occurred": "false", "model": "auto", "surface": "v1", "credits": credits,
        "credits_basis": "reported" if credits else "unknown", "token_basis": "estimated",
    }  # fmt: skip
    rows = [
        {**usual, "agent_execution_id": identity, "timestamp": format_us(at),
         "recorded_at": format_us(at), **cells}
        for identity, at in turns
    ]  # fmt: skip
    for name, columns in FILES:
        path = folder / name
        with path.open("ab") as file:
            if not file.tell():
                file.write(codec.encode_line(list(columns)))
            for row in rows:
                file.write(codec.encode_line([row.get(c, "") for c in columns]))


def add_two_months(folder: Path) -> None:
    """Append a turn of each of the last 60 days: of five workspaces, six models, one in 7 failed.

    Args:
        folder: a `.kiro` folder.
    """
    now = time.time_ns() // 1000
    names = ["web", "api", "docs", "infra", "a-workspace-with-a-very-long-name"]
    for number in range(60):
        add_turn(
            folder, f"e-{number}", now - number * DAY, f"{number % 5 + 1}.25",
            workspace_folder=names[number % 5], model=f"model-{number % 6}",
            error_occurred="true" if number % 7 == 0 else "false",
        )  # fmt: skip
