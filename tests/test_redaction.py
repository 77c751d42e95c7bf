"""Recognisable secrets leave a text before it is stored, whatever stands around them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.redaction import _may_hold_secret, redact
from tokentrack.redaction_rules import RULES

# Made up, in the published form of each kind.
SECRETS = {
    "aws-access-key": "AKIA" + "Q7" * 8,
    "github-token": "ghp_" + "a1B2" * 9,
    "gitlab-token": "glpat-" + "x7Yz" * 5,
    "bitbucket-token": "ATBB" + "k3" * 14,
    "google-api-key": "AIza" + "s" * 35,
    "slack-token": "xoxb-" + "1234567890-abc",
    "model-api-key": "sk-" + "ant-api03-" + "b" * 30,
    "payment-key": "sk" + "_live_" + "9z" * 12,
    "package-token": "npm_" + "p" * 36,
    "web-token": "eyJ" + "h" * 20 + ".eyJ" + "p" * 20 + ".sig",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
}
IN_CONTEXT = {
    "authorization": ("Authorization: Bearer ", "abcdef0123456789.abc", ""),
    "connection-string": ("postgres://app:", "p4ss:w0rd", "@db/main"),
    "storage-key": ("AccountKey=", "A" * 60 + "==", ";"),
}


@pytest.mark.parametrize(("rule", "secret"), SECRETS.items())
@pytest.mark.parametrize("around", ["{}", "use {} please", "KEY={}\n", '"{}"', "({})"])
def test_a_secret_is_replaced_by_its_rule(rule, secret, around):
    stored = redact(around.format(secret))
    assert stored == around.format(f"[redacted:{rule}]")


@pytest.mark.parametrize(("rule", "parts"), IN_CONTEXT.items())
def test_what_stands_around_a_secret_stays(rule, parts):
    before, secret, after = parts
    assert redact(before + secret + after) == f"{before}[redacted:{rule}]{after}"


@pytest.mark.parametrize(
    "text",
    [
        "a task-list for the risk-based-assessment-of-everything",
        "see https://example.com/a:b@c and http://localhost:8080/",
        "basic questions, bearer of news",
        "commit ghp_ without a token, AKIA alone",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert redact(text) == text


def test_a_cut_private_key_is_a_secret_to_its_end():
    assert redact("x -----BEGIN PRIVATE KEY-----\nabc") == "x [redacted:private-key]"


def test_every_rule_is_tried():
    assert {rule.name for rule in RULES} == {*SECRETS, *IN_CONTEXT}


@given(st.sampled_from(list(SECRETS.values())), st.text(max_size=20), st.text(max_size=20))
def test_the_quick_check_never_hides_a_match(secret, before, after):
    text = before + secret + after
    if any(rule.pattern.search(text) for rule in RULES):
        assert _may_hold_secret(text)


@pytest.mark.parametrize("piece", ["-----BEGIN ", "://a:", "sk-", "eyJ", "bearer ", "AccountKey="])
def test_time_grows_with_length_only(piece):
    def seconds(count):
        began = time.perf_counter()
        redact(piece * count)
        return time.perf_counter() - began

    small = min(seconds(5_000) for _ in range(3))
    # Ten times the text takes about ten times as long; a hundred times would be quadratic.
    assert min(seconds(50_000) for _ in range(3)) / small < 50
