"""Amounts with more digits than Decimal keeps by default."""

from decimal import Decimal

from tokentrack.reports.exact import difference, plain_text, sum_of

SMALL, LARGE = "0.000000000000000000000000001", "1000000000000.5"


def test_no_digit_is_lost():
    assert sum_of([LARGE, SMALL]) == Decimal("1000000000000.500000000000000000000000001")
    assert difference(sum_of([LARGE, SMALL]), LARGE) == Decimal(SMALL)
    assert Decimal(LARGE) + Decimal(SMALL) == Decimal(LARGE)  # the control


def test_zeros_at_the_end_are_left_out():
    texts = [plain_text(Decimal(text)) for text in ("1.50", "10", "0.00", "1E+2", SMALL)]
    assert texts == ["1.5", "10", "0", "100", SMALL]
