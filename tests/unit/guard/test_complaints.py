"""Complaints that reach the guard: each message once, in its own generation, and never alone."""

from __future__ import annotations

from guard.standins import ALICE, NOW, STRANGER, Bench
from sekisho.detection import Login, Place
from sekisho.guard.complaints import Complaints
from sekisho.journal import ComplaintMade, format_record


def complain(queue_id: str = "4jYZ224PJXzJHbl", submitted_at: float = NOW, mailbox: str = ALICE) -> bytes:
    return format_record(ComplaintMade(NOW, mailbox, queue_id, submitted_at, "fbl.test"))


class Desk:
    """A checkpoint at which alice has sent a message, and the desk for complaints."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.complaints = Complaints(self.bench.checkpoint)
        self.bench.checkpoint.observe(Login(NOW - 60, ALICE, STRANGER, Place(), "smtp", True), NOW - 60)
        self.bench.ask(NOW - 50)
        self.bench.ask(NOW - 49, protocol_state="END-OF-MESSAGE", queue_id="4jYZ224PJXzJHbl")

    @property
    def counted(self) -> int:
        profile = self.bench.checkpoint.profiles.known(ALICE)
        return profile.evidence.complaints if profile else 0


def test_a_complaint_counts() -> None:
    desk = Desk()
    desk.complaints.take(complain(), NOW)
    assert desk.counted == 1


def test_the_same_message_counts_once() -> None:
    desk = Desk()
    for _ in range(5):
        desk.complaints.take(complain(), NOW)
    assert desk.counted == 1
    desk.complaints.take(complain("other"), NOW)
    assert desk.counted == 2


def test_a_message_of_the_hijackers_never_counts_against_the_recovered_owner() -> None:
    desk = Desk()
    desk.bench.state(NOW + 10, alice=("probation", 1, 20))
    later = NOW + 20
    desk.bench.checkpoint.observe(Login(later, ALICE, STRANGER, Place(), "smtp", True), later)
    desk.bench.ask(later, instance="i.2", recipient="new2@elsewhere.test")
    desk.complaints.take(complain("late", NOW), later + 1)
    assert desk.counted == 0
    desk.complaints.take(complain("own", later), later + 2)
    assert desk.counted == 1


def test_complaints_alone_decide_nothing() -> None:
    desk = Desk()
    for number in range(500):
        desk.complaints.take(complain(f"q{number}"), NOW)
    assert not [record for record in desk.bench.journal.records if record.action != "alert"]


def test_a_mailbox_that_did_nothing_gets_no_profile() -> None:
    desk = Desk()
    desk.complaints.take(complain("x", mailbox="bob@shop.test"), NOW)
    assert desk.bench.checkpoint.profiles.known("bob@shop.test") is None


def test_a_line_that_is_no_complaint_is_passed_over() -> None:
    desk = Desk()
    for line in (b"", b"{", b'{"type":"login"}', b"\xff"):
        desk.complaints.take(line, NOW)
    assert desk.counted == 0
