"""The records that Kiro's own turns become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.estimate import estimate_tokens
from tokentrack.events import COMPLETED
from tokentrack.importing.folders import ROOT_TAG
from tokentrack.kiro.scan import LONGEST_TURN
from tokentrack.kiro.turn import ABORTED, ERROR
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import ESTIMATED, REPORTED, UNKNOWN, usage_row
from tokentrack.prompts import truncate_prompt
from tokentrack.reconcile.numbers import SURFACE_OF, reported_tokens, with_numbers
from tokentrack.redaction import redact
from tokentrack.timestamps import now_us

if TYPE_CHECKING:
    from tokentrack.kiro.turn import Turn
    from tokentrack.models.config import TrackerConfig

HOOK_NAME = "import"
_SECOND = 1_000_000
_ERRORS = {ABORTED: "the turn was aborted", ERROR: "the turn failed"}
_NEVER_ENDED = "the turn never ended"


def time_of(turn: Turn) -> int | None:
    """Return when a turn ended, or began where nothing says more; None is unknown."""
    return turn.started_at if turn.ended_at is None else turn.ended_at


def has_ended(turn: Turn) -> bool:
    """Tell whether Kiro has written all of a turn."""
    return turn.ended_at is not None or turn.status != "" or turn.credits is not None


def record_of(
    turn: Turn, identity: str, at: int, folder: str, root: str, config: TrackerConfig
) -> tuple[TokenTransaction, list[str]]:
    """Return the ledger record of a turn and the cells of its usage row.

    Args:
        turn: what Kiro wrote.
        identity: the execution id in the ledger.
        at: the turn's time, microseconds since the epoch.
        folder: the name of its workspace.
        root: the path of its workspace in a ledger of several, else "".
        config: how much of a prompt is stored, and whether tokens are estimated.
    """
    tokens, basis = _tokens(turn, config)
    message = _ERRORS.get(turn.status, "" if has_ended(turn) else _NEVER_ENDED)
    record = TokenTransaction.recorded(
        timestamp=at,
        prompt_text=_stored(turn.prompt, config),
        tokens_used=tokens,
        elapsed_time=_elapsed(turn),
        session_id=turn.session_id,
        workspace_folder=folder,
        hook_trigger_type=COMPLETED,
        agent_execution_id=identity,
        hook_name=HOOK_NAME,
        error_occurred=message != "",
        error_message=message,
    )
    tags = {key: text for key, text in (("origin", turn.origin), (ROOT_TAG, root)) if text}
    surface = SURFACE_OF[turn.source]
    now = now_us()
    cells = usage_row(identity, now, turn.session_id, surface, "", {}, basis, tags)
    return record, with_numbers(cells, turn, "", now)


def _elapsed(turn: Turn) -> float | None:
    if turn.started_at is None or turn.ended_at is None:
        return None
    elapsed = turn.ended_at - turn.started_at
    return elapsed / _SECOND if 0 <= elapsed <= LONGEST_TURN else None


def _tokens(turn: Turn, config: TrackerConfig) -> tuple[int, str]:
    reported = reported_tokens(turn)
    if reported is not None:
        return reported, REPORTED
    estimate = estimate_tokens(turn.prompt) if config.estimate_tokens else 0
    return estimate, ESTIMATED if estimate else UNKNOWN


def _stored(prompt: str, config: TrackerConfig) -> str:
    # The cut comes second: it could leave a part of a secret that no rule knows.
    whole = redact(prompt) if config.redact_secrets else prompt
    return truncate_prompt(whole, config.max_prompt_length)
