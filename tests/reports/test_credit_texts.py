"""Credits as people read them."""

from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

import pytest

from tokentrack.reports.credit_texts import credits_text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "–"), ("0", "0.0"), ("1533.84", "1,533.8"), ("0.25", "0.2"), ("0.35", "0.4"),
     ("0.0158", "<0.1"), ("0.000051", "<0.1"), ("-466.25", "-466.2"), ("2000", "2,000.0")],
)  # fmt: skip
def test_credits_are_rounded_half_even_and_a_little_is_never_nothing(amount, text):
    assert credits_text(amount) == text


def test_it_rounds_as_decimal_does():
    random = Random(7)
    for _ in range(2000):
        amount = f"{random.randrange(10**6)}.{random.choice(['5', '05', '25', '45', '950', '00'])}"
        amount = amount + "".join(random.choices("05", k=random.randrange(24)))
        for places in (0, 1, 2):
            rounded = Decimal(amount).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
            if rounded:
                assert credits_text(amount, places) == f"{rounded:,.{places}f}"
