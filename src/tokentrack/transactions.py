"""Make a transaction from what a caller of the Python API gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack import events
from tokentrack.errors import ValidationError
from tokentrack.metadata_collector import MetadataCollector
from tokentrack.models.transaction import TokenTransaction
from tokentrack.prompts import truncate_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.models.config import TrackerConfig

MANUAL = "manual"


def build_transaction(
    prompt_text: str,
    tokens_used: int,
    elapsed_time: float,
    context: Mapping[str, Any] | None,
    config: TrackerConfig,
    environ: Mapping[str, str],
) -> TokenTransaction:
    """Return the transaction of now; what the context does not say comes from the surroundings.

    Raises:
        ValidationError: with every problem found.
    """
    if not isinstance(prompt_text, str):
        raise ValidationError([f"prompt_text must be text, not {type(prompt_text).__name__}"])
    collector = MetadataCollector(config, cwd=os.getcwd(), environ=environ)
    event, _ = events.parse(events.snake_case(context or {}), environ)
    collector.complete(event)
    return TokenTransaction(
        timestamp=event.at,
        prompt_text=truncate_prompt(prompt_text, config.max_prompt_length),
        tokens_used=tokens_used,
        elapsed_time=elapsed_time,
        session_id=event.session_id,
        workspace_folder=event.workspace_folder,
        hook_trigger_type=event.trigger or MANUAL,
        agent_execution_id=event.execution_id or event.event_id,
        file_patterns=event.patterns,
        hook_name=event.hook_name or config.hook_name,
        error_occurred=event.error,
        error_message=event.error_message,
    )
