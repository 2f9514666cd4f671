"""The view from outside: what the third party has in its mailboxes, and what waits in both queues.

This is the count a rehearsal and the stories go by. It asks IMAP and `postqueue -j` only; Sekisho's own tables, journal
and parsers are not used here, so that an error in them cannot hide itself.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from sekisho.rehearsal.clients import Answer, ImapSession, SmtpSession, compose
from sekisho.rehearsal.places import Places

# The one password of every mailbox at the third party (DESIGN §8).
OUTSIDE_PASSWORD = "outside"  # noqa: S105
# postqueue reads the queue files of a small queue in some 20 ms; a busy machine gets 500 times that.
_POSTQUEUE_SECONDS = 10.0


class QueuedRecipient(msgspec.Struct, frozen=True):
    address: str
    delay_reason: str = ""


class Queued(msgspec.Struct, frozen=True):
    """One message in a Postfix queue, as `postqueue -j` prints it."""

    queue_name: str
    queue_id: str
    sender: str
    recipients: tuple[QueuedRecipient, ...]
    arrival_time: int = 0
    message_size: int = 0

    @property
    def addresses(self) -> list[str]:
        """The recipients still to be served."""
        return [recipient.address for recipient in self.recipients]


def list_queue(configuration: Path) -> list[Queued]:
    """Every message in the queue of one Postfix instance; raises OSError or CalledProcessError when it cannot tell."""
    done = subprocess.run(
        ["/usr/sbin/postqueue", "-c", str(configuration), "-j"],
        capture_output=True,
        check=True,
        timeout=_POSTQUEUE_SECONDS,
    )
    return [msgspec.json.decode(line, type=Queued) for line in done.stdout.splitlines()]


class ThirdParty:
    """The internet, as far as the stack has one: its people write to us, and its mailboxes show what reached them."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def write(self, number: str, sender: str, recipient: str, subject: str, text: str) -> Answer:
        """Hands one message to the third party's own server, which then brings it to ours; the answer is its own."""
        with SmtpSession(self._places.outside_smtp) as session:
            sending = session.send(sender, [recipient], compose(number, sender, recipient, subject, text))
        return sending.end or sending.refusal or Answer(0, "no answer")

    def numbers(self, address: str) -> list[str]:
        """The numbers of the played messages in a third-party mailbox; a message that came twice is there twice."""
        with self.mailbox(address) as session:
            return session.numbers()

    def mailbox(self, address: str) -> ImapSession:
        """An open session in a third-party mailbox."""
        session = ImapSession(self._places.outside_imap)
        session.login(address, OUTSIDE_PASSWORD)
        return session

    def queue(self) -> list[Queued]:
        """What waits at the third party's server."""
        return list_queue(self._places.their_postfix)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.2) -> float | None:
    """Seconds until `condition` held, looked at every `pause` seconds; None when it did not within `seconds`."""
    started = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - started
        if time.monotonic() - started > seconds:
            return None
        time.sleep(pause)
