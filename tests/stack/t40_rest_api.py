"""P2, P7: the REST API on the real stack: a program suspends a mailbox with a key made at the command line, every door
is shut; it reinstates it with a new password, every door is open. A key for another tenant gets 404 and changes
nothing, a revoked one 401. Sabotage: tests/sabotage/t40.patch (the API finds its mailbox past the key's domains)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from harness import DOMAIN, OTHER_DOMAIN, Box, Stack

from sekisho.rehearsal.outside import wait_until

NEW = "umbrella-Seven-29-candle"


class Api:
    """A program with a key."""

    def __init__(self, stack: Stack, *options: str) -> None:
        made = stack.ask("key", "add", "story t40", *options)
        self.prefix, self._key = made["prefix"], made["key"]
        self._base = f"http://127.0.0.1:{stack.places.panel}/api/v1"

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Accept-Language": "en"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def program(stack: Stack) -> Api:
    return Api(stack, "--account", "operator", "--scope", "read", "--scope", "contain", "--scope", "recover")


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> Api:
    scopes = ("--scope", "read", "--scope", "contain", "--scope", "recover")
    return Api(stack, "--account", "operator", "--domain", OTHER_DOMAIN, *scopes)


@pytest.fixture
def box(stack: Stack) -> Box:
    return stack.new_box("t40")


def test_a_program_suspends_and_reinstates(stack: Stack, program: Api, box: Box) -> None:
    stack.assert_open(box)
    for _ in range(2):
        status, facts = program.ask(f"/mailboxes/{box.address}/suspend", {"reason": "seen by our own monitoring"})
        assert (status, facts["status"]) == (200, "suspended"), facts
    stack.assert_shut(box, within=5)
    contained = wait_until(lambda: program.ask(f"/mailboxes/{box.address}")[1]["contained_at"], 15, pause=0.3)
    assert contained is not None

    def alike() -> bool:
        return bool(program.ask(f"/mailboxes/{box.address}")[1] == stack.ask("mailbox", "show", box.address))

    # `active` is mirrored last, maybe between the two questions.
    assert wait_until(alike, 10, pause=0.5) is not None
    number = facts["incident"]
    assert program.ask(f"/incidents/{number}")[1]["transitions"][0]["actor"] == f"operator (key {program.prefix})"
    assert len(program.ask(f"/incidents?mailbox={box.address}")[1]["items"]) == 1

    old = box.password
    status, facts = program.ask(f"/mailboxes/{box.address}/reinstate", {"password": old})
    assert (status, facts["error"]) == (422, "password")
    status, facts = program.ask(f"/mailboxes/{box.address}/reinstate", {"password": NEW})
    assert (status, facts["status"]) == (200, "probation"), facts
    box.password = NEW
    opened = wait_until(lambda: all(answer.accepted for answer in stack.doors(box).values()), 40, pause=0.5)
    assert opened is not None
    assert not any(answer.accepted for answer in stack.doors(box, password=old).values())

    rows = stack.ask("audit", "list", box.address, "--limit", "100")
    assert {row["verb"] for row in rows if row["via"] == "api"} >= {"suspended", "probation", "set_password"}
    assert NEW not in json.dumps(rows)
    assert stack.ask("audit", "verify")["broken"] is None


def test_a_key_for_another_tenant_sees_and_changes_nothing(stack: Stack, stranger: Api, box: Box) -> None:
    before = stack.ask("mailbox", "show", box.address)
    absent = f"nobody-t40@{DOMAIN}"
    for path, body in (
        ("/mailboxes/{}", None),
        ("/mailboxes/{}/explain", None),
        ("/mailboxes/{}/deferred", None),
        ("/mailboxes/{}/suspend", {"reason": "mine now"}),
        ("/mailboxes/{}/reinstate", {"password": NEW}),
    ):
        theirs = stranger.ask(path.format(box.address), body)
        assert theirs == stranger.ask(path.format(absent), body), path
        assert theirs[0] == 404, (path, theirs)
    assert stack.ask("mailbox", "show", box.address) == before
    assert {row["domain"] for row in stranger.ask("/mailboxes")[1]["items"]} <= {OTHER_DOMAIN}


def test_a_revoked_key_opens_nothing(stack: Stack, box: Box) -> None:
    former = Api(stack, "--account", "operator")
    assert former.ask(f"/mailboxes/{box.address}")[0] == 200
    stack.command("key", "revoke", former.prefix)
    assert former.ask(f"/mailboxes/{box.address}")[0] == 401
