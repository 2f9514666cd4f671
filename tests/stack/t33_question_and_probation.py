"""P5, P2: a restriction asks, and its answer is kept to. A newsletter is restricted; a link in the notice, opened by
nobody's click, lifts it for this mailing; silence asks the operator, whose no shuts every door. On probation a relapse
is suspended at once and the operator called. A journey told in advance raises no alert; a mailbox that is kept to some
countries is used from nowhere else.
Sabotage: tests/sabotage/t33.patch (an allowed mailing counts like any other)."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes, policy

import pytest
from harness import ABROAD, CONTACT, HOME, Box, Hijacker, Stack, login_ok, stack_of_its_own

from sekisho.rehearsal.clients import compose
from sekisho.rehearsal.doors import try_sieve, try_smtp
from sekisho.rehearsal.outside import wait_until

# Who is called by this stack's operator (demo/provider.toml).
OPERATOR = "toban@hibari.example"
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/question/[0-9a-f]{32})\s")
TRAVELLER = "yoyaku@yunoyado-kitano.test"
# As many as one message to one server takes (Postfix' smtp_destination_recipient_limit is 50).
AT_ONCE = 50


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Its own: what is usual for a mailbox and its colleagues must be as the demo made it."""
    with stack_of_its_own() as running:
        yield running


def mail_to(stack: Stack, contact: str, box: Box) -> list[str]:
    """What came to a contact outside about this mailbox, as text."""
    with stack.outside.mailbox(contact) as session:
        parsed = [message_from_bytes(body, policy=policy.default) for body in session.bodies()]
    texts = [f"{message['Subject']}\n{message.get_body().get_content()}" for message in parsed]  # type: ignore[union-attr]
    return [text for text in texts if box.address in text]


def link_at(stack: Stack, contact: str, box: Box, within: float) -> str:
    """The path of the link in the notice to this contact."""
    found: list[str] = []

    def came() -> bool:
        found[:] = [path for text in mail_to(stack, contact, box) for path in LINK.findall(text)]
        return bool(found)

    assert wait_until(came, within, pause=1) is not None, f"no link came to {contact}: {stack.log('worker')[-2000:]}"
    assert len(set(found)) == 1
    return found[0]


def visit(stack: Stack, path: str, **form: str) -> tuple[int, str]:
    """GET, or POST with a form; no cookie is kept."""
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(f"http://127.0.0.1:{stack.places.panel}{path}", data, {"Accept-Language": "en"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def mailing(stack: Stack, box: Box, count: int, name: str) -> int:
    """A newsletter from home to so many strangers; how many the server took before it deferred one."""
    taken = 0
    with stack.session(box) as session:
        for first in range(0, count, AT_ONCE):
            readers = [f"{name}{number}@readers.test" for number in range(first, min(first + AT_ONCE, count))]
            sending = session.send(
                box.address, readers, compose(f"{name}-{first}", box.address, readers[0], "News", "")
            )
            taken += len(sending.accepted)
            if len(sending.accepted) < len(readers):
                return taken
    return taken


def stop_the_mailing(stack: Stack, box: Box, name: str) -> None:
    """Sends until the guard restricts: 100 new recipients an hour are the most from a network it does not know yet."""
    assert 50 <= mailing(stack, box, 600, name) < 600
    assert wait_until(lambda: stack.status(box) == "restricted", 10) is not None, stack.log("guard")[-2000:]


def test_a_link_lets_the_owner_go_on_with_his_mailing_and_opening_it_does_nothing(stack: Stack) -> None:
    box = stack.new_box("news")
    stop_the_mailing(stack, box, "first")
    path = link_at(stack, CONTACT, box, within=75)
    for _ in range(2):
        code, page = visit(stack, path)
        assert code == 200 and box.address in page and "Yes, it was me" in page
        assert re.search(r"Did you start a mailing to \d{3} addresses", page)
    assert stack.status(box) == "restricted"
    log = stack.log("web")
    assert "/question/" in log and path not in log

    code, page = visit(stack, path, answer="yes")
    assert code == 200 and "Answered: it was the owner" in page
    shown = stack.ask("mailbox", "show", box.address)
    assert (shown["status"], shown["allowance"]["recipients"]) == ("active", 1000)
    assert visit(stack, path, answer="no")[0] == 409
    assert stack.status(box) == "active"
    # The release reaches the guard. From a known place 500 an hour are the most: only the allowance lets 600 pass.
    assert wait_until(lambda: mailing(stack, box, 1, "again") == 1, 15) is not None
    assert mailing(stack, box, 600, "second") == 600
    assert stack.status(box) == "active"


def test_silence_asks_the_operator_whose_no_shuts_every_door(stack: Stack) -> None:
    box = stack.new_box("silent")
    stop_the_mailing(stack, box, "quiet")
    # Four hours of silence: the question is as old as that now.
    stack.shell.run(
        f"""
from datetime import timedelta
from sekisho.incidents.models import Question
row = Question.objects.get(incident__mailbox={box.address!r})
row.asked_at -= timedelta(hours=4)
row.save()
"""
    )
    path = link_at(stack, OPERATOR, box, within=100)
    assert stack.status(box) == "restricted"
    assert visit(stack, path, answer="no")[0] == 200
    stack.assert_shut(box, within=5)
    assert stack.status(box) == "suspended"
    story = stack.incident(box)
    assert ["asked_operator", "answered_no"] == [
        line["kind"] for line in story["timeline"] if line["kind"] in ("asked_operator", "answered_no")
    ]


def test_a_probation_is_counted_and_a_relapse_is_suspended_at_once(stack: Stack) -> None:
    box = stack.new_box("relapse")
    stack.suspend(box)
    stack.reinstate(box)
    for number in range(3):
        stack.submit(box, f"client{number}@readers.test", f"probation-{number}")

    def probation() -> dict[str, int]:
        return stack.ask("mailbox", "show", box.address)["probation"]

    assert wait_until(lambda: probation()["new_recipients"] == 3, 15) is not None, probation()
    assert (probation()["day"], probation()["days"], probation()["limit"]) == (1, 7, 20)

    Hijacker(stack, box).run()
    stack.assert_shut(box, within=5)
    # The release began a generation of its own: this is a second incident.
    changes = stack.incident(box)["transitions"]
    assert [(change["before"], change["after"], change["cause"]) for change in changes] == [
        ("probation", "suspended", "detection")
    ]
    called = lambda: any("再び停止しました" in text for text in mail_to(stack, OPERATOR, box))  # noqa: E731
    assert wait_until(called, 60, pause=1) is not None, stack.log("worker")[-2000:]


def test_a_journey_told_in_advance_raises_no_alert(stack: Stack) -> None:
    box = stack.known_box(TRAVELLER)
    before = stack.ask("incident", "list", "--mailbox", box.address)
    [made] = stack.ask("travel", "add", box.address, "NG", "--days", "3")
    assert made["country"] == "NG"
    state = stack.var / "agent" / "state.json"
    assert wait_until(lambda: '"NG"' in state.read_text(), 10) is not None
    written = json.loads(state.read_text())["written_at"]

    def in_force() -> bool:
        told = json.loads((stack.var / "guard" / "status.json").read_text())
        return bool(told["state_written_at"] >= written)

    assert wait_until(in_force, 20) is not None
    assert try_sieve(stack.places, box.address, box.password, ABROAD).accepted
    assert wait_until(lambda: False, 1) is None
    assert stack.ask("incident", "list", "--mailbox", box.address) == before
    assert stack.status(box) == "active"


def test_a_mailbox_kept_to_its_country_is_used_from_nowhere_else(stack: Stack) -> None:
    box = stack.new_box("pinned")
    abroad = stack.session(box, ABROAD)
    stack.command("mailbox", "countries", box.address, "JP")

    def refused() -> bool:
        return not login_ok(stack, box, ABROAD)

    assert wait_until(refused, 15) is not None
    assert not try_smtp(stack.places, box.address, box.password, ABROAD).accepted
    # The session that was open before is told to wait at its next recipient.
    abroad.mail(box.address)
    answer = abroad.recipient("somebody@readers.test")
    abroad.close()
    assert (answer.code, "not used from your country" in answer.text) == (450, True), answer
    assert login_ok(stack, box, HOME)
    stack.submit(box, "somebody@readers.test", "pinned-1")
    stack.command("travel", "add", box.address, "NG", "--days", "1")
    assert wait_until(lambda: login_ok(stack, box, ABROAD), 15) is not None
