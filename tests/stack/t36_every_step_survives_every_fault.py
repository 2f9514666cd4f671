"""P2, P5: the real programs of Postfix and Dovecot hang, exit 75, or exit 0 and do nothing: a suspension and its
dismissal come to their end, with each effect once, and an order is done only when the effect is there. A fault that
does not go away keeps the order open for people to see. The whole matrix is tests/unit/containment/test_saga.py; agents
killed at every step of `contain` and `release` are t14, of `dismiss` they are here. Sabotage: tests/sabotage/t36.patch
(sessions count as ended without a look)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from harness import Box, Stack
from spoilt_programs import Fault, Rule, spoilt

from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.outside import wait_until

# For good, as far as a story goes.
LASTS = 999
# The commands of each plan and how often each fails in a row. A command that hangs takes its deadline (5 s) each time.
SHUTTING: dict[Fault, dict[str, int]] = {
    "hangs": {"doveadm auth cache flush": 1, "doveadm kick --": 1},
    "exits 75": {
        "postmap -ri": 2, "doveadm auth cache flush": 2, "doveadm kick --": 2, "postsuper -h -": 2,
        "postqueue -j": 1, "doveadm sieve list": 1, "doveadm sieve deactivate": 1, "doveadm auth test": 1,
    },
    "does nothing": {
        "postmap -ri": 2, "doveadm auth cache flush": 2, "doveadm kick --": LASTS, "postsuper -h -": 2,
        "doveadm sieve deactivate": 2,
    },
}  # fmt: skip
OPENING: dict[Fault, dict[str, int]] = {
    "hangs": {"postfix reload": 1},
    "exits 75": {
        "postmap -d -": 2, "postfix reload": 1, "postsuper -H -": 2, "doveadm sieve activate": 2,
        "doveadm auth test": 1,
    },
    "does nothing": {
        "postmap -d -": 2, "postsuper -H -": 2, "doveadm sieve activate": 2, "doveadm auth cache flush": 2,
    },
}  # fmt: skip
# The steps of `dismiss` (docs/flow.md) up to the one that counts as open.
DISMISS_STEPS = (
    "restore_active", "flush_auth_cache", "lower_barrier", "flush_auth_cache_again", "restore_redirects",
    "restore_planted", "restore_app_passwords", "release_held", "retry_waiting", "probe_open",
)  # fmt: skip
WITHIN = 45.0


@pytest.fixture(scope="module", autouse=True)
def _nothing_leaves(stack: Stack) -> Iterator[None]:
    """What a mailbox has sent waits in our queue, so that it can be put on hold."""
    resume = stack.postconf("ours", defer_transports="smtp")
    yield
    resume()


def prepared(stack: Stack, word: str) -> tuple[Box, str, ImapSession]:
    """A mailbox with an active filter, a message in our queue (its id) and an open session."""
    box = stack.new_box(word)
    stack.plant(box, "discard;")
    queue_id = stack.submit(box, f"friend@{box.local}.test", stack.number(word))
    session = ImapSession(stack.places.imap, client_address=stack.home, deadline=120)
    assert session.login(box.address, box.password).accepted
    session.idle()
    return box, queue_id, session


def queue_name(stack: Stack, queue_id: str) -> str:
    found = [m.queue_name for m in stack.our_queue() if m.queue_id == queue_id]
    return found[0] if found else ""


def orders(stack: Stack, box: Box, kind: str) -> list[str]:
    rows = stack.our_sql("SELECT state FROM incidents_order WHERE mailbox = ? AND kind = ?", box.address, kind)
    return [state for (state,) in rows]


def wait_for_order(stack: Stack, box: Box, kind: str) -> None:
    assert wait_until(lambda: orders(stack, box, kind) == ["done"], WITHIN, pause=0.2) is not None, (
        orders(stack, box, kind),
        [step for step in stack.incident(box)["steps"] if step["state"] == "failed"],
    )


def assert_struck(rules: dict[str, Rule], times: dict[str, int]) -> None:
    struck = {command: rule.fired for command, rule in rules.items()}
    assert all(struck[command] == number or number == LASTS for command, number in times.items()), struck


def assert_once(stack: Stack, box: Box, *statuses: str) -> None:
    """One incident, one transition to each status, one notice of the suspension handed over for each contact."""
    assert stack.our_sql("SELECT COUNT(*) FROM incidents_incident WHERE mailbox = ?", box.address) == [(1,)]
    rows = stack.our_sql("SELECT after FROM incidents_transition WHERE mailbox = ? ORDER BY id", box.address)
    # The guard may have restricted it before.
    assert [after for (after,) in rows if after != "restricted"] == list(statuses), rows
    joined = "incidents_notice n JOIN incidents_incident i ON i.id = n.incident_id"
    question = f"SELECT n.message_id FROM {joined} WHERE i.mailbox = ? AND n.kind = 'suspended'"
    identifiers = [identifier for (identifier,) in stack.our_sql(question, box.address)]

    def handed_over() -> list[int]:
        log = stack.mail_log()
        return [log.count(f"message-id={identifier}") for identifier in identifiers]

    assert wait_until(lambda: identifiers and all(handed_over()), 20, pause=0.5) is not None, identifiers
    assert set(handed_over()) == {1}


def keeps_open_while_it_lasts(stack: Stack, box: Box, kick: Rule) -> None:
    """The kick does nothing: everything else is shut, the order is open, and the page says why."""
    assert wait_until(lambda: kick.fired >= 2, 20) is not None
    stack.assert_shut(box, within=5)
    assert wait_until(lambda: "1 session still open" in str(stack.incident(box)["steps"]), 20, pause=0.3) is not None
    incident = stack.incident(box)
    assert (orders(stack, box, "contain"), incident["phase"]) == (["claimed"], "detected")
    kick.lift()


# A hang takes its deadline at every command; the unit matrix has it for each step.
@pytest.mark.parametrize("fault", [pytest.param("hangs", marks=pytest.mark.soak), "exits 75", "does nothing"])
def test_a_suspension_and_its_dismissal_survive_programs_that_fail(stack: Stack, fault: Fault) -> None:
    box, queue_id, session = prepared(stack, f"t36{fault[0]}{fault[-1]}")
    with spoilt(stack.programs, fault, SHUTTING[fault]) as rules:
        stack.command("mailbox", "suspend", box.address, "--reason", "story", "--no-wait")
        if SHUTTING[fault]["doveadm kick --"] == LASTS:
            keeps_open_while_it_lasts(stack, box, rules["doveadm kick --"])
        wait_for_order(stack, box, "contain")
        assert_struck(rules, SHUTTING[fault])
    stack.assert_shut(box, within=0)
    assert stack.mx(box.address).code == 450
    assert session.seconds_until_ended(1) is not None, "the session is still open"
    assert queue_name(stack, queue_id) == "hold"
    assert_once(stack, box, "suspended")

    number = str(stack.incident(box)["id"])
    with spoilt(stack.programs, fault, OPENING[fault]) as rules:
        stack.command("incident", "dismiss", number, "--no-wait")
        wait_for_order(stack, box, "dismiss")
        assert_struck(rules, OPENING[fault])
    assert_given_back(stack, box, number)


def assert_given_back(stack: Stack, box: Box, number: str) -> None:
    stack.assert_open(box)
    # Sent on: a try that was asked for does not heed defer_transports.
    assert wait_until(lambda: bool(stack.outside_inbox(f"friend@{box.local}.test")), 20, pause=0.5) is not None
    assert sum(stack.outside_inbox(f"friend@{box.local}.test").values()) == 1
    assert_once(stack, box, "suspended", "active")
    steps = {(step["plan"], step["name"]): step for step in stack.ask("incident", "show", number)["steps"]}
    assert "'rules' active again" in steps["dismiss", "restore_redirects"]["outcome"]
    failed = [key for key, step in steps.items() if step["state"] == "failed" and key[0] == "dismiss"]
    assert not failed, failed


@pytest.mark.soak
def test_the_agent_killed_after_every_act_of_a_dismissal(stack: Stack) -> None:
    box, _, session = prepared(stack, "t36k")
    stack.suspend(box)
    session.close()
    armed = [stack.arm(f"agent.dismiss.{step}.before_verify") for step in DISMISS_STEPS]
    number = str(stack.incident(box)["id"])
    stack.command("incident", "dismiss", number, "--no-wait")
    began = time.monotonic()
    assert wait_until(lambda: not any(path.exists() for path in armed), 90, pause=0.1) is not None, armed
    wait_for_order(stack, box, "dismiss")
    assert time.monotonic() - began < 120
    assert_given_back(stack, box, number)
