"""The rules by which secrets are recognised; each takes linear time.

This module is loaded only for a text with the mark of a rule, see `redaction`. Patterns begin with
a literal where possible, and long repetitions are possessive, so that nothing is matched twice.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Rule(NamedTuple):
    """The pattern of a secret, and its replacement."""

    pattern: str
    replacement: str | Callable[[re.Match[str]], str]

    def apply(self, text: str) -> str:
        """Return the text with every match replaced."""
        return re.sub(self.pattern, self.replacement, text, flags=re.ASCII)


def _token(head: str, body: str) -> str:
    # `head` must begin a word, and its pattern must have a fixed length. In pasted JSON, URLs and
    # terminal output, a word can also begin after an escape.
    starts = (
        rf"(?<![A-Za-z0-9-]{head})",
        rf"(?<=\\[bfnrt]{head})",
        rf"(?<=\\x[0-9A-Fa-f]{{2}}{head})",
        rf"(?<=\\u[0-9A-Fa-f]{{4}}{head})",
        rf"(?<=%[0-9A-Fa-f]{{2}}{head})",
        rf"(?<=[0-9;\[]m{head})",
    )
    return rf"{head}(?:{'|'.join(starts)}){body}"


def _mark(name: str) -> str:
    return f"[redacted:{name}]"


def _rule(name: str, pattern: str) -> Rule:
    return Rule(pattern, _mark(name))


def _rule_after(name: str, before: str, secret: str) -> Rule:
    # The text before the secret is kept. It may have letters of any case.
    return Rule(f"((?i:{before}))(?:{secret})", rf"\1{_mark(name)}")


# Between a name and its value, in code, JSON, headers and URLs.
_QUOTE = r"[\"'\\]{0,4}"
_IS = rf"{_QUOTE}(?:[ \t:=]|%20|%3a|%3d|\+){{1,9}}{_QUOTE}"

_VALUE = r"[A-Za-z0-9._~+/=%-]"
_CREDENTIAL = rf"{_VALUE}{{16,}}+|(?=[A-Za-z._~+/=%-]{{0,16}}[0-9]){_VALUE}{{8,}}+"
_SCHEMES = rf"(?<![a-z0-9])bearer|x-api-key|authorization{_IS}(?:token|api-?key)"

# Not passwords but placeholders: variables, calls, templates, masks and switches.
_STAND_IN = (
    r"(?![=<\[({]|\$[A-Za-z_({]|%[sd({]|%\w{1,64}%|\*\*\*|\.\.\."
    r"|(?i:(?:none|null|nil|true|false|yes|no|on|off|undefined|[01]|password|passwd|pwd)"
    r"(?:[\s,;&)\]}\"']|\Z))"
    r"|(?:self|this|os|process|config|settings|args|options|env|request)\."
    r"|[A-Za-z_]\w{0,63}(?:\.\w{1,64}){0,9}[(\[])"
)
_PASSWORD = (
    _STAND_IN + r"(?:(?<=\")(?!\s)[^\"\r\n]++|(?<=')(?!\s)[^'\r\n]++"
    r"|(?<![\"'])(?:[^\s;&\"'`]|&(?!(?:amp;)?[A-Za-z][\w.-]{0,63}=))++)"
)

_USER = re.compile(r"://(?![A-Za-z]:[/\\])([^\s/:()\[\]<>{},;|\\]*+):")
_NO_URL_PASSWORD = re.compile(r"[0-9]{1,5}[/?#]|(?:\$?\{\w{1,64}\}|<\w{1,64}>|\*{1,64})@")


def _without_password(match: re.Match[str]) -> str:
    # `match` is a URL and all that follows up to white space. A password may contain `@`, `:` and
    # `/`, so it ends at the last `@`. If the user name has an `@` too, it ends at the last `@`
    # before the first `/`, since the rest may be a path with an `@`.
    run = match[0]
    last = run.rfind("@")
    done = 0
    kept = ""
    for user in _USER.finditer(run, 0, last + 1):
        start = user.end()
        if start < done or _NO_URL_PASSWORD.match(run, start):
            continue
        slash = run.find("/", start) if "@" in user[1] else -1
        end = last if slash < 0 else run.rfind("@", start, slash)
        if end > start:
            kept += run[done:start] + _mark("connection-string")
            done = end
    return kept + run[done:]


def _basic(match: re.Match[str]) -> str:
    # "basic questions" is not a user with a password.
    value = match[2]
    if len(value) >= 16 and re.search(r"[0-9+/=]", value):
        return match[1] + _mark("authorization")
    from base64 import b64decode

    padded = value.rstrip("=").replace("-", "+").replace("_", "/")
    padded = padded[: len(padded) - (len(padded) % 4 == 1)]
    try:
        text = b64decode(padded + "=" * (-len(padded) % 4)).decode()
    except ValueError:
        return match[0]
    is_credential = ":" in text and text.isprintable()
    return match[1] + _mark("authorization") if is_credential else match[0]


def _web_token(match: re.Match[str]) -> str:
    parts = match[0].split(".")
    heads = [part.startswith("eyJ") and len(part) >= 13 for part in parts]
    is_token = any(a and b for a, b in pairwise(heads[:-1]))
    return _mark("web-token") if is_token else match[0]


_EDGE = r"-{{4,5}} ?{} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)? ?-{{4,5}}"

RULES = {
    "private-key": (
        # A block without an end is a secret up to the end of the text.
        _rule("private-key", rf"{_EDGE.format('BEGIN')}(?s:.*?)(?:{_EDGE.format('END')}|\Z)"),
        _rule("private-key", r"PuTTY-User-Key-File-[0-9]:(?s:.*?)"
                             r"(?:Private-(?:MAC|Hash): ?[0-9A-Fa-f]*|\Z)"),
    ),
    "aws-access-key": (
        _rule("aws-access-key", _token("A[KS]IA", r"[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ),
    "github-token": (
        _rule("github-token", _token("gh[pousr]_", r"[A-Za-z0-9]{20,}+")),
        _rule("github-token", _token("github_pat_", r"\w{20,}+")),
    ),
    "gitlab-token": tuple(
        _rule("gitlab-token", _token(prefix, r"[A-Za-z0-9_.-]{20,}+"))
        for prefix in ("gl(?:pat|ptt|cbt|oas|imt)-", "gl[dfr]t-", "glsoat-", "glagent-")
    ),
    "bitbucket-token": (_rule("bitbucket-token", _token("ATBB", r"[A-Za-z0-9]{24,}+")),),
    "atlassian-token": (
        _rule("atlassian-token", _token("AT[AC]TT", r"[A-Za-z0-9_=-]{20,}+")),
    ),
    "google-api-key": (_rule("google-api-key", _token("AIza", r"[A-Za-z0-9_-]{35,}+")),),
    "google-oauth": (
        _rule("google-oauth", _token(r"ya29\.", r"[A-Za-z0-9_.-]{20,}+")),
        _rule("google-oauth", _token("GOCSPX-", r"[A-Za-z0-9_-]{20,}+")),
    ),
    "slack-token": (_rule("slack-token", _token("xox[abeoprs]-", r"[A-Za-z0-9-]{10,}+")),),
    "payment-key": (_rule("payment-key", _token("[prs]k_live_", r"[A-Za-z0-9]{16,}+")),),
    "package-token": (
        _rule("package-token", _token("npm_", r"[A-Za-z0-9]{30,}+")),
        _rule("package-token", _token("pypi-", r"[A-Za-z0-9_-]{30,}+")),
    ),
    "web-token": (
        Rule(_token("eyJ", r"[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+)*+"), _web_token),
    ),
    "model-api-key": (_rule("model-api-key", _token("sk-", r"[A-Za-z0-9_-]{20,}+")),),
    "aws-secret-key": (
        _rule_after("aws-secret-key", rf"secret[_-]?access[_-]?key{_IS}", r"[A-Za-z0-9+/=%]{30,}+"),
        _rule_after("aws-secret-key", rf"session[_-]?token{_IS}", r"[A-Za-z0-9+/=%]{60,}+"),
    ),
    "storage-key": (
        _rule_after("storage-key", rf"(?:account|sharedaccess)key{_IS}", r"[A-Za-z0-9+/=%]{20,}+"),
    ),
    "storage-signature": (
        _rule_after("storage-signature", r"(?:(?<![a-z0-9_-])|(?<=%26))sig(?:=|%3d)",
                    r"[A-Za-z0-9+/=%]{32,}+"),
    ),
    "authorization": (
        _rule_after("authorization", rf"(?:{_SCHEMES}){_IS}(?:token={_QUOTE})?", _CREDENTIAL),
        Rule(rf"((?i:(?<![a-z0-9])basic{_IS}))([A-Za-z0-9+/_-]{{4,}}+={{0,2}})", _basic),
    ),
    "password": (
        _rule_after("password", r"(?:password|passwd)(?:=|%3d)\\?[\"']?", _PASSWORD),
        # PWD=/home/me is a folder, not a password.
        _rule_after("password", r"(?<![a-z0-9])pwd(?:=|%3d)\\?[\"']?(?![/~.]|[a-z]:)", _PASSWORD),
    ),
    "connection-string": (
        Rule(r"://[^\s\"'`]*+", _without_password),
        # A password with one space in it.
        Rule(r"(://[^\s/:@()\[\]<>{},;|\\\"'`]{0,64}:)[^\s/@\"'`0-9][^\s/@\"'`]{0,63} "
             r"[^\s/@\"'`:,;()]{1,64}(?=@[\w\[])", rf"\1{_mark('connection-string')}"),
    ),
}  # fmt: skip
