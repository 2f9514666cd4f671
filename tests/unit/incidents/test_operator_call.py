"""The operator is called when a fuse blows; and what a notice says of a mailbox whose sending is stopped."""

from __future__ import annotations

import pytest
from test_decisions import ALICE, T, record

from sekisho.directory.models import Contact
from sekisho.incidents import decisions
from sekisho.incidents.models import Notice
from sekisho.incidents.notice_texts import compose

pytestmark = pytest.mark.django_db(databases=["default", "site"])
OPERATOR = "duty@outside.test"


@pytest.fixture
def operator(two_tenants: None) -> None:
    Contact.objects.create(domain="ALL", address=OPERATOR, language="en")


def blow(mailbox: str, t: float = T, host: str = "mx01.provider.example") -> None:
    decisions.record_detection(
        record(f"{mailbox}{t}", "restrict", mailbox=mailbox, limit=0, fuse_blown=True, t=t, host=host)
    )


def calls() -> int:
    return Notice.objects.filter(kind="fuse").count()


def test_a_blown_fuse_calls_the_operator_once_in_ten_minutes_for_a_host(operator: None) -> None:
    blow(ALICE)
    blow("bob@ours.test", T + 599)
    assert [notice.recipient for notice in Notice.objects.filter(kind="fuse")] == [OPERATOR]
    blow("carol@theirs.test", T + 601)
    assert calls() == 2


def test_another_hosts_fuse_is_another_call(operator: None) -> None:
    blow(ALICE)
    blow("bob@ours.test", T + 60, host="mx02.provider.example")
    assert calls() == 2


def test_an_ordinary_restriction_calls_nobody(operator: None) -> None:
    decisions.record_detection(record(action="restrict", limit=0))
    assert calls() == 0


def test_the_call_names_host_count_and_the_one_command(operator: None) -> None:
    for name in ("x1", "x2", "x3"):
        decisions.record_detection(record(name, mailbox=f"{name}@ours.test", t=T - 30))
    blow(ALICE)
    subject, body = compose(Notice.objects.get(kind="fuse"))
    assert subject == "mx01.provider.example: many suspensions, the fuse is blown"
    assert body.count("sekisho incident dismiss --suspended-since 1h") == 2
    assert "within the last ten minutes: 3" in body and "自動停止したメールアドレス: 3 件" in body
    assert body.index("What to do now") < body.index("次にすること")


def test_the_domains_admin_is_not_told_the_operators_address(operator: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils import timezone

    from sekisho.config import settings
    from sekisho.incidents import notices
    from sekisho.incidents.models import TimelineEntry

    blow(ALICE)
    monkeypatch.setattr(notices.Outbox, "_hand_over", lambda self, notice: None)
    assert notices.Outbox(settings(), timezone.now()).send_due(timezone.now(), True) == 2
    told = [entry.details for entry in TimelineEntry.objects.filter(kind="notice").order_by("id")]
    assert {"kind": "fuse"} in told and OPERATOR not in str(told)


@pytest.mark.parametrize(
    "limit,japanese,english,false",
    [
        (0, "どの宛先へも送信できません", "also to known correspondents", "いままでどおりできます。\n\n■"),
        (
            10,
            "これまでにやりとりのある宛先への送信は、いままでどおり",
            "sending to known correspondents work",
            "止めました",
        ),
    ],
)
def test_a_notice_promises_no_mail_where_sending_is_stopped(
    two_tenants: None, limit: int, japanese: str, english: str, false: str
) -> None:
    """It once said of a mailbox at limit 0 that its known correspondents still get mail."""
    decisions.record_detection(record(action="restrict", limit=limit))
    subject, body = compose(Notice.objects.get())
    assert japanese in body and english in body and false not in body
    assert ("止めました" in subject) is (limit == 0)
