"""Close watch: the same evidence counts for more, at the mailbox itself and a little at its neighbours'."""

from __future__ import annotations

import pytest

from guard.standins import ALICE, NOW, Bench, judge_always
from sekisho.detection.limits import DEFAULT_LIMITS, Limits, sharpened
from sekisho.guard.close_watch import CloseWatch
from sekisho.journal import MailboxState, StateFile

BOB, ELSEWHERE = "bob@shop.test", "bob@theirs.test"
LATER = NOW + 90 * 86_400.0
WATCH = {"close_watch": {ALICE: LATER}, "close_watch_domains": {"shop.test": LATER}}


def watching(**mailboxes: MailboxState) -> CloseWatch:
    watch = CloseWatch()
    watch.take_state(StateFile(NOW, {f"{name}@shop.test": state for name, state in mailboxes.items()}, **WATCH))
    return watch


def test_thresholds_fall_for_the_mailbox_and_half_as_much_for_its_domain() -> None:
    watch = watching()
    assert watch.limits(ALICE, DEFAULT_LIMITS, NOW) == sharpened(DEFAULT_LIMITS, 1.0)
    assert watch.limits(BOB, DEFAULT_LIMITS, NOW) == sharpened(DEFAULT_LIMITS, 0.5)
    assert watch.limits(ELSEWHERE, DEFAULT_LIMITS, NOW) is DEFAULT_LIMITS
    own = sharpened(DEFAULT_LIMITS, 1.0)
    assert (own.alert, own.restrict, own.suspend) == (3.0, 5.5, 8.0)
    assert own.own_messages_hour == DEFAULT_LIMITS.own_messages_hour


def test_it_ends_by_itself_and_follows_an_operators_thresholds() -> None:
    watch = watching()
    assert watch.limits(ALICE, DEFAULT_LIMITS, LATER) is DEFAULT_LIMITS
    stricter = Limits(alert=3.0, restrict=5.0, suspend=8.0)
    assert watch.limits(ALICE, stricter, NOW).restrict == 4.0


def test_on_probation_one_fact_is_not_counted_twice() -> None:
    watch = watching(alice=MailboxState("probation", 1))
    assert watch.limits(ALICE, DEFAULT_LIMITS, NOW) is DEFAULT_LIMITS
    assert watch.limits(BOB, DEFAULT_LIMITS, NOW).alert == 3.5


@pytest.mark.parametrize(
    ("who", "score", "actions"),
    [
        (ALICE, 8.2, ["suspend"]),
        (BOB, 8.2, ["restrict"]),
        (ELSEWHERE, 8.2, ["restrict"]),
        (ALICE, 5.7, ["restrict"]),
        (BOB, 6.1, ["restrict"]),
        (BOB, 5.7, ["alert"]),
        (ELSEWHERE, 6.1, ["alert"]),
        (ALICE, 3.2, ["alert"]),
        (BOB, 3.2, []),
    ],
)
def test_the_same_score_decides_more_at_a_mailbox_on_close_watch(
    monkeypatch: pytest.MonkeyPatch, who: str, score: float, actions: list[str]
) -> None:
    bench = Bench()
    bench.checkpoint.take_state(StateFile(NOW, **WATCH), NOW)
    judge_always(monkeypatch, score)
    bench.ask(sasl_username=who, sender=who)
    assert [record.action for record in bench.journal.records] == actions
    if actions and who == ALICE:
        told = bench.journal.records[0].thresholds
        assert told is not None and (told.alert, told.restrict, told.suspend) == (3.0, 5.5, 8.0)


def test_the_real_engine_explains_what_only_the_lower_threshold_makes_an_alert() -> None:
    """Without the limits it is judged by, an assessment between the two thresholds would come without its sentences."""
    from guard.standins import STRANGER
    from sekisho import detection
    from sekisho.detection import Place

    bench = Bench()
    bench.checkpoint.take_state(StateFile(NOW, **WATCH), NOW)
    profile = bench.checkpoint.profiles.of(ALICE)
    event = detection.Login(NOW, ALICE, STRANGER, Place("", "", 0), True, "imap")
    bench.checkpoint.learn(event, NOW)
    plain = detection.assess(profile, bench.checkpoint.tables, event, NOW, explain=True)
    lowered = Limits(alert=plain.score, restrict=99.0, suspend=99.0)
    assert detection.assess(profile, bench.checkpoint.tables, event, NOW, limits=lowered).indicators == plain.indicators
