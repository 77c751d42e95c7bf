"""Recognisable secrets are redacted, and long prompts cut, before a text is stored."""

import base64
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common import redaction
from tokentrack.common.redaction import (
    _may_hold_secret,
    keyed_digest,
    redact,
    redact_id,
    truncate_prompt,
)
from tokentrack.common.redaction_rules import RULES, apply_rules
from tokentrack.common.redaction_tokens import TOKENS

# A token of each head of each kind, made up in the published form.
TOKEN_PAIRS = [(token.name, head + token.sample) for token in TOKENS for head in token.marks]
MORE_TOKENS = [
    ("aws-access-key", "ASIA" + "Z3" * 8),
    ("gitlab-token", "glpat-" + "x7Yz" * 4 + ".01.abcde"),
    ("slack-token", "xapp-1-A0123456789-1234567890123-" + "0a1b" * 16),
    ("heroku-key", "HRKU-AA" + "aB-_" * 14),
    ("grafana-token", "glc_eyJvIjoiMTIzIiwi" + "aB3d" * 8 + "=="),
]
BLOCKS = [
    *[f"-----BEGIN {kind}-----\nMIIE\n-----END {kind}-----" for kind in (
        "PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK")],
    "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 0a1b2c3d",
]  # fmt: skip
SECRETS = [*TOKEN_PAIRS, *MORE_TOKENS, *[("private-key", text) for text in BLOCKS]]
HEX = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BASE64 = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80="
# The text before, the secret, the text after.
IN_CONTEXT = {
    "authorization": [
        ("Authorization: Bearer ", "abcdef0123456789.abc", ""),
        ("Bearer ", "short8ch", " "),
        ('Bearer "', HEX, '"'),
        ("Bearer%20", HEX, "&x=1"),
        ('{"bearer": "', HEX, '"}'),
        (r"{\"bearer\": \"", HEX, r"\"}"),
        ("curl -u x -H 'Authorization: Token ", HEX, "'"),
        ("X-Api-Key: ", "a1b2c3d4e5", "\n"),
        ('"x-api-key": "', HEX, '"'),
        ("Basic ", "dXNlcjpwYXNz", ""),
        ("authorization: basic ", base64.b64encode(b"app:p\xc3\xa4ss word").decode(), ""),
    ],
    "aws-secret-key": [
        ("aws_secret_access_key=", KEY, "\n"),
        ("export AWS_SESSION_TOKEN=", KEY * 2, "\n"),
        ("aws_secret_access_key = ", KEY, "\n"),
        ("export AWS_SECRET_ACCESS_KEY='", KEY, "'"),
        ('"SecretAccessKey": "', KEY, '"'),
    ],
    "connection-string": [
        ("postgres://app:", "p4ss:w0rd", "@db/main"),
        ("use postgres://user:", "p@ss", "@h please"),
        ("postgres://user:", "pa/ss?#", "@h"),
        ("mysql://user@tenant:", "pw", "@h/d?x=a@b"),
        ("'amqp://user:", "pass word", "@h'"),
        ("redis://:", "only", "@h"),
        ("https://proxy/https://u:", "12345", "@h"),
        ("postgres://u:", "[redacted:web-token]", "@h"),
    ],
    "password": [
        ("Server=h;User Id=u;Password=", "a&b@c/d", ";Database=d"),
        ("Server=h;Pwd=", "abc", ""),
        ("host=h password=", "abc", " dbname=d"),
        ("host=h password='", "a b", "' dbname=d"),
        ("jdbc:mysql://h/d?user=u&password=", "a&bc", "&x=1"),
        ("PGPASSWORD=", "abc", " psql"),
        ("MYSQL_PWD=", "abc", " mysql"),
        ("--passwd=", "$2b$12$abc", " x"),
        ("a%26password%3D", "abc", "&x=1"),
        ("password: ", "x", ""),
        ("db_password: ", "s3cr3t!", " # of the shop"),
        ('{"password": "', "x", '"}'),
        (r"{\"password\": \"", "x", r"\"}"),
        ("  password: '", "a-b", "'\n"),
        ("passphrase=", "correct-horse", "\n"),
        ("DB_PASSWORD = ", "hunter2", "\n"),
        ("the **Password:** ", "hunter2", ", thanks"),
        ("client_secret=", "abc~def", "&x=1"),
        ('"clientSecret": "', "abcdef", '"'),
        ("machine h login me password ", "x", " machine i"),
        ("default login me password ", "x", ""),
    ],
    "secret-value": [
        ("token=", "a1b2c3d4", "&x=1"),
        ('"token": "', "abc123", '"'),
        ("api_key=", "a1b2c3d4", ""),
        ("apiKey: '", "a1b2c3d4", "'"),
        ("OPENAI_API_KEY=", "abcd1234efgh", " python x.py"),
        ("export MY_TOKEN='", "a1b2c3d4", "'"),
        ('{"access_token": "', "MTQ0NjJkZmQ5OTM2NDE1ZTZjNGZmZjI3", '", "expires_in": 3600}'),
        ('"refreshToken":"', "a1b2c3d4/+=", '"'),
        ("secret: ", "a1b2c3d4", "\n"),
    ],
    "cookie": [
        ("Cookie: ", "sessionid=abc", "\n"),
        ("Set-Cookie: ", "sid=abc; Path=/; HttpOnly", "\r\n"),
        ('"Cookie": "', "sessionid=abc; a=b", '"'),
        ("curl -b '", "sid=abc", "' https://example.com"),
    ],
    "command-password": [
        ("curl -u user:", "pw", ""),
        ("curl -sSu 'user:", "p w", "' https://example.com"),
        ("curl https://example.com \\\n  --user user:", "pw", "\n"),
        ("mysql -u root -p", "PW", ""),
        ("mysqldump -p'", "PW", "' shop > shop.sql"),
        ("docker login -u me -p ", "pw", " registry.example.com"),
        ("sshpass -p '", "pw", "' ssh me@host"),
    ],
    "webhook": [
        ("https://hooks.slack.com/services/", "T0/B0/" + "X" * 24, " please"),
        ("https://discordapp.com/api/webhooks/", "123456789012345678/" + "x" * 68, ""),
    ],
    "storage-key": [
        ("AccountKey=", "A" * 60 + "==", ";"),
        ("ACCOUNTKEY=", BASE64, ";"),
        ("SharedAccessKeyName=Root;SharedAccessKey=", BASE64, ";"),
    ],
    "storage-signature": [
        ("https://x/c?sv=2024&sig=", BASE64.replace("=", "%3D"), "&se=2026"),
        ("x%26sig%3D", BASE64, ""),
    ],
}
CONTEXTS = [(name, parts) for name in IN_CONTEXT for parts in IN_CONTEXT[name]]
ESCAPES = [
    r"\n", r"\t", r"\r", r"\u000a", r"\x1b[31m", "\x1b[31m", "\x1b[0;1m", "%3D", "%20", "MY_",
]  # fmt: skip


@pytest.mark.parametrize(("rule", "secret"), SECRETS)
def test_a_secret_is_replaced_by_its_rule(rule, secret):
    for around in ("{}", "use {} please", "A={}\n", '"{}"', "({})"):
        assert redact(around.format(secret)) == around.format(f"[redacted:{rule}]")


@pytest.mark.parametrize(("rule", "secret"), [*TOKEN_PAIRS, *MORE_TOKENS])
def test_a_token_begins_after_an_escape_too(rule, secret):
    for before in ESCAPES:
        assert redact(f'"x{before}{secret}"') == f'"x{before}[redacted:{rule}]"'


@pytest.mark.parametrize(("rule", "parts"), CONTEXTS)
def test_what_stands_around_a_secret_stays(rule, parts):
    before, secret, after = parts
    assert redact(before + secret + after) == f"{before}[redacted:{rule}]{after}"


def marked(rule):
    """Return a rule's example as it is, and as it is stored."""
    before, _, rest = rule.gone.partition("«")
    secret, _, after = rest.partition("»")
    return before + secret + after, f"{before}[redacted:{rule.name}]{after}"


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.name}-{rule.gone[:20]!r}" for rule in RULES])
def test_the_examples_of_a_rule_are_redacted_and_stay(rule):
    text, stored = marked(rule)
    assert text != rule.gone
    assert redact(text) == stored
    assert rule.apply(text) != text, "another rule did it"
    assert redact(rule.stays) == rule.stays


@pytest.mark.parametrize("token", TOKENS, ids=[f"{token.name}-{token.heads}" for token in TOKENS])
def test_what_only_looks_like_a_token_stays(token):
    assert redact(token.stays) == token.stays
    for head in token.marks:
        assert redact(f"{head} {token.sample[:5]} x{head}{token.sample}-y") in (
            f"{head} {token.sample[:5]} x{head}{token.sample}-y",
            # Of another kind, which begins inside.
            *[f"{head} {token.sample[:5]} x{head}[redacted:{name}]-y" for name in ("web-token",)],
        )


ORDINARY = [
    "a task-list for the risk-based-assessment-of-everything",
    r"C:\temp\task-list-of-everything-there-is and C:\risk-assessment-of-the-project.md",
    "see https://example.com/a:b@c and http://localhost:8080/",
    "http://localhost:8080/users/@me and ws://127.0.0.1:9000?to=a@b and ssh://git@host:22/o/r@v1",
    "pip install git+ssh://git@github.com:22/org/repo.git@main git+ssh://git@github.com:o/r.git@v1",
    "docker pull oci://registry.example.com:5000/image@sha256:0123456789abcdef",
    "[a](https://example.com)[b:c](mailto:x@y), file://C:/Users/x@y",
    "postgres://{user}:{password}@{host}, https://<user>:<token>@host, redis://:***@h",
    "mail me@example.com about http://example.com, std::chrono and a@b",
    "basic questions, a basic idea, Basic Options, Basic Overview, the basic misunderstandings",
    "bearer of news; the bearer token is in $TOKEN; Bearer {token}; Authorization: Bearer <token>",
    "fix the authorization: token based, Authorization: Token authentication; X-Api-Key: header",
    "password = input(); password=input('x'); connect(password=password, user=user)",
    "password=None, password=os.environ['X'], password=getpass.getpass(), password={pw}",
    "if password==other: pwd=$(pwd); cd $OLDPWD; PWD=/home/me/project pwd=~/x pwd=../y pwd=C:\\x",
    "password=${DB_PASSWORD} password=$PASSWORD password=%s password=<yours> password=***",
    '"&password=" + value + "&sig=" + sign(value); sig=verify_the_signature_of_everything(x)',
    "sig= in prose, the design=good, config=x, design=0123456789abcdef0123456789abcdef01234567",
    "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY'] and secret_access_key=YOUR_KEY",
    "AccountKey=<key>, the AccountKey is missing, SharedAccessKey=$KEY",
    "commit ghp_ without a token, AKIA alone, Asia, glrt- and ya29. and GOCSPX- and ATATT",
    "eyJ is how a token begins; eyJhbGciOi.x.y; eyJhbGciOiJIUzI1NiJ9",
    "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY----- the PRIVATE KEY is elsewhere",
    "npm_config_registry=https://registry.example.com PYTHON_SK-1 my_sk-x",
    "def login(self, password: str, token: Token | None = None, *, api_key: str = '') -> None:",
    "interface User { password: string; token: string; apiKey?: string; secret: Secret<string> }",
    "const { password, token } = req.body; const ok = { password: req.body.password, token }",
    "password: must have 8 characters; the password: at least one digit, token: see below",
    'password: "Enter your new password", {"password": "string", "token": "string"}, `token`: x',
    "token = request.headers['X-Token1']; token=token2, token = self.token1; token = cfg.TOKEN_1",
    "total_tokens=12345678 input_tokens: 4096, token: 12345678, token_count=12, tokens = [1, 2]",
    "api_key=os.environ['OPENAI_API_KEY2'], api_key: YOUR_API_KEY, api_key=<key>, key: {{ k1 }}",
    "token: ${{ secrets.GITHUB_TOKEN }}; password: {{ vault_password }}; token: $TOKEN1 token=%s",
    "- password: required\n- token: optional\n- passphrase: none\n",
    "key: value1234, sort key=lambda r: r.key2, primary_key=id123456, data-key='row12345'",
    "secretName: my-secret1, secret: /run/secrets/db1234, token: ./token2.txt, api_key: ~/.key1234",
    "cookie: Cookie = None, the cookie: a small text, document.cookie = value, cookies = {}",
    "docker run -u 1000:1000 -p 8080:80 image; curl -fsS -o x1:y2 https://example.com",
    "run it with --token to log in, --secret as before and --password first; --api-key KEY1 --",
    "mysql -p shop; psql -p 5432; ssh -p 22 host; mkdir -p a/b; mysql -P3306 -h db",
    "src/components/negocio/internacionalizacion/Precio.tsx and api-gateway-configuration.yaml",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_other_text_stays_as_it_is(text):
    assert redact(text) == text


def test_a_cut_private_key_is_a_secret_to_its_end():
    assert redact("x -----BEGIN PRIVATE KEY-----\nabc") == "x [redacted:private-key]"


def test_every_rule_is_tried():
    assert set(IN_CONTEXT) <= {rule.name for rule in RULES}
    assert len(TOKEN_PAIRS) > 150


ALL = [
    *[text for _, text in SECRETS],
    *["".join(parts) for _, parts in CONTEXTS],
    *[marked(rule)[0] for rule in RULES],
]


def test_the_quick_check_knows_every_mark():
    for token in TOKENS:
        shortest = min(re._parser.parse(token.pattern(head)).getwidth()[0] for head in token.marks)
        assert shortest >= redaction._SHORTEST_TOKEN or token.is_secret
        assert all(head.startswith(tuple(redaction._HEADS)) for head in token.marks)
    heads = {head for token in TOKENS for head in token.marks}
    assert [mark for mark in redaction._HEADS if not any(h.startswith(mark) for h in heads)] == []
    marks = {mark for rule in RULES for mark in map(tuple, rule.parts)}
    known = [*redaction._MARKS, *[m.lower() for m in redaction._INSIDE]]
    known += [f"{name}=" for name in redaction._NAMES]
    pairs = [(first, other) for first, others in redaction._PAIRS for other in others]
    assert marks == {*[(mark,) for mark in known], *pairs}


@given(st.sampled_from(ALL), st.text(max_size=20) | st.sampled_from(ESCAPES), st.text(max_size=20))
def test_the_quick_check_never_hides_a_match(secret, before, after):
    text = before + secret + after
    assert _may_hold_secret(text) or apply_rules(text) == text


@given(st.lists(st.sampled_from([*ALL, *ORDINARY, *ESCAPES]), max_size=4))
def test_what_was_redacted_stays_as_it_is(texts):
    once = redact(" ".join(texts))
    assert redact(once) == once


def test_an_ordinary_text_loads_no_rules():
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from tokentrack.common.redaction import redact;"
        "[redact(text) for text in ('fix the task-list in src/app_main.py', 'a@b', '50% = x')];"
        "assert 're' not in sys.modules and 'tokentrack.common.redaction_rules' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


# --- time ---

PIECES = [
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "PuTTY-User-Key-File-3:", "----",
    "://a:", "://a@b:", "@://a:", "://u:p@ss ", "://u:p ", "sk-", "_sk-", "ask-", "_eyJ", "eyJ_",
    "eyJaaaaaaaaaaaaa.", "bearer ", "bearer a", "authorization: ", "authorization token",
    "basic ", "basic aaaa", "x-api-key", "password=a(", "password=a.", 'password="', "pwd=%a",
    "AccountKey=", "secretaccesskey ", "&sig=", "sig=a", "token=", "token=a", "token: a.",
    'token="a1',
    "password: ", "\npassword: a", "\n password", "password : a.a", "password>", "<password>a",
    "cookie: a", "cookie: a=b;", "a=b;", "curl ", "curl \\\n", " -u a:", " -u ", "mysql -p",
    "--password ", "--token a", "--", "-- token ", " -p", "sshpass -p",
    "machine a login b ", "machine ",
    "login a password ", "passphrase: '",
    "aaaa.atlasv1.", "aa3Q~", "a~", "123456789:AA", "hooks.slack.com/services/", "_", "A", "0",
    *[head for token in TOKENS for head in token.marks[:1]],
    *[token.marks[0] + token.sample[:12] for token in TOKENS],
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", sorted(set(PIECES)))
def test_time_grows_with_length_only(piece):
    def seconds(length):
        text = (piece * (length // len(piece) + 1))[:length] + " ://@ login password "
        began = time.process_time()
        apply_rules(text)
        return time.process_time() - began

    small = min(seconds(20_000) for _ in range(3))
    # Twenty times the text takes about twenty times as long; four hundred would be quadratic.
    assert seconds(400_000) / small < 120


# --- ids and digests ---


def test_ids_with_secrets_stay_apart_and_tell_nothing():
    first, second = (f"sk-{n}-abcdefghij0123456789" for n in (1, 2))
    stored = [redact_id(text) for text in (first, first, second)]
    assert stored[0] == stored[1] != stored[2]
    assert all(text.startswith("redacted-") and "abcdefghij" not in text for text in stored)
    assert redact_id(stored[0]) == stored[0]
    assert redact_id("0199-plain") == "0199-plain"


def test_a_digest_is_of_this_machine(monkeypatch, tmp_path):
    (tmp_path / "id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(redaction, "_MACHINE_ID", str(tmp_path / "id"))
    here = keyed_digest("yes")
    monkeypatch.setattr(redaction, "_MACHINE_ID", str(tmp_path / "none"))
    assert keyed_digest("yes") != here
    assert keyed_digest("yes") == keyed_digest("yes")
    assert keyed_digest("\ud800") != keyed_digest("")


MARKS = st.sampled_from("\u0301\u200d\ufe0f\U0001f3fd\u20e3\u0903")
PROMPTS = st.text(st.sampled_from("ae\U0001f468\u0915") | MARKS | st.characters(), max_size=80)


@given(PROMPTS, st.integers(0, 60))
def test_a_cut_prompt_is_bounded_marked_and_a_beginning(prompt, length):
    cut = truncate_prompt(prompt, length)
    assert len(cut) <= length
    if len(prompt) <= length:
        assert cut == prompt
    elif length:
        kept, _, count = cut.rpartition("…")
        assert prompt.startswith(kept)
        assert count in ("", f"[+{len(prompt) - len(kept)}]")


@pytest.mark.parametrize(
    "whole",
    [
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\U0001f44d\U0001f3fd",
        "1\ufe0f\u20e3",
    ],
)
@pytest.mark.parametrize("length", [6, 10, 40, 41, 42, 43, 44, 45, 46])
def test_a_prompt_is_never_cut_inside_a_combining_sequence(whole, length):
    kept = truncate_prompt(whole * 30, length).rpartition("…")[0]
    assert kept == whole * (len(kept) // len(whole))
