"""Budgets of new recipients for restricted mailboxes and for probation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.budget import DAY, HOUR, Budget
from sekisho.detection.limits import MAX_BUDGET


def test_known_recipients_always_pass_and_cost_nothing() -> None:
    budget = Budget.restricted(1)
    assert all(budget.allows(f"known{n}@x.test", True, "i", 0.0) for n in range(100))
    assert budget.remaining(0.0) == 1


def test_new_recipients_pass_up_to_the_limit_of_a_sliding_hour() -> None:
    budget = Budget.restricted(3)
    assert [budget.allows(f"new{n}@x.test", False, f"i{n}", n * 60.0) for n in range(5)] == [True] * 3 + [False] * 2
    assert not budget.allows("new9@x.test", False, "i9", HOUR - 1)
    assert budget.allows("new9@x.test", False, "i9", HOUR)
    assert not budget.allows("new10@x.test", False, "i10", HOUR)


def test_a_recipient_counts_once_per_message_however_often_postfix_asks() -> None:
    budget = Budget.restricted(1)
    assert budget.allows("new@x.test", False, "instance", 0.0)
    assert budget.allows("new@x.test", False, "instance", 1.0)
    assert not budget.allows("new@x.test", False, "another", 2.0)


def test_asking_in_vain_costs_nothing() -> None:
    budget = Budget.restricted(1)
    budget.allows("new@x.test", False, "i", 0.0)
    for n in range(50):
        budget.allows(f"other{n}@x.test", False, "j", 1800.0)
    assert budget.allows("last@x.test", False, "k", HOUR)


def test_limit_zero_stops_even_known_recipients() -> None:
    assert not Budget.restricted(0).allows("known@x.test", True, "i", 0.0)


def test_probation_has_its_own_number_for_a_day() -> None:
    budget = Budget.probation()
    assert [budget.allows(f"n{n}@x.test", False, "i", 0.0) for n in range(21)] == [True] * 20 + [False]
    assert not budget.allows("late@x.test", False, "i", DAY - 1)
    assert Budget.probation(5).limit == 5


@given(st.integers(-5, 5000), st.lists(st.tuples(st.integers(0, 50), st.floats(0, 900)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(limit: int, asks: list[tuple[int, float]]) -> None:
    budget = Budget.restricted(limit)
    assert 0 <= budget.limit <= MAX_BUDGET
    now, passed = 0.0, []
    for number, (name, gap) in enumerate(asks):
        now += gap
        if budget.allows(f"{name}@x.test", False, str(number), now):
            passed.append(now)
        assert sum(1 for at in passed if at > now - HOUR) <= budget.limit
