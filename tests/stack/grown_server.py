"""A provider's own server that grew over the years, for the stories that adopt one (t46, t60): Postfix with Debian's
chroot and Dovecot in private directories, started as their distribution would, and looked at from outside."""

from __future__ import annotations

import hashlib
import imaplib
import os
import shutil
import signal
import smtplib
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from harness import ROOT, SEKISHO, wait_until, worker_number

from sekisho.directory.passwords import hash_password

OWNER, COLLEAGUE, DOMAIN = "alice@kissa.example", "bob@kissa.example", "kissa.example"
PASSWORD = "kaze-no-nagare-91-tsukimi"
GROWN = Path(__file__).parent / "grown"
# Numbers beside those of the stack, which another story of this run may be using.
FURTHER = 300


class Grown:
    """The provider's own server: private directories, own ports, started as its distribution would."""

    # Its files; of two with one name the later one counts.
    sources: tuple[Path, ...] = (GROWN,)
    doors: tuple[str, ...] = (
        "MX", "SUBMISSION", "FILTER", "IMAP", "POLICY", "AUTH_POLICY", "EVENTS", "PANEL", "OTHER_POLICY"
    )  # fmt: skip
    # What must answer before the story begins.
    first_doors: tuple[str, ...] = ("MX", "SUBMISSION", "IMAP")

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="sk-grown-", dir="/tmp"))
        self.place.chmod(0o755)
        base = int(os.environ.get("SEKISHO_PORT_BASE") or "2100") + 600 * worker_number() + FURTHER
        self.ports = {name: 2525 + base + number for number, name in enumerate(self.doors)}
        self.config = self.place / "sekisho" / "sekisho.toml"
        self.postfix, self.dovecot = self.place / "postfix", self.place / "dovecot" / "dovecot.conf"
        inherited = {k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "SEKISHO_VAR")}
        self.environment = inherited | {"SEKISHO_CONFIG": str(self.config), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._processes: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        for source in self.sources:
            self._fill_in(source)
        for name in ("spool", "data", "mail", "run", "state", "db"):
            (self.place / name).mkdir()
        shutil.chown(self.place / "data", "postfix")
        shutil.chown(self.place / "mail", 5000, 5000)
        self._tables()
        # As /etc/dovecot's own: a certificate is no matter of this story.
        self.log.touch()
        self.log.chmod(0o644)
        shutil.chown(self.log, "postfix")

    def _fill_in(self, source: Path) -> None:
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            text = file.read_text()
            for name, value in self.values().items():
                text = text.replace(f"@{name}@", value)
            target = self.place / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def values(self) -> dict[str, str]:
        """What stands in the files between two @."""
        return {name: str(port) for name, port in self.ports.items()} | {"PLACE": str(self.place)}

    @property
    def log(self) -> Path:
        return self.place / "mail.log"

    def _tables(self) -> None:
        path = self.place / "db" / "postfixadmin.sqlite3"
        with sqlite3.connect(path) as tables:
            tables.execute("PRAGMA journal_mode=WAL")
            tables.executescript((ROOT / "src/sekisho/deploy/templates/postfixadmin.sql").read_text())
            tables.execute("INSERT INTO domain (domain, description, transport) VALUES (?, '', 'virtual')", (DOMAIN,))
            for address in (OWNER, COLLEAGUE):
                tables.execute("INSERT INTO alias (address, goto, domain) VALUES (?, ?, ?)", (address, address, DOMAIN))
                local = address.partition("@")[0]
                tables.execute(
                    "INSERT INTO mailbox (username, password, name, maildir, local_part, domain) VALUES (?,?,'',?,?,?)",
                    (address, hash_password(PASSWORD, "SHA512-CRYPT"), f"{DOMAIN}/{local}/", local, DOMAIN),
                )
        # In WAL mode a reader makes the -shm file: Postfix' proxymap must be allowed to.
        for file in (path.parent, *path.parent.iterdir()):
            shutil.chown(file, group="postfix")
            file.chmod(0o2775 if file.is_dir() else 0o664)

    def start(self) -> None:
        # It makes the inside of the spool, where Dovecot puts its sockets.
        subprocess.run(["postfix", "-c", str(self.postfix), "check"], check=True, capture_output=True, timeout=30)
        output = (self.place / "output.log").open("ab")
        for command in self.commands():
            self._processes.append(self._popen(command, output))
            if command[0] == "dovecot":
                # An smtpd that finds nobody to ask for passwords exits, and Postfix starts no other for a minute.
                auth = self.place / "spool" / "private" / "auth"
                assert wait_until(auth.is_socket, 30, pause=0.05) is not None, self.said()
        assert wait_until(lambda: all(self._answers(p) for p in self.first_doors), 30) is not None

    def commands(self) -> list[list[str]]:
        """What the distribution starts."""
        return [
            ["dovecot", "-F", "-c", str(self.dovecot)],
            ["/usr/lib/postfix/sbin/master", "-c", str(self.postfix), "-s"],
        ]

    def start_sekisho(self) -> None:
        output = (self.place / "sekisho.log").open("ab")
        for name in ("guard", "agent", "worker"):
            self._processes.append(self._popen([SEKISHO, name], output))
        status = [self.place / "var" / name / "status.json" for name in ("guard", "agent", "worker")]
        assert wait_until(lambda: all(path.exists() for path in status), 60) is not None, self.said()

    def _popen(self, command: Sequence[str], output: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=self.place, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,  # type: ignore[call-overload]
            start_new_session=True,
        )  # fmt: skip

    def said(self) -> str:
        return "".join(
            (self.place / name).read_text(errors="replace")[-3000:]
            for name in ("output.log", "sekisho.log", "mail.log") if (self.place / name).exists()
        )  # fmt: skip

    def _answers(self, port: str) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[port]), 1):
            return True
        return False

    def stop(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if "SEKISHO_STORIES_KEEP" not in os.environ:
            shutil.rmtree(self.place, ignore_errors=True)

    # --- commands

    def sekisho(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SEKISHO, *words], capture_output=True, text=True, timeout=120, env=self.environment)

    def setup(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.sekisho(
            "setup", "--postfix-config", str(self.postfix), "--dovecot-config", str(self.dovecot), *words
        )

    def sums(self) -> dict[str, str]:
        """Every file of both configurations with its content's sum, rights and owner."""
        found = {}
        for path in sorted(p for d in ("postfix", "dovecot", "sekisho") for p in (self.place / d).rglob("*")):
            if path.is_file():
                there = path.stat()
                rights = f"{there.st_mode:o} {there.st_uid} {there.st_gid}"
                found[str(path)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {rights}"
        return found

    # --- doors

    def imap(self) -> bool:
        try:
            door = imaplib.IMAP4("127.0.0.1", self.ports["IMAP"], timeout=20)
        except OSError:
            # While Dovecot reads its files anew nobody listens for a moment.
            return False
        try:
            door.login(OWNER, PASSWORD)
            return True
        except imaplib.IMAP4.error:
            return False
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                door.logout()

    def send(self, recipient: str, subject: str) -> None:
        """The owner's mail program sends; raises SMTPException when it is refused."""
        with smtplib.SMTP("127.0.0.1", self.ports["SUBMISSION"], timeout=30) as door:
            door.login(OWNER, PASSWORD)
            door.send_message(_message(OWNER, recipient, subject))

    def deliver(self, recipient: str, subject: str) -> tuple[int, str]:
        """Somebody's server brings mail: the answer at RCPT."""
        with smtplib.SMTP("127.0.0.1", self.ports["MX"], timeout=30) as door:
            door.ehlo("mail.outside.example")
            door.mail("s@outside.example")
            code, words = door.rcpt(recipient)
            if code == 250:
                door.data(_message("s@outside.example", recipient, subject).as_bytes())
            return code, words.decode()

    def has_mail(self, address: str, subject: str) -> bool:
        local = address.partition("@")[0]
        new = self.place / "mail" / DOMAIN / local / "Maildir" / "new"
        return any(subject in path.read_text() for path in new.glob("*")) if new.exists() else False


def _message(sender: str, recipient: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content("Konnichiwa")
    return message
