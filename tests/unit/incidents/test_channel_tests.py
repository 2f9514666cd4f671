"""Test notices asked for in the panel: sent by the worker, once, and what came of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone

from receivers import Receiver, listening
from sekisho.config import AppriseChannel, Settings, settings
from sekisho.directory.models import Contact
from sekisho.incidents import channel_tests, notices
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.incidents.channel_tests import ChannelTests, ask, facts
from sekisho.incidents.models import Audit, ChannelTest

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, receiver: Receiver) -> Settings:
    file = tmp_path / "chat"
    file.write_text(f"json://127.0.0.1:{receiver.port}/chat?token=geheim")
    file.chmod(0o600)
    # Nothing listens there.
    mail = msgspec.structs.replace(settings().notices, sender="sekisho@provider.test", smtp_port=1)
    changed = msgspec.structs.replace(settings(), channels=(AppriseChannel("duty", str(file)),), notices=mail)
    monkeypatch.setattr(channel_tests, "settings", lambda: changed)
    return changed


def work(worker: ChannelTests) -> None:
    """One turn that starts, the threads' end, one turn that settles."""
    worker(timezone.now())
    for delivery in worker._running.values():
        assert delivery.join(20)
    worker(timezone.now())


def test_a_test_goes_out_once_and_says_so(ours: Settings, receiver: Receiver) -> None:
    worker = ChannelTests(ours)
    ask("duty", "operator")
    work(worker)
    work(worker)
    assert len(receiver.requests) == 1
    [row] = [one for one in facts(ours, timezone.now()) if one["name"] == "duty"]
    assert row["test"].state == "sent" and row["test"].actor == "operator" and not row["under_way"]
    assert Audit.objects.get(verb="channel_tested").subject == "duty"


def test_a_failure_is_told_without_the_address(ours: Settings, receiver: Receiver) -> None:
    receiver.answers = [500]
    ask("duty", "operator")
    work(ChannelTests(ours))
    row = ChannelTest.objects.get()
    assert row.state == "failed" and row.failure and "geheim" not in row.failure and "127.0.0.1" not in row.failure


def test_a_second_test_waits_for_the_first_unless_nobody_took_it(ours: Settings) -> None:
    now = timezone.now()
    ask("duty", "operator", now=now - timedelta(seconds=30))
    with pytest.raises(Overtaken):
        ask("duty", "operator", now=now)
    ChannelTest.objects.update(asked_at=now - channel_tests.STALE_AFTER)
    assert not facts(ours, now)[1]["under_way"]
    assert ask("duty", "operator", now=now).state == "waiting"


def test_there_is_no_test_of_a_channel_that_does_not_exist(ours: Settings) -> None:
    with pytest.raises(NotAllowed):
        ask("siem", "operator")
    assert not ChannelTest.objects.exists() and not Audit.objects.exists()


def test_an_old_request_is_not_sent_when_the_worker_comes_back(ours: Settings, receiver: Receiver) -> None:
    ask("duty", "operator", now=timezone.now() - timedelta(hours=1))
    work(ChannelTests(ours))
    assert not receiver.requests and ChannelTest.objects.get().state == "failed"


def test_what_a_killed_worker_had_in_hand_is_told_as_failed_not_sent_again(ours: Settings, receiver: Receiver) -> None:
    ask("duty", "operator")
    ChannelTest.objects.update(state="sending")
    work(ChannelTests(ours))
    assert not receiver.requests and "started again" in ChannelTest.objects.get().failure


def test_mail_says_when_the_operator_has_no_contact_and_when_postfix_is_away(ours: Settings) -> None:
    worker = ChannelTests(ours)
    ask("mail", "operator")
    work(worker)
    assert "no contact" in ChannelTest.objects.get().failure
    Contact.objects.create(domain=notices.OPERATOR, address="ops@outside.test", language="en")
    ask("mail", "operator")
    work(worker)
    assert ChannelTest.objects.get().failure.startswith("ConnectionRefusedError")
