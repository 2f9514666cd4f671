"""Lines of the mail log, and what they tell."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import pytest

from guard.standins import ALICE, NOW, STRANGER, Bench
from sekisho.guard import log_file
from sekisho.guard.log_file import LogFile, Position
from sekisho.guard.log_tail import LogTail, TailReader
from sekisho.journal import (
    DeliveryResult,
    MailArrived,
    MailboxState,
    MailForwarded,
    NoticeArrived,
    NoticeSeen,
    QueueIdPaired,
    SenderDeferred,
    StateFile,
)

ID = "4jYZ224PJXzJHbl"
OTHER = "4jYZ2S3ZN9zJJGw"
SENDER = "sekisho@host.test"


class Tail:
    """A log tail that is told lines without their head."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.tail = LogTail(self.bench.checkpoint, SENDER)

    def say(self, daemon: str, text: str, t: float = NOW) -> None:
        stamp = datetime.fromtimestamp(t).strftime("%b %d %H:%M:%S")
        stamp = stamp[:4] + stamp[4:6].lstrip("0").rjust(2) + stamp[6:]
        self.tail.take_line(f"{stamp} mx01 ours/{daemon}[1]: {text}", NOW)

    def submit(self, queue_id: str = ID) -> None:
        """A message that the checkpoint saw at END-OF-MESSAGE."""
        self.bench.ask(protocol_state="END-OF-MESSAGE", queue_id=queue_id)
        self.bench.spooled.clear()

    def deliver(self, status: str = "sent", dsn: str = "2.0.0", to: str = "x@far.test", queue_id: str = ID) -> None:
        self.say("smtp", f"{queue_id}: to=<{to}>, relay=r[192.0.2.1]:25, delay=1, dsn={dsn}, status={status} (said: x)")


def login(queue_id: str = ID) -> str:
    return f"{queue_id}: client=pc[{STRANGER}], sasl_method=PLAIN, sasl_username={ALICE}"


def test_the_log_pairs_queue_id_and_login() -> None:
    tail = Tail()
    tail.say("submission/smtpd", login())
    assert tail.bench.spooled == [QueueIdPaired(NOW, ALICE, ID, ip=STRANGER, strange=False)]


def test_a_message_already_known_from_the_policy_is_not_paired_again() -> None:
    tail = Tail()
    tail.submit()
    tail.say("submission/smtpd", login())
    assert tail.bench.spooled == []


def test_delivery_results_are_learnt_and_told_with_what_the_recipient_is() -> None:
    tail = Tail()
    tail.submit()
    before = tail.bench.checkpoint.counters.events
    tail.deliver("bounced", "5.1.1")
    assert tail.bench.checkpoint.counters.events == before + 1
    told = DeliveryResult(NOW, ALICE, ID, "x@far.test", "bounced", "5.1.1", "", "stranger", "said: x", "r")
    assert tail.bench.spooled == [told]
    tail.deliver()
    assert tail.bench.spooled[1:] == [
        DeliveryResult(NOW, ALICE, ID, "x@far.test", "sent", "2.0.0", "", "stranger", "", "r")
    ]


def test_mail_that_an_alias_sends_elsewhere_is_told() -> None:
    tail = Tail()
    relay = "relay=r[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)"
    for to, original in (("Thief@far.test", ALICE), ("bob@shop.test", ALICE), ("me@far.test", "x@nowhere")):
        tail.say("smtp", f"{ID}: to=<{to}>, orig_to=<{original}>, {relay}")
    tail.say("smtp", f"{ID}: to=<thief@far.test>, orig_to=<{ALICE}>, {relay.replace('sent', 'deferred')}")
    tail.say("lmtp", f"{ID}: to=<carol@far.test>, orig_to=<{ALICE}>, {relay}")
    told = [event for event in tail.bench.spooled if isinstance(event, MailForwarded)]
    assert told == [
        MailForwarded(NOW, ALICE, "thief@far.test", "alias"),
        MailForwarded(NOW, "x@nowhere", "me@far.test", "alias"),
    ]


def test_results_of_strangers_mail_are_nobodys() -> None:
    tail = Tail()
    tail.deliver("bounced", "5.1.1", queue_id=OTHER)
    assert tail.bench.checkpoint.counters.events == 0


def test_late_bounces_of_an_older_generation_do_not_count() -> None:
    tail = Tail()
    tail.submit()
    tail.bench.state(alice=("probation", 1, 20))
    before = tail.bench.checkpoint.counters.events
    tail.deliver("bounced", "5.1.1")
    assert tail.bench.checkpoint.counters.events == before
    assert isinstance(tail.bench.spooled[0], DeliveryResult)


def test_a_requeued_message_keeps_its_owner() -> None:
    tail = Tail()
    tail.submit()
    tail.say("pickup", f"{OTHER}: uid=0 from=<{ALICE}> orig_id={ID}")
    assert tail.bench.spooled == [QueueIdPaired(NOW, ALICE, OTHER, ID)]
    tail.bench.state(alice=("suspended", 0, None))
    tail.deliver(queue_id=OTHER)
    assert isinstance(tail.bench.spooled[1], DeliveryResult)


def to_filter(tail: Tail, said: str, relay: str = "127.0.0.1[127.0.0.1]:10024", to: str = "x@far.test") -> None:
    """A delivery to a content filter, in amavisd-new's words."""
    tail.say("smtp", f"{ID}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent ({said})")


FILTERED = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {OTHER}"


def test_a_message_handed_back_by_a_content_filter_keeps_its_owner_and_counts_once() -> None:
    """XFORWARD: smtpd names the former id before the filter has answered."""
    tail = Tail()
    tail.submit()
    before = tail.bench.checkpoint.counters.events
    back = f"{OTHER}: client=localhost[127.0.0.1], orig_queue_id={ID}, orig_client=pc[{STRANGER}]"
    tail.say("filtered/smtpd", back)
    tail.say("qmgr", f"{OTHER}: from=<{ALICE}>, size=500, nrcpt=1 (queue active)")
    tail.bench.state(alice=("suspended", 0, None))
    to_filter(tail, FILTERED)
    assert tail.bench.spooled == [QueueIdPaired(NOW, ALICE, OTHER, ID)]
    tail.deliver("bounced", "5.1.1", queue_id=OTHER)
    assert [e.status for e in tail.bench.spooled if isinstance(e, DeliveryResult)] == ["bounced"]
    assert tail.bench.checkpoint.counters.events == before + 1
    assert tail.bench.checkpoint.accepted.since(ALICE, NOW - 1) == (ID, OTHER)


def test_without_xforward_the_filters_answer_names_the_new_id() -> None:
    tail = Tail()
    tail.submit()
    tail.say("cleanup", f"{OTHER}: message-id=<m@far.test>")
    to_filter(tail, FILTERED)
    assert tail.bench.spooled == [QueueIdPaired(NOW, ALICE, OTHER, ID)]
    # Its other recipients' lines say the same.
    to_filter(tail, FILTERED, to="y@far.test")
    assert len(tail.bench.spooled) == 1
    owner = tail.bench.checkpoint.accepted.owner(OTHER)
    assert owner is not None and owner.mailbox == ALICE


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        # Another server may say what it likes.
        ("mx.far.test[192.0.2.1]:25", FILTERED),
        ("127.0.0.1.far.test[192.0.2.1]:25", FILTERED),
        # An id that our log has not seen: the next server of a relay on this machine has a queue of its own.
        ("127.0.0.1[127.0.0.1]:3525", "250 2.0.0 Ok: queued as 4jYZ9999999zJJG"),
        ("127.0.0.1[127.0.0.1]:3525", "250 2.0.0 Ok"),
    ],
)
def test_no_other_answer_takes_a_message_from_its_owner_or_gives_it_one(relay: str, said: str) -> None:
    tail = Tail()
    tail.submit()
    tail.say("cleanup", f"{OTHER}: message-id=<m@far.test>")
    tail.bench.state(alice=("suspended", 0, None))
    to_filter(tail, said, relay)
    assert [type(event) for event in tail.bench.spooled] == [DeliveryResult]
    assert tail.bench.checkpoint.accepted.owner(OTHER) is None


def test_an_answer_never_takes_a_message_that_has_an_owner() -> None:
    tail = Tail()
    tail.submit(OTHER)
    owner = tail.bench.checkpoint.accepted.owner(OTHER)
    tail.submit()
    tail.say("cleanup", f"{OTHER}: message-id=<m@far.test>")
    to_filter(tail, FILTERED)
    assert tail.bench.checkpoint.accepted.owner(OTHER) is owner


def test_mail_refused_at_the_door_names_who_waits() -> None:
    tail = Tail()
    tail.say(
        "smtpd",
        f"NOQUEUE: reject: RCPT from out.far.test[{STRANGER}]: 450 4.2.1 <Alice@Shop.test>: Recipient address rejected:"
        " mailbox temporarily suspended; from=<s@far.test> to=<Alice@Shop.test> proto=ESMTP helo=<out.far.test>",
    )
    client = f"out.far.test[{STRANGER}]"
    assert tail.bench.spooled == [SenderDeferred(NOW, ALICE, "s@far.test", "Alice@Shop.test", client, "sender")]


def test_mail_waiting_in_our_queue_names_who_waits() -> None:
    tail = Tail()
    tail.bench.state(alice=("suspended", 0, None))
    tail.say("qmgr", f"{OTHER}: from=<s@far.test>, size=1, nrcpt=1 (queue active)")
    waiting = f"{OTHER}: to=<{ALICE}>, orig_to=<info@shop.test>, relay=none, delay=0, dsn=4.2.1, status=deferred (wait)"
    tail.say("error", waiting)
    found = SenderDeferred(NOW, ALICE, "s@far.test", "info@shop.test", "", "ours", OTHER)
    assert tail.bench.spooled == [found]


def test_mail_that_arrives_for_somebody_watched_is_told() -> None:
    tail = Tail()
    line = f"{OTHER}: to=<{ALICE}>, relay=private/lmtp, delay=0, dsn=2.0.0, status=sent (250 2.0.0 Saved)"
    tail.say("qmgr", f"{OTHER}: from=<s@far.test>, size=1, nrcpt=1 (queue active)")
    tail.say("lmtp", line)
    assert tail.bench.spooled == []
    tail.bench.checkpoint.take_state(StateFile(NOW, {}, watched=(ALICE,)), NOW)
    tail.say("lmtp", line)
    assert tail.bench.spooled == [MailArrived(NOW, ALICE, "s@far.test", OTHER)]


def test_a_notice_is_ours_only_from_our_own_sender() -> None:
    tail = Tail()
    for queue_id, sender in ((ID, "mallory@far.test"), (OTHER, SENDER)):
        tail.say("cleanup", f"{queue_id}: message-id=<sekisho.notice.7@host.test>")
        tail.say("qmgr", f"{queue_id}: from=<{sender}>, size=1, nrcpt=1 (queue active)")
    assert tail.bench.spooled == [NoticeSeen(NOW, "<sekisho.notice.7@host.test>", OTHER)]


def test_a_notice_of_ours_for_a_mailbox_of_ours_is_told_when_it_has_arrived() -> None:
    tail = Tail()
    for queue_id, sender in ((ID, "mallory@far.test"), (OTHER, SENDER)):
        tail.say("cleanup", f"{queue_id}: message-id=<sekisho.notice.7@host.test>")
        tail.say("qmgr", f"{queue_id}: from=<{sender}>, size=1, nrcpt=1 (queue active)")
        end = f"{queue_id}: to=<{ALICE.upper()}>, relay=private/lmtp, delay=0, dsn="
        tail.say("lmtp", end + "4.3.0, status=deferred (451 later)")
        tail.say("lmtp", end + "2.0.0, status=sent (250 2.0.0 Saved)")
    arrived = NoticeArrived(NOW, "<sekisho.notice.7@host.test>", ALICE)
    assert tail.bench.spooled == [NoticeSeen(NOW, "<sekisho.notice.7@host.test>", OTHER), arrived]


def test_a_message_that_passed_while_the_guard_was_away_is_learnt_from_the_log() -> None:
    tail = Tail()
    then = NOW - 600
    tail.say("submission/smtpd", login(), then)
    tail.say("qmgr", f"{ID}: from=<{ALICE}>, size=500, nrcpt=2 (queue active)", then + 1)
    for number in range(2):
        to = f"to=<v{number}@far.test>, relay=r[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (no)"
        tail.say("smtp", f"{ID}: {to}", then + 2)
    # One submission, two recipients, two results.
    assert tail.bench.checkpoint.counters.events == 5
    assert tail.bench.checkpoint.accepted.since(ALICE, then - 1) == (ID,)
    tail.say("qmgr", f"{ID}: from=<{ALICE}>, size=500, nrcpt=2 (queue active)", then + 300)
    assert tail.bench.checkpoint.counters.events == 5


def test_lines_read_again_after_a_kill_are_not_spooled_twice(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    stamp = datetime.fromtimestamp(NOW).strftime("%b %d %H:%M:%S")
    line = f"{stamp} mx01 ours/smtpd[1]: {login()}\n"
    path.write_text(line)
    inode = path.stat().st_ino
    tail = Tail()
    reader = TailReader(tail.tail, LogFile(path, Position(inode, 0)), Position(inode, len(line)))
    assert reader.read_chunk(NOW) == 1
    assert tail.bench.spooled == []
    assert tail.bench.checkpoint.accepted.owner(ID) is not None
    with path.open("a") as file:
        file.write(line.replace(ID, OTHER))
    reader.read_chunk(NOW)
    assert [type(event) for event in tail.bench.spooled] == [QueueIdPaired]


def test_a_line_we_fail_on_does_not_stop_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    stamp = datetime.fromtimestamp(NOW).strftime("%b %d %H:%M:%S")
    path.write_bytes(b"\xff\xfe garbage\n" + f"{stamp} mx01 ours/smtpd[1]: {login()}\n".encode())
    tail = Tail()
    reader = TailReader(tail.tail, LogFile(path, Position(path.stat().st_ino, 0)), Position())
    assert reader.read_chunk(NOW) == 2
    assert len(tail.bench.spooled) == 1


def test_a_suspended_mailbox_elsewhere_is_not_touched_by_the_log() -> None:
    tail = Tail()
    state = StateFile(NOW, {ALICE: MailboxState("suspended", 0)})
    tail.bench.checkpoint.take_state(state, NOW)
    tail.deliver(to=ALICE, queue_id=OTHER)
    assert tail.bench.spooled == []


def log_line(daemon: str, text: str) -> str:
    return f"{datetime.fromtimestamp(NOW).astimezone().isoformat()} mx01 ours/{daemon}[1]: {text}\n"


def a_message(queue_id: str) -> str:
    bounced = f"{queue_id}: to=<x@far.test>, relay=r[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (said: 550 no)"
    return (
        log_line("submission/smtpd", login(queue_id))
        + log_line("qmgr", f"{queue_id}: from=<{ALICE}>, size=900, nrcpt=1 (queue active)")
        + log_line("smtp", bounced)
    )


def test_lines_about_messages_nobody_asked_us_about_teach_only_after_an_absence(tmp_path: Path) -> None:
    tail = Tail()
    path = tmp_path / "mail.log"
    path.write_text(a_message(ID))
    reader = TailReader(tail.tail, LogFile(path, Position(path.stat().st_ino, 0)), Position())
    events = tail.bench.checkpoint.counters
    reader.read_chunk(NOW)
    learnt = events.events
    assert learnt
    for second in range(1, 13):
        reader.read_chunk(NOW + second)
    # The guard answers: what comes now can only be forged, or is none of its business.
    with path.open("a") as file:
        file.write(a_message(OTHER))
    reader.read_chunk(NOW + 13)
    assert events.events == learnt
    assert QueueIdPaired in {type(event) for event in tail.bench.spooled}
    # It stands still for a while: Postfix went on without it.
    with path.open("a") as file:
        file.write(a_message("4jYZ2S3ZN9zJJGx"))
    reader.read_chunk(NOW + 20)
    assert events.events == 2 * learnt


def test_a_submitted_message_is_paired_with_its_message_id_when_the_queue_takes_it() -> None:
    tail = Tail()
    # cleanup writes before the client has ended the message, so before END-OF-MESSAGE.
    tail.say("cleanup", f"{ID}: message-id=<1.2@shop.test>")
    tail.submit()
    tail.say("qmgr", f"{ID}: from=<{ALICE}>, size=500, nrcpt=1 (queue active)")
    tail.say("qmgr", f"{ID}: from=<{ALICE}>, size=500, nrcpt=1 (queue active)")
    assert tail.bench.spooled == [QueueIdPaired(NOW, ALICE, ID, message_id="<1.2@shop.test>")]


def test_the_message_id_of_other_peoples_mail_is_not_spooled() -> None:
    tail = Tail()
    tail.say("cleanup", f"{OTHER}: message-id=<3.4@far.test>")
    tail.say("qmgr", f"{OTHER}: from=<friend@far.test>, size=500, nrcpt=1 (queue active)")
    assert tail.bench.spooled == []


def test_of_a_chunk_that_reaches_over_the_place_only_the_new_lines_are_spooled(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    told = log_line("smtpd", login())
    path.write_text(told + log_line("smtpd", login(OTHER)))
    inode = path.stat().st_ino
    tail = Tail()
    reader = TailReader(tail.tail, LogFile(path, Position(inode, 0)), Position(inode, len(told)))
    assert reader.read_chunk(NOW) == 2
    assert [event.queue_id for event in tail.bench.spooled if isinstance(event, QueueIdPaired)] == [OTHER]


def test_messages_behind_a_long_way_through_a_compressed_log_are_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "SKIP_BYTES", 1000)
    path = tmp_path / "mail.log"
    path.write_text("".join(log_line("smtpd", f"connect from pc{number}") for number in range(300)))
    read = LogFile(path, Position(path.stat().st_ino, 0))
    assert read.read_lines()
    with path.open("a") as file:
        file.write(a_message(ID))
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.write_text("")
    tail = Tail()
    reader = TailReader(tail.tail, LogFile(path, read.position), Position())
    # A step a second: longer than Postfix waits for an answer.
    for second in range(20):
        reader.read_chunk(NOW + second)
    assert tail.bench.checkpoint.counters.events > 0
