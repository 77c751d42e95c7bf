"""Turn what a caller of the Python API gives into a finished execution."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokentrack.common.redaction import redact, redact_all, redact_id
from tokentrack.errors import CollectorError, ValidationError
from tokentrack.models.transaction import TokenTransaction
from tokentrack.models.usage_record import API, REPORTED
from tokentrack.recorder import events
from tokentrack.recorder.call_fields import TEXT_NAMES, call_fields, facts_of
from tokentrack.recorder.metadata import MetadataCollector
from tokentrack.recorder.rows import (
    FinishedExecution,
    count_tokens,
    default_hook_name,
    stored_prompt,
    with_usage,
)
from tokentrack.recorder.tokens import estimate_tokens
from tokentrack.workspace import home_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentrack.config.tracker_config import TrackerConfig

MANUAL = "manual"


class CallContext:
    """Everything a row depends on except the caller's data.

    Attributes:
        config: how to record.
        environ: the environment.
        on_metadata_error: is called with each error that keeps metadata from being collected.
    """

    def __init__(
        self,
        config: TrackerConfig,
        environ: Mapping[str, str],
        on_metadata_error: Callable[[Exception], None],
    ) -> None:
        self.config = config
        self.environ = environ
        self.on_metadata_error = on_metadata_error


def finish_call(
    prompt_text: str,
    tokens_used: int | None,
    elapsed_time: float | None,
    context: Mapping[str, Any] | None,
    surroundings: CallContext,
) -> FinishedExecution:
    """Return an execution that ended now; what is not given comes from the environment.

    Raises:
        ValidationError: with every problem found.
    """
    config = surroundings.config
    if not isinstance(prompt_text, str):
        raise ValidationError([f"prompt_text must be text, not {type(prompt_text).__name__}"])
    fields = _fields_of(context, config)
    event, refused = events.parse(fields, surroundings.environ, config)
    facts = facts_of(fields, redacts=config.redact_secrets)
    refused += facts.problems
    if refused and config.enable_validation:
        raise ValidationError([f"context: {problem}" for problem in refused])
    _complete(event, surroundings)
    if config.redact_secrets:
        events.redact_event(event)
    reported = event.usage.get("total") if tokens_used is None else tokens_used
    tokens, basis = count_tokens(reported, estimate_tokens(prompt_text), config)
    transaction = TokenTransaction.recorded(
        timestamp=event.at if facts.at is None else facts.at,
        prompt_text=stored_prompt(prompt_text, config),
        tokens_used=tokens,
        elapsed_time=event.elapsed if elapsed_time is None else elapsed_time,
        session_id=event.session_id,
        workspace_folder=event.workspace_folder,
        hook_trigger_type=event.trigger or MANUAL,
        agent_execution_id=event.execution_id or event.event_id,
        file_patterns=event.patterns,
        hook_name=event.hook_name or default_hook_name(config),
        error_occurred=event.error,
        error_message=event.error_message,
    )
    branch = {"branch": event.branch} if event.branch else {}
    return with_usage(
        transaction,
        API,
        basis,
        model=event.model,
        usage=event.usage,
        tags={**branch, **facts.tags, **event.tags},
        user=config.user,
        from_caller=True,
    )


def finish_transaction(transaction: TokenTransaction, config: TrackerConfig) -> FinishedExecution:
    """Return the execution of a whole transaction, its texts as the configuration says."""
    given = transaction.get_summary()
    stored = dict(given)
    if config.redact_secrets:
        stored = redact_all(given)
        for name in ("session_id", "agent_execution_id"):
            stored[name] = redact_id(given[name])
    stored["prompt_text"] = stored_prompt(transaction.prompt_text, config)
    if stored != given:
        stored["timestamp"] = transaction.timestamp_us
        transaction = TokenTransaction.recorded(**stored)
    return finish_unchanged(transaction, config)


def finish_unchanged(transaction: TokenTransaction, config: TrackerConfig) -> FinishedExecution:
    """Return the execution of a transaction as it is; its tokens are marked as reported."""
    usage = {"total": transaction.tokens_used}
    return with_usage(transaction, API, REPORTED, usage=usage, user=config.user, from_caller=True)


def _fields_of(context: Any, config: TrackerConfig) -> dict[str, Any]:
    if context is None:
        return {}
    if not isinstance(context, Mapping) or not all(isinstance(key, str) for key in context):
        raise ValidationError([
            f"context must be a mapping with text keys, not {type(context).__name__}"
        ])  # fmt: skip
    # Before the names are in snake_case, which would hide the form of a secret.
    name_of = redact if config.redact_secrets else str
    try:
        fields = call_fields({name_of(key): value for key, value in context.items()})
    except RecursionError:
        raise ValidationError(["context must not contain itself"]) from None
    wrong = [n for n in TEXT_NAMES if not isinstance(fields.get(n), str | None)]
    if wrong and config.enable_validation:
        raise ValidationError([
            f"context: {name} must be text, not {type(fields[name]).__name__}" for name in wrong
        ])  # fmt: skip
    return fields


def _complete(event: events.Event, surroundings: CallContext) -> None:
    try:
        folder = os.getcwd()
    except OSError as error:  # the folder was removed: use one that is not a project
        surroundings.on_metadata_error(error)
        folder = home_folder(surroundings.environ)
    collector = MetadataCollector(surroundings.config, cwd=folder, environ=surroundings.environ)
    for problem in collector.complete(event):
        surroundings.on_metadata_error(CollectorError(problem))
