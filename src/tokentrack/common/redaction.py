"""Redact recognisable secrets in a text, and cut long prompts, before anything is stored.

Every text that a rule matches contains one of the rule's marks. So a text without any mark costs
some substring searches and no import. Secrets in an unknown form are not recognised: redaction
lowers the risk, but does not remove it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

# The marks of all rules, as a test checks. Tokens begin with one of these, or have it in them.
_HEADS = (  # noqa: SIM905  (a list of texts would take 120 lines)
    "1//0 A3- AB ACCA AGE- AIza AK API- ASIA ATA ATB ATC CCIPAT_ CFPAT- CLOJARS_ EAA EZ FLWSECK "
    "GOCSPX- HRKU- LTAI NR PMAK- SG. SK access- aoaA aorA api_org_ bedrock-api-key- bkua_ cio "
    "cmVmd csk- dapi dckr_ doo_v1_ dop_v1_ dor_v1_ dp. dt0 duffel_ esecret_ eyJ figd figo_ "
    "fio-u- fm1 fm2_ fo1_ fw_ gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glagent- glc_ glcbt- gldt- "
    "glff glft- glimt- gloas- glpat- glptt- glrt glsa_ glsoat- gltok- gsk_ hf_ hv ico- key- "
    "ksk_ lin_ lsv2_ nf npm_ ntn_ nvapi- ops_eyJ oy2 p8 pat- phx_ pk_live_ pnb_ pnu_ pplx- "
    "pscale_ pul- pypi- r8_ rdme_ rk_ rnd_ rubygems_ sb_ sbp_ secret_ sgp_ sha256~ shippo_ shp "
    "sk- sk. sk_ sntry sq0 sqa_ sqp_ squ_ tfp_ tgp_ tskey- tvly- whsec_ xai- xapp- xkeysib- xox "
    "xwfp- ya29."
).split()
_INSIDE = (".atlasv1.", "Q~", ":AA", "hooks.slack.com/", "/api/webhooks/", "webhook.office.com/")
# These are compared with the text in lower case: marks, marks of which two are there, and
# names of values.
_MARKS = ("authorization", "basic", "bearer", "ssws", "openvpn static key", "putty-user-key-file-")
_PAIRS = (
    ("://", ("@",)),
    ("begin", ("private key",)),
    ("curl", ("-",)),
    ("mysql", ("-p",)),
    ("mariadb", ("-p",)),
    ("sshpass", ("-p",)),
    ("docker login", ("-p",)),
    ("login", ("password",)),
    ("--", ("password", "passwd", "passphrase", "token", "secret", "key")),
)
_NAMES = ("token", "secret", "key", "password", "passwd", "passphrase", "pwd", "cookie", "sig")
_KEYS = ("api", "secret", "access", "private", "auth", "signing", "encryption", "master", "account")
_AFTER_NAME = (":", "=", ">", "%3", "value=")
_SHORTEST_TOKEN = 20
_PART = 1 << 16
_MAX_PLACES = 100  # places to check for a mark; a text with more is taken to hold a secret
_MACHINE_ID = "/etc/machine-id"
_ROOM_FOR_COUNT = 24


def redact(text: str) -> str:
    """Return the text with each recognised secret replaced by `[redacted:RULE]`."""
    if not text or not _may_hold_secret(text):
        return text
    from tokentrack.common.redaction_rules import apply_rules

    return apply_rules(text)


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
    if len(text) >= _SHORTEST_TOKEN and _may_hold_token(text):
        return True
    lower = text.lower()
    for mark in _MARKS:
        if mark in lower:
            return True
    for first, others in _PAIRS:
        if first in lower and any(other in lower for other in others):
            return True
    return any(name in lower and _may_have_value(lower, name) for name in _NAMES)


def _may_hold_token(text: str) -> bool:
    # Most texts have few long words, and only those can be tokens.
    words = _long_words(text)
    if not words:
        return False
    for mark in _INSIDE:
        if mark in words:
            return True
    return any(head in words and _may_begin_word(words, head) for head in _HEADS)


def _long_words(text: str) -> str:
    # In parts, since a list of all words of a long text takes much memory.
    found = []
    start = 0
    while start < len(text):
        end = text.find(" ", start + _PART)
        if end < 0:
            end = len(text)
        found += [word for word in text[start:end].split() if len(word) >= _SHORTEST_TOKEN]
        start = end + 1
    return " ".join(found)


def _may_begin_word(text: str, head: str) -> bool:
    # In "task-list", the head "sk-" does not begin a word, but it does after an escape such as
    # "\n" or "%20", the last character of which is a letter or a digit.
    at = -1
    for _ in range(_MAX_PLACES):
        at = text.find(head, at + 1)
        if at < 0:
            return False
        before = text[max(0, at - 6) : at]
        last = before[-1:]
        if not (last.isascii() and last.isalnum()) and last != "-":
            return True
        if "\\" in before or "%" in before or (last == "m" and before[-2:-1] in "0123456789;["):
            return True
    return True


def _may_have_value(lower: str, name: str) -> bool:
    # Whether a value may follow the name: after `:` or `=`, or the `>` of an element.
    at = -1
    for _ in range(_MAX_PLACES):
        at = lower.find(name, at + 1)
        if at < 0:
            return False
        before = lower[max(0, at - 11) : at].rstrip("_-")
        if name == "key" and not before.endswith(_KEYS):
            continue
        end = at + len(name)
        after = lower[end : end + 16].lstrip("\"'\\*` \t")
        if after.startswith(_AFTER_NAME) or before.endswith(
            ("access", "account", "x-api", "session")
        ):
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
