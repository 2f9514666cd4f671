"""Requests that teach nothing are answered without learning; nothing else is."""

from __future__ import annotations

import pytest

from guard.standins import NOW, STRANGER, Bench
from sekisho.wire.replies import GO_ON, SUBMISSION_RESTRICTED

DAY = 86_400.0
CUSTOMERS = [f"customer{number}@elsewhere.test" for number in range(4)]


def at_home() -> Bench:
    """Alice has written to her customers from one network for ten days, and once today."""
    bench = Bench()
    for day in range(10, -1, -1):
        for number, customer in enumerate(CUSTOMERS):
            assert bench.ask(NOW - day * DAY, recipient=customer, instance=f"i.{day}.{number}") == GO_ON
        bench.ask(NOW - day * DAY, protocol_state="END-OF-MESSAGE", queue_id=f"Q{day}", recipient_count=4)
    return bench


def test_the_owners_usual_recipients_are_answered_without_learning() -> None:
    bench = at_home()
    counters = bench.checkpoint.counters
    events, routine = counters.events, counters.routine
    assert routine > 0
    for number, customer in enumerate(CUSTOMERS):
        assert bench.ask(NOW + 1, recipient=customer.upper(), instance=f"j.{number}") == GO_ON
    assert (counters.events, counters.routine) == (events, routine + 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": "stranger@target.test"},
        {"client_address": "198.51.100.7"},
        {"protocol_state": "END-OF-MESSAGE", "queue_id": "Q"},
        {"sasl_username": "bob@shop.test"},
    ],
)
def test_anything_else_is_learnt_from(fields: dict[str, object]) -> None:
    bench = at_home()
    events = bench.checkpoint.counters.events
    bench.ask(NOW + 1, **{"recipient": CUSTOMERS[0], "instance": "j", "client_address": STRANGER, **fields})
    assert bench.checkpoint.counters.events == events + 1


def test_a_limited_or_reinstated_mailbox_has_no_routine() -> None:
    bench = at_home()
    routine = bench.checkpoint.counters.routine
    bench.state(alice=("restricted", 0, 0))
    bench.ask(NOW + 1, recipient=CUSTOMERS[0], instance="j.1")
    bench.state(alice=("active", 1, None))
    assert bench.ask(NOW + 2, recipient=CUSTOMERS[0], instance="j.2") == GO_ON
    bench.state(alice=("restricted", 2, 1))
    assert bench.ask(NOW + 3, recipient="a@target.test", instance="j.3") == GO_ON
    assert bench.ask(NOW + 3, recipient="b@target.test", instance="j.4") == SUBMISSION_RESTRICTED
    assert bench.checkpoint.counters.routine == routine
