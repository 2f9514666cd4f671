"""`sekisho verify`: do record, agent's ledger, barrier, Dovecot, queue and the site's database say the same?

Agent and guard reconcile all the time; this looks from outside, once, and says what does not agree: a name, what was
seen, and a command that repairs it. `repair` does only what shuts more or shows better: rows added to the barrier,
sessions of suspended mailboxes ended, an incident's mail put on hold again, `mailbox.active` mirrored, what is held
shut without a record given an incident. It opens nothing and deletes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.utils import timezone

from sekisho.config import Settings
from sekisho.containment.barrier import BarrierError, ensure
from sekisho.containment.commands import CommandError, Runner, run
from sekisho.containment.dovecot import Dovecot
from sekisho.containment.postfix import Postfix
from sekisho.deploy.doctor import Finding, Verdict
from sekisho.keeping import checks, standing
from sekisho.keeping.checks import Scene

# A suspension under way is no disagreement: what still disagrees after this is one. The agent needs 5 s at most.
PATIENCE_S = 5.0


def scene_of(settings: Settings, *, running: bool, runner: Runner = run) -> Scene:
    """Record and ledger as they are now; asks the database."""
    from sekisho.incidents.state import mailbox_states

    entries = standing.read_entries(settings.ledger_directory)
    archived = standing.read_entries(settings.ledger_directory / "archive")
    holding = [entry for entry in [*entries, *archived] if entry.is_holding]
    # The ledger first: what is recorded in between is in both.
    return Scene(settings, runner, mailbox_states(timezone.now()), entries, holding, running)


def examine(
    settings: Settings,
    *,
    running: bool = True,
    runner: Runner = run,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Finding]:
    """One finding for each check; with the programs running what disagrees is looked at twice."""
    found = _look(scene_of(settings, running=running, runner=runner))
    if running and any(one.verdict for one in found):
        sleep(PATIENCE_S)
        found = _look(scene_of(settings, running=running, runner=runner))
    return found


def _look(scene: Scene) -> list[Finding]:
    return [
        checks.record_in_ledger(scene),
        checks.ledger_in_record(scene),
        checks.incidents(scene),
        *checks.barrier(scene),
        checks.sessions(scene),
        checks.queue(scene),
        checks.held_rows(scene),
        *checks.site(scene),
        checks.orders(scene),
        checks.audit_chain(scene),
    ]


def is_bad(found: list[Finding]) -> bool:
    """Whether something failed, warnings aside."""
    return any(one.verdict is Verdict.FAIL for one in found)


def repair(settings: Settings, actor: str, runner: Runner = run) -> list[str]:
    """Does what is safe; a sentence for each thing that was done or could not be done."""
    scene = scene_of(settings, running=True, runner=runner)
    done: list[str] = []
    for act in (_give_incidents, _raise_barrier, _end_sessions, _hold_again, _mirror):
        try:
            act(scene, actor, done)
        except (CommandError, BarrierError, OSError) as error:
            done.append(f"failed: {error}")
    return done


def _give_incidents(scene: Scene, actor: str, done: list[str]) -> None:
    from sekisho.incidents import restoring

    reason = "held shut on a host without a record of it"
    wanted = {m: s for m, s in checks.held_shut(scene).items()}
    wanted |= {m: s.status for m, s in scene.record.items() if s.status in standing.SHUT and m not in wanted}
    for mailbox, status in wanted.items():
        mine = [entry for entry in scene.entries if entry.mailbox == mailbox]
        known = scene.record.get(mailbox)
        generation = max([entry.generation for entry in mine] + [known.generation if known else 0])
        limits = [entry.limit for entry in mine if entry.limit is not None]
        limit = (min(limits) if limits else known.limit if known else None) if status == "restricted" else None
        if restoring.hold_shut(mailbox, status, generation, limit, reason, actor, timezone.now()):
            done.append(f"{mailbox} has an open incident ({status})")


def _raise_barrier(scene: Scene, actor: str, done: list[str]) -> None:
    from sekisho.containment.barrier_look import look

    found = look(scene.settings, scene.entries, scene.runner)
    if found.missing or found.unreadable:
        # The agent does the same each second; both only add, in transactions of postmap's.
        ensure(scene.settings, scene.runner)
        done.append(f"barrier: {len(found.missing)} rows added, {len(found.unreadable)} files rebuilt")


def _end_sessions(scene: Scene, actor: str, done: list[str]) -> None:
    dovecot = Dovecot(scene.settings.dovecot.config_file, scene.runner)
    for entry in scene.entries:
        if entry.status == "suspended" and entry.opening is None:
            ended = [name for name in entry.login_names if dovecot.sessions(name) and dovecot.kick(name)]
            done.extend(f"sessions of {name} ended" for name in ended)


def _hold_again(scene: Scene, actor: str, done: list[str]) -> None:
    postfix = Postfix(scene.settings.postfix.config_directory, scene.runner)
    names = {message.queue_id: message.queue_name for message in postfix.queue()}
    for entry in scene.holding:
        loose = [i for i in entry.held if names.get(i, "hold") != "hold"]
        if loose:
            postfix.hold(loose)
            done.append(f"{len(loose)} messages of {entry.mailbox} put on hold again")


def _mirror(scene: Scene, actor: str, done: list[str]) -> None:
    """Only where the former value is known: without it a dismissal could not give it back."""
    from sekisho.directory.models import SiteMailbox
    from sekisho.incidents.models import MailboxStatus

    known = {entry.mailbox for entry in scene.entries if entry.former_active is not None}
    known |= set(MailboxStatus.objects.exclude(former_active=None).values_list("mailbox", flat=True))
    suspended = [m for m, s in scene.record.items() if s.status == "suspended" and m in known]
    for mailbox in suspended:
        if SiteMailbox.objects.filter(username=mailbox, active=True).update(active=False):
            done.append(f"mailbox.active of {mailbox} shows the suspension")
