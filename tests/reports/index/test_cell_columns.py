"""Columns of cells become what each cell is alone, or are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import oracle_files
from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.reports.credit_texts import units_of
from tokentrack.reports.index import cell_columns
from tokentrack.reports.index.cells import UNKNOWN, key_of, key_of_text

PLAIN = dict(zip(COLUMNS, (
    "2026-01-01T00:00:00Z", "", "1", "1", "", "", "", "id", "", "", "false", "",
), strict=True))  # fmt: skip
NUMBERS = st.one_of(
    st.text("0123456789.eE+-_ ", max_size=20),
    st.decimals(0, 2 * 10**9, places=6).map(str),
    st.floats(0, 2e9).map(repr),
    st.integers(0, 10**17).map(str),
    st.sampled_from(["999999999.999999", "1000000000", "0.0000005", "5.", ".5", "1.2.3", "\xb2"]),
)


def is_valid(column, cell):
    try:
        TokenTransaction.from_csv_row(list((PLAIN | {column: cell}).values()))
    except ValidationError:
        return False
    return True


def check(function, cells, expected, is_good):
    try:
        found = function(cells)
    except ValueError:
        return
    assert all(is_good(cell) for cell in cells), "a bad cell was taken"
    assert found == [expected(cell) for cell in cells]


@given(st.lists(NUMBERS, max_size=4))
@settings(max_examples=500, deadline=None)
def test_durations_are_those_of_a_ledger_row(cells):
    def expected(cell):
        return int(oracle_files.rounded(cell, 6).scaleb(6)) if cell else UNKNOWN

    check(cell_columns.durations, cells, expected, lambda cell: is_valid("elapsed_time", cell))


@given(st.lists(NUMBERS, max_size=4))
@settings(max_examples=300, deadline=None)
def test_counts_are_those_of_a_ledger_row(cells):
    def counts(cells):
        return cell_columns.counts(cells, 18)

    check(counts, cells, int, lambda cell: is_valid("tokens_used", cell))


@given(st.lists(NUMBERS, max_size=4))
@settings(max_examples=500, deadline=None)
def test_credits_are_exact(cells):
    def units(cells):
        return [units_of(*limbs) for limbs in cell_columns.credit_limbs(cells) if limbs[0] >= 0]

    def is_number(cell):
        return oracle_files.is_amount(cell)

    known = [cell for cell in cells if cell]
    check(units, known, lambda cell: int(oracle_files.rounded(cell, 27).scaleb(27)), is_number)


@given(st.lists(st.one_of(
    st.text("0123456789-T:.Z+", max_size=28),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
), max_size=4))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_times_are_those_of_a_ledger_row(cells):
    check(cell_columns.times, cells, timestamps.parse, lambda cell: is_valid("timestamp", cell))


@given(st.lists(st.text("ab\xe9\\n0", min_size=1, max_size=5), max_size=4))
def test_ids_have_the_number_of_their_text(cells):
    check(cell_columns.keys, cells, key_of, bool)
    assert key_of("a\\nb") == key_of_text("a\nb")
    with pytest.raises(ValueError, match="not plain"):
        cell_columns.keys([*cells, ""])


def test_plain_columns_are_taken():
    # Otherwise the tests above would pass without a look at anything.
    assert cell_columns.durations(["1.5", "", "12.345678"]) == [1_500_000, UNKNOWN, 12_345_678]
    assert cell_columns.counts(["0", "12"], 18) == [0, 12]
    assert cell_columns.credit_limbs(["0.5", "", "5.1e-05"])[1] == (UNKNOWN, 0, 0)
    assert cell_columns.times(["1970-01-01T00:00:00.001Z"]) == [1000]
    assert units_of(*cell_columns.credit_limbs(["5.1e-05"])[0]) == int(Decimal("5.1e-05") * 10**27)
