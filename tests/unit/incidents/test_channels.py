"""Notices through channels: written with the decision, sent once, retried, told on the page; Apprise for real."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone
from test_decisions import ALICE, T, record

from receivers import Receiver, listening
from sekisho.config import AppriseChannel, Channel, Settings, WebhookChannel, settings
from sekisho.incidents import channels, decisions
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.channel_failures import ChannelFailed, ChannelMisconfigured
from sekisho.incidents.channel_outbox import ChannelOutbox
from sekisho.incidents.channel_texts import compose_test
from sekisho.incidents.models import Incident, Notice, QuestionLink, TimelineEntry
from sekisho.incidents.notice_facts import harmless
from sekisho.incidents.notices import Outbox

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def settle(box: ChannelOutbox, now: datetime) -> int:
    """One turn that starts, the threads' end, one turn that settles."""
    box(now)
    for delivery in box._running.values():
        assert delivery.join(10)
    return box(now)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, receiver: Receiver, two_tenants: None) -> Settings:
    url = private(tmp_path / "url", f"http://127.0.0.1:{receiver.port}/hook")
    secret = private(tmp_path / "secret", base64.b64encode(bytes(32)).decode())
    chat = private(tmp_path / "chat", f"json://127.0.0.1:{receiver.port}/chat")
    found: tuple[Channel, ...] = (
        WebhookChannel("siem", url, secret, allow_private=True),
        AppriseChannel("bakery", chat, language="ja", domains=("ours.test",)),
        AppriseChannel("dentist", chat, language="en", domains=("theirs.test",)),
    )
    changed = msgspec.structs.replace(settings(), channels=found)
    monkeypatch.setattr(channels, "settings", lambda: changed)
    return changed


def test_a_suspension_goes_once_to_each_channel_of_its_domain(configured: Settings, receiver: Receiver) -> None:
    incident = decisions.record_detection(record())
    assert incident is not None
    box = ChannelOutbox(configured, timezone.now())
    assert settle(box, timezone.now()) == 2
    assert settle(box, timezone.now()) == 0
    assert sorted(path for path, _, _ in receiver.requests) == ["/chat", "/hook"]
    by_path = {path: json.loads(body) for path, _, body in receiver.requests}
    hook, chat = by_path["/hook"], by_path["/chat"]
    assert (hook["kind"], hook["mailbox"], hook["case"]) == ("suspended", ALICE, case_number(incident))
    assert hook["reasons"]["en"] and hook["next_action"]["ja"].endswith("設定してください。")
    assert "停止" in chat["title"]
    for said in (ALICE, "日時:", "場所: ブラジル", "理由:", "次にすること:", case_number(incident)):
        assert said in chat["message"]
    assert "http" not in chat["message"]


def test_mail_and_channels_leave_each_others_notices_alone(configured: Settings) -> None:
    decisions.record_detection(record())
    channelled = Notice.objects.filter(recipient__startswith="channel:")
    Notice.objects.exclude(pk__in=channelled).update(state="sent")
    assert Outbox(configured, timezone.now()).send_due(timezone.now(), True) == 0
    assert {notice.state for notice in channelled} == {"open"}


def test_a_receiver_that_fails_is_tried_again_later_with_the_same_id(configured: Settings, receiver: Receiver) -> None:
    receiver.answers = [503]
    decisions.record_detection(record())
    Notice.objects.exclude(recipient="channel:siem").delete()
    now = timezone.now()
    Notice.objects.update(created_at=now)
    box = ChannelOutbox(configured, now)
    assert settle(box, now) == 0
    settle(box, now + timedelta(seconds=5))
    assert len(receiver.requests) == 1
    receiver.answers = [200]
    assert settle(box, now + timedelta(seconds=11)) == 1
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1
    assert len(receiver.requests) == 2
    assert Notice.objects.get().state == "sent"


def test_ten_minutes_of_failure_are_an_alarm_that_names_no_address(configured: Settings, receiver: Receiver) -> None:
    receiver.answers = [503]
    decisions.record_detection(record())
    Notice.objects.exclude(recipient="channel:siem").delete()
    now = timezone.now()
    box = ChannelOutbox(configured, now)
    settle(box, now)
    assert box.alarms(now + timedelta(minutes=9)) == []
    [alarm] = box.alarms(now + timedelta(minutes=11))
    assert alarm.startswith("channel siem:") and alarm.endswith("HTTP 503") and "127.0.0.1" not in alarm


@pytest.mark.parametrize(("answer", "days", "state"), [(410, 0, "failed"), (503, 6, "failed"), (503, 0, "open")])
def test_gone_and_five_days_end_a_notice(
    configured: Settings, receiver: Receiver, answer: int, days: int, state: str
) -> None:
    decisions.record_detection(record())
    Notice.objects.exclude(recipient="channel:siem").delete()
    Notice.objects.update(created_at=timezone.now() - timedelta(days=days))
    receiver.answers = [answer]
    settle(ChannelOutbox(configured, timezone.now()), timezone.now())
    assert Notice.objects.get().state == state


def test_a_worker_killed_while_it_sent_sends_again_with_the_same_id(configured: Settings, receiver: Receiver) -> None:
    decisions.record_detection(record())
    Notice.objects.exclude(recipient="channel:siem").delete()
    now = timezone.now()
    Notice.objects.update(state="sending", claimed_at=now - timedelta(seconds=1))
    assert settle(ChannelOutbox(configured, now), now) == 1
    [(_, headers, _)] = receiver.requests
    assert Notice.objects.get().message_id.startswith(f"<{headers['webhook-id']}@")


def test_a_channel_that_was_taken_away_is_not_waited_for(configured: Settings) -> None:
    decisions.record_detection(record())
    settle(ChannelOutbox(msgspec.structs.replace(configured, channels=()), timezone.now()), timezone.now())
    assert {n.state for n in Notice.objects.filter(recipient__startswith="channel:")} == {"dropped"}


def test_the_domains_admin_reads_of_his_own_channels_only(configured: Settings) -> None:
    decisions.record_detection(record())
    settle(ChannelOutbox(configured, timezone.now()), timezone.now())
    told = [entry.details.get("recipient") for entry in TimelineEntry.objects.filter(kind="notice")]
    assert set(told) == {None, "bakery"}
    assert channels.is_of_domain("boss@outside.test", "ours.test")
    assert not channels.is_of_domain("channel:siem", "ours.test")


def test_a_chat_is_asked_nothing_that_everybody_in_it_could_answer(configured: Settings) -> None:
    decisions.record_detection(record("d1", "restrict", limit=10))
    assert Notice.objects.filter(kind="restricted", recipient="channel:bakery").exists()
    links = QuestionLink.objects.all()
    assert links and not any(link.notice.recipient.startswith("channel:") for link in links)


def test_a_restriction_that_becomes_a_suspension_is_one_message(configured: Settings, receiver: Receiver) -> None:
    now = datetime.fromtimestamp(T, UTC)
    box = ChannelOutbox(configured, now)
    decisions.record_detection(record("d1", "restrict"))
    assert settle(box, now + timedelta(seconds=2)) == 0
    decisions.record_detection(record("d2", "suspend", before="restricted", t=T + 3))
    assert settle(box, now + timedelta(seconds=4)) == 2
    assert settle(box, now + timedelta(seconds=90)) == 0
    assert len(receiver.requests) == 2


def test_apprise_tells_a_refusal_and_keeps_its_addresses_out_of_the_log(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500]
    address = private(tmp_path / "a", f"json://user:T0K3N@127.0.0.1:{receiver.port}/chat")
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelFailed) as failure:
        channels.deliver(AppriseChannel("chat", address), compose_test("x", "en"))
    assert len(receiver.requests) == 1
    assert "T0K3N" not in caplog.text + str(failure.value)
    unknown = private(tmp_path / "b", "nosuch://T0K3N")
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelMisconfigured) as wrong:
        channels.deliver(AppriseChannel("chat", unknown), compose_test("x", "en"))
    assert "T0K3N" not in caplog.text + str(wrong.value)


def test_apprise_follows_no_redirect(tmp_path: Path, receiver: Receiver) -> None:
    with listening() as elsewhere:
        receiver.answers, receiver.location = [307], f"http://127.0.0.1:{elsewhere.port}/"
        address = private(tmp_path / "a", f"json://127.0.0.1:{receiver.port}/")
        with pytest.raises(ChannelFailed):
            channels.deliver(AppriseChannel("chat", address), compose_test("x", "en"))
    assert elsewhere.requests == []


def test_names_that_a_hijacker_chose_open_and_ring_nothing(incident: Incident) -> None:
    said = harmless("rule <!channel> [x](https://evil.test/) @everyone\r\nBcc: a`b`")
    assert not set("<>[]`\r\n") & set(said)
    assert "://" not in said and "@everyone" not in said
    assert harmless("佐藤@ours.test へ転送") == "佐藤@ours.test へ転送"
