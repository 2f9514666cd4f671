"""A mailbox whose renewal is overdue: known recipients pass, new ones wait, and nothing else changes."""

from __future__ import annotations

from guard.standins import ALICE, NOW, Bench
from sekisho.detection import Recipient
from sekisho.journal import StateFile
from sekisho.wire.replies import GO_ON, SUBMISSION_RENEW

HOME, DAY = "203.0.113.7", 86_400.0
FRIEND, STRANGER = "friend@elsewhere.test", "stranger@elsewhere.test"


def bench(*renewals: str) -> Bench:
    """ALICE has written to FRIEND on ten days."""
    made = Bench()
    for day in range(10, 0, -1):
        at = NOW - day * DAY
        place = made.checkpoint.places.source(HOME)[1]
        made.checkpoint.observe(Recipient(at, ALICE, HOME, place, FRIEND, f"i.{day}"), at)
    made.checkpoint.take_state(StateFile(NOW, renewals=renewals), NOW)
    return made


def mail(made: Bench, recipient: str, now: float = NOW) -> str:
    return made.ask(now, client_address=HOME, recipient=recipient, instance=f"i.{now}")


def test_new_recipients_wait_and_known_ones_pass() -> None:
    made = bench(ALICE)
    assert mail(made, FRIEND) == GO_ON
    assert mail(made, STRANGER) == SUBMISSION_RENEW
    assert made.checkpoint.allows_login(ALICE, HOME, NOW)


def test_a_retry_waits_as_well_and_leaves_once_it_is_over() -> None:
    made = bench(ALICE)
    # Over midnight as well: what was refused is no known recipient tomorrow.
    for minutes in (0, 10, 60, 1500, 4500):
        assert mail(made, STRANGER, NOW + minutes * 60) == SUBMISSION_RENEW
    later = NOW + 5000 * 60
    made.checkpoint.take_state(StateFile(later), later)
    assert mail(made, STRANGER, later + 1) == GO_ON


def test_others_are_not_touched() -> None:
    assert mail(bench("bob@shop.test"), STRANGER) == GO_ON
