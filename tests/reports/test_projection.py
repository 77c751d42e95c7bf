"""The projection of a month: its numbers, and how often its interval holds the truth."""

import random
from datetime import date
from decimal import Decimal

from tokentrack.reports.projection import project

FIRST = date(2026, 3, 1).toordinal()
END = date(2026, 4, 1).toordinal()


def test_it_is_what_was_used_and_the_same_weekdays():
    # 10 credits each Monday, nothing else; 15 March 2026 is a Sunday.
    today = date(2026, 3, 15).toordinal()
    days = {day: Decimal(10) for day in range(today - 60, today) if (day - 1) % 7 == 0}
    found = project(days, FIRST, today, END)
    # 2 and 9 March are used; 16, 23 and 30 March will be.
    assert (found.credits, found.low, found.high) == (50, 50, 50)
    assert "same weekdays of the last 28 days" in found.method


def test_a_short_history_is_not_taken_for_idle_days():
    today = date(2026, 3, 15).toordinal()
    days = {day: Decimal(2) for day in range(today - 10, today)}
    found = project(days, FIRST, today, END)
    assert found.credits == 20 + 2 * 16
    assert "10 days" in found.method
    assert project({day: Decimal(2) for day in range(today - 6, today)}, FIRST, today, END) is None
    assert project({}, FIRST, today, END) is None


def test_on_the_last_day_nothing_is_left_to_guess():
    days = {day: Decimal(2) for day in range(FIRST - 40, END)}
    found = project(days, FIRST, END - 1, END)
    assert (found.credits, found.low, found.high) == (62, 62, 62)


def test_the_interval_holds_the_truth_in_about_80_percent_of_generated_months():
    held = total = 0
    for seed in range(300):
        chance = random.Random(seed)
        weights = [1.2, 1.1, 1.2, 1.0, 0.9, 0.3, 0.1]
        scale = chance.uniform(5, 120)
        days = {
            day: Decimal(f"{scale * weights[(day - 1) % 7] * chance.lognormvariate(0, 0.6):.3f}")
            for day in range(FIRST - 40, END)
        }
        truth = sum(days[day] for day in range(FIRST, END))
        for today in (FIRST + 4, FIRST + 11, FIRST + 18, FIRST + 25):
            known = {day: amount for day, amount in days.items() if day <= today}
            found = project(known, FIRST, today, END)
            held += found.low <= truth <= found.high
            total += 1
    assert 0.7 <= held / total <= 0.9
    # The control: an interval of nothing holds it almost never.
    assert held > total / 2
