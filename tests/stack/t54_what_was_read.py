"""P5: what a third party read is told from Dovecot's own events, each message once; that he fetched nothing is said;
what the owner reads at home is in no file and no row; while the guard was away the log's count remains, and the gap is
stated. Sabotage: tests/sabotage/t54.patch (a fetched message says nothing)."""

from __future__ import annotations

import threading
import time
from typing import Any

from harness import ABROAD, HOME, Box, Hijacker, Stack
from t07_guard_killed import keep_dead

from sekisho.rehearsal.clients import ImapSession, Pop3Session, compose
from sekisho.rehearsal.outside import wait_until

# A word that nothing but the owner's own search and folder holds.
OWNERS_WORD = "hatsukaari"
# The guard hears of an event at once; guard and worker pass it on within a second each, on a busy machine later.
TOLD_WITHIN = 30.0


def test_what_he_read_is_told_and_what_the_owner_read_is_not(stack: Stack) -> None:
    box, began = stack.new_box("t54"), time.time()
    with signed_in(stack, box, HOME) as owner:
        for number in range(5):
            assert owner.append("Work", compose(f"t54-{number}", box.address, box.address, "Invoice", "password"))
        assert owner.append("INBOX", compose("t54-5", box.address, box.address, "Note", "Hello."))
        assert owner.append(OWNERS_WORD, compose("t54-6", box.address, box.address, "Diary", "Private."))
        assert len(owner.bodies(OWNERS_WORD)) == 1
        assert owner.uid("SEARCH", "TEXT", f'"{OWNERS_WORD}"')

    with signed_in(stack, box, ABROAD) as thief:
        assert thief.folders() >= 3
        assert thief.open("Work") == 5
        assert thief.uid("FETCH", "1:*", "(FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert thief.uid("FETCH", "1:2", "(BODY.PEEK[])")
        assert thief.uid("FETCH", "2", "(BODY.PEEK[TEXT])")
        assert thief.uid("FETCH", "4", "(RFC822)")
        assert thief.uid("SEARCH", "BODY", '"password"')
        assert thief.uid("SEARCH", "UNSEEN")
        assert thief.uid("COPY", "3", "INBOX")
        assert thief.uid("STORE", "5", "+FLAGS", r"(\Deleted)")
        assert thief.expunge()
    pop3 = Pop3Session(stack.places.pop3, client_address=ABROAD)
    assert pop3.login(box.address, box.password).accepted
    assert pop3.read() == 2
    pop3.close()
    Hijacker(stack, box, ABROAD).run()

    wanted = {
        "read.sessions": [2, False],
        "read.folder:INBOX.opened": [0, False],
        "read.folder:INBOX.fetched": [2, False],
        "read.folder:Work.opened": [1, False],
        "read.folder:Work.fetched": [3, False],
        "read.fetched": [5, False],
        "read.deleted": [1, False],
        "read.stored": [1, False],
    }
    # The octets are in the log's line about the session's end, which comes last.
    found = told_when(
        stack,
        box,
        began,
        lambda found: found["figures"].items() >= wanted.items() and not found["figures"]["read.octets"][1],
    )
    assert found["figures"].items() >= wanted.items(), found
    octets, at_least = found["figures"]["read.octets"]
    assert octets > 0 and not at_least
    assert [search[:2] for search in found["searches"]] == [["Work", 'BODY "password"']]
    assert (found["limits"], found["gaps"]) == ([], [])
    # Each figure has its rows.
    assert set(found["evidence"]) >= {name for name, (value, _) in found["figures"].items() if value}
    assert not on_disk(stack, OWNERS_WORD)
    assert stack.our_sql("SELECT COUNT(*) FROM incidents_sessionreading WHERE ip = ?", HOME) == [(0,)]


def test_that_no_message_was_fetched_is_said(stack: Stack) -> None:
    box, began = stack.new_box("t54"), time.time()
    with signed_in(stack, box, ABROAD) as thief:
        assert thief.folders() >= 1
        thief.open("INBOX")
    suspend(stack, box)
    found = told_when(stack, box, began, lambda found: found["figures"]["read.sessions"][0] == 1)
    assert found["limits"] == ["nothing_fetched"], found
    assert found["figures"]["read.fetched"] == [0, False]


def test_what_was_read_while_the_guard_was_away_is_counted_from_the_log_and_the_gap_is_stated(stack: Stack) -> None:
    box, began = stack.new_box("t54"), time.time()
    with signed_in(stack, box, HOME) as owner:
        for number in range(4):
            assert owner.append("INBOX", compose(f"t54-{number}", box.address, box.address, "Note", "Hello."))
    with signed_in(stack, box, ABROAD) as thief:
        assert thief.open("INBOX") == 4
        assert thief.uid("FETCH", "1", "(BODY.PEEK[])")
        # Longer than the three seconds from which an absence is told.
        killer = threading.Thread(target=keep_dead, args=(stack, 4.5))
        killer.start()
        time.sleep(2)
        assert thief.uid("FETCH", "2:3", "(BODY.PEEK[])")
        killer.join()
        stack.wait_until_guard_answers()
        assert thief.uid("FETCH", "4", "(BODY.PEEK[])")
    suspend(stack, box)
    found = told_when(stack, box, began, lambda found: found["figures"]["read.fetched"][0] == 4 and found["gaps"])
    assert found["figures"]["read.fetched"] == [4, True], found
    assert found["limits"] == []
    assert [until - since >= 3 for since, until in found["gaps"]] == [True], found


def signed_in(stack: Stack, box: Box, source: str) -> ImapSession:
    session = ImapSession(stack.places.imap, client_address=source)
    answer = session.login(box.address, box.password)
    assert answer.accepted, answer
    return session


def suspend(stack: Stack, box: Box) -> None:
    """An incident to ask about; that the doors shut is other stories' matter."""
    stack.shell.run(f"from sekisho.incidents import decisions\ndecisions.suspend({box.address!r}, 'story', 'operator')")


def told_when(stack: Stack, box: Box, since: float, done: Any) -> dict[str, Any]:
    """What the report says of the mailbox' incident since then, when it says all of it (or the last of it)."""
    found: dict[str, Any] = {}

    def is_done() -> bool:
        nonlocal found
        found = read_of(stack, box, since)
        return bool(found and done(found))

    wait_until(is_done, TOLD_WITHIN, pause=0.3)
    assert found, f"{box.address} has no incident"
    return found


def read_of(stack: Stack, box: Box, since: float) -> dict[str, Any]:
    found: dict[str, Any] = stack.shell.run(
        f"""
from datetime import datetime, UTC
from sekisho.impact.reading import evidence_of, read_of
from sekisho.incidents.models import Incident
incident = Incident.objects.filter(mailbox={box.address!r}).order_by("-id").first()
if incident is None:
    result = {{}}
else:
    asked = (incident, ({ABROAD!r},), datetime.fromtimestamp({since}, UTC), datetime.now(UTC))
    read, limits, gaps = read_of(*asked)
    figures = [read.sessions, read.fetched, read.octets, read.deleted, read.stored]
    figures += [figure for folder in read.folders for figure in (folder.opened, folder.fetched)]
    result = {{
        "figures": {{figure.name: [figure.value, figure.at_least] for figure in figures}},
        "searches": [[search.folder, search.words, search.at] for search in read.searches],
        "limits": [limit.name for limit in limits],
        "gaps": [[gap.since, gap.until] for gap in gaps],
        "evidence": sorted({{row.figure for row in evidence_of(*asked)}}),
    }}
"""
    )
    return found


def on_disk(stack: Stack, word: str) -> list[str]:
    """Files of ours that hold a word: the guard's, the agent's, the worker's, our database's."""
    places = [stack.var / name for name in ("guard", "agent", "worker", "db")]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and path.name != "site.sqlite3"]
    return [str(path) for path in files if word.encode() in path.read_bytes()]
