"""The projection of a month: its numbers, and how often its interval holds the truth."""

import random
from datetime import date
from decimal import Decimal

from tokentrack.reports.allowance import days_left
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


def test_the_days_that_a_plan_lasts_and_the_projection_say_the_same_about_the_month():
    ends = set()
    for seed in range(300):
        chance = random.Random(seed)
        today = FIRST + chance.randrange(0, 30)
        began = today - chance.choice([9, 20, 28, 60])
        amounts = {
            day: chance.choice([0, 0, 5, 20]) + 15 * (day % 7 == 3) for day in range(began, today)
        }
        amounts[today] = 7
        found = project({day: Decimal(n) for day, n in amounts.items()}, FIRST, today, END)
        used = sum(n for day, n in amounts.items() if FIRST <= day <= today)
        left = chance.randrange(1, 400)
        # The projection is rounded to thousandths.
        if found is None or abs(found.credits - used - left) < 1:
            continue
        lasts = days_left(amounts, left, today)
        is_enough = lasts is None or lasts >= END - today - 1
        assert is_enough == (found.credits < used + left)
        ends.add(is_enough)
    assert ends == {True, False}


def test_a_plan_lasts_by_the_weekdays_not_by_the_mean_of_all_days():
    # 10 credits each Monday, nothing else; 15 March 2026 is a Sunday.
    today = date(2026, 3, 15).toordinal()
    days = {day: 10 for day in range(today - 60, today) if (day - 1) % 7 == 0}
    assert [days_left(days, left, today) for left in (9, 10, 19, 20, 40)] == [0, 7, 7, 14, 28]
    assert days_left(days, 0, today) is None
