"""P2, P5: every step of every plan, under every fault, on the agent's own main loop: the incident completes, once.

The matrix is made from the plans themselves. A step's row below says from outside, without the step's own `verify`,
when its effect stands; a step without a row fails the first test. Each case has two parts: while the fault lasts the
step is never done without its effect, its order is open, and an alarm names it; then the fault comes once at each of
the step's calls, before and behind its effect, and the plan is carried through with each effect once.

The order `planted` has no plan; its cases are in test_settings_watch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, get_args, get_type_hints

import pytest

from sekisho.config import Settings
from sekisho.containment import plans
from sekisho.containment.ledger import PlanRecord
from sekisho.containment.messages import AppPasswordRow
from sekisho.containment.work import Step

from .conftest import ALICE
from .saga_world import FAULTS, HASH, HIJACKED, HOME, WAITING, Fault, World

# A plan by its kind, or one of its variants.
PLANS: dict[str, tuple[Step, ...]] = {
    **plans._BY_KIND,
    "restrict": plans.RESTRICT,
    "restrict to nothing": plans.RESTRICT_TO_NOTHING,
}
# Seconds between ticks while a fault lasts. A failed step is tried again after 5 s at most, late after 30 s, and the
# last steps are due 31 s after another one: so two long pauses, and tries behind each.
LASTS = (1, 1, 1, 2, 3, 5, 31, 1, 2, 5, 31, 1, 1)
# Then: every try is due after this pause; so many are enough for each call of the step to be spoilt, and for the sweep.
TRIES = (5.0,) * 40


class Row(NamedTuple):
    """What a step must have brought about."""

    stands: Callable[[World], bool]
    # How often it was brought about, where that can be counted.
    times: Callable[[World], int] = lambda world: 1
    # Calls whose effect cannot be read back, and why their loss is not one: the form -> the reason.
    unseen: dict[str, str] = {}
    # The step has nothing to do here, and why.
    idle: str = ""


_RELOAD = {
    "postfix reload": "smtpd and qmgr forget by themselves; retry_waiting_31 lets go what they refused meanwhile"
}
_QUEUE_RUN = {"postqueue -i": "the next queue run tries the message anyway"}
_PICKUP = {"postkick public": "pickup looks by itself each minute"}
_SIEVEC = {"sievec": "Dovecot compiles it itself at each delivery"}
_KICK = {f"doveadm kick -- {name}": "a kick as a precaution: sweep_5 and sweep_30 count the sessions" for name in
         (ALICE, "alice@alias.example")}  # fmt: skip


def _in_barrier(world: World, *files: str) -> bool:
    return all(any(ALICE in key for key in world.rows(file)) for file in files)


def _out_of_barrier(world: World) -> bool:
    return not any(_in_barrier(world, file) for file in ("sasl", "deny", "rcpt", "identity", "transport", "lmtp"))


def _shut(world: World) -> bool:
    return _in_barrier(world, "sasl", "deny", "rcpt", "identity", "transport", "lmtp")


def _home_known(world: World) -> bool:
    entry = world.agent.ledger.get(ALICE, 0)
    return entry is not None and entry.home == HOME and not world.link.active[ALICE]


_HELD = Row(lambda w: w.queue_name(HIJACKED) == "hold")
_SESSIONS = Row(lambda w: not w.host.sessions)
_FLUSHED = Row(lambda w: not w.host.cached)
_WEBMAIL = Row(lambda w: ALICE not in w.webmail.logins, lambda w: w.webmail.ended)
_FILTER = Row(lambda w: w.host.active.get(ALICE) != "evil", lambda w: len(w.host.switched_off))
_RETRIED = Row(lambda w: WAITING in w.host.retried, unseen=_QUEUE_RUN)
_SWEPT = Row(lambda w: _shut(w) and not w.host.sessions and _HELD.stands(w) and _WEBMAIL.stands(w))
_OUR_APP_LINES = Row(lambda w: any(ALICE in line for line in w.app_lines()))

ROWS: dict[tuple[str, str], Row] = {
    ("contain", "raise_barrier"): Row(_shut),
    ("contain", "flush_auth_cache"): _FLUSHED,
    ("contain", "kick_sessions"): _SESSIONS,
    ("contain", "hold_queue"): _HELD,
    ("contain", "freeze_redirects"): _FILTER,
    ("contain", "revoke_app_passwords"): Row(lambda w: not any(ALICE in line for line in w.app_lines())),
    ("contain", "end_webmail_sessions"): _WEBMAIL,
    ("contain", "probe_doors"): Row(_shut, unseen=_KICK),
    ("contain", "freeze_planted"): Row(lambda w: not w.link.planted.in_force, lambda w: w.link.planted.changes),
    ("contain", "mirror_active"): Row(lambda w: not w.link.active[ALICE], lambda w: w.link.writes.count(False)),
    ("contain", "sweep_5"): _SWEPT,
    ("contain", "sweep_30"): _SWEPT,
    ("restrict", "raise_barrier"): Row(lambda w: True, idle="the guard alone limits sending"),
    ("restrict", "freeze_redirects"): _FILTER,
    ("restrict to nothing", "raise_barrier"): Row(lambda w: _in_barrier(w, "sasl")),
    ("restrict to nothing", "hold_queue"): _HELD,
    ("restrict to nothing", "freeze_redirects"): _FILTER,
    ("release", "restore_active"): Row(lambda w: w.link.active[ALICE], lambda w: w.link.writes.count(True)),
    ("release", "flush_auth_cache"): _FLUSHED,
    ("release", "freeze_redirects"): _FILTER,
    ("release", "revoke_app_passwords"): Row(
        lambda w: not any(ALICE in line for line in w.app_lines()), idle="the suspension has taken them already"
    ),
    ("release", "freeze_planted"): Row(lambda w: not w.link.planted.in_force, lambda w: w.link.planted.changes),
    ("release", "file_returned"): Row(lambda w: bool(w.returned_script()), unseen=_SIEVEC),
    ("release", "lower_barrier"): Row(lambda w: _out_of_barrier(w) and not w.host.remembers, unseen=_RELOAD),
    ("release", "flush_auth_cache_again"): _FLUSHED,
    ("release", "retry_waiting"): _RETRIED,
    ("release", "probe_open"): Row(_out_of_barrier),
    ("release", "retry_waiting_31"): _RETRIED,
    ("dismiss", "restore_active"): Row(lambda w: w.link.active[ALICE], lambda w: w.link.writes.count(True)),
    ("dismiss", "flush_auth_cache"): _FLUSHED,
    ("dismiss", "lower_barrier"): Row(lambda w: _out_of_barrier(w) and not w.host.remembers, unseen=_RELOAD),
    ("dismiss", "flush_auth_cache_again"): _FLUSHED,
    ("dismiss", "restore_redirects"): Row(lambda w: w.host.active.get(ALICE) == "evil"),
    ("dismiss", "restore_planted"): Row(lambda w: w.link.planted.in_force, lambda w: w.link.planted.changes),
    ("dismiss", "restore_app_passwords"): _OUR_APP_LINES,
    ("dismiss", "release_held"): Row(lambda w: w.queue_name(HIJACKED) == "deferred", unseen=_QUEUE_RUN),
    ("dismiss", "retry_waiting"): _RETRIED,
    ("dismiss", "probe_open"): Row(_out_of_barrier),
    ("dismiss", "retry_waiting_31"): _RETRIED,
    ("refresh", "write_app_passwords"): Row(lambda w: any("sekisho_app=8" in line for line in w.app_lines())),
    ("refresh", "flush_auth_cache"): _FLUSHED,
    ("refresh", "end_webmail_sessions"): _WEBMAIL,
    ("refresh", "kick_sessions"): _SESSIONS,
    ("rescue_on", "find_home"): Row(_home_known),
    ("rescue_on", "accept_mail"): Row(
        lambda w: not _in_barrier(w, "rcpt") and _in_barrier(w, "deny", "lmtp") and not w.host.remembers,
        unseen=_RELOAD,
    ),
    ("rescue_on", "retry_waiting"): _RETRIED,
    ("rescue_on", "probe_doors"): Row(lambda w: _in_barrier(w, "sasl", "deny"), unseen=_KICK),
    ("rescue_on", "retry_waiting_31"): _RETRIED,
    ("rescue_off", "refuse_mail"): Row(lambda w: _shut(w) and not w.host.remembers, unseen=_RELOAD),
    ("purge_held", "purge_held"): Row(lambda w: w.queue_name(HIJACKED) == ""),
    ("requeue_held", "requeue_held"): Row(lambda w: w.queue_name(HIJACKED) == "deferred", unseen=_QUEUE_RUN),
    ("hold_held", "hold_held"): _HELD,
}


def _contained(world: World) -> None:
    world.order(1, "contain", hold_since=world.clock() - 600)
    assert world.run((1, 1), lambda: world.link.state[1] == "done")
    _as_if_time_had_passed(world)


def _as_if_time_had_passed(world: World) -> None:
    """What the next plan is about: remembered answers, a filter and a forward in force again; counters at zero."""
    host, link = world.host, world.link
    host.cached, host.remembers, host.active[ALICE] = {ALICE}, True, "evil"
    host.switched_off, link.writes, link.planted.in_force, link.planted.changes = [], [], True, 0
    world.webmail.ended = 0


def _begin(world: World, plan: str) -> int:
    """Brings the world to where the plan begins, and orders it; the order's number."""
    if plan in ("contain", "restrict", "restrict to nothing"):
        limit = {"restrict": 10, "restrict to nothing": 0}.get(plan)
        world.order(9, plan.split()[0], hold_since=world.clock() - 600, **({} if limit is None else {"limit": limit}))
        return 9
    if plan == "refresh":
        world.link.app_password_rows.append(AppPasswordRow(ALICE, 0, 8, "0111", HASH, ("pop3",)))
        world.order(9, "refresh")
        return 9
    _contained(world)
    if plan == "dismiss":
        world.host.active.pop(ALICE)
        world.link.planted.in_force = False
        world.link.app_password_rows = [AppPasswordRow(ALICE, 1, 7, "0111", HASH, ("imap",))]
    for before, needed in (("rescue_on", "rescue_off"), ("requeue_held", "hold_held")):
        if plan == needed:
            world.order(2, before, queue_ids=[HIJACKED])
            assert world.run((1, 1), lambda: world.link.state[2] == "done")
            world.host.remembers = True
    generation = 1 if plan in ("release", "dismiss") else 0
    world.order(9, plan, generation, queue_ids=[HIJACKED], sent_ids=["4jYZ224PJXzJHbl"])
    return 9


class Case:
    """One step under one fault, watched: whatever is called done without its effect is noted."""

    def __init__(self, world: World, plan: str, step: str) -> None:
        self.world, self.plan, self.kind, self.step = world, plan, plan.split()[0], step
        self.lies: list[str] = []
        self._excused: set[str] = set()
        self.order = _begin(world, plan)
        world.on_done = self._step_done
        world.link.on_finish = self._order_done

    def _step_done(self, kind: str, step: str) -> None:
        if kind != self.kind:
            return
        row, hit = ROWS[self.plan, step], self.world.faults.hit
        self._excused.discard(step)
        if hit & row.unseen.keys():
            self._excused.add(step)
        elif not row.stands(self.world):
            self.lies.append(f"step {step} (spoilt: {sorted(hit)})")

    def _order_done(self, order_id: int) -> None:
        if order_id != self.order:
            return
        last = plans.EFFECTIVE.get(self.kind, PLANS[self.plan][-1].name)
        for step in PLANS[self.plan]:
            if step.name not in self._excused and not ROWS[self.plan, step.name].stands(self.world):
                self.lies.append(f"order {order_id} (without {step.name})")
            if step.name == last:
                return

    @property
    def is_before_effect(self) -> bool:
        """Whether people are told that the order is done only after this step."""
        names = [step.name for step in PLANS[self.plan]]
        last = plans.EFFECTIVE.get(self.kind, names[-1])
        return names.index(self.step) <= names.index(last)

    def record(self) -> PlanRecord | None:
        """The plan while it is live."""
        found = self.world.plan_entries(self.kind)
        return found[0][1] if found else None

    def is_done(self) -> bool:
        plan = self.record()
        return plan is None or plans.record_of(plan, self.step).is_done

    def is_complete(self) -> bool:
        if self.world.link.state[self.order] != "done":
            return False
        return all(plans.is_complete(entry, plan) for entry, plan in self.world.plan_entries(self.kind))


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(settings, monkeypatch)


def test_every_step_of_every_plan_has_a_row() -> None:
    kinds = set(get_args(get_type_hints(PlanRecord)["kind"]))
    assert {plan.split()[0] for plan in PLANS} == kinds
    assert {(plan, step.name) for plan, steps in PLANS.items() for step in steps} == set(ROWS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("plan", "step"), [(plan, step.name) for plan, steps in PLANS.items() for step in steps])
def test_the_incident_completes_once_whatever_befalls_this_step(
    world: World, plan: str, step: str, fault: Fault
) -> None:
    case = Case(world, plan, step)
    row, faults = ROWS[plan, step], world.faults

    # While it lasts.
    faults.arm((case.kind, step), fault, for_good=True)
    world.run(LASTS)
    assert case.lies == []
    if faults.fired and not case.is_done():
        assert not (case.is_before_effect and world.link.state[case.order] != "open")
        # An agent that dies in every tick tells nobody anything: its missing sign of life is the alarm then.
        alarms = world.agent._alarms.texts()
        assert fault == "killed" or any(f" {step} is not done" in text for text in alarms), alarms

    # Once at each of its calls, then never again.
    faults.arm((case.kind, step), fault, for_good=False)
    assert world.run(TRIES, case.is_complete), (case.record(), case.lies)
    faults.disarm()
    assert case.lies == []
    assert bool(faults.fired) != bool(row.idle), (faults.fired, row.idle)
    assert world.link.state[case.order] == "done"
    for other in PLANS[plan]:
        checked = ROWS[plan, other.name]
        assert checked.stands(world) or other.name in case._excused, other.name
        assert checked.times(world) == 1, (other.name, checked.times(world))
    told = {key[3]: told.state for key, told in world.link.rows.items() if key[2] == case.kind}
    assert all(state in ("done", "already") for state in told.values()), told
