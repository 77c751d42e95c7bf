"""Take recognisable secrets out of a text before it is stored anywhere.

About a dozen rules, each with a fixed prefix: a text without any of the prefixes costs a few
substring searches and no import. What is no known form of a secret stays, so this lowers a risk
and does not end it.
"""

from __future__ import annotations

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
