"""What big receivers say to our mail, counted by day and sender domain, without a correspondent's name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sekisho.incidents import receivers
from sekisho.incidents.events import EventBatch
from sekisho.incidents.models import ReceiverDay
from sekisho.incidents.receivers import Count, receiver_of
from sekisho.journal import DeliveryResult

pytestmark = pytest.mark.django_db(databases=["default", "site"])
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
DAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("relay", "recipient", "wanted"),
    [
        ("gmail-smtp-in.l.google.com", "a@gmail.com", "google"),
        ("aspmx.l.google.com", "a@small-company.test", "google"),
        ("small-company-test.mail.protection.outlook.com", "a@small-company.test", "microsoft"),
        ("", "a@hotmail.co.jp", "microsoft"),
        ("mx01.mail.icloud.com", "a@me.com", "icloud"),
        ("mx1.mail.yahoo.co.jp", "a@yahoo.co.jp", "yahoo_japan"),
        ("mta6.am0.yahoodns.net", "a@yahoo.com", "yahoo"),
        ("mfsmax.docomo.ne.jp", "a@docomo.ne.jp", "docomo"),
        ("lsean.ezweb.ne.jp", "a@ezweb.ne.jp", "au"),
        ("mx.softbank.ne.jp", "a@i.softbank.jp", "softbank"),
        ("mx.notgoogle.com", "a@small-company.test", "others"),
        ("mx.evilgoogle.com.test", "a@gmail.com.test", "others"),
    ],
)
def test_a_receiver_is_known_by_its_server_or_its_domain(relay: str, recipient: str, wanted: str) -> None:
    assert receiver_of(relay, recipient) == wanted


def result(status: str, dsn: str, recipient: str = "a@gmail.com", **more: object) -> DeliveryResult:
    fields: dict[str, object] = {"t": NOW.timestamp(), "mailbox": "alice@ours.test", "queue_id": "4A"}
    return DeliveryResult(**(fields | {"recipient": recipient, "status": status, "dsn": dsn} | more))  # type: ignore[arg-type]


def take(*events: DeliveryResult) -> None:
    batch = EventBatch()
    for event in events:
        batch.add(event)
    for _, write in batch.sums():
        write()


def test_refusals_for_policy_are_counted_and_other_failures_are_not() -> None:
    take(
        result("sent", "2.0.0"),
        result("sent", "2.0.0"),
        result("bounced", "5.7.1"),
        result("bounced", "5.0.0", reply="host said: 550 your message looks like spam"),
        result("bounced", "5.1.1"),
        result("deferred", "4.7.28"),
        result("deferred", "4.4.1"),
        result("bounced", "5.7.1", "boss@small-company.test"),
        # In our own house: that says nothing about how others see it.
        result("sent", "2.0.0", "bob@ours.test", relation="own"),
    )
    take(result("sent", "2.0.0", t=NOW.timestamp() + 60), result("bounced", "5.7.1", mailbox="carol@theirs.test"))
    rows = {
        (row.receiver, row.domain): (row.refused_57, row.deferred_47, row.delivered)
        for row in ReceiverDay.objects.all()
    }
    assert rows == {
        ("google", "ours.test"): (2, 1, 3),
        ("others", "ours.test"): (1, 0, 0),
        ("google", "theirs.test"): (1, 0, 0),
    }
    assert receivers.by_day(DAY, DAY) == {DAY: Count(4, 1, 3)}
    assert receivers.by_day(DAY, DAY, domain="theirs.test") == {DAY: Count(1, 0, 0)}
    assert list(receivers.by_receiver(DAY, DAY)) == ["google", "others"]
    assert Count(4, 1, 3).share == 5 / 8


def test_no_correspondent_is_kept() -> None:
    take(result("bounced", "5.7.1", "boss@small-company.test", relay="mx.small-company.test"))
    assert "small-company" not in str(ReceiverDay.objects.values().get())


def test_old_days_go() -> None:
    take(result("sent", "2.0.0"))
    assert receivers.prune(NOW + timedelta(days=700)) == 0
    assert receivers.prune(NOW + timedelta(days=732)) == 1
