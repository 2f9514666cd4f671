"""P4: a new password is one that the hijacker does not have and nobody guesses: weak, burned and breached ones are
refused by the real command while every door stays shut; a generated one opens them, and the hash keeps the scheme that
the provider's table has. Who goes on trying the old one is listed. After the day of a campaign for new passwords only
new recipients wait. Sabotage: tests/sabotage/t25.patch (the list of breached passwords is not asked)."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ABROAD, HOME, PASSWORD, Box, Stack

from sekisho.rehearsal.outside import wait_until

LISTED = "wakaba-9f3k-yuugure-7x2m"
# What stands in the site's table before, and how the new row must begin. Without a prefix only what this Dovecot's
# default_pass_scheme (SHA512-CRYPT) reads, and $1$, which Dovecot knows by its sign.
FORMS = [
    ("$6$", "$6$"),
    ("{CRYPT}$6$", "{CRYPT}$6$"),
    ("{SHA256-CRYPT}$5$", "{SHA256-CRYPT}$5$"),
    ("{BLF-CRYPT}$2y$10$", "{BLF-CRYPT}$2y$10$"),
    ("{ARGON2ID}$argon2id$", "{ARGON2ID}$argon2id$"),
    ("$1$", "{SHA512-CRYPT}$6$"),
    ("{SSHA512}", "{SHA512-CRYPT}$6$"),
]


def generated(stack: Stack, kind: str) -> str:
    """A password as the panel's generator draws it."""
    draw = "from sekisho.detection.password import generate\nresult = generate(secrets.randbelow, %r)"
    drawn = stack.shell.run("import secrets\n" + draw % kind)
    assert isinstance(drawn, str)
    return drawn


def stored(stack: Stack, box: Box) -> str:
    [(password,)] = stack.site_sql("SELECT password FROM mailbox WHERE username = ?", box.address)
    return str(password)


def files_with(stack: Stack, secret: str) -> list[Path]:
    """Files below the stack's directory (logs, journals, ledgers, databases) that hold this text."""
    readable = (path for path in stack.var.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in readable if secret.encode() in path.read_bytes()]


@pytest.fixture
def list_of_breaches(stack: Stack) -> None:
    assert "rule off" in stack.command("pwned", "status").stdout
    (stack.var / "leaked.txt").write_text(f"hunter2hunter2hunter2\n{LISTED}\n")
    stack.command("pwned", "build", str(stack.var / "leaked.txt"))
    (stack.var / "leaked.txt").unlink()
    assert stack.ask("pwned", "status")["state"] == "on"


def test_only_a_password_nobody_has_opens_the_mailbox(stack: Stack, list_of_breaches: None) -> None:
    box = stack.new_box("t25")
    stack.suspend(box)
    before = stored(stack, box)
    for bad, reason in (
        (LISTED, "leaked somewhere before"),
        (PASSWORD, "used before"),
        ("sakurasakurasakura", "easy to guess"),
        ("tanakatarou12345", 'common words such as "tanaka"'),
        ("hoshizora-x7Qw-9fKe-Lm", 'contains "hoshizora"'),
        (f"{LISTED[:-1]}Q　", "a full-width space at the end"),
        ("Ｈoshi-7f3a91c2-umi-d04b", "full-width characters"),
    ):
        answer = stack.command("mailbox", "reinstate", box.address, "--password-stdin", given=bad, check=False)
        assert answer.returncode == 1 and reason in answer.stderr, (bad, answer)
        assert bad not in answer.stdout + answer.stderr
    assert stack.status(box) == "suspended" and stored(stack, box) == before
    stack.assert_shut(box, within=0)

    for kind in ("words", "random"):
        new = generated(stack, kind)
        stack.command("mailbox", "reinstate", box.address, "--password-stdin", given=new)
        old, box.password = box.password, new
        stack.assert_open(box)
        assert not any(answer.accepted for answer in stack.doors(box, password=old).values())
        steps = {step["name"]: step["state"] for step in stack.incident(box)["steps"] if step["plan"] == "release"}
        assert steps["probe_open"] == "done", steps
        assert not files_with(stack, new) and not files_with(stack, old)
        stack.suspend(box)


@pytest.mark.parametrize(("former", "form"), FORMS)
def test_the_new_hash_keeps_the_scheme_of_the_row_and_dovecot_takes_it(stack: Stack, former: str, form: str) -> None:
    box = stack.new_box("t25")
    present = stack.shell.run(
        f"""
from passlib.hash import ldap_salted_sha512, md5_crypt
from sekisho.directory.passwords import form_like, hash_in_form
weak = {{"$1$": md5_crypt, "{{SSHA512}}": ldap_salted_sha512}}.get({former!r})
result = weak.hash({PASSWORD!r}) if weak else hash_in_form({PASSWORD!r}, form_like({former!r}, "SHA512-CRYPT"))
"""
    )
    assert present.startswith(former)
    stack.site_sql("UPDATE mailbox SET password = ? WHERE username = ?", present, box.address)
    stack.assert_open(box)
    new = generated(stack, "words")
    stack.command("mailbox", "password", box.address, "--password-stdin", given=new)
    assert stored(stack, box).startswith(form)
    # The agent has made Dovecot forget the old one within a second.
    stack.assert_shut(box, within=1, password=PASSWORD)
    box.password = new
    stack.assert_open(box)


def knocking(stack: Stack, box: Box) -> dict[str, tuple[bool, int]]:
    """Who tried the old password: by address, whether from a usual network, and how often."""
    found: dict[str, tuple[bool, int]] = {}
    for knock in stack.incident(box)["knocking"]:
        found[knock["ip"]] = (knock["known"], found.get(knock["ip"], (False, 0))[1] + knock["count"])
    return found


def test_who_still_tries_the_old_password_is_listed_by_place(stack: Stack) -> None:
    box = stack.new_box("t25")
    stack.assert_open(box)
    rows = "SELECT count(*) FROM incidents_signin WHERE mailbox = ? AND success AND pwhash <> ''"
    assert wait_until(lambda: stack.our_sql(rows, box.address)[0][0] >= 4, 15, pause=0.3) is not None
    # The owner has been at home for three days.
    stack.shell.run(
        f"""
from datetime import timedelta
from sekisho.incidents.models import SignIn
row = SignIn.objects.filter(mailbox={box.address!r}, protocol="imap").first()
SignIn.objects.bulk_create(
    SignIn(mailbox=row.mailbox, at=row.at - timedelta(days=day), success=True, protocol="imap", ip=row.ip)
    for day in (1, 2, 3)
)
"""
    )
    stack.suspend(box)
    for source in (HOME, ABROAD):
        stack.doors(box, source=source)
    stack.doors(box, source=ABROAD, password="some-other-wrong-password")
    seen: dict[str, tuple[bool, int]] = {}

    def listed(home: int, abroad: int) -> bool:
        nonlocal seen
        seen = knocking(stack, box)
        return seen.get(HOME, (False, 0))[1] >= home and seen.get(ABROAD, (True, 0))[1] >= abroad

    assert wait_until(lambda: listed(4, 4), 15, pause=0.5) is not None, seen
    # HOME also holds the tries by which the story saw that the doors are shut.
    assert seen[HOME][0] and seen[ABROAD] == (False, 4), seen

    stack.reinstate(box)
    assert not any(answer.accepted for answer in stack.doors(box, password=PASSWORD, source=ABROAD).values())
    assert wait_until(lambda: listed(4, 8), 15, pause=0.5) is not None, seen
    told = stack.command("incident", "show", str(stack.ask("mailbox", "show", box.address)["incident"])).stdout
    assert "a device to update" in told and "from elsewhere" in told and ABROAD in told


def recipient_answer(stack: Stack, box: Box, recipient: str) -> tuple[int, str]:
    """What submission answers to one recipient of this mailbox."""
    with stack.session(box) as session:
        session.mail(box.address)
        answer = session.recipient(recipient)
    return answer.code, answer.text


def test_an_overdue_renewal_makes_new_recipients_wait_and_locks_nobody_out(stack: Stack) -> None:
    box, neighbour = stack.new_boxes("t25", 2)
    # As after the day, with every reminder sent (tests/unit/incidents/test_renewal.py has the way there).
    stack.shell.run(
        f"""
from datetime import timedelta
from django.utils import timezone
from sekisho.incidents import renewal
now, mailbox = timezone.now(), {box.address!r}
found = renewal.start(mailbox.partition("@")[2], [mailbox], "chosen", now + timedelta(days=20), "t25", now)
renewal.enforce(found.mailboxes.get(), now)
"""
    )
    told = "a new password is due for this mailbox"
    assert wait_until(lambda: told in recipient_answer(stack, box, "new@t25-far.test")[1], 30, pause=0.5) is not None
    assert recipient_answer(stack, box, "new@t25-far.test")[0] == 450
    stack.assert_open(box)
    assert stack.status(box) == "active"
    assert recipient_answer(stack, neighbour, "new@t25-far.test")[0] == 250
    box.password = "tsuki-no-umi-88-kaede-kujira"
    stack.command("mailbox", "password", box.address, "--password-stdin", given=box.password)
    assert wait_until(lambda: recipient_answer(stack, box, "new@t25-far.test")[0] == 250, 60, pause=1) is not None
