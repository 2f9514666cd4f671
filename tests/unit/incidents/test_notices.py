from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone
from test_decisions import T, record

from sekisho.config import settings
from sekisho.incidents import decisions, notices
from sekisho.incidents.models import Incident, Notice, TimelineEntry
from sekisho.incidents.notice_texts import compose
from sekisho.incidents.notices import Outbox

pytestmark = pytest.mark.django_db(databases=["default", "site"])


class Postfix:
    """Stands in for smtplib.SMTP: keeps what it was given, or raises `refusal`."""

    sent: list[EmailMessage]
    refusal: Exception | None

    def __init__(self, *_: Any, timeout: float) -> None:
        assert timeout > 0

    def __enter__(self) -> Postfix:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def send_message(self, message: EmailMessage, from_addr: str, to_addrs: list[str]) -> None:
        if type(self).refusal is not None:
            raise type(self).refusal  # type: ignore[misc]
        type(self).sent.append(message)


@pytest.fixture
def postfix(monkeypatch: pytest.MonkeyPatch) -> type[Postfix]:
    Postfix.sent, Postfix.refusal = [], None
    monkeypatch.setattr(notices.smtplib, "SMTP", Postfix)
    return Postfix


def outbox(started_at: datetime | None = None) -> Outbox:
    return Outbox(settings(), started_at or timezone.now())


def test_one_mail_per_incident_and_contact(postfix: type[Postfix], incident: Incident) -> None:
    box = outbox()
    assert box.send_due(timezone.now(), True) == 1
    assert box.send_due(timezone.now(), True) == 0
    assert [message["To"] for message in postfix.sent] == ["boss@outside.test"]
    assert Notice.objects.get().state == "sent"
    assert TimelineEntry.objects.filter(kind="notice").count() == 1


def test_its_message_id_is_fixed_and_says_nothing(incident: Incident) -> None:
    notice = Notice.objects.get()
    assert notice.message_id == notices.message_id(incident, "suspended", "boss@outside.test")
    assert notice.message_id.startswith("<sekisho.notice.")
    assert "alice" not in notice.message_id


def test_it_says_in_two_languages_what_to_do_and_links_nowhere(two_tenants: None) -> None:
    decisions.record_detection(record())
    subject, body = compose(Notice.objects.get())
    assert "停止" in subject
    assert "管理 › システム › メール設定 › メール管理へ" in body
    assert "初めての国 BR" in body and "first login from BR" in body
    assert body.index("停止しました") < body.index("was suspended")
    assert "http" not in body


def test_an_english_contact_reads_english_first(two_tenants: None) -> None:
    decisions.suspend("carol@theirs.test", "complaints", "operator")
    subject, body = compose(Notice.objects.get())
    assert subject == "Mailbox carol@theirs.test was suspended"
    assert body.index("was suspended") < body.index("停止しました")


def test_a_restriction_that_becomes_a_suspension_is_one_mail(postfix: type[Postfix], two_tenants: None) -> None:
    now = datetime.fromtimestamp(T, UTC)
    box = outbox(now)
    decisions.record_detection(record("d1", "restrict"))
    assert box.send_due(now + timedelta(seconds=2), True) == 0
    decisions.record_detection(record("d2", "suspend", before="restricted", t=T + 3))
    assert box.send_due(now + timedelta(seconds=4), True) == 1
    assert box.send_due(now + timedelta(seconds=90), True) == 0
    assert "停止" in str(postfix.sent[0]["Subject"])


def test_a_restriction_alone_is_told_after_half_a_minute(postfix: type[Postfix], two_tenants: None) -> None:
    now = datetime.fromtimestamp(T, UTC)
    decisions.record_detection(record("d1", "restrict"))
    assert outbox(now).send_due(now + timedelta(seconds=31), True) == 1
    assert "制限" in str(postfix.sent[0]["Subject"])


def test_the_mailbox_itself_is_not_told(two_tenants: None) -> None:
    from sekisho.directory import provision

    provision.add_contact("ours.test", "Alice+x@alias.test")
    decisions.suspend("alice@ours.test", "x", "operator")
    assert [notice.recipient for notice in Notice.objects.all()] == ["boss@outside.test"]


def test_a_postfix_that_is_away_is_tried_again_later(postfix: type[Postfix], incident: Incident) -> None:
    now = timezone.now()
    box = outbox(now)
    postfix.refusal = ConnectionRefusedError("no")
    assert box.send_due(now, True) == 0
    postfix.refusal = None
    assert box.send_due(now + timedelta(seconds=5), True) == 0
    assert box.send_due(now + timedelta(seconds=11), True) == 1
    assert len(postfix.sent) == 1


def test_a_recipient_refused_for_good_is_given_up(postfix: type[Postfix], incident: Incident) -> None:
    postfix.refusal = smtplib.SMTPRecipientsRefused({"boss@outside.test": (550, b"no such user")})
    outbox().send_due(timezone.now(), True)
    assert Notice.objects.get().state == "failed"


def test_a_recipient_refused_for_now_is_not(postfix: type[Postfix], incident: Incident) -> None:
    postfix.refusal = smtplib.SMTPRecipientsRefused({"boss@outside.test": (451, b"later")})
    outbox().send_due(timezone.now(), True)
    assert Notice.objects.get().state == "open"


def test_after_a_kill_it_waits_for_the_log_before_it_sends_again(postfix: type[Postfix], incident: Incident) -> None:
    started = timezone.now()
    Notice.objects.update(state="sending", claimed_at=started - timedelta(seconds=3))
    box = outbox(started)
    assert box.send_due(started + timedelta(seconds=5), True) == 0
    assert box.send_due(started + timedelta(seconds=60), False) == 0
    assert postfix.sent == []
    assert box.send_due(started + timedelta(seconds=60), True) == 1


def test_after_a_kill_a_notice_the_log_shows_is_not_sent_again(postfix: type[Postfix], incident: Incident) -> None:
    started = timezone.now()
    Notice.objects.update(state="sending", claimed_at=started - timedelta(seconds=3))
    notices.mark_seen(Notice.objects.get().message_id.strip("<>"), started)
    assert outbox(started).send_due(started + timedelta(seconds=60), True) == 0
    assert postfix.sent == []


def test_without_a_sender_nothing_is_sent(postfix: type[Postfix], incident: Incident) -> None:
    import msgspec

    nobody = msgspec.structs.replace(settings().notices, sender="")
    box = Outbox(msgspec.structs.replace(settings(), notices=nobody), timezone.now())
    assert box.send_due(timezone.now(), True) == 0
    assert Notice.objects.get().state == "open"


def test_every_notice_has_the_case_number_and_the_place(two_tenants: None) -> None:
    from sekisho.incidents.case_numbers import case_number

    incident = decisions.record_detection(record())
    assert incident is not None
    _, body = compose(Notice.objects.get())
    assert body.count(case_number(incident)) == 2
    assert "接続元: ブラジル / " in body and "used from: Brazil / " in body


def test_the_owner_is_told_outside_the_mailbox_and_not_twice(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sekisho.incidents import questions

    contacts = [("alice@private.test", "en"), ("boss@outside.test", "ja")]
    monkeypatch.setattr(questions, "_owner_finders", [lambda mailbox, now: contacts])
    decisions.record_detection(record())
    told = {(notice.kind, notice.recipient) for notice in Notice.objects.all()}
    assert told == {("suspended", "boss@outside.test"), ("owner_told", "alice@private.test")}
    subject, body = compose(Notice.objects.get(kind="owner_told"))
    assert subject == "Your mailbox alice@ours.test was suspended"
    assert "Get your mailbox back" in body and "http" not in body
