"""What mail programs do, over real sockets: SMTP with AUTH and XCLIENT, IMAP with ID, POP3.

Every reply comes back as `Answer`, refusals included: a rehearsal looks at refusals, so they are results here and not
exceptions. A connection that ends, or a reply that misses its deadline, is the answer `(0, …)`. A client address is
played by XCLIENT ADDR (SMTP, POP3) or IMAP ID `x-originating-ip`, which only the local stack trusts, and only from
loopback (DESIGN §8). LOGIN= of XCLIENT is never used: who logs in here knows the password.

Not supported on purpose: TLS (loopback only), pipelining, non-ASCII addresses (the stack has SMTPUTF8 off).
"""

from __future__ import annotations

import base64
import imaplib
import poplib
import re
import smtplib
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from types import TracebackType
from typing import NamedTuple, Self

# Seconds for one reply. Dovecot delays a failed login by 2 s and Postfix waits 10 s for it at most (STACK §d): anything
# slower is a fault worth seeing.
DEADLINE = 20.0
# The header that numbers a played message; the number is what is counted in the mailboxes at the end.
NUMBER_HEADER = "X-Rehearsal"


class Answer(NamedTuple):
    """One reply: an SMTP code (0: connection ended or deadline missed), and its text on one line."""

    code: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the server said yes (2xx, or 3xx when it wants more)."""
        return 200 <= self.code < 400


class LoginAnswer(NamedTuple):
    """Whether an IMAP, POP3 or ManageSieve login was let in, and the server's words."""

    accepted: bool
    text: str


def compose(number: str, sender: str, recipient: str, subject: str, text: str) -> bytes:
    """A message in wire form (CRLF) whose header X-Rehearsal carries `number`."""
    message = EmailMessage()
    message["From"] = sender or "mailer-daemon"
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    # The number makes it unique: it begins with the run's own random part.
    message["Message-ID"] = f"<{number}@{(sender or recipient).rpartition('@')[2]}>"
    message[NUMBER_HEADER] = number
    message.set_content(text)
    return message.as_bytes(policy=SMTP_POLICY)


class SmtpSession:
    """One SMTP connection. Opening it raises OSError when nobody listens; afterwards every command answers."""

    def __init__(self, port: int, *, client_address: str = "", deadline: float = DEADLINE) -> None:
        self._smtp = smtplib.SMTP(timeout=deadline, local_hostname="pc.rehearsal.test")
        self.greeting = Answer(*_decoded(self._smtp.connect("127.0.0.1", port)))
        self._smtp.ehlo()
        if client_address:
            self.command("XCLIENT", f"ADDR={client_address}")
            # Postfix starts the session over after XCLIENT: EHLO again (XCLIENT_README).
            self._smtp.ehlo()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, verb: str, argument: str = "") -> Answer:
        """Sends one command and returns its answer."""
        try:
            return Answer(*_decoded(self._smtp.docmd(verb, argument)))
        except (OSError, smtplib.SMTPException) as error:
            return Answer(0, f"connection ended: {error}")

    def login(self, name: str, password: str) -> Answer:
        """AUTH PLAIN (RFC 4616): 235 when let in, 535 refused, 454 our own outage."""
        secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.command("AUTH", f"PLAIN {secret}")

    def mail(self, sender: str) -> Answer:
        return self.command("MAIL", f"FROM:<{sender}>")

    def recipient(self, address: str) -> Answer:
        return self.command("RCPT", f"TO:<{address}>")

    def begin_data(self) -> Answer:
        """DATA: 354 means the message may follow."""
        return self.command("DATA")

    def end_data(self, message: bytes) -> Answer:
        """The message and the final dot: 250 means that the server has it."""
        try:
            # A line that begins with a dot gets another one (RFC 5321 §4.5.2).
            self._smtp.send(re.sub(rb"(?m)^\.", b"..", message.rstrip(b"\r\n")) + b"\r\n.\r\n")
            return Answer(*_decoded(self._smtp.getreply()))
        except (OSError, smtplib.SMTPException) as error:
            return Answer(0, f"connection ended: {error}")

    def send(self, sender: str, recipients: list[str], message: bytes) -> Sending:
        """One whole message; what each recipient and the final dot were answered."""
        mailed = self.mail(sender)
        if not mailed.accepted:
            return Sending(mailed, {}, None)
        answers = {address: self.recipient(address) for address in recipients}
        if not any(answer.accepted for answer in answers.values()):
            self.command("RSET")
            return Sending(mailed, answers, None)
        begun = self.begin_data()
        return Sending(mailed, answers, self.end_data(message) if begun.code == 354 else begun)

    def close(self) -> None:
        try:
            self._smtp.close()
        except OSError:
            return


class Sending(NamedTuple):
    """The answers to one message: MAIL FROM, each recipient, and the final dot (None: it did not get there)."""

    mail: Answer
    recipients: dict[str, Answer]
    end: Answer | None

    @property
    def accepted(self) -> list[str]:
        """The recipients the server took the message for."""
        if self.end is None or self.end.code != 250:
            return []
        return [address for address, answer in self.recipients.items() if answer.accepted]

    @property
    def refusal(self) -> Answer | None:
        """The refusal that counts most: the one that ended the session, else the first; None when all was accepted."""
        answers = [self.mail, *self.recipients.values(), *([self.end] if self.end else [])]
        refused = [answer for answer in answers if not answer.accepted]
        return next((answer for answer in refused if answer.code == 421), refused[0] if refused else None)


class ImapSession:
    """One IMAP connection, with the device's ID and, in the local stack, the client address it claims."""

    def __init__(self, port: int, *, client_address: str = "", device: str = "Thunderbird", deadline: float = DEADLINE):
        self._imap = imaplib.IMAP4("127.0.0.1", port, timeout=deadline)
        fields = f'"name" "{device}"'
        if client_address:
            fields += f' "x-originating-ip" "{client_address}"'
        self._imap.xatom("ID", f"({fields})")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def login(self, name: str, password: str) -> LoginAnswer:
        try:
            status, data = self._imap.login(name, password)
        except (imaplib.IMAP4.error, OSError) as error:
            return LoginAnswer(False, _reason(error))
        return LoginAnswer(status == "OK", _joined(data))

    def numbers(self, folder: str = "INBOX") -> list[str]:
        """The numbers of the played messages in a folder, one entry a message (a double shows as two)."""
        parts = self._fetch_all(folder, f"(BODY.PEEK[HEADER.FIELDS ({NUMBER_HEADER})])")
        found = (re.search(rb"(?i)^x-rehearsal:\s*(\S+)", part) for part in parts)
        return [match.group(1).decode() for match in found if match]

    def headers(self, folder: str = "INBOX") -> list[str]:
        """The header of each message in a folder, as text."""
        return [part.decode("utf-8", "replace") for part in self._fetch_all(folder, "(BODY.PEEK[HEADER])")]

    def bodies(self, folder: str = "INBOX") -> list[bytes]:
        """Each message of a folder, whole."""
        return self._fetch_all(folder, "(BODY.PEEK[])")

    def read(self, limit: int = 10) -> int:
        """Fetches the newest `limit` messages whole, as a person (or a thief) reads; returns how many there were."""
        total = self._select("INBOX")
        if not total:
            return 0
        first = max(1, total - limit + 1)
        self._imap.fetch(f"{first}:{total}", "(BODY[])")
        return total - first + 1

    def open(self, folder: str) -> int:
        """Opens a folder to change it; how many messages it holds."""
        status, data = self._imap.select(folder)
        return int(data[0] or b"0") if status == "OK" else 0

    def uid(self, command: str, *arguments: str) -> bool:
        """A UID command (RFC 3501, 6.4.8) in the open folder; whether the server did it."""
        return self._imap.uid(command, *arguments)[0] == "OK"

    def expunge(self) -> bool:
        """Deletes for good what is marked in the open folder."""
        return self._imap.expunge()[0] == "OK"

    def append(self, folder: str, message: bytes) -> bool:
        """Puts a message into a folder, which is made if it is not there."""
        self._imap.create(folder)
        return self._imap.append(folder, "", "", message)[0] == "OK"

    def folders(self) -> int:
        """How many folders the server lists."""
        return len(self._imap.list()[1])

    def _select(self, folder: str) -> int:
        """Opens a folder for reading; how many messages it holds (0 also when there is no such folder)."""
        status, data = self._imap.select(folder, readonly=True)
        return int(data[0] or b"0") if status == "OK" else 0

    def _fetch_all(self, folder: str, what: str) -> list[bytes]:
        # "1:*" names no message of an empty folder: Dovecot answers BAD.
        if not self._select(folder):
            return []
        _, data = self._imap.fetch("1:*", what)
        return [part[1] for part in data if isinstance(part, tuple)]

    def noop(self) -> bool:
        """Whether the session still answers."""
        try:
            return self._imap.noop()[0] == "OK"
        except (imaplib.IMAP4.error, OSError):
            return False

    def idle(self) -> None:
        """IDLE (RFC 2177) in the inbox: from now on the server speaks when it has something to say."""
        self._imap.select("INBOX", readonly=True)
        self._imap.send(b"IDLE1 IDLE\r\n")
        self._imap.readline()

    def seconds_until_ended(self, deadline: float) -> float | None:
        """Seconds until the server ends this (idling) session with BYE or by closing; None when it did not."""
        started = time.monotonic()
        while (left := deadline - (time.monotonic() - started)) > 0:
            self._imap.sock.settimeout(left)
            try:
                line = self._imap.readline()
            except TimeoutError:
                return None
            except (imaplib.IMAP4.error, OSError):
                line = b""
            if not line or line.startswith(b"* BYE"):
                return time.monotonic() - started
        return None

    def close(self) -> None:
        try:
            self._imap.sock.settimeout(2)
            self._imap.logout()
        except (imaplib.IMAP4.error, OSError):
            return


class Pop3Session:
    """One POP3 connection; XCLIENT plays the client address."""

    def __init__(self, port: int, *, client_address: str = "", deadline: float = DEADLINE) -> None:
        self._pop3 = poplib.POP3("127.0.0.1", port, timeout=deadline)
        if client_address:
            self._pop3._shortcmd(f"XCLIENT ADDR={client_address}")  # type: ignore[attr-defined]

    def login(self, name: str, password: str) -> LoginAnswer:
        try:
            self._pop3.user(name)
            return LoginAnswer(True, self._pop3.pass_(password).decode("ascii", "replace"))
        except (poplib.error_proto, OSError) as error:
            return LoginAnswer(False, _reason(error))

    def read(self) -> int:
        """Fetches every message whole; how many there are."""
        total, _ = self._pop3.stat()
        for number in range(1, total + 1):
            self._pop3.retr(number)
        return total

    def close(self) -> None:
        try:
            self._pop3.close()
        except OSError:
            return


def port_answers(port: int, deadline: float = 1.0) -> bool:
    """Whether somebody listens on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=deadline):
            return True
    except OSError:
        return False


def _decoded(reply: tuple[int, bytes]) -> tuple[int, str]:
    code, text = reply
    return max(code, 0), text.decode("ascii", "replace").replace("\n", " ")


def _reason(error: Exception) -> str:
    """The server's own words in an exception of imaplib or poplib (they carry them as bytes)."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _joined(data: Sequence[bytes | None]) -> str:
    return " ".join(part.decode("utf-8", "replace") for part in data if isinstance(part, bytes))
