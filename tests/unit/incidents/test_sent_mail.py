"""What logins handed in, as rows: once per message and recipient, whatever ids the message had and however it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import DataError
from test_decisions import ALICE, T
from test_ingest import Guard

from sekisho.config import settings
from sekisho.incidents import sent_mail
from sekisho.incidents.models import ForwardedMail, QueueIdLogin, SentRecipient, SignIn, UnseenTime
from sekisho.journal import (
    DeliveryResult,
    GuardGap,
    LoginSeen,
    MailForwarded,
    MessageSubmitted,
    QueueIdPaired,
)

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def guard(two_tenants: None, tmp_path: Path) -> Guard:
    return Guard(msgspec.structs.replace(settings(), var=str(tmp_path)))


def submitted(queue_id: str = "4A", t: float = T, recipients: int = 3, **fields: Any) -> MessageSubmitted:
    usual = {
        "ip": "203.0.113.9", "country": "VN", "asn": 64501, "strange": True,
        "own": ("bob@ours.test",), "partners": ("p@far.test",), "strangers": ("s@far.test",),
    }  # fmt: skip
    return MessageSubmitted(t, ALICE, queue_id, ALICE, recipients, 900, **(usual | fields))


def result(recipient: str, status: str = "sent", dsn: str = "2.0.0", **fields: Any) -> DeliveryResult:
    return DeliveryResult(**({"t": T + 5, "mailbox": ALICE, "queue_id": "4A", "recipient": recipient,
                              "status": status, "dsn": dsn} | fields))  # fmt: skip


def copies(queue_id: str = "4A") -> dict[str, tuple[str, str]]:
    rows = SentRecipient.objects.filter(queue_id=queue_id)
    return {row.recipient: (row.relation, row.outcome) for row in rows}


def test_a_message_has_its_source_and_a_row_for_each_recipient(guard: Guard) -> None:
    guard.see(submitted(), result("p@far.test"), result("s@far.test", "bounced", "5.7.1", reply="550 5.7.1 go away"))
    guard.take()
    row = QueueIdLogin.objects.get()
    assert (row.ip, row.country, row.asn, row.strange, row.listed) == ("203.0.113.9", "VN", 64501, True, True)
    assert copies() == {
        "bob@ours.test": ("own", "waiting"),
        "p@far.test": ("partner", "delivered"),
        "s@far.test": ("stranger", "refused_as_spam"),
    }
    refused = SentRecipient.objects.get(recipient="s@far.test")
    assert (refused.domain, refused.dsn, refused.reply) == ("far.test", "5.7.1", "550 5.7.1 go away")
    assert refused.result_at is not None and refused.result_at.timestamp() == T + 5


def test_the_last_result_counts_but_a_delivered_copy_stays_delivered(guard: Guard) -> None:
    guard.see(submitted(), result("s@far.test", "deferred", "4.7.0", reply="later"))
    guard.take()
    assert copies()["s@far.test"] == ("stranger", "waiting")
    guard.see(result("s@far.test"), result("s@far.test", "bounced", "5.1.1"))
    guard.see(result("p@far.test"))
    guard.take()
    guard.see(result("p@far.test", "bounced", "5.1.1"))
    guard.take()
    assert copies()["s@far.test"] == ("stranger", "delivered")
    assert copies()["p@far.test"] == ("partner", "delivered")


def test_a_copy_nobody_asked_for_is_not_his_and_an_alias_counts_as_it_was_written(guard: Guard) -> None:
    guard.see(submitted(), result("archive@ours.test"), result("robert@ours.test", original="bob@ours.test"))
    guard.take()
    assert "archive@ours.test" not in copies() and "robert@ours.test" not in copies()
    assert copies()["bob@ours.test"] == ("own", "delivered")


def test_a_message_nobody_was_asked_about_gets_its_recipients_from_the_results(guard: Guard) -> None:
    """The guard was away: the log names login, source and recipients."""
    paired = QueueIdPaired(T, ALICE, "4A", ip="203.0.113.9", country="VN", asn=64501, strange=True)
    guard.see(paired, result("s@far.test", relation="stranger"))
    guard.take()
    row = QueueIdLogin.objects.get()
    assert (row.ip, row.strange, row.listed) == ("203.0.113.9", True, False)
    assert copies() == {"s@far.test": ("stranger", "delivered")}
    guard.see(result("p@far.test", "expired", "4.4.1", relation="partner"))
    guard.take()
    assert copies()["p@far.test"] == ("partner", "refused")


def test_a_filter_s_new_id_is_followed_twice(guard: Guard) -> None:
    guard.see(submitted(), QueueIdPaired(T, ALICE, "4B", "4A"))
    guard.take()
    guard.see(QueueIdPaired(T + 9, ALICE, "4C", "4B"), result("s@far.test", queue_id="4C"))
    guard.take()
    assert dict(QueueIdLogin.objects.values_list("queue_id", "origin")) == {"4A": "", "4B": "4A", "4C": "4A"}
    assert QueueIdLogin.objects.get(pk="4C").ip == "203.0.113.9"
    assert copies()["s@far.test"] == ("stranger", "delivered") and not copies("4C")


def test_recipients_that_postfix_itself_refused_are_only_asked_for(guard: Guard) -> None:
    guard.see(submitted(recipients=2), result("s@far.test"))
    guard.take()
    assert {outcome for _, outcome in copies().values()} == {"asked", "delivered"}


def test_a_queue_id_that_comes_again_begins_anew(guard: Guard) -> None:
    guard.see(submitted(), result("s@far.test"))
    guard.take()
    guard.see(submitted(t=T + 86_400, recipients=1, own=(), partners=(), strangers=("s@far.test",)))
    guard.take()
    assert copies() == {"s@far.test": ("stranger", "waiting")}


def test_a_result_of_a_message_nobody_knows_makes_no_row(guard: Guard) -> None:
    guard.see(result("s@far.test", queue_id="4unknown"))
    guard.take()
    assert not SentRecipient.objects.exists()


def test_one_message_that_cannot_be_written_keeps_no_other_back(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sent_mail._recipient

    def refuses(message: QueueIdLogin, recipient: str, *more: str) -> SentRecipient:
        if message.queue_id == "4bad":
            raise DataError("a character this database has not")
        return real(message, recipient, *more)

    monkeypatch.setattr(sent_mail, "_recipient", refuses)
    guard.see(submitted(), submitted("4bad"), result("s@far.test"))
    assert guard.take().rejected == 1
    assert copies()["s@far.test"] == ("stranger", "delivered") and not copies("4bad")


@pytest.mark.parametrize(
    ("status", "dsn", "reply", "outcome"),
    [
        ("sent", "2.0.0", "", "delivered"),
        ("deferred", "4.7.1", "spam", "waiting"),
        ("bounced", "5.7.1", "550 no", "refused_as_spam"),
        ("bounced", "5.0.0", "host x[1] said: 554 Message is SPAM", "refused_as_spam"),
        ("bounced", "5.1.1", "550 user unknown", "refused"),
        ("bounced", "5.1.1", "user spammer@far.test unknown", "refused"),
        ("expired", "4.4.1", "blocklist", "refused"),
    ],
)
def test_a_result_means_one_thing(status: str, dsn: str, reply: str, outcome: str) -> None:
    assert sent_mail.outcome_of(status, dsn, reply) == outcome


def test_forwards_are_counted_by_the_hour(guard: Guard) -> None:
    hour = T - T % 3600
    for t in (hour + 5, hour + 1, hour + 3700):
        guard.see(MailForwarded(t, ALICE, "thief@far.test", "sieve"))
    guard.take()
    guard.see(MailForwarded(hour + 9, ALICE, "thief@far.test", "sieve"))
    guard.take()
    rows = list(ForwardedMail.objects.order_by("hour").values_list("count", "first_at", "last_at"))
    assert [(n, a.timestamp() - hour, b.timestamp() - hour) for n, a, b in rows] == [(3, 1, 9), (1, 3700, 3700)]


def test_a_login_keeps_whether_its_source_was_unfamiliar(guard: Guard) -> None:
    seen = LoginSeen(T, ALICE, True, "imap", "203.0.113.9", strange=False)
    guard.see(seen, msgspec.structs.replace(seen, t=T + 1, strange=True))
    guard.take()
    guard.see(msgspec.structs.replace(seen, t=T + 2, ip="192.0.2.1"))
    guard.take()
    assert dict(SignIn.objects.values_list("ip", "strange")) == {"203.0.113.9": True, "192.0.2.1": False}
    guard.see(msgspec.structs.replace(seen, t=T + 3, ip="192.0.2.1", strange=True))
    guard.take()
    assert SignIn.objects.get(ip="192.0.2.1").strange is True


def test_a_time_without_the_guard_is_kept_once(guard: Guard) -> None:
    guard.see(GuardGap(T, T - 60, T), GuardGap(T, T - 60, T))
    guard.take()
    assert [(row.since.timestamp(), row.until.timestamp()) for row in UnseenTime.objects.all()] == [(T - 60, T)]
