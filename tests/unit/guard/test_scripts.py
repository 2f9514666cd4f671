"""Script changes, redirects and the agent's findings."""

from __future__ import annotations

import json

from guard.standins import ALICE, NOW, STRANGER, Bench
from sekisho.guard.event_intake import EventIntake
from sekisho.guard.http_service import Request
from sekisho.guard.scripts import Scripts
from sekisho.guard.sessions import Sessions
from sekisho.journal import MailboxState, ScriptChanged, StateFile

FORWARD = ScriptChanged(NOW, ALICE, "forward", "evil@far.test", "fwd", STRANGER)


class Intake:
    """Scripts with sessions and a checkpoint."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.sessions = Sessions()
        self.scripts = Scripts(self.bench.checkpoint, self.sessions)

    @property
    def observed(self) -> int:
        return self.bench.checkpoint.counters.events


def test_a_stored_script_is_spooled_with_the_address_of_its_session() -> None:
    intake = Intake()
    intake.sessions.begin("s1", ALICE, STRANGER)
    intake.scripts.changed(ALICE, "s1", "fwd", NOW)
    assert intake.bench.spooled == [ScriptChanged(NOW, ALICE, "filter", "", "fwd", STRANGER)]
    assert intake.observed == 0


def test_a_session_of_somebody_else_gives_no_address() -> None:
    intake = Intake()
    intake.sessions.begin("s1", "bob@shop.test", STRANGER)
    intake.scripts.changed(ALICE, "s1", "fwd", NOW)
    assert intake.bench.spooled == [ScriptChanged(NOW, ALICE, "filter", "", "fwd", "")]


def test_a_finding_counts_once() -> None:
    intake = Intake()
    intake.scripts.take_finding(FORWARD, NOW + 1)
    intake.scripts.take_finding(FORWARD, NOW + 2)
    assert intake.observed == 1


def test_a_redirect_soon_after_a_change_is_the_same_finding() -> None:
    intake = Intake()
    intake.scripts.changed(ALICE, "", "fwd", NOW)
    intake.scripts.redirected(ALICE, "evil@far.test", NOW + 60)
    intake.scripts.redirected(ALICE, "evil@far.test", NOW + 120)
    intake.scripts.take_finding(FORWARD, NOW + 180)
    assert intake.observed == 1


def test_an_old_forward_of_the_owner_never_counts() -> None:
    intake = Intake()
    intake.scripts.redirected(ALICE, "me@private.test", NOW)
    intake.scripts.changed(ALICE, "", "fwd", NOW)
    intake.scripts.redirected(ALICE, "me@private.test", NOW + 4 * 86_400)
    assert intake.observed == 0


def test_a_redirect_to_the_mailbox_itself_leaks_nothing() -> None:
    intake = Intake()
    intake.scripts.take_finding(ScriptChanged(NOW, ALICE, "forward", "alice+x@shop.test"), NOW)
    assert intake.observed == 0


def test_a_finding_about_a_time_before_the_reinstatement_does_not_count() -> None:
    intake = Intake()
    state = StateFile(NOW + 10, {ALICE: MailboxState("probation", 1, 20, NOW + 10)})
    intake.bench.checkpoint.take_state(state, NOW + 10)
    intake.scripts.take_finding(FORWARD, NOW + 11)
    assert intake.observed == 0


def test_the_intake_reads_dovecots_posts() -> None:
    intake = Intake()
    events = EventIntake(intake.scripts, intake.bench.checkpoint)
    fields = {"user": ALICE, "session": "s1", "cmd_name": "PUTSCRIPT", "script_name": "fwd"}
    body = json.dumps({"event": "managesieve_command_finished", "fields": fields}).encode()
    assert events.serve(Request("POST", "/events", "", b"", body)).status == 200
    assert isinstance(intake.bench.spooled[0], ScriptChanged)
    assert events.serve(Request("POST", "/events", "", b"", b'{"event":"imap_command_finished"}')).status == 200
    assert events.serve(Request("POST", "/events", "", b"", b"[]")).status == 400
    assert events.serve(Request("GET", "/events", "", b"", b"")).status == 405


def session_finished(octets: int) -> Request:
    fields = {"user": ALICE, "session": "s1", "remote_ip": STRANGER, "net_out_bytes": octets}
    event = {"event": "mail_user_session_finished", "categories": ["service:imap"], "fields": fields}
    return Request("POST", "/events", "", b"", json.dumps(event).encode())


def test_the_end_of_a_session_tells_how_much_was_read() -> None:
    intake = Intake()
    events = EventIntake(intake.scripts, intake.bench.checkpoint)
    assert events.serve(session_finished(80_000_000)).status == 200
    assert intake.bench.checkpoint.profiles.of(ALICE).evidence.reading.strange == 80.0


def test_a_session_whose_octets_dovecot_does_not_say_teaches_nothing() -> None:
    intake = Intake()
    EventIntake(intake.scripts, intake.bench.checkpoint).serve(session_finished(0))
    assert intake.observed == 0


def filed(folder: str, action: str = "fileinto") -> bytes:
    fields = {"user": ALICE, "action_name": action, "fileinto_mailbox_name": folder, "message_id": "<b@far.test>"}
    return json.dumps({"event": "sieve_action_finished", "fields": fields}).encode()


def test_returned_mail_that_was_filed_is_counted_and_judges_nobody() -> None:
    intake = Intake()
    events = EventIntake(intake.scripts, intake.bench.checkpoint, "Returned")
    for body in (filed("Returned"), filed("Other"), filed("Returned", "keep")):
        assert events.serve(Request("POST", "/events", "", b"", body)).status == 200
    assert [(type(event).__name__, event.mailbox) for event in intake.bench.spooled] == [("ReturnFiled", ALICE)]
    assert intake.observed == 0
