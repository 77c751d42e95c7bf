"""The pieces of patterns of which the rules consist, and the replacements that need a decision."""

from __future__ import annotations

import re


def after(before: str, secret: str) -> str:
    """Return a pattern that keeps the text before the secret; its letters may have any case."""
    return f"((?i:{before}))(?:{secret})"


# Between a name and its value, in code, JSON, headers and URLs.
QUOTE = r"[\"'\\]{0,4}"
IS = rf"{QUOTE}(?:[ \t:=]|%20|%3a|%3d|\+){{1,9}}{QUOTE}"

_VALUE = r"[A-Za-z0-9._~+/=%-]"
CREDENTIAL = rf"{_VALUE}{{16,}}+|(?=[A-Za-z._~+/=%-]{{0,16}}[0-9]){_VALUE}{{8,}}+"
SCHEMES = rf"(?<![a-z0-9])bearer|x-api-key|authorization{IS}(?:token|api-?key)"

# Not secrets but placeholders: variables, calls, templates, masks, types and switches.
STAND_IN = (
    r"(?![=<\[({]|\$[A-Za-z_({]|%[sd({]|%\w{1,64}%|\*\*\*|\.\.\."
    r"|(?i:(?:none|null|nil|true|false|yes|no|on|off|undefined|[01]|password|passwd|pwd|passphrase"
    r"|str|string|text|int|integer|number|bool|boolean|bytes|any|object|optional|required|unknown"
    r"|missing|invalid|wrong|expired|incorrect|changed|empty|hidden|redacted)"
    r"(?:[\s,;:.!?|&)\]}\"'\\]|\Z))"
    r"|(?:self|this|os|process|config|settings|args|options|env|request)\."
    r"|[A-Za-z_]\w{0,63}(?:\.\w{1,64}){0,9}[(\[])"
)
PASSWORD = (
    STAND_IN + r"(?:(?<=\")(?!\s)[^\"\r\n]++|(?<=')(?!\s)[^'\r\n]++"
    r"|(?<![\"'])(?:[^\s;&\"'`]|&(?!(?:amp;)?[A-Za-z][\w.-]{0,63}=))++)"
)
# The names of passwords, and what is between such a name and its value in JSON, YAML and code.
PASSWORD_MARKS = "password=|passwd=|passphrase=|secret="  # noqa: S105  (no password)
PASSWORD_NAME = r"(?:password|passwd|passphrase|(?<![a-z0-9])pwd|client[_-]?secret)"  # noqa: S105  (no password)
CLOSE = r"[\"'\\*`]{0,4}"
TO_VALUE = rf"{CLOSE}[ \t]{{0,3}}(?::|=>?|:=)[ \t*]{{0,4}}"
DOTTED = r"(?![A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63}){1,9}(?:[\s,;)\]}]|\Z))"
# In quotes, anything without white space; without quotes, a word with a digit or a symbol in it.
QUOTED = rf"(?:(?<=\")|(?<=')|(?<=`)){STAND_IN}(?:[^\s\"'`\\]|\\(?![nrt\"']))++(?=\\?[\"'`])"
PLAIN_PASSWORD = (
    rf"(?<![\"'`]){STAND_IN}{DOTTED}(?![/~.]|[A-Za-z]:[/\\])(?=[A-Za-z_-]{{0,64}}[0-9!@#%^&*+$])"
    r"[^\s;,\"'`()\[\]{}<>]{4,}+"
)

# The names of keys and tokens. Their values look random: letters and digits.
KEY_NAME = (
    r"(?:token|secret|api[_-]?key|(?:secret|access|private|auth|signing|encryption|master)"
    r"[_-]?key)"
)
_RANDOM = (
    rf"{STAND_IN}(?![/~.]|0x|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
    r"(?=[A-Za-z._~+/-]{0,64}[0-9])(?=[0-9._~+/-]{0,64}[A-Za-z])"
)
KEY = (
    rf"(?:(?<=\")|(?<=')|(?<=`)){_RANDOM}[\w.~+/%!@#$-]{{6,}}+=*+"
    rf"|(?<![\"'`]){_RANDOM}{DOTTED}(?![A-Za-z_]{{1,64}}[0-9]{{0,2}}(?:[\s,;)\]}}]|\Z))"
    r"[\w.~+/%-]{6,}+=*+"
)

COOKIE = (
    r"[^\s=;,\"'({\[<$]{1,100}=(?![\s$<{\[*(\"'=])[^\s;\"']++"
    r"(?:;[ \t]?[^\s=;,\"']{1,100}(?:=[^\s;\"']*+)?)*+"
)

_USER = re.compile(r"://(?![A-Za-z]:[/\\])([^\s/:()\[\]<>{},;|\\]*+):")
_NO_URL_PASSWORD = re.compile(r"[0-9]{1,5}[/?#]|(?:\$?\{\w{1,64}\}|<\w{1,64}>|\*{1,64})@")


def without_password(match: re.Match[str]) -> str:
    """Replace the passwords in a URL."""
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
            kept += run[done:start] + "[redacted:connection-string]"
            done = end
    return kept + run[done:]


def basic(match: re.Match[str]) -> str:
    """Replace the value of a header with a user and a password."""
    # "basic questions" is not a user with a password.
    value = match[2]
    if len(value) >= 16 and re.search(r"[0-9+/=]", value):
        return match[1] + "[redacted:authorization]"
    from base64 import b64decode

    padded = value.rstrip("=").replace("-", "+").replace("_", "/")
    padded = padded[: len(padded) - (len(padded) % 4 == 1)]
    try:
        text = b64decode(padded + "=" * (-len(padded) % 4)).decode()
    except ValueError:
        return match[0]
    is_credential = ":" in text and text.isprintable()
    return match[1] + "[redacted:authorization]" if is_credential else match[0]


# What follows a command up to the end of its line; a line can go on after a backslash.
ARGUMENTS = r"[ \t](?:[^\n\\]|\\[\s\S])*+"
ARGUMENT_STAND_IN = r"(?![\[<{*$%])"
_CURL_USER = re.compile(
    r"([ \t](?:-[a-zA-Z]{0,8}[uU]|--user|--proxy-user)[ =]{0,3}"
    r"(?:([\"'])[^:\"']{1,256}|[^\s:\"']{1,256}):)"
    rf"{ARGUMENT_STAND_IN}(?![0-9]{{1,6}}(?:\s|\Z))(?(2)[^\"'\n]|[^\s\"'])++"
)
_CURL_COOKIE = re.compile(rf"([ \t](?:-[a-zA-Z]{{0,8}}b|--cookie)[ =]{{0,3}}[\"']?){COOKIE}")
_SHORT_PASSWORD = re.compile(rf"([ \t]-p[\"']?){ARGUMENT_STAND_IN}[^\s\"']++")
_SPACED_PASSWORD = re.compile(
    rf"([ \t]-p[ \t]?[\"']?){ARGUMENT_STAND_IN}(?![0-9:]{{1,20}}(?:\s|\Z))[^\s\"'-][^\s\"']*+"
)


def curl(match: re.Match[str]) -> str:
    """Replace the password and the cookies in the arguments of curl."""
    line = _CURL_USER.sub(r"\1[redacted:command-password]", match[0])
    return _CURL_COOKIE.sub(r"\1[redacted:cookie]", line)


def attached(match: re.Match[str]) -> str:
    """Replace a password that follows `-p` at once."""
    return _SHORT_PASSWORD.sub(r"\1[redacted:command-password]", match[0])


def spaced(match: re.Match[str]) -> str:
    """Replace the password after `-p`."""
    return _SPACED_PASSWORD.sub(r"\1[redacted:command-password]", match[0])


EDGE = r"-{{4,5}} ?{} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)? ?-{{4,5}}"
SPACE = r"[ \t\r\n]{1,9}"
