"""Adopting a grown server and leaving it again: Postfix with Debian's chroot and Dovecot as their documentation sets
them up beside PostfixAdmin's tables, changed by `sekisho setup` and by nothing else. P1, P2 and P6 hold there as on
our own stack, and after `--revert` every byte is what it was. Sabotage: tests/sabotage/t46.patch (the way back
ignores who is suspended)."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest
from harness import ROOT, SEKISHO, wait_until, worker_number

from sekisho.directory.passwords import hash_password

OWNER, COLLEAGUE, DOMAIN = "alice@kissa.example", "bob@kissa.example", "kissa.example"
PASSWORD = "kaze-no-nagare-91-tsukimi"
GROWN = Path(__file__).parent / "grown"
# Numbers beside those of the stack, which another story of this run may be using.
FURTHER = 300


class Grown:
    """The provider's own server: private directories, own ports, started as its distribution would."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="sk-grown-", dir="/tmp"))
        self.place.chmod(0o755)
        base = int(os.environ.get("SEKISHO_PORT_BASE") or "2100") + 600 * worker_number() + FURTHER
        self.ports = {
            name: 2525 + base + number
            for number, name in enumerate(
                ("MX", "SUBMISSION", "FILTER", "IMAP", "POLICY", "AUTH_POLICY", "EVENTS", "PANEL", "OTHER_POLICY")
            )
        }
        self.config = self.place / "sekisho" / "sekisho.toml"
        self.postfix, self.dovecot = self.place / "postfix", self.place / "dovecot" / "dovecot.conf"
        inherited = {k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "SEKISHO_VAR")}
        self.environment = inherited | {"SEKISHO_CONFIG": str(self.config), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._processes: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        values = {f"@{name}@": str(port) for name, port in self.ports.items()} | {"@PLACE@": str(self.place)}
        for source in sorted(path for path in GROWN.rglob("*") if path.is_file()):
            text = source.read_text()
            for name, value in values.items():
                text = text.replace(name, value)
            target = self.place / source.relative_to(GROWN)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        for name in ("spool", "data", "mail", "run", "state", "db"):
            (self.place / name).mkdir()
        shutil.chown(self.place / "data", "postfix")
        shutil.chown(self.place / "mail", 5000, 5000)
        self._tables()
        # As /etc/dovecot's own: a certificate is no matter of this story.
        self.log.touch()
        self.log.chmod(0o644)
        shutil.chown(self.log, "postfix")

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
        for command in (
            ["/usr/lib/postfix/sbin/master", "-c", str(self.postfix), "-s"],
            ["dovecot", "-F", "-c", str(self.dovecot)],
        ):
            self._processes.append(self._popen(command, output))
        assert wait_until(lambda: all(self._answers(p) for p in ("MX", "SUBMISSION", "IMAP")), 30) is not None

    def start_sekisho(self) -> None:
        output = (self.place / "sekisho.log").open("ab")
        for name in ("guard", "agent", "worker"):
            self._processes.append(self._popen([SEKISHO, name], output))
        status = [self.place / "var" / name / "status.json" for name in ("guard", "agent", "worker")]
        assert wait_until(lambda: all(path.exists() for path in status), 60) is not None, self.said()

    def _popen(self, command: list[str], output: object) -> subprocess.Popen[bytes]:
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
        import socket

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


@pytest.fixture(autouse=True)
def places_of_its_own() -> None:
    """This story needs no stack of ours (conftest.py starts one for the others)."""


@pytest.fixture(scope="module")
def grown() -> Iterator[Grown]:
    server = Grown()
    try:
        server.build()
        server.start()
        yield server
    finally:
        server.stop()


# The steps of one story, in their order: each needs what the one before left.


def test_a_dry_run_shows_every_line_and_changes_nothing(grown: Grown):
    before = grown.sums()
    done = grown.setup("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "\n+smtpd_recipient_restrictions = $sekisho_rcpt,\n" in done.stdout
    assert "PostfixAdmin 3.2 – 3.3" in done.stdout
    assert "chrooted" in done.stdout
    assert grown.sums() == before


def test_it_adopts_the_server_in_observe_mode_and_a_second_run_has_nothing_to_do(grown: Grown):
    grown.before = grown.sums()  # type: ignore[attr-defined]
    done = grown.setup("--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    found = {one["name"]: one["result"] for one in told["doctor"]}
    assert {name: found[name] for name in found if name.split(".")[0] in ("postfix", "dovecot", "barrier")} == {
        name: "ok" for name in found if name.split(".")[0] in ("postfix", "dovecot", "barrier")
    }, told["doctor"]
    assert 'mode = "observe"' in grown.config.read_text()
    adopted = grown.sums()
    again = grown.setup("--yes", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["changed"] == [], again.stdout
    assert grown.sums() == adopted
    grown.start_sekisho()


def test_mail_and_logins_pass_and_the_guard_hears_of_them(grown: Grown):
    assert wait_until(grown.imap, 30) is not None, grown.said()
    grown.send(COLLEAGUE, "between colleagues")
    assert grown.deliver(OWNER, "from outside")[0] == 250
    assert wait_until(lambda: grown.has_mail(COLLEAGUE, "between colleagues"), 30) is not None, grown.said()
    assert wait_until(lambda: grown.has_mail(OWNER, "from outside"), 30) is not None, grown.said()


def test_a_suspension_shuts_the_doors_of_the_adopted_server_also_in_a_chroot(grown: Grown):
    session = smtplib.SMTP("127.0.0.1", grown.ports["SUBMISSION"], timeout=30)
    session.login(OWNER, PASSWORD)
    # It waits ten seconds for the proof; on a busy machine the proof may come later than the shut doors.
    done = grown.sekisho("mailbox", "suspend", OWNER, "--reason", "story")
    assert "suspended" in done.stdout, done.stderr + grown.said()
    assert wait_until(lambda: not grown.imap(), 30) is not None, grown.said()
    with pytest.raises(smtplib.SMTPException):
        grown.send(COLLEAGUE, "after")
    # The session that was open before.
    session.mail(OWNER)
    assert session.rcpt(COLLEAGUE)[0] == 421
    session.close()
    code, words = grown.deliver(OWNER, "waits")
    assert (code, words[:5]) == (450, "4.2.1")


def test_it_is_not_taken_back_while_somebody_is_suspended(grown: Grown):
    adopted = grown.sums()
    done = grown.setup("--revert", "--yes")
    assert done.returncode == 1, done.stdout
    assert OWNER in done.stderr
    assert grown.sums() == adopted
    assert not grown.imap()


def test_after_the_release_every_byte_is_what_it_was_but_for_the_sites_own_line(grown: Grown):
    main = grown.postfix / "main.cf"
    with main.open("a") as file:
        file.write("message_size_limit = 20480000\n")
    done = grown.setup("--revert", "--yes", "--release-all")
    assert done.returncode == 0, done.stdout + done.stderr + grown.said()
    now = grown.sums()
    lines = main.read_text()
    assert lines.endswith("message_size_limit = 20480000\n")
    main.write_text(lines.removesuffix("message_size_limit = 20480000\n"))
    assert grown.sums() | {str(main): now[str(main)]} == grown.before | {str(main): now[str(main)]}  # type: ignore[attr-defined]
    assert hashlib.sha256(main.read_bytes()).hexdigest() == grown.before[str(main)].split()[0]  # type: ignore[attr-defined]
    assert wait_until(grown.imap, 30) is not None, grown.said()
    assert grown.deliver(OWNER, "afterwards")[0] == 250
