"""The search for a row by the text of one of its cells."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.texts import TEXT
from tokentrack.store import codec, ledger
from tokentrack.store.ledger import Tail

CELL = st.one_of(TEXT, st.sampled_from(["id", ",id,", '"', 'a"b', ""]))
ROWS = st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=6)


@given(ROWS, CELL, st.sampled_from([1, 2]), st.sampled_from([1, 3, 1000]))
@example([["a", "b", "id", "c"]], "id", 2, 1)
@example([["a", "id", "id", "c"]], "id", 2, 1)
@example([['a,"id",', ',id,"', "x", "c"]], "id", 1, 1)
def test_a_text_is_found_in_its_column_and_in_no_other(rows, text, column, block):
    before = ledger._BLOCK
    ledger._BLOCK = block
    try:
        data = b"head,of,a,ledger\n" + b"".join(map(codec.encode_line, rows))
        found = Tail(data).has_in_column(text, column)
    finally:
        ledger._BLOCK = before
    assert found == any(row[column] == text for row in rows)


def test_a_line_that_a_power_loss_damaged_is_no_row():
    assert Tail(b"h\na,b,id,c\n").has_in_column("id", 2)
    assert not Tail(b"h\na,b\0,id,c\n").has_in_column("id", 2)


def test_a_first_line_that_lacks_its_start_may_be_the_row():
    assert Tail(b"b,id,c\n").has_in_column("id", 2)


@pytest.mark.parametrize(("lines", "found"), [(10, True), (12, False)])
def test_lines_with_the_text_in_another_column_are_not_looked_at_for_ever(
    monkeypatch, lines, found
):
    monkeypatch.setattr(ledger, "_MOST_CANDIDATES", 11)
    assert Tail(b"h\n" + b"a,id,b,c\n" * lines + b"a,b,id,c\n").has_in_column("id", 2) is found
