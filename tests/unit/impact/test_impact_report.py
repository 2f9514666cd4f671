"""The report holds what the third party did, each figure with its rows, and nothing that the owner did."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from world import ALICE, BOB, CAROL, HOME, NOW, THIEF, THIEF2, T, World, evidence, unproved

from sekisho.impact.model import Gap, Limit
from sekisho.incidents import decisions
from sekisho.incidents.models import (
    AppPassword,
    HeldMessage,
    Incident,
    NetworkOwner,
    PlantedItem,
    QueueIdLogin,
    Step,
    Transition,
)
from sekisho.journal import GuardGap, MailForwarded, QueueIdPaired, ScriptChanged

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def world(two_tenants: None, tmp_path: Path) -> World:
    return World(tmp_path)


def counts(figures: dict) -> dict[str, int]:  # type: ignore[type-arg]
    return {name: figure.value for name, figure in figures.items()}


def test_the_owner_s_mail_of_the_same_hours_from_home_is_not_his(world: World) -> None:
    world.login()
    world.login(HOME, T + 5)
    owners = world.message(HOME, T + 20, partners=("friend@far.test",))
    his = world.message(strangers=("s@far.test",))
    world.message(THIEF2, T + 30, strangers=("t@far.test",))
    world.message(t=T - 10, strangers=("before@far.test",))
    world.decide()
    report = world.report()
    assert report.sent.messages.value == 2
    rows = evidence(report, "sent.messages")
    assert {row.facts["ip"] for row in rows} == {THIEF, THIEF2}
    assert his in {row.key for row in rows} and owners not in {row.key for row in rows}
    assert counts(report.sent.relations) == {"own": 0, "partner": 0, "stranger": 2}
    assert (report.sent.first_at, report.sent.last_at) == (T + 10, T + 30)
    assert not report.sent.messages.at_least


def test_a_decision_at_the_owner_s_own_message_does_not_make_his_address_the_third_party_s(world: World) -> None:
    world.login()
    world.login(HOME, T + 5)
    world.message(HOME, partners=("friend@far.test",))
    world.decide(ip=HOME)
    report = world.report()
    assert [source.ip for source in report.entry.sources] == [THIEF]
    assert report.sent.messages.value == 0


def test_where_every_address_was_familiar_the_decision_s_is_his(world: World) -> None:
    """A program on the owner's own machine."""
    world.login(HOME)
    world.message(HOME, strangers=("s@far.test",))
    world.decide("restrict", HOME)
    report = world.report()
    assert [source.ip for source in report.entry.sources] == [HOME]
    assert report.sent.messages.value == 1


def test_an_address_that_a_person_called_the_owner_s_is_not_his(world: World) -> None:
    world.login(THIEF2)
    world.login()
    world.decide("restrict", THIEF2, t=T + 20)
    incident = world.take()
    decisions.answer(incident, "operator", now=datetime.fromtimestamp(T + 100, UTC))
    Transition.objects.filter(cause="answer").update(sources=[THIEF2])
    assert [source.ip for source in world.report().entry.sources] == [THIEF]


def test_mail_through_our_own_webmail_names_nobody_and_is_said_to_be_uncounted(world: World) -> None:
    world.login()
    world.message("127.0.0.1", strangers=("s@far.test",), strange=False)
    world.decide()
    report = world.report()
    assert report.sent.messages.value == 0 and report.sent.messages.at_least
    assert Limit("webmail_reads") in report.limits


def test_how_he_came_in(world: World) -> None:
    NetworkOwner.objects.create(asn=64501, name="Thief Net")
    for second in range(3):
        world.login(t=T - 60 + second, success=False, pwhash=f"a{second}")
    world.login(HOME, T - 30, success=False)
    world.login(protocol="imap", device='"name" "Evil Mail"')
    world.login(t=T + 1, protocol="smtp", pwhash="b")
    world.login(t=T + 2, protocol="smtp", pwhash="b")
    world.message(t=T + 40, strangers=("s@far.test",))
    world.decide()
    report = world.report()
    entry = report.entry
    (source,) = entry.sources
    assert (source.ip, source.country, source.asn, source.network_owner) == (THIEF, "VN", 64501, "Thief Net")
    assert (source.protocols, source.devices, source.why) == (("imap", "smtp"), ("Evil Mail",), ("new_country",))
    assert (source.first_at, source.last_at, source.logins.value) == (T, T + 40, 3)
    assert (entry.first_at, entry.detected_at, entry.contained_at) == (T, T + 60, None)
    assert entry.guesses.value == 3
    assert unproved(report) == []


def test_what_became_of_each_copy(world: World) -> None:
    world.login()
    one = world.message(own=(BOB,), strangers=("a@far.test", "b@far.test", "c@spam.test", "d@spam.test"))
    held, purged, escaped = (world.message(strangers=(f"{word}@far.test",)) for word in ("held", "purged", "escaped"))
    world.see(QueueIdPaired(T, ALICE, "4FILTERED", escaped))
    world.result(one, BOB)
    world.result(one, "a@far.test")
    world.result(one, "b@far.test", "bounced", "5.1.1")
    world.result(one, "c@spam.test", "bounced", "5.7.1")
    world.result(one, "d@spam.test", "deferred", "4.2.0")
    world.result("4FILTERED", "escaped@far.test")
    world.decide()
    incident = world.take()
    for queue_id, state in ((held, "held"), (purged, "purged"), ("4FILTERED", "escaped")):
        HeldMessage.objects.create(incident=incident, host="mx", queue_id=queue_id, state=state, at=NOW)
    report = world.report()
    assert report.sent.recipients.value == 8
    assert counts(report.sent.outcomes) == {
        "delivered": 2, "escaped": 1, "refused_as_spam": 1, "refused": 1, "held": 1, "waiting": 1, "deleted": 1,
    }  # fmt: skip
    domains = {one.domain: (one.recipients.value, one.delivered.value) for one in report.sent.domains}
    assert domains == {"far.test": (5, 2), "spam.test": (2, 0), "ours.test": (1, 1)}
    assert next(iter(domains)) == "far.test"
    (refused,) = evidence(report, "sent.outcome:refused_as_spam")
    assert (refused.facts["recipient"], refused.facts["dsn"]) == ("c@spam.test", "5.7.1")
    assert Limit("results_until", NOW.timestamp()) in report.limits
    assert unproved(report) == []


def test_a_copy_without_a_result_is_unknown_after_the_queue_s_lifetime(world: World) -> None:
    world.login()
    world.message(strangers=("s@far.test",))
    world.message(recipients=3, strangers=("t@far.test",))
    world.decide()
    report = world.report()
    assert counts(report.sent.outcomes) == {"waiting": 2, "unknown": 2}, "two recipients that nobody has named"
    assert unproved(report) == []
    later = NOW + timedelta(days=6)
    report = world.report(later)
    assert counts(report.sent.outcomes) == {"unknown": 4}
    assert unproved(report, later) == []


def test_what_he_changed_and_what_leaked(world: World) -> None:
    world.login()
    world.decide("alert")
    world.take()
    world.see(ScriptChanged(T + 65, ALICE, "forward", "Thief@far.test", "evil", THIEF))
    world.see(ScriptChanged(T + 66, ALICE, "filter", "", "sorting", THIEF))
    world.see(ScriptChanged(T + 67, ALICE, "filter", "", "owners", HOME))
    for second in (70, 80, 4000):
        world.see(MailForwarded(T + second, ALICE, "thief@far.test", "sieve"))
    world.see(MailForwarded(T + 75, ALICE, "thief2@far.test", "alias"))
    world.see(MailForwarded(T + 75, ALICE, "owners-own@far.test", "alias"))
    incident = world.take()
    common = {"incident": incident, "host": "mx", "found_at": NOW}
    PlantedItem.objects.create(
        kind="script", key="a", what={"script": "evil", "targets": ["Thief@far.test"]}, state="frozen", **common
    )
    PlantedItem.objects.create(
        kind="forward", key="b", what={"target": "thief2@far.test", "address": ALICE}, state="found", **common
    )
    PlantedItem.objects.create(
        kind="forward", key="c", what={"target": "owners-own@far.test", "address": ALICE}, state="kept", **common
    )
    Step.objects.create(
        incident=incident, plan="contain", generation=0, host="mx", name="watch_password", position=90, state="failed",
        at=NOW, outcome="changed",
    )  # fmt: skip
    at = datetime.fromtimestamp(T + 50, UTC)
    for number, by in enumerate(("owner (password)", "owner (totp)", "operator")):
        AppPassword.objects.create(
            mailbox=ALICE, name=f"app {number}", scope="imap", selector=f"{number}", verifier="x", created_at=at,
            created_by=by, mailbox_made_at=at,
        )  # fmt: skip
    report = world.report()
    told = {(change.kind, change.what, change.state, change.at) for change in report.changed}
    assert told == {
        ("script", "Thief@far.test", "off", T + 65),
        ("script", "sorting", "on", T + 66),
        ("forward", "thief2@far.test", "on", None),
        ("forward", "owners-own@far.test", "kept", None),
        ("app_password", "app 0", "on", T + 50),
        ("password", "mx", "off", NOW.timestamp()),
    }
    assert {f"{row.kind} {row.key}" for row in evidence(report, "changed")} == {one.evidence for one in report.changed}
    leaks = [(leak.target, leak.messages.value, leak.first_at, leak.last_at) for leak in report.leaked]
    assert leaks == [
        ("thief@far.test", 3, T + 70, T + 4000),
        ("thief2@far.test", 1, T + 75, T + 75),
    ]
    assert unproved(report) == []


def test_other_mailboxes_that_were_tried_or_used_from_his_addresses(world: World) -> None:
    world.login()
    world.login(mailbox=CAROL, t=T + 100)
    world.login(mailbox=BOB, t=T - 100, success=False)
    world.login(mailbox=BOB, t=T - 99, success=False)
    # At home there: the address is a whole office's.
    world.login(mailbox=BOB, t=T + 5, strange=False)
    world.login(mailbox="nobody@ours.test", success=False)
    world.login(HOME, mailbox=BOB)
    world.decide()
    report = world.report()
    told = [(one.mailbox, one.domain, one.logins.value, one.failures.value) for one in report.touched]
    assert told == [(CAROL, "theirs.test", 1, 0), (BOB, "ours.test", 0, 2)]
    assert unproved(report) == []


def test_a_time_without_the_guard_is_stated_and_makes_every_count_a_least_one(world: World) -> None:
    world.login()
    world.see(GuardGap(T + 50, T + 20, T + 50))
    world.see(GuardGap(T + 90_000, T + 80_000, T + 90_000))
    world.see(QueueIdPaired(T + 30, ALICE, "4AWAY", ip=THIEF, country="VN", asn=64501, strange=True))
    world.result("4AWAY", "s@far.test")
    world.decide()
    report = world.report()
    assert report.gaps[0] == Gap("guard", T + 20, T + 50)
    assert {gap.part for gap in report.gaps} <= {"guard", "events"}
    assert report.sent.messages.value == 1 and report.sent.messages.at_least
    assert counts(report.sent.outcomes) == {"delivered": 1}
    assert report.entry.guesses.at_least
    assert unproved(report) == []


def test_a_domain_that_is_only_observed_has_its_report(world: World) -> None:
    world.login()
    world.message(strangers=("s@far.test",))
    world.decide(enforced=False)
    report = world.report()
    assert (report.phase, report.entry.contained_at, report.sent.messages.value) == ("detected", None, 1)


def test_an_incident_that_a_person_began_has_one(incident: Incident) -> None:
    from sekisho.impact.report import build

    report = build(incident, NOW)
    assert report.entry.sources == () and report.entry.first_at is None
    assert report.sent.messages.value == 0 and report.changed == () and report.touched == ()


def test_a_suspension_by_a_person_counts_from_when_on_mail_was_held(world: World) -> None:
    world.login()
    world.message(strangers=("s@far.test",))
    world.message(t=T - 7200, strangers=("earlier@far.test",))
    at = datetime.fromtimestamp(T + 600, UTC)
    decisions.suspend(ALICE, "complaints", "operator", at - timedelta(minutes=20), now=at)
    assert world.report().sent.messages.value == 1


def test_a_message_known_from_the_log_has_whole_seconds_and_counts(world: World) -> None:
    world.see(QueueIdPaired(T, ALICE, "4LOG", ip=THIEF, country="VN", asn=64501, strange=True))
    world.decide(first_risk_at=T + 0.9)
    assert world.report().sent.messages.value == 1


def test_who_comes_after_the_doors_were_opened_again_is_not_his(world: World) -> None:
    world.login()
    world.decide()
    incident = world.take()
    decisions.reinstate(ALICE, "operator", now=datetime.fromtimestamp(T + 1000, UTC))
    world.message(THIEF2, T + 1001, strangers=("s@far.test",))
    report = world.report()
    assert [source.ip for source in report.entry.sources] == [THIEF] and report.sent.messages.value == 0
    assert report.incident == incident.pk


def test_an_old_incident_says_that_rows_are_gone(world: World) -> None:
    world.login()
    world.decide()
    assert Limit("older_removed") not in world.report().limits
    assert Limit("older_removed") in world.report(NOW + timedelta(days=31)).limits


def test_contacts_of_the_webmail_are_known_when_an_agent_has_counted_them(world: World) -> None:
    world.login()
    world.decide()
    incident = world.take()
    assert world.report().address_book is None
    for host, outcome in (("mx", "1 webmail session ended, 42 in the address book"), ("mx2", "no webmail is set up")):
        Step.objects.create(
            incident=incident, plan="contain", generation=0, host=host, name="end_webmail_sessions", position=6,
            state="done", at=NOW, outcome=outcome,
        )  # fmt: skip
    report = world.report()
    assert report.address_book is not None and report.address_book.value == 42
    assert unproved(report) == []


def test_an_unknown_figure_has_no_rows(world: World) -> None:
    world.login()
    world.decide()
    report = world.report()
    for name in ("", "sent", "sent.nothing", "entry.x:1", "x.y", "changed.z", "leaked:", "address_book:"):
        rows = evidence(report, name)
        assert rows == [] or name == "address_book:", name


@pytest.mark.parametrize("seed", range(6))
def test_every_figure_is_the_number_of_its_rows(world: World, seed: int) -> None:
    """Worlds that nobody thought of: whatever happened, each figure is proved, and the parts add up."""
    dice = random.Random(seed)
    ips = [THIEF, THIEF2, HOME, "127.0.0.1"]
    for _ in range(dice.randint(1, 25)):
        ip, t = dice.choice(ips), T + dice.uniform(-4000, 9000)
        world.login(ip, t, dice.choice([ALICE, ALICE, BOB, CAROL]), success=dice.random() < 0.6)
    for _ in range(dice.randint(1, 25)):
        asked = [f"r{dice.randint(0, 30)}@d{dice.randint(0, 5)}.test" for _ in range(dice.randint(0, 5))]
        asked = list(dict.fromkeys(asked))
        cut = dice.randint(0, len(asked))
        queue_id = world.message(
            dice.choice(ips), T + dice.uniform(-100, 9000), partners=tuple(asked[:cut]), strangers=tuple(asked[cut:]),
            recipients=max(0, len(asked) + dice.choice([-1, 0, 0, 0, 1])), own=(),
        )  # fmt: skip
        for recipient in [*asked, "archive@ours.test"]:
            status, dsn = dice.choice(
                [("sent", "2.0.0"), ("bounced", "5.7.1"), ("bounced", "5.1.1"), ("deferred", "4.0.0")]
            )
            if dice.random() < 0.7:
                world.result(queue_id, recipient, status, dsn)
    for _ in range(dice.randint(0, 5)):
        world.see(MailForwarded(T + dice.uniform(-4000, 9000), ALICE, "thief@far.test", "alias"))
    world.decide(ip=dice.choice(ips))
    incident = world.take()
    PlantedItem.objects.create(
        incident=incident, host="mx", kind="forward", key="a", what={"target": "thief@far.test"}, found_at=NOW
    )
    for row in QueueIdLogin.objects.order_by("?")[:8]:
        state = dice.choice(HeldMessage.STATES)
        HeldMessage.objects.create(incident=incident, host="mx", queue_id=row.queue_id, state=state, at=NOW)
    report = world.report()
    assert unproved(report) == []
    sent = report.sent
    assert sum(counts(sent.outcomes).values()) == sent.recipients.value
    missing = sum(int(row.facts["count"] or 0) for row in evidence(report, "sent.recipients") if row.kind == "message")
    assert sum(counts(sent.relations).values()) == sent.recipients.value - missing
    assert sum(one.recipients.value for one in sent.domains) == sent.recipients.value - missing
