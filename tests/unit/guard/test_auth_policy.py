"""Dovecot's two commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guard.standins import ALICE, STRANGER, Bench
from sekisho.detection import AddressTable
from sekisho.guard.auth_policy import AuthPolicy
from sekisho.guard.http_service import Request, Response
from sekisho.guard.sessions import Sessions
from sekisho.journal import LoginSeen, MailboxState, StateFile

KEY = "0123456789abcdef"


class Endpoint:
    """An auth policy endpoint in front of a checkpoint."""

    def __init__(self, key: str = KEY, reason: str = "") -> None:
        self.bench = Bench()
        self.sessions = Sessions()
        self.policy = AuthPolicy(self.bench.checkpoint, self.sessions, key, reason)

    def post(self, command: str, key: str = KEY, **fields: Any) -> Response:
        usual = {"login": ALICE, "remote": STRANGER, "protocol": "imap", "session_id": "s1", "attrs": {"user": ALICE}}
        body = json.dumps({**usual, **fields}).encode()
        return self.policy.serve(Request("POST", "/auth", f"command={command}", key.encode(), body))


@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", KEY[:-1]])
def test_without_the_right_key_nothing_is_said_and_nothing_learnt(key: str) -> None:
    endpoint = Endpoint()
    assert endpoint.post("report", key, success=True).status == 401
    assert endpoint.bench.spooled == []
    assert len(endpoint.bench.checkpoint.profiles) == 0


def test_an_empty_key_in_the_settings_lets_nobody_in() -> None:
    assert Endpoint(key="").post("allow", "").status == 401


def test_allow_lets_everybody_go_on_but_the_suspended() -> None:
    endpoint = Endpoint()
    assert endpoint.post("allow") == Response(200, b'{"status":0,"msg":""}')
    endpoint.bench.state(alice=("suspended", 0, None))
    assert endpoint.post("allow") == Response(200, b'{"status":-1,"msg":""}')
    assert endpoint.post("allow", login="alice@alias.test", attrs={}) == Response(200, b'{"status":-1,"msg":""}')
    assert endpoint.post("allow", login="bob@shop.test", attrs={}).body == b'{"status":0,"msg":""}'


def test_a_probe_is_left_to_the_barrier() -> None:
    """The agent's probes carry no address; refused from memory they could not tell whether `deny` still stands."""
    endpoint = Endpoint()
    endpoint.bench.state(alice=("suspended", 0, None))
    assert endpoint.post("allow", remote="").body == b'{"status":0,"msg":""}'


def test_the_reason_is_said_only_where_the_operator_wants_it() -> None:
    endpoint = Endpoint(reason="Please call us")
    endpoint.bench.state(alice=("suspended", 0, None))
    assert json.loads(endpoint.post("allow").body) == {"status": -1, "msg": "Please call us"}


def test_the_reason_has_the_case_number_once_the_record_has_one() -> None:
    endpoint = Endpoint(reason="Suspended, case {case}, see panel.example/case")
    endpoint.bench.state(alice=("suspended", 0, None))
    assert json.loads(endpoint.post("allow").body) == {"status": -1, "msg": ""}
    stated = MailboxState("suspended", 0, case="SK-7-ABCDEF")
    endpoint.bench.checkpoint.take_state(StateFile(written_at=2.0, mailboxes={ALICE: stated}), 2.0)
    told = json.loads(endpoint.post("allow").body)
    assert told == {"status": -1, "msg": "Suspended, case SK-7-ABCDEF, see panel.example/case"}
    assert json.loads(endpoint.post("allow", pwhash="0b32").body) == told


def test_who_is_refused_for_his_place_is_not_told_of_a_suspension() -> None:
    endpoint = Endpoint(reason="Suspended")
    endpoint.bench.checkpoint.places.table = AddressTable.from_lines(["203.0.113.0/24,NG,65018,Naija"])
    pinned = StateFile(written_at=2.0, countries={ALICE: ("JP",)})
    endpoint.bench.checkpoint.take_state(pinned, 2.0)
    assert json.loads(endpoint.post("allow").body) == {"status": -1, "msg": ""}


def test_a_report_is_a_login_event() -> None:
    endpoint = Endpoint()
    endpoint.post("report", success=True, pwhash="0b32", device_id='"name" "x"')
    assert endpoint.bench.checkpoint.counters.events == 1
    login = endpoint.bench.spooled[0]
    assert isinstance(login, LoginSeen)
    assert (login.mailbox, login.success, login.ip, login.session) == (ALICE, True, STRANGER, "s1")
    assert endpoint.sessions.ip("s1", ALICE) == STRANGER


def test_the_final_name_counts_over_the_typed_one() -> None:
    endpoint = Endpoint()
    endpoint.post("report", success=True, login="alice", attrs={"user": "Alice@Shop.test"})
    endpoint.post("report", success=True, login=ALICE, attrs={"user": ""})
    assert [event.mailbox for event in endpoint.bench.spooled if isinstance(event, LoginSeen)] == [ALICE, ALICE]


def test_an_app_password_is_told_of_a_login_that_succeeded() -> None:
    endpoint = Endpoint()
    endpoint.post("report", success=True, attrs={"user": ALICE, "app": "7"})
    endpoint.post("report", success=False, attrs={"user": ALICE, "app": "7"})
    told = [event.app_password for event in endpoint.bench.spooled if isinstance(event, LoginSeen)]
    assert told == ["7", ""]


def test_a_refused_login_proves_no_password() -> None:
    endpoint = Endpoint()
    endpoint.post("report", success=True, policy_reject=True)
    endpoint.post("report", success=False, policy_reject=True)
    assert endpoint.bench.checkpoint.counters.events == 0
    assert [event.success for event in endpoint.bench.spooled if isinstance(event, LoginSeen)] == [False, False]
    assert endpoint.sessions.ip("s1", ALICE) == ""


@pytest.mark.parametrize("fields", [{"remote": ""}, {"login": "", "attrs": {}}, {"login": "a b@@", "attrs": {}}])
def test_probes_and_nameless_reports_are_no_events(fields: dict[str, Any]) -> None:
    endpoint = Endpoint()
    assert endpoint.post("report", success=True, **fields).status == 200
    assert endpoint.bench.spooled == []
    assert endpoint.bench.checkpoint.counters.events == 0


def test_what_cannot_be_read_is_answered_400_and_unknown_commands_404() -> None:
    policy = Endpoint().policy
    assert policy.serve(Request("POST", "/auth", "command=allow", KEY.encode(), b"{")).status == 400
    assert policy.serve(Request("POST", "/auth", "command=delete", KEY.encode(), b"{}")).status == 404
    assert policy.serve(Request("GET", "/auth", "command=allow", KEY.encode(), b"")).status == 405


def test_a_burned_password_trips_at_its_login_and_nothing_else_does() -> None:
    endpoint = Endpoint()
    burned = MailboxState("probation", 1, 20, burned=("0b32", "0c44"))
    endpoint.bench.checkpoint.take_state(StateFile(1.0, {ALICE: burned}), 1.0)
    endpoint.post("report", success=True, pwhash="0b33")
    endpoint.post("report", success=False, pwhash="0b32")
    endpoint.post("report", success=True, pwhash="0b32", policy_reject=True)
    # An app password's hash is another password's; and another mailbox has burned nothing.
    endpoint.post("report", success=True, pwhash="0b32", attrs={"user": ALICE, "app": "7"})
    endpoint.post("report", success=True, pwhash="0b32", login="bob@shop.test", attrs={})
    endpoint.post("report", success=True, pwhash="")
    assert endpoint.bench.journal.records == []
    endpoint.post("report", success=True, pwhash="0c44")
    [record] = endpoint.bench.journal.records
    assert (record.action, record.mailbox, record.after) == ("suspend", ALICE, "suspended")
    assert record.indicators[0].name == "burned_password"
    assert endpoint.post("allow").body == b'{"status":-1,"msg":""}'
