"""Foreign text can't control a terminal, and takes no more of it than a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common.terminal import escape, quote, wrap

HOSTILE = ["\x1b[2J", "\x9b2J", "\u202etxt.exe", "\u200b", "a\rb", "\u2028", "\ud800", "\U000e0001"]


@given(st.text() | st.sampled_from(HOSTILE))
def test_an_escaped_text_has_no_hidden_character(text):
    kinds = {unicodedata.category(char) for char in escape(text)}
    assert kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()


@pytest.mark.parametrize("text", ["plain", "日本語 é \U0001f600", "a\\nb", '"quoted"'])
def test_visible_text_stays_as_it_is(text):
    assert escape(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\nb", '"a\\nb"'), ("x" * 60, f'"{"x" * 60}"'), ("x" * 61, f'"{"x" * 59}…"')],
)
def test_a_value_is_quoted_escaped_and_cut(text, expected):
    assert quote(text) == expected


def test_a_line_is_wrapped_at_the_terminals_width_only(monkeypatch):
    text = "word " * 40 + "\x1b[2J"
    assert wrap(text, 4) == [escape(text)]  # pytest's output is not a terminal
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    lines = wrap(text, 4)
    assert max(map(len, lines)) <= 40
    assert {line[:5] for line in lines[1:]} <= {"    w", "    \\"}
    assert " ".join(" ".join(lines).split()) == escape(text)
