"""Blocklists, asked for real at a DNS server on loopback: listings, error codes, silence, and lists that are broken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dns.resolver
import msgspec
import pytest

from nameserver import FAILED, REFUSED, SILENT, Nameserver, answering, list_of
from sekisho import dns_questions
from sekisho.config import DoctorSettings, HarmWatchSettings, Settings, settings
from sekisho.directory.models import Contact
from sekisho.impact import blocklists, listings
from sekisho.impact.blocklist_watch import BlocklistWatch
from sekisho.impact.blocklists import Question, Reply
from sekisho.impact.models import Listing, ListLook
from sekisho.incidents.letters import Stale
from sekisho.incidents.models import Incident, Notice

V4, V6, DOMAIN = "192.0.2.10", "2001:db8::10", "ours.test"
V6_NAME = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[Nameserver]:
    with answering() as found:
        yield found


@pytest.fixture
def resolver(server: Nameserver, monkeypatch: pytest.MonkeyPatch) -> dns.resolver.Resolver:
    monkeypatch.setattr(dns_questions, "QUESTION_S", 0.4)
    return dns_questions.make_resolver("127.0.0.1", server.port)


def verdict(resolver: dns.resolver.Resolver, zone: str, subject: str) -> str:
    return blocklists.put(resolver, Question(zone, blocklists.kind_of(subject), subject)).verdict


def test_a_listing_is_found_for_both_kinds_of_addresses_and_a_domain(
    server: Nameserver, resolver: dns.resolver.Resolver
) -> None:
    server.records |= list_of("list.test", "10.2.0.192", V6_NAME, DOMAIN)
    assert {verdict(resolver, "list.test", name) for name in (V4, V6, DOMAIN)} == {"listed"}
    assert {verdict(resolver, "list.test", name) for name in ("192.0.2.11", "2001:db8::11", "theirs.test")} == {"clean"}
    assert blocklists.put(resolver, Question("list.test", "ipv4", V4)).codes == "127.0.0.2"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (["127.255.255.254"], "refused"),
        (["127.255.255.252"], "refused"),
        (["127.0.0.1"], "refused"),
        (["127.0.1.255"], "refused"),
        (["127.0.0.2", "127.255.255.255"], "refused"),
        (REFUSED, "refused"),
        (FAILED, "unanswered"),
        (SILENT, "unanswered"),
        (["198.51.100.7"], "broken"),
        (["127.0.0.10"], "listed"),
    ],
)
def test_an_answer_about_the_question_is_no_listing(
    server: Nameserver, resolver: dns.resolver.Resolver, answer: list[str] | str, wanted: str
) -> None:
    server.records[("10.2.0.192.list.test.", "A")] = answer
    assert verdict(resolver, "list.test", V4) == wanted


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        (list_of("list.test"), "works"),
        ({}, "unfit"),
        # A dead list whose name was sold answers everything.
        ({("list.test.", "A"): ["127.0.0.2"]} | list_of("list.test", "1.0.0.127"), "broken"),
        ({("2.0.0.127.list.test.", "A"): ["198.51.100.7"], ("1.0.0.127.list.test.", "A"): ["198.51.100.7"]}, "broken"),
        ({("2.0.0.127.list.test.", "A"): ["127.255.255.254"]}, "refused"),
        ({("list.test.", "A"): REFUSED}, "refused"),
        ({("list.test.", "A"): SILENT}, "unanswered"),
    ],
)
def test_a_list_must_name_its_test_entry_and_nothing_that_nobody_may_list(
    server: Nameserver, resolver: dns.resolver.Resolver, records: dict[tuple[str, str], list[str] | str], wanted: str
) -> None:
    server.records |= records
    assert blocklists.put(resolver, Question("list.test", "ipv4")).verdict == wanted


def test_a_list_without_ipv6_is_not_believed_when_it_calls_one_clean(
    server: Nameserver, resolver: dns.resolver.Resolver
) -> None:
    server.records |= list_of("list.test", kinds=("ipv4",))
    assert blocklists.put(resolver, Question("list.test", "ipv4")).verdict == "works"
    assert blocklists.put(resolver, Question("list.test", "ipv6")).verdict == "unfit"


# --- the record

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def watching(**watch: object) -> Settings:
    wanted: dict[str, object] = {"blocklists": True, "address_lists": ("list.test",), "domain_lists": ("names.test",)}
    return msgspec.structs.replace(
        settings(),
        doctor=DoctorSettings(addresses=(V4, V6)),
        harm_watch=msgspec.convert(wanted | watch, HarmWatchSettings),
    )


def heard(zone: str, subject: str, verdict: str, at: datetime, codes: str = "127.0.0.2") -> None:
    question = Question(zone, blocklists.kind_of(subject), subject)
    listings.take(Reply(question, verdict, codes if verdict == "listed" else ""), at)


@pytest.fixture
def told(two_tenants: None) -> None:
    Contact.objects.create(domain="ALL", address="duty@provider.test", language="en")


def test_a_listing_is_told_once_and_again_when_it_is_gone(told: None) -> None:
    for minutes in (0, 10, 20):
        heard("list.test", V4, "listed", NOW + timedelta(minutes=minutes))
    listing = Listing.objects.get()
    assert (listing.first_at, listing.last_at, listing.gone_at) == (NOW, NOW + timedelta(minutes=20), None)
    assert [row.kind for row in Notice.objects.all()] == ["listing_new"]
    heard("list.test", V4, "clean", NOW + HOUR)
    listing.refresh_from_db()
    assert listing.gone_at == NOW + HOUR and not listings.open_listings().exists()
    assert [row.kind for row in Notice.objects.order_by("id")] == ["listing_new", "listing_gone"]
    heard("list.test", V4, "listed", NOW + 2 * HOUR)
    assert Listing.objects.count() == 2 and Notice.objects.count() == 3


@pytest.mark.parametrize("verdict", ["refused", "unanswered", "broken"])
def test_a_listing_stands_while_the_list_gives_no_answer(told: None, verdict: str) -> None:
    heard("list.test", V4, "listed", NOW)
    heard("list.test", V4, verdict, NOW + HOUR)
    heard("list.test", V6, verdict, NOW + HOUR)
    assert [(row.subject, row.gone_at) for row in Listing.objects.all()] == [(V4, None)]


def test_the_mail_names_the_steps_and_the_incidents_and_is_dropped_when_it_is_over(
    told: None, incident: Incident
) -> None:
    from sekisho.impact.listing_texts import compose

    at = incident.detected_at + HOUR
    heard("bl.spamcop.net", V4, "listed", at)
    letter = Notice.objects.get(kind="listing_new")
    subject, text = compose(letter)
    assert subject == f"{V4} is on the blocklist SpamCop"
    assert "https://www.spamcop.net/bl.shtml" in text and f"#{incident.pk} alice@ours.test" in text and "手順" in text
    heard("bl.spamcop.net", V4, "clean", at + HOUR)
    with pytest.raises(Stale):
        compose(letter)
    assert "off the blocklist" in compose(Notice.objects.get(kind="listing_gone"))[0]


def test_an_address_hangs_on_every_recent_incident_and_a_domain_on_its_own(told: None, incident: Incident) -> None:
    for subject in (V4, "ours.test", "theirs.test"):
        heard("list.test", subject, "listed", incident.detected_at + HOUR)
    assert {row.subject for row in incident.listings.all()} == {V4, "ours.test"}
    incident.listings.clear()
    heard("list.test", V4, "listed", incident.detected_at + timedelta(days=8))
    assert incident.listings.count() == 1, "it is still open"
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    heard("list.test", V6, "listed", incident.detected_at + timedelta(days=8))
    assert incident.listings.count() == 1


def test_a_list_is_tried_before_anything_is_asked_and_left_alone_while_it_does_not_work(told: None) -> None:
    site = watching()
    due = listings.agenda(site, NOW)
    assert due and all(not question.subject for question in due)
    listings.take(Reply(Question("list.test", "ipv4"), "works"), NOW)
    listings.take(Reply(Question("list.test", "ipv6"), "unfit"), NOW)
    listings.take(Reply(Question("names.test", "domain"), "broken"), NOW)
    assert [one.subject for one in listings.agenda(site, NOW)] == [V4]
    heard("list.test", V4, "clean", NOW)
    assert listings.agenda(site, NOW + timedelta(minutes=59)) == []
    assert {one.kind for one in listings.agenda(site, NOW + HOUR) if not one.subject} == {"ipv4", "ipv6", "domain"}


def test_it_asks_more_often_while_an_incident_is_open(told: None, incident: Incident) -> None:
    site, at = watching(), incident.detected_at
    listings.take(Reply(Question("list.test", "ipv4"), "works"), at)
    listings.take(Reply(Question("names.test", "domain"), "works"), at)
    for zone, subject in (
        ("list.test", V4),
        *(("names.test", name) for name in ("ours.test", "alias.test", "theirs.test")),
    ):
        heard(zone, subject, "clean", at)
    due = {one.subject for one in listings.agenda(site, at + timedelta(minutes=10)) if one.subject}
    assert due == {V4, "ours.test", "alias.test"}, "the other tenant's domain is asked once a day"
    assert "theirs.test" in {one.subject for one in listings.agenda(site, at + timedelta(days=1))}


def test_what_is_asked_no_longer_does_not_stand_for_ever(told: None) -> None:
    heard("list.test", "192.0.2.99", "listed", NOW)
    listings.end_unwatched(watching(), NOW + HOUR)
    listing = Listing.objects.get()
    assert listing.gone_at == NOW + HOUR and listing.is_unwatched
    assert not Notice.objects.filter(kind="listing_gone").exists() and not ListLook.objects.exists()


def test_who_has_asked_for_removal_is_on_record(told: None) -> None:
    heard("list.test", V4, "listed", NOW)
    listing = Listing.objects.get()
    listings.note_asked(listing, True, "kenji", NOW + HOUR)
    listing.refresh_from_db()
    assert (listing.asked_by, listing.asked_at) == ("kenji", NOW + HOUR)
    listings.note_asked(listing, False, "kenji", NOW + HOUR)
    listing.refresh_from_db()
    assert (listing.asked_by, listing.asked_at) == ("", None)


# --- the worker's duty, with the real thread and the real server


def turn_until_done(watch: BlocklistWatch, count: int) -> None:
    """Turns of the worker, each a minute of its clock further, until so many answers are on record."""
    at = NOW
    for _ in range(400):
        watch(at)
        if watch._asker is not None and watch._asker.is_busy:
            reply = watch._asker._replies.get(timeout=5)
            watch._asker._replies.put(reply)
        at += timedelta(minutes=1)
        if ListLook.objects.count() == count:
            return
    pytest.fail(f"{ListLook.objects.count()} answers")


def test_the_duty_asks_lists_slowly_and_records_what_they_say(
    told: None, server: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.records |= list_of("list.test", "10.2.0.192", V6_NAME) | list_of("names.test", "ours.test")
    site = watching()
    site = msgspec.structs.replace(
        site, doctor=msgspec.structs.replace(site.doctor, resolver="127.0.0.1", resolver_port=server.port)
    )
    turn_until_done(BlocklistWatch(site), 8)
    assert {row.subject for row in Listing.objects.all()} == {V4, V6, "ours.test"}
    assert "theirs.test.names.test" in server.asked


def test_nobody_is_asked_unbidden(told: None, server: Nameserver) -> None:
    site = watching(blocklists=False)
    watch = BlocklistWatch(
        msgspec.structs.replace(
            site, doctor=DoctorSettings(addresses=(V4,), resolver="127.0.0.1", resolver_port=server.port)
        )
    )
    for minute in range(5):
        watch(NOW + timedelta(minutes=minute))
    assert watch._asker is None and not server.asked and not ListLook.objects.exists()


def test_between_two_questions_it_pauses(told: None, server: Nameserver) -> None:
    site = watching(questions_a_minute=6)
    watch = BlocklistWatch(
        msgspec.structs.replace(
            site, doctor=DoctorSettings(addresses=(V4,), resolver="127.0.0.1", resolver_port=server.port)
        )
    )
    watch(NOW)
    assert watch._asker is not None
    reply = watch._asker._replies.get(timeout=5)
    watch._asker._replies.put(reply)
    watch(NOW + timedelta(seconds=9))
    assert ListLook.objects.count() == 1 and not watch._asker.is_busy
    watch(NOW + timedelta(seconds=11))
    assert watch._asker.is_busy
