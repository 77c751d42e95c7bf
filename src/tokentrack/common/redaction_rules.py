"""The rules by which secrets are recognised; each takes linear time.

This module is loaded only for a text with the mark of a rule, see `redaction`. Patterns begin with
a literal where possible, and long repetitions are possessive, so that nothing is matched twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.common.redaction_patterns import (
    ARGUMENT_STAND_IN,
    ARGUMENTS,
    CLOSE,
    COOKIE,
    CREDENTIAL,
    DOTTED,
    EDGE,
    IS,
    KEY,
    KEY_NAME,
    PASSWORD,
    PASSWORD_MARKS,
    PASSWORD_NAME,
    PLAIN_PASSWORD,
    QUOTE,
    QUOTED,
    SCHEMES,
    SPACE,
    STAND_IN,
    TO_VALUE,
    after,
    attached,
    basic,
    curl,
    spaced,
    without_password,
)
from tokentrack.common.redaction_tokens import TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable

    Replacement = Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """A kind of secret that is recognised by what is around it, with two examples."""

    name: str
    marks: str
    """Texts in lower case, separated by `|`, of which one is in every match; `a … b` are two texts
    that are both in it. A text that ends with `=` stands for a name, with `:` or `=` after it."""
    pattern: str
    """What is kept, as group 1 if there is one, and the secret."""
    gone: str
    """An example; the part between « and » is redacted."""
    stays: str
    """A text that is not redacted."""
    replacement: Replacement | None = None
    """Makes the replacement, where it is not group 1 and the rule's name."""

    @property
    def parts(self) -> list[list[str]]:
        """The marks, each as the texts that are all in a match."""
        return [mark.split(" … ") for mark in self.marks.split("|")]

    def apply(self, text: str) -> str:
        """Return the text with every match replaced."""
        lower = text.lower()
        if not any(all(p.rstrip("=") in lower for p in parts) for parts in self.parts):
            return text
        return re.sub(self.pattern, self.replacement or self._keep_before, text, flags=re.ASCII)

    def _keep_before(self, match: re.Match[str]) -> str:
        return (match[1] if match.re.groups else "") + f"[redacted:{self.name}]"


# fmt: off
RULES = (
    # Blocks. One without an end is a secret up to the end of the text.
    Rule("private-key", "begin … private key",
         rf"{EDGE.format('BEGIN')}(?s:.*?)(?:{EDGE.format('END')}|\Z)",
         "x «-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----» y",
         "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY----- the PRIVATE KEY is elsewhere"),
    Rule("private-key", "putty-user-key-file-",
         r"PuTTY-User-Key-File-[0-9]:(?s:.*?)(?:Private-(?:MAC|Hash): ?[0-9A-Fa-f]*|\Z)",
         "«PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 0a1b2c3d»",
         "the PuTTY-User-Key-File-format"),
    Rule("private-key", "openvpn static key",
         r"-{5}BEGIN OpenVPN Static key V1-{5}(?s:.*?)(?:-{5}END OpenVPN Static key V1-{5}|\Z)",
         "«-----BEGIN OpenVPN Static key V1-----\n0a1b\n-----END OpenVPN Static key V1-----»",
         "an OpenVPN Static key is made by openvpn --genkey"),
    # Tokens with their mark in the middle
    Rule("terraform-token", ".atlasv1.", r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}+",
         "token «" + "aB3d" * 3 + "aB.atlasv1." + "x" * 67 + "»", "a .atlasv1. token"),
    Rule("azure-secret", "q~",
         r"(?<![\w~.-])[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![\w~])",
         "«aB38Q~" + "x" * 34 + "»", "Q~ and FAQ~1.TXT"),
    Rule("telegram-token", ":aa", r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[\w-]{33}(?![\w-])",
         "the bot «123456789:AA" + "x" * 33 + "»",
         "00:11:AA:BB:CC:DD"),
    # Addresses to which anyone can post
    Rule("webhook", "hooks.slack.com/",
         r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/+-]{20,}+",
         "https://hooks.slack.com/services/«T00000000/B00000000/" + "X" * 24 + "»",
         "https://hooks.slack.com/services/YOUR/WEBHOOK"),
    Rule("webhook", "/api/webhooks/",
         r"(discord(?:app)?\.com/api/webhooks/)[0-9]{15,21}/[\w-]{30,}+",
         "https://discord.com/api/webhooks/«123456789012345678/" + "x" * 68 + "»",
         "https://discord.com/api/webhooks/ID/TOKEN"),
    Rule("webhook", "webhook.office.com/",
         r"(webhook\.office\.com/webhookb2/)[\w@/-]{40,}+",
         "https://a.webhook.office.com/webhookb2/«" + "0a1b2c3d-" * 5 + "@x/IncomingWebhook/y»",
         "https://a.webhook.office.com/webhookb2/ID"),
    # After a name
    Rule("aws-secret-key", "key=",
         after(rf"secret[_-]?access[_-]?key{IS}", r"[A-Za-z0-9+/=%]{30,}+"),
         'aws_secret_access_key="«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»"',
         "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY'], secret_access_key=YOUR_KEY"),
    Rule("aws-secret-key", "token=",
         after(rf"session[_-]?token{IS}", r"[A-Za-z0-9+/=%]{60,}+"),
         "export AWS_SESSION_TOKEN=«" + "aB3d" * 20 + "»\n", "a session_token of the user"),
    Rule("storage-key", "key=",
         after(rf"(?:account|sharedaccess)key{IS}", r"[A-Za-z0-9+/=%]{20,}+"),
         "AccountKey=«" + "A" * 60 + "==»;",
         "AccountKey=<key>, the AccountKey is missing, SharedAccessKey=$KEY"),
    Rule("storage-signature", "sig=",
         after(r"(?:(?<![a-z0-9_-])|(?<=%26))sig(?:=|%3d)", r"[A-Za-z0-9+/=%]{32,}+"),
         "https://x/c?sv=2024&sig=«q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80%3D»&se=2026",
         "sig= in prose, the design=good, design=0123456789abcdef0123456789abcdef01234567"),
    Rule("authorization", "bearer|key=|authorization",
         after(rf"(?:{SCHEMES}){IS}(?:token={QUOTE})?", CREDENTIAL),
         "Authorization: Bearer «abcdef0123456789.abc»",
         "bearer of news; Bearer {token}; Authorization: Token authentication; X-Api-Key: header"),
    Rule("authorization", "basic",
         rf"((?i:(?<![a-z0-9])basic{IS}))([A-Za-z0-9+/_-]{{4,}}+={{0,2}})",
         "Basic «dXNlcjpwYXNz»", "basic questions, a basic idea, the basic misunderstandings",
         basic),
    Rule("authorization", "ssws",
         after(r"(?<![a-z0-9])ssws[ \t]{1,3}", r"(?=[A-Za-z_-]{0,64}[0-9])[\w-]{20,}+"),
         "Authorization: SSWS «00" + "aB3d" * 10 + "»", "SSWS token-authentication"),
    Rule("cookie", "cookie=",
         after(rf"cookie{CLOSE}[ \t]{{0,3}}[:=][ \t]{{0,3}}[\"'`]?", COOKIE),
         "Cookie: «sessionid=abc; theme=dark»\n",
         "Cookie: a small file; cookie = load(key=name); Cookie: sid=$SID, cookie: Cookie = None"),
    Rule("password", PASSWORD_MARKS,
         after(r"(?:password|passwd|passphrase|client[_-]?secret)(?:=|%3d)\\?[\"']?", PASSWORD),
         "Server=h;Password=«a&b@c/d»;Database=d",
         "password=None, password=os.environ['X'], password={pw}, password=***"),
    Rule("password", "pwd=",
         # PWD=/home/me is a folder, not a password.
         after(r"(?<![a-z0-9])pwd(?:=|%3d)\\?[\"']?(?![/~.]|[a-z]:)", PASSWORD),
         "MYSQL_PWD=«abc» mysql", "pwd=$(pwd); PWD=/home/me/project pwd=../y pwd=C:\\x"),
    Rule("password", PASSWORD_MARKS + "|pwd=",
         after(rf"{PASSWORD_NAME}{TO_VALUE}\\?[\"'`]?", f"{QUOTED}|{PLAIN_PASSWORD}"),
         '{"db_password": "«hunter»", "x": 1}',
         'password: string; password: Optional[str]; password: "required"; password = input()'),
    Rule("password", "passphrase=",
         after(rf"passphrase{TO_VALUE}\\?[\"']", rf"{STAND_IN}(?<=[\"'])(?!\s)[^\"'\r\n\\]++"),
         "passphrase: '«correct horse battery»'",
         "the passphrase is asked for; passphrase: string"),
    Rule("password", PASSWORD_MARKS,
         # A line that is nothing else, as in YAML
         r"((?m:^)[ \t-]{0,40}[\"']?[\w.-]{0,60}(?i:password|passwd|passphrase|client[_-]?secret)"
         rf"[\"']?:[ \t]{{1,9}}){STAND_IN}{DOTTED}[^\s\"'`,;(){{}}\[\]<>|&*]++"
         r"(?=[ \t]*(?:\r?\n|\Z))",
         "db:\n  db_password: «correcthorse»\n  port: 1",
         "password: required\npassword: str\npassword: |\n  x\npassword:\n"),
    Rule("password", "password=|passwd=|passphrase=",
         r"(<(?i:[\w.-]{0,60}(?:password|passwd|passphrase))>)(?![\s$<{\[*])[^<\s]{1,256}(?=</)",
         "<server><password>«abc»</password></server>", "<password>${env.PASSWORD}</password>"),
    Rule("password", "password=", after(r"password[\"'][ \t]{1,9}value=[\"']", PASSWORD),
         '<add key="ClearTextPassword" value="«abc»" />', '<input name="password" value="" />'),
    Rule("password", "login … password",
         rf"((?:machine{SPACE}\S{{1,256}}|default){SPACE}login{SPACE}\S{{1,256}}"
         rf"(?:{SPACE}account{SPACE}\S{{1,256}})?{SPACE}password{SPACE})(?!\[)\S++",
         "machine example.com\n  login me\n  password «abc»\n",
         "the machine login is password protected; the default login form has a password field"),
    Rule("secret-value", "token=|secret=|key=",
         after(rf"{KEY_NAME}(?:{TO_VALUE}|%3d)\\?[\"'`]?", KEY),
         'api_key: "«a1b2c3d4e5f6»"',
         "token = tokens[0]; token: string; token=get_token2(x); max_token: 4096; secret: mine"),
    # Arguments of commands
    Rule("password", "-- … password|-- … passwd|-- … passphrase",
         after(r"--[\w-]{0,40}(?:password|passwd|passphrase)[ \t]{1,3}[\"']?",
               f"{QUOTED}|{PLAIN_PASSWORD}"),
         "tool --db-password «hunter2» start", "add --password to it; --password $PW"),
    Rule("secret-value", "-- … token|-- … secret|-- … key",
         after(rf"--[\w-]{{0,40}}{KEY_NAME}[ \t]{{1,3}}[\"']?", KEY),
         "tool --access-token «abcdef1234567890» start", "tool --token $TOKEN --key file1.pem"),
    Rule("command-password", "curl … -", rf"(?<![\w-])curl{ARGUMENTS}",
         "curl -s -u me:«pw» https://example.com",
         "curl -u me https://example.com; curl -u $USER:$PASS x; curl -u 'me:<token>' x", curl),
    Rule("command-password", "mysql … -p|mariadb … -p",
         rf"(?<![\w-])(?:mysql|mariadb)(?:dump|admin|import)?{ARGUMENTS}",
         "mysql -u root -p«PW» shop", "mysql -u root -p shop -P 3306; mysql -p$PW", attached),
    Rule("command-password", "sshpass … -p",
         after(r"(?<![\w-])sshpass[ \t]{1,9}-p[ \t]?[\"']?", rf"{ARGUMENT_STAND_IN}[^\s\"']++"),
         "sshpass -p «pw» ssh me@host", "sshpass -e ssh -p 22 host; sshpass -p $PW"),
    Rule("command-password", "docker login … -p", rf"(?<![\w-])docker[ \t]login{ARGUMENTS}",
         "docker login -u me -p «pw» example.com", "docker login --password-stdin", spaced),
    # A password in an address
    Rule("connection-string", ":// … @", r"://[^\s\"'`]*+",
         "postgres://app:«p4ss:w0rd»@db/main",
         "http://localhost:8080/users/@me and ssh://git@host:22/o/r@v1", without_password),
    Rule("connection-string", ":// … @",
         # A password with one space in it
         r"(://[^\s/:@()\[\]<>{},;|\\\"'`]{0,64}:)[^\s/@\"'`0-9][^\s/@\"'`]{0,63} "
         r"[^\s/@\"'`:,;()]{1,64}(?=@[\w\[])",
         "'amqp://user:«pass word»@h'", "see https://example.com/a:b@c and http://localhost:8080/"),
)
# fmt: on


def apply_rules(text: str) -> str:
    """Return the text with each recognised secret replaced by `[redacted:NAME]`."""
    for kind in (*TOKENS, *RULES):
        text = kind.apply(text)
    return text
