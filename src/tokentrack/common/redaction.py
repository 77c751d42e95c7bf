"""Redact recognisable secrets in a text, and cut long prompts, before anything is stored.

Each rule has marks, and every text that it matches contains one of them. So a text without any
mark costs a few substring searches and no import. Secrets in an unknown form are not recognised:
redaction lowers the risk, but does not remove it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

# The rules in the order in which they are applied, with their marks.
_MARKS = {
    "private-key": ("PRIVATE KEY", "PuTTY-User-Key-File-"),
    "aws-access-key": ("AKIA", "ASIA"),
    "github-token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "gitlab-token": (
        "glpat-",
        "gldt-",
        "glrt-",
        "glptt-",
        "glcbt-",
        "gloas-",
        "glft-",
        "glagent-",
        "glsoat-",
        "glimt-",
    ),
    "bitbucket-token": ("ATBB",),
    "atlassian-token": ("ATATT", "ATCTT"),
    "google-api-key": ("AIza",),
    "google-oauth": ("ya29.", "GOCSPX-"),
    "slack-token": ("xox",),
    "payment-key": ("_live_",),
    "package-token": ("npm_", "pypi-"),
    "web-token": ("eyJ",),
}
# The same, for rules that match letters of any case.
_MARKS_IN_LOWER_CASE = {
    "aws-secret-key": (
        "secret_access_key",
        "secretaccesskey",
        "secret-access-key",
        "session_token",
        "sessiontoken",
        "session-token",
    ),
    "storage-key": ("accountkey", "sharedaccesskey"),
    "storage-signature": ("sig=", "sig%3d"),
    "authorization": ("bearer", "basic", "x-api-key", "authorization"),
    "password": ("password=", "passwd=", "pwd=", "password%3d", "passwd%3d", "pwd%3d"),
}
_ALL_MARKS = [mark for marks in _MARKS.values() for mark in marks]
_ALL_MARKS_IN_LOWER_CASE = [mark for marks in _MARKS_IN_LOWER_CASE.values() for mark in marks]
_MAX_KEYS = 100  # places to check for a key; a text with more is taken to hold one
_MACHINE_ID = "/etc/machine-id"
_ROOM_FOR_COUNT = 24


def redact(text: str) -> str:
    """Return the text with each recognised secret replaced by `[redacted:RULE]`."""
    if not text or not _may_hold_secret(text):
        return text
    from tokentrack.common.redaction_rules import RULES

    for name in _candidates(text):
        for rule in RULES[name]:
            text = rule.apply(text)
    return text


def redact_id(text: str) -> str:
    """Return an id, or a replacement that reveals nothing if a secret is in it.

    Equal ids have equal replacements and different ids different ones, so that rows of one
    execution or session can still be matched.
    """
    return text if redact(text) == text else f"redacted-{keyed_digest(text)}"


def redact_all(value: Any) -> Any:
    """Return JSON data with every text in it redacted, including the names of fields."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(item) for item in value]
    if isinstance(value, dict):
        return {redact_all(name): redact_all(item) for name, item in value.items()}
    return value


def _may_hold_secret(text: str) -> bool:
    # Never false for a text that a rule matches, as a test checks.
    for mark in _ALL_MARKS:
        if mark in text:
            return True
    lower = text.lower()
    for mark in _ALL_MARKS_IN_LOWER_CASE:
        if mark in lower:
            return True
    return _may_hold_key(text) or _may_hold_url(text)


def _candidates(text: str) -> list[str]:
    # The names of the rules that can match.
    found = [name for name, marks in _MARKS.items() if any(mark in text for mark in marks)]
    lower = text.lower()
    for name, marks in _MARKS_IN_LOWER_CASE.items():
        if any(mark in lower for mark in marks):
            found.append(name)
    if _may_hold_key(text):
        found.append("model-api-key")
    if _may_hold_url(text):
        found.append("connection-string")
    return found


def _may_hold_url(text: str) -> bool:
    return "@" in text and "://" in text


def _may_hold_key(text: str) -> bool:
    # Whether there is a "sk-" that begins a word. In "task-list" it does not, but it does after an
    # escape such as "\n" or "%20", the last character of which is a letter or a digit.
    at = -1
    for _ in range(_MAX_KEYS):
        at = text.find("sk-", at + 1)
        if at < 0:
            return False
        before = text[max(0, at - 6) : at]
        last = before[-1:]
        if not (last.isascii() and last.isalnum()) and last != "-":
            return True
        if "\\" in before or "%" in before or (last == "m" and before[-2:-1] in "0123456789;["):
            return True
    return True


def keyed_digest(text: str) -> str:
    """Return a digest of a text, 32 hexadecimal digits, from which the text can't be computed.

    The digest is keyed with the machine's id, if there is one, so that digests that leave the
    machine do not reveal short texts by trial.
    """
    try:
        from _blake2 import blake2b  # `hashlib` costs the hook 3 ms
    except ImportError:
        from hashlib import blake2b
    data = text.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=16, key=_machine_id()).hexdigest()


def _machine_id() -> bytes:
    try:
        descriptor = os.open(_MACHINE_ID, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 64)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def truncate_prompt(prompt: str, max_length: int, more: int = 0) -> str:
    """Return the prompt in at most `max_length` characters, with a mark where it was cut.

    The mark is `…[+N]`, where N is the number of characters left out, or `…` if there is no room.

    Args:
        prompt: the prompt, or its beginning.
        max_length: the maximum length, including the mark.
        more: how many characters the caller has left out already.
    """
    if len(prompt) <= max_length and not more:
        return prompt
    if max_length <= 0:
        return ""
    if max_length < _ROOM_FOR_COUNT:
        return prompt[: _character_start(prompt, max_length - 1)] + "…"
    kept = _character_start(prompt, max_length - len(f"…[+{len(prompt) + more}]"))
    return f"{prompt[:kept]}…[+{len(prompt) - kept + more}]"


def _character_start(text: str, at: int) -> int:
    # The start of the visible character at an index: an accent, a variation selector or the second
    # half of a joined emoji belongs to the character before it.
    if text[: at + 1].isascii():
        return at
    from unicodedata import category

    joiner = "\u200d"
    while at > 0 and (
        category(text[at]) in ("Mn", "Me", "Mc", "Sk") or joiner in (text[at], text[at - 1])
    ):
        at -= 1
    return at
