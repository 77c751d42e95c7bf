"""Take recognisable secrets out of a text before it is stored anywhere.

About a dozen rules, each with a fixed prefix: a text without any of the prefixes costs a few
substring searches and no import. What is no known form of a secret stays, so this lowers a risk
and does not end it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.events import Event

_PREFIXES = (
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "ATBB",
    "-----BEGIN ", "AIza", "xox", "_live_", "AccountKey=", "eyJ", "npm_", "pypi-",
)  # fmt: skip


def redact(text: str) -> str:
    """Return the text with each recognised secret replaced by `[redacted:RULE]`."""
    if not _may_hold_secret(text):
        return text
    from tokentrack.redaction_rules import RULES

    for rule in RULES:
        text = rule.pattern.sub(rule.replacement, text)
    return text


def redact_all(value: Any) -> Any:
    """Return JSON data with every text in it redacted, the names of its fields too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(item) for item in value]
    if isinstance(value, dict):
        return {redact_all(name): redact_all(item) for name, item in value.items()}
    return value


# Their tokens are estimated as they are; no text of an answer is stored.
_MEASURED = frozenset({
    "prompt", "prompt_text", "user_prompt", "assistant_response", "assistant_text", "response",
})  # fmt: skip


def redact_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload's fields without the secrets that cutting a text could leave a part of."""
    return {
        name: redact_all(value)
        if name == "error" or (isinstance(value, str) and name not in _MEASURED)
        else value
        for name, value in fields.items()
    }


def redact_event(event: Event) -> None:
    """Take the secrets out of an event's texts, whichever source they are from."""
    event.prompt = redact(event.prompt)
    event.error_message = redact(event.error_message)
    event.workspace_folder = redact(event.workspace_folder)
    event.branch = redact(event.branch)
    event.session_key = redact(event.session_key)
    event.patterns = redact_all(event.patterns)
    event.tags = redact_all(event.tags)


def _may_hold_secret(text: str) -> bool:
    # Never false where a rule matches; a test holds it.
    for prefix in _PREFIXES:
        if prefix in text:
            return True
    if "@" in text and "://" in text:
        return True
    lower = text.lower()
    return _starts_a_word(text, "sk-") or "bearer" in lower or "basic" in lower


def _starts_a_word(text: str, prefix: str) -> bool:
    # "task-list" is no key.
    at = text.find(prefix)
    while at > 0 and text[at - 1].isascii() and (text[at - 1].isalnum() or text[at - 1] in "_-"):
        at = text.find(prefix, at + 1)
    return at >= 0
