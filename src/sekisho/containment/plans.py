"""The plans, as lists of steps, and how a plan goes on: every due step runs, a failed one never skips the next."""

from __future__ import annotations

import logging

from sekisho.containment import app_password_steps, held_steps, planted_steps, queue_steps, rescue, returned, steps
from sekisho.containment.barrier import BarrierError
from sekisho.containment.commands import CommandError
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.ledger import Entry, PlanRecord, StepRecord, StepState
from sekisho.containment.webmail_steps import (
    end_webmail_sessions,
    present_webmail_sessions_ended,
    webmail_sessions_ended,
)
from sekisho.containment.work import Step, StepFailed, Tools, Work
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

_RAISE = Step("raise_barrier", steps.raise_barrier, steps.barrier_stands)
_FLUSH = Step("flush_auth_cache", steps.flush_auth_cache, steps.auth_cache_flushed)
_HOLD = Step("hold_queue", queue_steps.hold_queue, queue_steps.queue_held)
_FREEZE = Step("freeze_redirects", steps.freeze_redirects, steps.redirects_frozen)
_REVOKE = Step("revoke_app_passwords", app_password_steps.revoke_app_passwords, app_password_steps.app_passwords_stand)
_PLANTED = Step("freeze_planted", planted_steps.freeze_planted, planted_steps.planted_frozen)


def sweep(work: Work) -> bool:
    """Kick, hold and probe once more: for what was on its way when the barrier went up."""
    kicked = steps.kick_sessions(work)
    held = queue_steps.hold_queue(work)
    steps.probe_doors(work)
    # A page of the webmail that was under way has written its session again by now.
    return any((kicked, held, end_webmail_sessions(work)))


def swept(work: Work) -> str:
    told = [steps.sessions_ended(work), queue_steps.queue_held(work), steps.doors_shut(work)]
    if work.tools.webmails:
        told.append(webmail_sessions_ended(work))
    return "; ".join(told)


CONTAIN = (
    _RAISE,
    _FLUSH,
    Step("kick_sessions", steps.kick_sessions, steps.sessions_ended),
    _HOLD,
    _FREEZE,
    _REVOKE,
    Step("end_webmail_sessions", end_webmail_sessions, webmail_sessions_ended),
    Step("probe_doors", steps.probe_doors, steps.doors_shut),
    # Stock queries hide an inactive mailbox from doveadm, so scripts come first; five tries are enough of that.
    _PLANTED,
    Step(
        "mirror_active",
        steps.mirror_active,
        steps.active_mirrored,
        needs=("freeze_redirects", "freeze_planted"),
        patience=5,
    ),
    Step("sweep_5", sweep, swept, after=("raise_barrier", 5.0)),
    Step("sweep_30", sweep, swept, after=("raise_barrier", 30.0)),
)
RESTRICT = (_RAISE, _FREEZE)
# Limit 0 stops sending, so what has been queued stops too.
RESTRICT_TO_NOTHING = (_RAISE, _HOLD, _FREEZE)

_LOWERED = ("lower_barrier",)
_RESTORE = (Step("restore_active", steps.restore_active, steps.active_restored), _FLUSH)
# With mailbox.active still 0 the site's maps would answer 550 to everybody who waited.
_LOWER = Step("lower_barrier", steps.lower_barrier, steps.barrier_lowered, needs=("restore_active",))
_FLUSH_AGAIN = Step("flush_auth_cache_again", steps.flush_auth_cache, steps.auth_cache_flushed, needs=_LOWERED)
_RETRY = Step("retry_waiting", queue_steps.retry_waiting, queue_steps.waiting_let_go, needs=_LOWERED)
_PROBE_OPEN = Step("probe_open", steps.probe_open, steps.doors_open, needs=_LOWERED)
_RETRY_31 = Step(
    "retry_waiting_31",
    queue_steps.retry_waiting_again,
    queue_steps.waiting_let_go,
    after=("lower_barrier", queue_steps.RESOLVER_MEMORY_S),
)
_FILE_RETURNED = Step("file_returned", returned.file_returned, returned.returned_filed)
# Frozen once more before the waiting mail comes in: while `active` was 0 Dovecot may have hidden the scripts from us.
RELEASE = (
    *_RESTORE,
    _FREEZE,
    _REVOKE,
    _PLANTED,
    _FILE_RETURNED,
    # What waited for days must not go to a planted forward in its first second.
    _LOWER._replace(needs=("restore_active", "freeze_planted")),
    _FLUSH_AGAIN,
    _RETRY,
    _PROBE_OPEN,
    _RETRY_31,
)
DISMISS = (
    *_RESTORE,
    _LOWER,
    _FLUSH_AGAIN,
    Step("restore_redirects", steps.restore_redirects, steps.redirects_restored, needs=_LOWERED),
    Step("restore_planted", planted_steps.restore_planted, planted_steps.planted_restored, needs=_LOWERED),
    Step(
        "restore_app_passwords",
        app_password_steps.fetch_app_passwords,
        app_password_steps.app_passwords_stand,
        needs=_LOWERED,
    ),
    Step("release_held", queue_steps.release_held, queue_steps.held_released, needs=_LOWERED),
    _RETRY,
    _PROBE_OPEN,
    _RETRY_31,
)

# A new password, or an app password less, while the doors stay open. File and cache first, or a program that is kicked
# comes back with the old one.
REFRESH = (
    Step("write_app_passwords", app_password_steps.fetch_app_passwords, app_password_steps.app_passwords_stand),
    _FLUSH,
    Step("end_webmail_sessions", end_webmail_sessions, present_webmail_sessions_ended),
    Step("kick_sessions", steps.kick_present_sessions, steps.present_sessions_ended),
)

_ACCEPTED = ("accept_mail",)
_PROBE = Step("probe_doors", steps.probe_doors, steps.doors_shut, needs=_ACCEPTED)
RESCUE_ON = (
    Step("find_home", rescue.find_home, rescue.home_known),
    Step("accept_mail", rescue.accept_mail, rescue.mail_accepted, needs=("find_home",)),
    Step("retry_waiting", queue_steps.retry_waiting, queue_steps.waiting_let_go, needs=_ACCEPTED),
    # Logins stay refused: that is all a hijacker could gain.
    _PROBE,
    _RETRY_31._replace(after=("accept_mail", queue_steps.RESOLVER_MEMORY_S)),
)
RESCUE_OFF = (Step("refuse_mail", rescue.refuse_mail, rescue.mail_refused),)
# What people order for mail on hold.
HELD = {
    "purge_held": (Step("purge_held", held_steps.purge_held, held_steps.held_purged),),
    "requeue_held": (Step("requeue_held", held_steps.requeue_held, held_steps.held_requeued),),
    "hold_held": (Step("hold_held", held_steps.hold_again, held_steps.held_again),),
}

_BY_KIND = {
    "contain": CONTAIN,
    "release": RELEASE,
    "dismiss": DISMISS,
    "refresh": REFRESH,
    "rescue_on": RESCUE_ON,
    "rescue_off": RESCUE_OFF,
    **HELD,
}

# The step after which an order is done for people; what follows only sweeps up.
EFFECTIVE = {
    "contain": "mirror_active",
    "release": "probe_open",
    "dismiss": "probe_open",
    "rescue_on": "probe_doors",
}

# Failures in sequence: 0.25 s, doubled, at most 5 s: a step must be done within 30 s of what stood in its way ending.
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 5.0


def steps_of(entry: Entry, plan: PlanRecord) -> tuple[Step, ...]:
    """The plan's steps in order."""
    if plan.kind == "restrict":
        return RESTRICT_TO_NOTHING if entry.limit == 0 else RESTRICT
    return _BY_KIND[plan.kind]


def record_of(plan: PlanRecord, name: str) -> StepRecord:
    return plan.steps.setdefault(name, StepRecord())


def is_complete(entry: Entry, plan: PlanRecord) -> bool:
    return all(record_of(plan, step.name).is_done for step in steps_of(entry, plan))


def is_effective(entry: Entry, plan: PlanRecord) -> bool:
    """Whether people may be told that it is done: every step up to the effective one is (restrict and refresh: all)."""
    last = EFFECTIVE.get(plan.kind, "")
    for step in steps_of(entry, plan):
        if not record_of(plan, step.name).is_done:
            return False
        if step.name == last:
            return True
    return True


def due_at(plan: PlanRecord, step: Step) -> float | None:
    """When this step may run (epoch seconds); None while it is done or waits for another one."""
    record = record_of(plan, step.name)
    if record.is_done:
        return None
    at = record.next_at
    if step.after:
        anchor = record_of(plan, step.after[0])
        if not anchor.is_done:
            return None
        at = max(at, anchor.at + step.after[1])
    for name in step.needs:
        needed = record_of(plan, name)
        if not needed.is_done and not (step.patience and needed.attempts >= step.patience):
            return None
    return at


def late_since(plan: PlanRecord, step: Step) -> float | None:
    """Since when this step could have been done; None while it is done or waits for another one."""
    if due_at(plan, step) is None:
        return None
    began = record_of(plan, step.after[0]).at + step.after[1] if step.after else plan.started_at
    return max([began, *(record_of(plan, name).at for name in step.needs)])


def live_plans(entry: Entry) -> list[PlanRecord]:
    """The plans still being carried out, the newest direction first."""
    order = {"release": 0, "dismiss": 0, "refresh": 0, "rescue_on": 1, "rescue_off": 1, "contain": 2, "restrict": 3}
    return sorted((p for p in entry.plans.values() if not p.superseded), key=lambda p: order.get(p.kind, 0))


def next_step(entry: Entry, now: float, skip: frozenset[str] = frozenset()) -> tuple[PlanRecord, Step] | None:
    """The first step that may run now."""
    for plan in live_plans(entry):
        for step in steps_of(entry, plan):
            at = due_at(plan, step)
            if at is not None and at <= now and step.name not in skip:
                return plan, step
    return None


def run_step(tools: Tools, entry: Entry, plan: PlanRecord, step: Step) -> StepRecord:
    """Does and verifies one step and makes its outcome durable; the record as it stands now. Never raises for a
    neighbour's trouble."""
    work = Work(tools, entry, plan)
    try:
        changed = step.do(work)
        failpoint(f"agent.{plan.kind}.{step.name}.before_verify")
        outcome = step.verify(work)
        state: StepState = "done" if changed else "already"
    except (StepFailed, CommandError, BarrierError, OSError) as error:
        state, outcome = "failed", str(error)
    except NoSuchMailbox:
        state, outcome = "failed", "Dovecot knows no such mailbox"
    except Exception:
        # Our bug: logged with its trace, tried again like any failure, and the next steps run.
        log.exception("%s %s of %s", plan.kind, step.name, entry.mailbox)
        state, outcome = "failed", "internal error, see the agent's log"
    return settle(tools, entry, plan, step, state, outcome)


def settle(tools: Tools, entry: Entry, plan: PlanRecord, step: Step, state: StepState, outcome: str) -> StepRecord:
    """Makes a step's outcome durable; a failed one is due again after its back-off."""
    with tools.ledger.lock:
        record = record_of(plan, step.name)
        record.attempts += 1
        record.state, record.outcome, record.at = state, outcome, tools.now()
        backoff = min(FIRST_BACKOFF_S * 2 ** min(record.attempts - 1, 10), LONGEST_BACKOFF_S)
        record.next_at = record.at + backoff if state == "failed" else 0.0
        tools.ledger.save(entry)
    level = logging.WARNING if state == "failed" else logging.INFO
    log.log(level, "%s %s of %s: %s (%s)", plan.kind, step.name, entry.mailbox, state, outcome)
    return record
