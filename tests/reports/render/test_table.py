"""Tables fit any width, drop columns in their order, and keep numbers whole."""

from hypothesis import given
from hypothesis import strategies as st

from tokentrack.reports.render.screen import Screen, width_of
from tokentrack.reports.render.table import Column, table

COLUMNS = (
    Column("workspace"), Column("turns", is_number=True), Column("credits", is_number=True),
    Column("cost", is_number=True, drop=1), Column("tokens", is_number=True, drop=2),
    Column("prompt", drop=3, keep=10),
)  # fmt: skip
ROW = ("project-api", "1,382", "1,533.8", "$61.35", "905.0K e", "fix a flaky test " * 20)
TOTAL = ("total", "1,382", "1,533.8", "$61.35", "905.0K e", "")


def lines(width, rows=(ROW,), total=TOTAL, **options):
    return table(COLUMNS, rows, Screen(width, **options), total=total)


def test_a_wide_table_has_every_column_and_fills_the_width():
    found = lines(120)
    assert found[0].split() == [column.title for column in COLUMNS]
    assert width_of(found[2]) == 120
    assert found[2].endswith("…")
    assert found[-1].split()[:3] == ["total", "1,382", "1,533.8"]


def test_columns_go_in_their_order_and_numbers_are_never_cut():
    titles = [lines(width)[0].split() for width in range(120, 24, -1)]
    assert [len(one) for one in titles] == sorted([len(one) for one in titles], reverse=True)
    dropped = [column.title for column in COLUMNS[3:]][::-1]
    assert [t for t in dropped if t not in titles[-1]] == dropped
    for width in range(30, 120):
        assert "1,382" in lines(width)[2]
        assert "1,533.8" in lines(width)[2]


def test_texts_share_the_width_and_short_ones_stay_whole():
    columns = (Column("a"), Column("b"), Column("n", is_number=True))
    rows = [("x" * 30, "short", "1,382"), ("y" * 30, "as-short", "2")]
    for width in range(30, 60):
        (_, _, first, _) = table(columns, rows, Screen(width))
        assert " short " in first
        assert width_of(first) == min(width, 30 + 2 + 8 + 2 + 5)
    both_long = table(columns, [("x" * 30, "y" * 30, "1")], Screen(45))
    assert [len(part) for part in both_long[2].split()] == [20, 20, 1]


def test_ascii_has_nothing_else():
    assert all(line.isascii() for line in lines(60, is_ascii=True))
    assert not all(line.isascii() for line in lines(60))


def test_a_colour_is_only_around_a_line():
    plain = table(COLUMNS, [ROW], Screen(80), colours=["red"])
    painted = table(COLUMNS, [ROW], Screen(80, has_colour=True), colours=["red"])
    assert painted[2] == f"\x1b[31m{plain[2]}\x1b[0m"
    assert painted[:2] == plain[:2]


cells = st.text(st.characters(exclude_categories=("C", "Z")), max_size=30)


@given(st.lists(st.tuples(*[cells] * 6), max_size=5), st.integers(40, 200))
def test_no_line_is_wider_than_the_screen(rows, width):
    columns = [column._replace(is_number=False) for column in COLUMNS]
    found = table(columns, rows, Screen(width))
    assert all(width_of(line) <= width for line in found)
    assert len(found) == len(rows) + 2
