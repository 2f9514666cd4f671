"""P5: after a blast the incident page and `explain` show how the score came about, up to the threshold at which the
mailbox was suspended; a reading below an alert is told as well. Sabotage: tests/sabotage/t21.patch (decisions are no
points of the history)."""

from __future__ import annotations

import json
from typing import Any

from harness import Stack
from t19_tenants_are_sealed import Browser

from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.outside import wait_until

# A bookkeeper of the demo, at home in Japan; a network owner there that the mailbox never used.
OWNER, NEW_NETWORK = "keiri@hanamaru-pan.example", "198.18.200.9"


def history(stack: Stack, address: str) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = stack.ask("explain", address)["history"]
    return points


def test_a_reading_below_an_alert_is_told_without_an_incident(stack: Stack) -> None:
    box = stack.known_box(OWNER)
    with ImapSession(stack.places.imap, client_address=NEW_NETWORK) as session:
        assert session.login(box.address, box.password).accepted
    assert wait_until(lambda: bool(history(stack, OWNER)), 10, pause=0.5) is not None, "no reading came"
    [point] = history(stack, OWNER)
    assert point["action"] == "" and point["thresholds"]["alert"] > point["score"] >= 2.0
    assert point["findings"] == {"new_network": point["score"]}
    shown = stack.ask("mailbox", "show", OWNER)
    assert (shown["status"], shown["incident"]) == ("active", None)


def test_after_a_blast_the_history_reaches_the_suspension(stack: Stack) -> None:
    done = stack.command("rehearse", "blast", "--json", "--lang", "en", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    address = json.loads(done.stdout)["mailbox"]
    told = stack.ask("explain", address)
    points = told["history"]
    assert len(points) >= 2, points
    assert [point["t"] for point in points] == sorted(point["t"] for point in points)
    last = points[-1]
    assert last["score"] >= last["thresholds"]["suspend"], points
    assert [point["action"] for point in points if point["action"]][-1] == "suspend"
    assert all(point["findings"] for point in points)

    text = stack.command("explain", address).stdout.splitlines()
    assert "suspension" in text[-1] and f"{last['score']:.1f}" in text[-1], text[-5:]

    operator = json.loads(stack.places.credentials_file.read_text())["panel"]["operator"]
    browser = Browser(stack)
    browser.sign_in(operator["name"], operator["password"])
    status, page = browser.ask(f"/admin/incidents/{told['story']['id']}/")
    drawing = page.partition('id="history"')[2]
    assert status == 200 and drawing, "the page shows no history"
    assert drawing.count('class="level"') == len(points)
    assert 'class="mark mark-suspend"' in drawing and "threshold-suspend" in drawing
