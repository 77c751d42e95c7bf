"""The forms of secrets that are recognised; each pattern runs in linear time."""

from __future__ import annotations

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """What a secret looks like, and what stands in its place."""

    name: str
    pattern: re.Pattern[str]
    replacement: str


def _rule(name: str, pattern: str, *, keep: bool = False) -> Rule:
    # `keep`: what the first group matched is no secret and stays.
    return Rule(name, re.compile(pattern), (r"\1" if keep else "") + f"[redacted:{name}]")


# A prefix must not follow a character that could be a part of the same word.
_START = r"(?<![A-Za-z0-9_-])"

RULES = (
    # An unclosed block is a secret to the end of the text.
    _rule("private-key", r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:.*?)"
                         r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"),
    _rule("aws-access-key", _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _rule("github-token", _START + r"(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})"),
    _rule("gitlab-token", _START + r"glpat-[A-Za-z0-9_.-]{20,255}"),
    _rule("bitbucket-token", _START + r"ATBB[A-Za-z0-9]{24,255}"),
    _rule("google-api-key", _START + r"AIza[A-Za-z0-9_-]{35}"),
    _rule("slack-token", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,255}"),
    _rule("model-api-key", _START + r"sk-[A-Za-z0-9_-]{20,255}"),
    _rule("payment-key", _START + r"[prs]k_live_[A-Za-z0-9]{16,255}"),
    _rule("package-token", _START + r"(?:npm_[A-Za-z0-9]{30,255}|pypi-[A-Za-z0-9_-]{30,1000})"),
    _rule("storage-key", r"(AccountKey=)[A-Za-z0-9+/=]{40,255}", keep=True),
    _rule("web-token", _START + r"eyJ[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{10,4096}"
                                r"\.[A-Za-z0-9_-]{0,4096}"),
    _rule("authorization", r"((?i:\b(?:bearer|basic))[ \t]{1,9})[A-Za-z0-9._~+/=-]{16,4096}",
          keep=True),
    _rule("connection-string", r"(://[^\s:/@\[\]]{0,255}:)[^\s/@]{1,1024}(?=@)", keep=True),
)  # fmt: skip
