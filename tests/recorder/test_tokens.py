"""Estimates of tokens, against counts of a real tokenizer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import EXAMPLES
from tokentrack.recorder.tokens import estimate_tokens

# Texts and their tokens in the vocabulary of 65,000 that Anthropic published for Claude; the
# weights were fitted to other texts.
_FILE = EXAMPLES / "estimates.json"
SAMPLES = {
    sample["name"]: (sample["tokens"], sample["text"])
    for sample in json.loads(_FILE.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", SAMPLES)
def test_an_estimate_is_within_a_quarter_of_the_tokenizers_count(name):
    tokens, text = SAMPLES[name]
    assert abs(estimate_tokens(text) / tokens - 1) < 0.25


@pytest.mark.parametrize("name", SAMPLES)
def test_an_estimate_is_better_than_four_characters_a_token(name):
    tokens, text = SAMPLES[name]
    assert abs(estimate_tokens(text) - tokens) <= abs(len(text) / 4 - tokens)


def test_four_characters_a_token_is_off_by_half_for_logs_and_other_scripts():
    # The negative control: the rule that the weights replace.
    off = {name: abs(len(text) / 4 / tokens - 1) for name, (tokens, text) in SAMPLES.items()}
    assert {name for name, error in off.items() if error > 0.45} == {
        "log lines", "Russian", "Greek", "Chinese", "Japanese", "Korean", "emoji",
    }  # fmt: skip


def test_no_text_has_no_tokens():
    assert estimate_tokens("") == 0


@given(st.text())
def test_any_text_has_a_token(text):
    assert estimate_tokens(text) >= (1 if text else 0)


@given(st.text(), st.text())
def test_an_estimate_of_two_texts_is_about_the_sum_of_theirs(first, second):
    # At the seam: a word that goes on, symbols that become one, rounding, a token at least.
    both, parts = estimate_tokens(first + second), estimate_tokens(first) + estimate_tokens(second)
    assert abs(both - parts) <= 3


@pytest.mark.parametrize("char", ["a", "A", "0", " ", "#", "\n", "я", "中", "😀", "\ud800", "\0"])
def test_a_long_run_of_any_character_grows_with_its_length(char):
    short, long = estimate_tokens(char * 1_000), estimate_tokens(char * 100_000)
    assert long <= 101 * short
    assert char == " " or long > 50 * short


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("日本語", 3), ("ab日", 2)]
)
def test_tokens_are_estimated_from_characters(text, tokens):
    assert estimate_tokens(text) == tokens
