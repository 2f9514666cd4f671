"""P2, P4: a real PostfixAdmin before the stack. An administrator switches the mailbox to active there: nothing opens;
he sets a new password there: recovered. A password that came past its log, or by the owner's page there with the stolen
one, opens nothing, and the panel asks whose it is. Sabotage: tests/sabotage/t44.patch (any new password counts)."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator

import pytest
from harness import DOMAIN, Box, Stack
from postfixadmin import Browser, PostfixAdmin

from sekisho.rehearsal.outside import wait_until

# A worker's look comes every three seconds; the rest is for a busy machine.
SOON_S = 30


@pytest.fixture(scope="module")
def site_pages(stack: Stack) -> Iterator[PostfixAdmin]:
    running = PostfixAdmin(stack)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def administrator(stack: Stack, site_pages: PostfixAdmin) -> Browser:
    """The domain's admin, logged in to PostfixAdmin."""
    name, password = f"kanri-{secrets.token_hex(2)}@{DOMAIN}", "tsuki-no-hikari-27-hamabe"
    stack.shell.run(
        f"from sekisho.directory import provision\nprovision.add_admin({name!r}, {password!r}, domains=[{DOMAIN!r}])"
    )
    browser = Browser(site_pages)
    assert browser.log_in(name, password), site_pages.log()[-3000:]
    return browser


def watched(stack: Stack, box: Box) -> dict[str, object]:
    """What the worker's last look has kept of the mailbox."""
    rows = stack.our_sql("SELECT state, edits, edit_mark FROM recovery_sitewatch WHERE mailbox = ?", box.address)
    return dict(zip(("state", "edits", "edit_mark"), rows[0], strict=True)) if rows else {}


@pytest.fixture(scope="module")
def boxes(stack: Stack) -> list[Box]:
    """Three of them, suspended, shown so in the site's table, and looked at; suspended at once, since time is short."""
    made = stack.new_boxes("t44", 3)
    stack.shell.run(
        f"""
from sekisho.incidents import decisions
for address in {[box.address for box in made]!r}:
    decisions.suspend(address, "story", "operator")
"""
    )

    def shown_and_seen() -> bool:
        rows = [stack.site_sql("SELECT active FROM mailbox WHERE username = ?", box.address) for box in made]
        return rows == [[(0,)]] * 3 and all(watched(stack, box) for box in made)

    assert wait_until(shown_and_seen, SOON_S, pause=0.3) is not None, [watched(stack, box) for box in made]
    return made


def status(stack: Stack, box: Box) -> str:
    [(word,)] = stack.our_sql("SELECT status FROM incidents_mailboxstatus WHERE mailbox = ?", box.address)
    return str(word)


def assert_opens(stack: Stack, box: Box) -> None:
    """On probation soon, and every door open soon after; a door that refuses takes Dovecot's seconds, so the record
    is asked first."""
    assert wait_until(lambda: status(stack, box) == "probation", SOON_S, pause=0.2) is not None, watched(stack, box)
    opened = wait_until(lambda: all(door.accepted for door in stack.doors(box).values()), SOON_S, pause=0.5)
    assert opened is not None, stack.incident(box)


def alias_active(stack: Stack, box: Box) -> list[tuple[int]]:
    return stack.site_sql("SELECT active FROM alias WHERE address = ?", box.address)


def test_active_there_opens_nothing_and_a_new_password_there_is_a_recovery(
    stack: Stack, site_pages: PostfixAdmin, administrator: Browser, boxes: list[Box]
) -> None:
    box = boxes[0]
    aliases = alias_active(stack, box)
    administrator.edit(box.address, active="1")
    assert stack.site_sql("SELECT active FROM mailbox WHERE username = ?", box.address) == [(1,)], site_pages.log()
    # The look that saw the click has come.
    assert wait_until(lambda: watched(stack, box).get("edits") == 1, SOON_S, pause=0.3) is not None
    stack.assert_shut(box, within=0)
    assert watched(stack, box)["state"] == "watching" and status(stack, box) == "suspended"

    old, box.password = box.password, f"ame-no-hi-{secrets.token_hex(4)}-engawa"
    begun = time.monotonic()
    administrator.edit(box.address, active="", password=box.password, password2=box.password)
    assert_opens(stack, box)
    sys.stdout.write(f"\nopen {time.monotonic() - begun:.1f} s after the new password was saved in PostfixAdmin\n")
    stack.assert_shut(box, within=0, password=old)
    assert wait_until(lambda: alias_active(stack, box) == aliases, SOON_S, pause=0.3) is not None


def answer_in_the_panel(stack: Stack, box: Box, said: str) -> int:
    """What the incident's page asks, answered by the operator in the panel; the status of the answer."""
    return int(
        stack.shell.run(
            f"""
import re
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from sekisho.incidents.models import Incident
incident = Incident.objects.filter(mailbox={box.address!r}).latest("pk")
client = Client(headers={{"host": settings.ALLOWED_HOSTS[0], "accept-language": "en"}})
client.force_login(get_user_model().objects.get(username="operator"))
page = client.get(f"/admin/incidents/{{incident.pk}}/").content.decode()
assert "Was the new password set by you?" in page, page
mark = re.search('name="mark" value="([0-9a-f]+)"', page)[1]
answer = client.post(f"/admin/incidents/{{incident.pk}}/site-password/", {{"mark": mark, "answer": {said!r}}})
result = answer.status_code
"""
        )
    )


def test_a_password_past_the_log_is_asked_about_and_opens_by_a_persons_yes(stack: Stack, boxes: list[Box]) -> None:
    box, new = boxes[1], f"kumo-no-ue-{secrets.token_hex(4)}-akari"
    stored = stack.shell.run(
        f"from sekisho.directory.passwords import hash_password\nresult = hash_password({new!r}, 'SHA512-CRYPT')"
    )
    stack.site_sql("UPDATE mailbox SET password = ?, active = 1 WHERE username = ?", stored, box.address)
    assert wait_until(lambda: watched(stack, box).get("state") == "asked", SOON_S, pause=0.3) is not None
    stack.assert_shut(box, within=0, password=new)
    assert status(stack, box) == "suspended"
    assert answer_in_the_panel(stack, box, "yes") == 302
    box.password = new
    assert_opens(stack, box)


def test_the_stolen_password_sets_no_other_by_the_owners_page_there(
    stack: Stack, site_pages: PostfixAdmin, administrator: Browser, boxes: list[Box]
) -> None:
    box, new = boxes[2], f"kage-no-michi-{secrets.token_hex(4)}-yoru"
    # Somebody clicks, and the hijacker's password is good for PostfixAdmin again.
    administrator.edit(box.address, active="1")
    intruder = Browser(site_pages)
    assert intruder.log_in(box.address, box.password, "users/"), site_pages.log()[-3000:]
    intruder.change_own_password(box.password, new)
    assert wait_until(lambda: watched(stack, box).get("state") == "asked", SOON_S, pause=0.3) is not None
    stack.assert_shut(box, within=0, password=new)
    assert answer_in_the_panel(stack, box, "no") == 302
    assert watched(stack, box)["state"] == "kept_shut" and status(stack, box) == "suspended"
