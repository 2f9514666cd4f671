"""What holds for every stream, shown on streams that nobody thought of (the guard's own path, offline).

The canonical order is the order of arrival. Within one moment it makes no difference for a mailbox how strict the
decision becomes, with three exceptions that lie in the matter: a result belongs to the message before it; what a
source does at one customer's mailbox is held against it at the next event of another's (D3, D4); and each event is
judged at its own source. The last means: what was sent counts by the measure of the source of the event at hand (own or
strange traffic, and for a mailbox younger than LEARNING_DAYS the floors of a source abroad or at home), so an event
that comes before the sending is not judged again. Looked at from each source of the moment again, the order is nothing.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from judging.streams import (
    ABROAD,
    ACCOUNTS,
    AUTHENTICATED,
    CLOUD,
    GRID_SECONDS,
    GUESSES,
    HOME,
    NOON,
    UNAUTHENTICATED,
    Line,
    answers,
    looked_at_again,
    shuffled_ties,
    streams,
    warm_checkpoint,
    without_unknown_results,
)

from sekisho.detection import HostTables
from sekisho.guard.offline import offline_checkpoint
from sekisho.guard.profiles import Profiles

STRICTNESS = {"alert": 1, "throttle": 2, "suspend": 3}
ANY = st.one_of(AUTHENTICATED, UNAUTHENTICATED)
careful = settings(max_examples=60, deadline=None)


def strictest(lines: list[Line]) -> dict[float, int]:
    """How strict the decisions on the stream's one mailbox have become by the end of each moment."""
    by_moment, reached = {}, 0
    for line, said in zip(lines, answers(lines), strict=True):
        if said is not None:
            reached = max(reached, STRICTNESS[said["action"]])
        by_moment[line["t"]] = reached
    return by_moment


def of_one(lines: list[Line], account: str) -> list[Line]:
    return without_unknown_results([{**line, "account": account} for line in lines if line["kind"] != "complaint"])


# Of the kind that `make soak` found: a mailbox without habits is used from a mail app's cloud and from abroad. Only an
# event abroad that comes after the others measures them by the floor of a stranger.
_SENT_FROM_TWO_KINDS_OF_PLACES = [
    {"t": NOON, "kind": "rcpt", "account": ACCOUNTS[3], "qid": f"Q{n}", "recipient": f"u{n}@far.example", **place}
    for n, place in enumerate((CLOUD, ABROAD[0], CLOUD, ABROAD[0]))
]


@careful
@example(_SENT_FROM_TWO_KINDS_OF_PLACES, ACCOUNTS[3], Random(1))
@example(_SENT_FROM_TWO_KINDS_OF_PLACES, ACCOUNTS[3], Random(2))
@given(streams(ANY, 100, step=1, least=10), st.sampled_from(ACCOUNTS), st.randoms(use_true_random=False))
def test_the_order_within_a_moment_decides_nothing(lines: list[Line], account: str, random: Random) -> None:
    lines = of_one(lines, account)
    shuffled = shuffled_ties(lines, random.random)
    assert strictest(looked_at_again(shuffled)) == strictest(looked_at_again(lines))


def test_an_event_is_judged_at_its_own_source() -> None:
    """The exception above, so that it is known when it falls: the same four recipients, an alert in one order only."""
    cloud, abroad, *others = _SENT_FROM_TWO_KINDS_OF_PLACES
    assert list(strictest([cloud, abroad, *others]).values()) == [1]
    assert list(strictest([abroad, cloud, others[1], others[0]]).values()) == [0]


def test_a_complaint_counts_the_same_before_and_after_another_event() -> None:
    account = ACCOUNTS[0]
    complaints = [{"t": NOON, "kind": "complaint", "account": account, "source": "fbl.example"}] * 3
    seen = {"t": NOON, "kind": "login", "account": account, "success": True, "protocol": "imap", **HOME}
    travels = [{**seen, **place} for place in (ABROAD[0], ABROAD[3])]
    before = strictest([*complaints, seen, *travels])
    assert strictest([seen, *complaints, *travels]) == before


@careful
@given(streams(ANY, least=10), st.integers(0, 20))
def test_nothing_looks_ahead(lines: list[Line], length: int) -> None:
    assert answers(lines[:length]) == answers(lines)[:length]


@careful
@given(streams(ANY), streams(ANY), st.integers(0, 60))
def test_another_future_changes_no_past(lines: list[Line], others: list[Line], length: int) -> None:
    now, later = lines[:length], others[length:]
    assert answers(now + later)[: len(now)] == answers(now)


@careful
@given(streams(ANY))
def test_a_decision_bears_the_time_and_mailbox_of_the_event_that_made_it(lines: list[Line]) -> None:
    for line, said in zip(lines, answers(lines), strict=True):
        if said is not None:
            assert (said["t"], said["account"]) == (line["t"], line["account"])
            assert said["indicators"]


@careful
@given(streams(UNAUTHENTICATED, 200, least=30))
def test_nothing_is_decided_on_a_mailbox_nobody_has_logged_in_to(lines: list[Line]) -> None:
    empty = offline_checkpoint(Profiles({}), HostTables())
    assert not any(answers(lines, empty))
    # A host that knows everybody else's habits by heart, and a new mailbox.
    assert not any(answers([{**line, "account": ACCOUNTS[3]} for line in lines], warm_checkpoint()))


@careful
@given(streams(UNAUTHENTICATED, 200, least=30))
def test_what_others_say_never_suspends_a_mailbox_its_owner_uses(lines: list[Line]) -> None:
    assert "suspend" not in [said["action"] for said in answers(lines) if said]


# The own mailbox is the third that a guesser tried: one too few to hold it against him.
_TRIED = [
    {"t": NOON, "kind": "login", "account": account, "success": success, "protocol": "imap", **ABROAD[0]}
    for account, success in ((ACCOUNTS[1], False), (ACCOUNTS[2], False), (ACCOUNTS[0], False), (ACCOUNTS[0], True))
]


@careful
@example(_TRIED, ACCOUNTS[0])
@given(st.one_of(streams(ANY, 100), streams(GUESSES, 40, least=12)), st.sampled_from(ACCOUNTS))
def test_failed_logins_change_nothing_for_the_mailbox_they_failed_at(lines: list[Line], account: str) -> None:
    def decided(lines: list[Line]) -> list[Any]:
        return [said for said in answers(lines) if said and said["account"] == account]

    kept = [line for line in lines if line["account"] != account or line.get("success", True)]
    assert decided(kept) == decided(lines)


@careful
@given(streams(ANY, 100, least=15))
def test_strictness_only_rises(lines: list[Line]) -> None:
    reached: dict[str, int] = {}
    for said in filter(None, answers(lines)):
        strict = STRICTNESS[said["action"]]
        # An alert may be said again after a day, and these streams last longer: never after something stricter.
        assert strict >= reached.get(said["account"], 0)
        assert strict > 1 or NOON <= said["t"] <= NOON + 3 * 100 * GRID_SECONDS
        reached[said["account"]] = strict
