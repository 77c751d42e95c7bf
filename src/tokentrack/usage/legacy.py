"""Read the JSON file of an older tracker, to import it once; the file is not changed.

Its requests have no times of their own. The first one gets the time when its session was created,
the others that of the session's last update; the tag `recorded_at=estimated` marks them all.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.errors import ValidationError
from tokentrack.models.columns import MAX_TOKENS
from tokentrack.reports.requests.token_usage import TokenUsage, UsageRequest
from tokentrack.store.paths import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_FILE = 256 * 1024 * 1024
_LATEST = 253402300799  # the end of the year 9999, in seconds since the epoch
# Of all rows that are imported, as it is in their cell `tags`.
IMPORT_TAG = "recorded_at=estimated"
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens")


class LegacyFile(NamedTuple):
    """The requests of an older file, and a sentence for each part that can't be read."""

    requests: list[UsageRequest]
    problems: list[str]


def read_legacy(path: str) -> LegacyFile:
    """Return the requests of an older tracker's file, none for a missing file."""
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE + 1)
        content = json.loads(data.decode("utf-8-sig"))
    except FileNotFoundError:
        return LegacyFile([], [])
    except OSError as error:
        return LegacyFile([], [f"{name} can't be read, and is not imported: {error.strerror}"])
    except (ValueError, RecursionError) as error:
        return LegacyFile([], [f"{name} is not JSON, and is not imported: {error}"])
    sessions = content.get("sessions") if isinstance(content, dict) else None
    if not isinstance(sessions, dict):
        return LegacyFile([], [f"{name} has no `sessions`, and is not imported"])
    found: list[UsageRequest] = []
    problems: list[str] = []
    for session_id, session in sessions.items():
        try:
            found += _session_requests(session_id, session)
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            what = "; ".join(getattr(error, "issues", [])) or type(error).__name__
            problems.append(f"{name}: session {session_id[:60]!r} is not imported: {what}")
    count = len(found)
    numbered = [
        request._replace(source_id=f"{name} {number}/{count}")
        for number, request in enumerate(found, start=1)
    ]
    return LegacyFile(numbered, problems)


def _session_requests(session_id: str, session: dict[str, Any]) -> list[UsageRequest]:
    created, updated = _time(session["created_at"]), _time(session["last_updated"])
    model = session["model_name"]
    if not isinstance(model, str) or not model or not session_id:
        raise ValidationError(["session_id and model_name must be non-empty text"])
    return [
        UsageRequest(
            request_id=f"import-{digest(f'{session_id} {created} {index}')}",
            at=created if index == 0 else updated,
            session_id=session_id,
            model_name=model,
            usage=usage,
            tags={"recorded_at": "estimated"},
        )
        for index, usage in enumerate(_usages(session))
    ]


def _usages(session: dict[str, Any]) -> Iterator[TokenUsage]:
    # The requests of the history, then one request for the rest of the total.
    total = _usage(session["total_usage"])
    rest = [total.input_tokens, total.output_tokens, total.cached_tokens]
    for entry in session.get("request_history") or []:
        usage = _usage(entry)
        yield usage
        rest[0] -= usage.input_tokens
        rest[1] -= usage.output_tokens
        rest[2] -= usage.cached_tokens
    if any(rest):
        if min(rest) < 0:
            raise ValidationError(["its requests add up to more than its total"])
        yield TokenUsage(*rest)


def _usage(entry: dict[str, Any]) -> TokenUsage:
    usage = TokenUsage(*[entry.get(name, 0) for name in _COUNTS])
    if usage.total_tokens > MAX_TOKENS:
        raise ValidationError([f"one request cannot have more than {MAX_TOKENS} tokens"])
    return usage


def _time(seconds: float) -> int:
    if isinstance(seconds, bool) or not 0 <= seconds <= _LATEST:
        raise ValueError(seconds)
    return int(seconds * 1_000_000)
