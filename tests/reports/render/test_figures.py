"""Numbers, bars and screens as people read them."""

import io

import pytest

from tokentrack.reports.render.bars import bar, gauge, sparkline
from tokentrack.reports.render.figures import (
    basis_mark,
    count_text,
    share_text,
    time_text,
    tokens_text,
)
from tokentrack.reports.render.screen import screen_of, shorten, width_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0.0s"), (10.44, "10.4s"), (59.94, "59.9s"), (59.97, "1m00s"),
     (2301, "38m21s"), (3599.6, "1h00m"), (44760, "12h26m")],
)  # fmt: skip
def test_times(seconds, text):
    assert time_text(seconds) == text


def test_an_estimate_is_marked_and_unknown_is_a_dash():
    assert tokens_text(46200, "e") == "46.2K e"
    assert tokens_text(46200, "") == "46.2K"
    assert basis_mark(is_estimated=True, is_unknown=True) == "e?"
    assert tokens_text(None, "e") == count_text(None) == share_text(1, 0) == "–"
    assert share_text(54, 1000) == "5.4 %"


@pytest.mark.parametrize(
    ("share", "text"), [(0, ""), (0.001, "▏"), (0.5, "█████"), (0.55, "█████▌"), (2, "█" * 10)]
)
def test_a_bar_shows_eighths(share, text):
    assert bar(share, 10, is_ascii=False) == text


def test_bars_in_ascii_and_in_brackets():
    assert gauge(0.5, 4, is_ascii=True) == "[##  ]"
    assert bar(0.001, 4, is_ascii=True) == "#"


def test_a_sparkline_tells_unknown_from_nothing():
    assert sparkline([0, None, 4, 8], is_ascii=False) == "▁ ▅█"
    assert sparkline([], is_ascii=False) == ""
    assert sparkline([0, 0], is_ascii=True) == "__"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "colour", "expected"),
    [({}, "auto", True), ({"NO_COLOR": "1"}, "auto", False), ({"TERM": "dumb"}, "auto", False),
     ({"NO_COLOR": "1"}, "always", True), ({}, "never", False)],
)  # fmt: skip
def test_colour_follows_the_option_then_the_environment(environ, colour, expected):
    assert screen_of(Terminal(), environ, colour=colour).has_colour is expected


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("10", 40), ("999", 200), ("x", 100)])
def test_the_width_is_bounded(columns, width):
    screen = screen_of(io.StringIO(), {"COLUMNS": columns})
    assert (screen.width, screen.has_colour) == (width, False)


def test_a_stream_that_can_not_encode_bars_gets_ascii():
    latin = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    assert screen_of(latin, {}).is_ascii
    assert not screen_of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {}).is_ascii


def test_wide_characters_and_marks_are_measured():
    assert width_of("日本e\u0301") == 5
    assert shorten("日本語", 5) == "日本…"
    assert shorten("/a/long/path/file.py", 11, in_the_middle=True) == "/a/lo…le.py"
