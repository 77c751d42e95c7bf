"""The turns of one conversation in the CLI's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentrack.kiro import scan as reasons
from tokentrack.kiro import values
from tokentrack.kiro.turn import CLI_DATABASE, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentrack.kiro.scan import Scan

    Requests = list[dict[str, Any]]

# What stands in `user.content` where a request only carries the results of tools.
_CONTINUES = "ToolUseResults"


def turns_of(
    document: dict[str, Any],
    conversation: str,
    workspace: str,
    updated_at: int | None,
    path: str,
    row: int,
    scan: Scan,
) -> Iterator[Turn]:
    """Yield the turns of a conversation, oldest first: a prompt and all requests it led to."""
    groups = _by_prompt(values.objects(document.get("history")))
    for number, requests in enumerate(groups):
        turn = Turn(CLI_DATABASE, "", conversation, workspace)
        _take_requests(turn, [values.mapping(r.get("request_metadata")) for r in requests])
        turn.model = turn.model or _model(document)
        turn.source_id = f"{conversation or workspace}:{turn.started_at or number}"
        turn.prompt = _prompt(requests[0])
        if number == len(groups) - 1:
            last = values.mapping(document.get("user_turn_metadata"))
            turn.credits, refused = values.credit_sum(last.get("usage_info"), "value")
            for _ in range(refused):
                scan.skip(reasons.REFUSED_NUMBER, path, row)
            turn.ended_at = turn.ended_at or updated_at
        yield turn


def _by_prompt(history: Requests) -> list[Requests]:
    groups: list[Requests] = []
    for entry in history:
        content = values.mapping(entry.get("user")).get("content")
        if groups and isinstance(content, dict) and _CONTINUES in content:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _prompt(request: dict[str, Any]) -> str:
    content = values.mapping(request.get("user")).get("content")
    for kind in values.mapping(content).values():
        if isinstance(kind, dict) and values.text(kind.get("prompt")):
            return values.text(kind["prompt"])
    return content if isinstance(content, str) else ""


def _model(document: dict[str, Any]) -> str:
    return values.text(values.mapping(document.get("model_info")).get("model_id"))


def _take_requests(turn: Turn, requests: Requests) -> None:
    first, last = requests[0], requests[-1]
    turn.started_at = values.microseconds(first.get("request_start_timestamp_ms"))
    turn.ended_at = values.microseconds(last.get("stream_end_timestamp_ms"))
    turn.model = values.text(last.get("model_id"))
    turn.context_percent = values.percent(last.get("context_usage_percentage"))
    turn.request_count = len(requests)
    turn.input_tokens = _sum(requests, "uncached_input_tokens", values.tokens)
    turn.output_tokens = _sum(requests, "output_tokens", values.tokens)


def _sum(requests: Requests, key: str, read: Callable[[Any], int | None]) -> int | None:
    # A part of the requests is no sum of the turn.
    found = [read(request.get(key)) for request in requests]
    return None if None in found else sum(n for n in found if n is not None)
