"""Adopting a grown server and leaving it again: Postfix with Debian's chroot and Dovecot as their documentation sets
them up beside PostfixAdmin's tables, changed by `sekisho setup` and by nothing else. P1, P2 and P6 hold there as on
our own stack, and after `--revert` every byte is what it was. Sabotage: tests/sabotage/t46.patch (the way back
ignores who is suspended)."""

from __future__ import annotations

import hashlib
import json
import smtplib
from collections.abc import Iterator

import pytest
from grown_server import COLLEAGUE, OWNER, PASSWORD, Grown
from harness import wait_until


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
