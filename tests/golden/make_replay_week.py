"""Writes replay-week.log.gz: a week's mail log with a takeover in it, by the real Postfix and Dovecot of a local stack.

Usage, as root, with a stack of `DEMO=quiet sekisho up` running that nobody else uses:

    SEKISHO_VAR=DIR SEKISHO_PORT_BASE=N .venv/bin/python tests/golden/make_replay_week.py OUT.log.gz

Eight demo mailboxes read and write as on a working week, one visit after the other, from their own addresses; then
somebody abroad sends with the password of one of them. The breaker is off meanwhile (`domain mode … observe`), so that
the logs go on as those of a host without Sekisho would. What Postfix and Dovecot wrote during a visit is moved as a
whole to that visit's place in the week. Besides the stamps only the machine's name is replaced; no line is made.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sekisho.rehearsal.clients import ImapSession, Pop3Session, SmtpSession, compose
from sekisho.rehearsal.outside import ThirdParty, list_queue, wait_until
from sekisho.rehearsal.places import Places

ROOT = Path(__file__).resolve().parents[2]
SEKISHO = Path(sys.executable).with_name("sekisho")
# A Monday, 00:00 in the machine's zone.
MONDAY = datetime(2026, 11, 2)
DAYS = 7
# Minutes of the day at which a round of visits begins; the visits of a round are some minutes apart.
ROUNDS = (9 * 60, 14 * 60)
VISITORS = 8
# The one that is taken over, from country 18 (NG) in the night to Sunday, and how much is sent then.
VICTIM, THIEF, BLAST_AT = "order@hanamaru-pan.example", "198.19.18.77", timedelta(days=6, hours=3, minutes=12)
BLAST_MESSAGES, RECIPIENTS = 40, 3
# Somebody guesses passwords of a mailbox that is not taken over; failed logins must decide nothing.
GUESSED, GUESSER, GUESSES_AT = "keiri@hanamaru-pan.example", "198.19.23.9", timedelta(days=3, hours=11)
GUESSES = 6
# A mail is delivered outside within some tenths of a second.
QUIET_WITHIN = 20.0


class Recorder:
    """Moves what the servers write during a visit to the visit's place in the week."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._postfix, self._dovecot = places.var / "log" / "ours-mail.log", places.var / "log" / "ours-dovecot.log"
        # (moment in the week, order of writing, line)
        self.lines: list[tuple[datetime, int, str]] = []

    @contextmanager
    def visit(self, at: timedelta) -> Iterator[None]:
        """What is done within is one visit, at this moment of the week."""
        marks = self._postfix.stat().st_size, self._dovecot.stat().st_size
        began = datetime.now()
        yield
        wait_until(lambda: not list_queue(self._places.our_postfix), QUIET_WITHIN, pause=0.1)
        # Dovecot's log process writes the end of a session in the moment after it.
        time.sleep(0.3)
        shift = MONDAY + at - began.replace(microsecond=0)
        for path, mark in zip((self._postfix, self._dovecot), marks, strict=True):
            with path.open(encoding="utf-8", errors="backslashreplace") as file:
                file.seek(mark)
                for line in file.read().splitlines():
                    self._take(line, shift)

    def _take(self, line: str, shift: timedelta) -> None:
        host = platform.node()
        if line[:1].isdigit():
            moment = datetime.strptime(line[:26], "%Y-%m-%d %H:%M:%S.%f") + shift
            text = f"{moment:%Y-%m-%d %H:%M:%S.%f}{line[26:]}"
        else:
            moment = datetime.strptime(f"{datetime.now().year} {line[:15]}", "%Y %b %d %H:%M:%S") + shift
            text = f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}{line[15:].replace(f' {host} ', ' mx01 ', 1)}"
        self.lines.append((moment, len(self.lines), text))

    def save(self, path: Path) -> None:
        text = "".join(f"{line}\n" for _, _, line in sorted(self.lines))
        # No name and no time in the header: the same lines give the same file.
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


class Week:
    """Who visits when, and what he does."""

    def __init__(self, places: Places) -> None:
        self._places, self._outside, self._recorder = places, ThirdParty(places), Recorder(places)
        self._passwords = json.loads(places.credentials_file.read_text())["mailboxes"]
        self._draw = random.Random(3)
        self._count = 0
        provider = tomllib.loads((ROOT / "demo" / "provider.toml").read_text(encoding="utf-8"))
        boxes = [
            (f"{box['local']}@{domain['name']}", box["home"], domain["correspondents"])
            for domain in provider["domain"]
            for box in domain["mailbox"]
        ]
        # The victim first, then every third, so that all customers are in it.
        self._boxes = ([box for box in boxes if box[0] == VICTIM] + [box for box in boxes if box[0] != VICTIM][::2])[
            :VISITORS
        ]

    def play(self) -> Recorder:
        for day in range(DAYS):
            for round_ in ROUNDS:
                # On Sunday only the night matters.
                if day < DAYS - 1:
                    self._round(timedelta(days=day, minutes=round_), is_weekend=day >= 5)
            if timedelta(days=day) < GUESSES_AT < timedelta(days=day + 1):
                with self._recorder.visit(GUESSES_AT):
                    self._guess()
        with self._recorder.visit(BLAST_AT):
            self._blast()
        self._round(timedelta(days=DAYS - 1, minutes=ROUNDS[0]), is_weekend=True)
        return self._recorder

    def _round(self, at: timedelta, *, is_weekend: bool) -> None:
        for place, (mailbox, homes, correspondents) in enumerate(self._boxes):
            if is_weekend and place % 2:
                continue
            when = at + timedelta(minutes=7 * place + self._draw.randrange(5))
            home = homes[-1] if is_weekend else homes[0]
            with self._recorder.visit(when):
                self._visit(mailbox, home, correspondents, is_weekend)

    def _visit(self, mailbox: str, home: str, correspondents: list[str], is_weekend: bool) -> None:
        self._outside.write(self._number(), self._draw.choice(correspondents), mailbox, "Invoice", "See you.\n")
        wait_until(lambda: not list_queue(self._places.our_postfix), QUIET_WITHIN, pause=0.1)
        # One in four uses POP3 (demo/history.py).
        if mailbox.startswith(("k", "y")):
            with closing(Pop3Session(self._places.pop3, client_address=home)) as pop:
                assert pop.login(mailbox, self._passwords[mailbox]).accepted
        else:
            with ImapSession(self._places.imap, client_address=home) as imap:
                assert imap.login(mailbox, self._passwords[mailbox]).accepted
                imap.read(3)
        if is_weekend:
            return
        with SmtpSession(self._places.submission, client_address=home) as smtp:
            smtp.login(mailbox, self._passwords[mailbox])
            to = self._draw.sample(correspondents, self._draw.randint(1, 2))
            sending = smtp.send(mailbox, to, compose(self._number(), mailbox, to[0], "Re: Invoice", "Thank you.\n"))
            assert sending.accepted == to, sending

    def _guess(self) -> None:
        for number in range(GUESSES):
            with ImapSession(self._places.imap, client_address=GUESSER) as imap:
                assert not imap.login(GUESSED, f"guess-{number}").accepted

    def _blast(self) -> None:
        with SmtpSession(self._places.submission, client_address=THIEF) as smtp:
            assert smtp.login(VICTIM, self._passwords[VICTIM]).code == 235
            for number in range(BLAST_MESSAGES):
                to = [f"u{number}x{place}@bought-list.test" for place in range(RECIPIENTS)]
                if number % 5 == 4:
                    to.append(f"nosuch{number}@bought-list.test")
                sending = smtp.send(VICTIM, to, compose(self._number(), VICTIM, to[0], "Your parcel", "Click here.\n"))
                assert sending.accepted == to, sending
                # Two messages a second; the sections keep their own pace.
                time.sleep(0.5)

    def _number(self) -> str:
        self._count += 1
        return f"week-{self._count}"


def main() -> None:
    places = Places.with_base(int(os.environ.get("SEKISHO_PORT_BASE") or 0), Path(os.environ["SEKISHO_VAR"]))
    provider = tomllib.loads((ROOT / "demo" / "provider.toml").read_text(encoding="utf-8"))
    for domain in provider["domain"]:
        subprocess.run([SEKISHO, "domain", "mode", domain["name"], "observe"], check=True, timeout=60)
    # The guard takes the new state file within half a second of the agent's writing it.
    time.sleep(3)
    Week(places).play().save(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
