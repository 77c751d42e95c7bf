"""The token counts of a request: which are accepted, and which are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.errors import ValidationError
from tokentrack.reports.pricing import PriceTable
from tokentrack.usage import SessionTokenUsage, TokenUsage

PRICES = PriceTable(extra=False)
COUNTS = st.integers(0, 10**12)


def test_the_computed_counts():
    usage = TokenUsage(input_tokens=2000, output_tokens=1000, cached_tokens=800)
    assert (usage.total_tokens, usage.non_cached_input_tokens) == (3000, 1200)


def test_usage_is_immutable_and_adds_up():
    one = TokenUsage(10, 5, 2)
    with pytest.raises(AttributeError):
        one.input_tokens = 3
    assert one + one == TokenUsage(20, 10, 4)
    assert len({one, TokenUsage(10, 5, 2)}) == 1


@pytest.mark.parametrize("bad", [-1, 1.5, float("nan"), True, "10", None, 1e300])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_what_is_no_count_is_refused(position, bad):
    counts = [9, 9, 9]
    counts[position] = bad
    with pytest.raises(ValidationError) as caught:
        TokenUsage(*counts)
    assert len(caught.value.issues) == 1


def test_all_problems_at_once():
    with pytest.raises(ValidationError) as caught:
        TokenUsage(-1, float("nan"), True)
    names = [issue.split()[0] for issue in caught.value.issues]
    assert names == ["input_tokens", "output_tokens", "cached_tokens"]


def test_more_cached_than_input_is_refused():
    with pytest.raises(ValidationError, match="cached_tokens"):
        TokenUsage(5, 0, 6)


def test_a_session_made_by_hand_has_its_models_cost():
    session = SessionTokenUsage("s", "claude-sonnet-4.5", TokenUsage(2000, 1000))
    assert (session.total_cost_usd, session.request_count) == (0.021, 0)
    assert SessionTokenUsage("s", "mystery", TokenUsage(1, 1)).total_cost_usd is None


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_cost_of_a_sum_is_the_sum_of_the_costs(a, b, c, d):
    one, two = TokenUsage(max(a, b), c, min(a, b)), TokenUsage(d, a, 0)
    costs = [usage.calculate_cost("claude-opus-4.6", PRICES) for usage in (one, two, one + two)]
    assert costs[0] + costs[1] == pytest.approx(costs[2])
