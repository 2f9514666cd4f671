"""The steps that shut a mailbox's doors and open them again; those on the queue are in `queue_steps`.

Each one may run twice, and is done only when `verify` has read its effect back. Which steps make which plan, and in
which order, says `plans`.
"""

from __future__ import annotations

from sekisho.containment.barrier import rows_of, rows_to_lower, wanted_rows
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.ledger import Entry
from sekisho.containment.scripts import ScriptEffects, read_script
from sekisho.containment.work import StepFailed, Tools, Work, counted
from sekisho.journal import RecordError, read_state

# A kicked process ends within 0.1 s (measured); a mailbox being synchronised may take a little longer.
KICK_PATIENCE_S = 2.0
# The guard polls the state file every 0.2 s (half a second at most, DESIGN §4).
GUARD_POLLS_S = 0.5
STATE_PATIENCE_S = 2.0

# --- the barrier


def raise_barrier(work: Work) -> bool:
    rows = rows_of(work.entry)
    missing = work.tools.barrier.missing_rows(rows)
    work.tools.barrier.raise_rows(rows)
    return missing > 0


def barrier_stands(work: Work) -> str:
    work.tools.barrier.verify(rows_of(work.entry))
    return barrier_outcome(work)


def barrier_outcome(work: Work) -> str:
    """The outcome of a raised barrier in words."""
    number = sum(len(rows) for rows in rows_of(work.entry).values())
    return f"{counted(number, 'row')} of the barrier read back" if number else "no row needed: the guard limits sending"


def _others(work: Work) -> list[Entry]:
    return [entry for entry in work.tools.ledger.entries() if entry is not work.entry]


def lower_barrier(work: Work) -> bool:
    _await_guard(work)
    with work.tools.ledger.lock:
        # Durable before the first row falls: killed in between, the agent lowers the rest instead of raising it.
        work.entry.status = "released"
        work.save()
    # One lock around question and change: another entry of this mailbox may be going up right now.
    with work.tools.barrier.lock:
        work.tools.barrier.lower(rows_to_lower(work.entry), wanted_rows(_others(work)))
    if "contain" in work.entry.plans or "restrict" not in work.entry.plans:
        # smtpd remembers a resolved address as long as it lives, qmgr for 30 s: both must ask again.
        work.tools.postfix.reload()
    return True


def barrier_lowered(work: Work) -> str:
    with work.tools.barrier.lock:
        work.tools.barrier.verify_lowered(rows_to_lower(work.entry), wanted_rows(_others(work)))
    return "no row of the barrier is left"


def _await_guard(work: Work) -> None:
    """Gives the guard time to read of the new generation, or it would refuse the owner's first login from memory."""
    path = work.tools.settings.state_file
    until = work.tools.now() + STATE_PATIENCE_S
    while work.tools.now() < until:
        try:
            state = read_state(path)
        except (RecordError, OSError):
            return
        known = state.mailboxes.get(work.entry.mailbox) if state else None
        if known is None or known.generation >= work.plan.generation:
            work.tools.sleep(GUARD_POLLS_S)
            return
        work.tools.sleep(0.1)


# --- Dovecot


def flush_auth_cache(work: Work) -> bool:
    work.tools.dovecot.flush_auth_cache(work.entry.login_names)
    return True


def auth_cache_flushed(work: Work) -> str:
    # Nothing can be read back of a cache but its answers; the probes ask for those.
    return f"cached answers for {counted(len(work.entry.login_names), 'login name')} forgotten"


def kick_sessions(work: Work) -> bool:
    names = work.entry.login_names
    work.notes["sessions"] = sum(work.tools.dovecot.sessions(name) for name in names)
    return any([work.tools.dovecot.kick(name) for name in names])


def sessions_ended(work: Work) -> str:
    left = KICK_PATIENCE_S
    while remaining := sum(work.tools.dovecot.sessions(name) for name in work.entry.login_names):
        if left <= 0:
            raise StepFailed(f"{counted(remaining, 'session')} still open")
        work.tools.sleep(0.1)
        left -= 0.1
    return f"{counted(work.notes.get('sessions', 0), 'session')} ended"


def kick_present_sessions(work: Work) -> bool:
    work.served_by = _served_by(work)
    return kick_sessions(work)


def present_sessions_ended(work: Work) -> str:
    """As `sessions_ended`, but new sessions may come in meanwhile: the doors are open to the new password."""
    left = KICK_PATIENCE_S
    while remaining := work.served_by & _served_by(work):
        if left <= 0:
            raise StepFailed(f"{counted(len(remaining), 'session')} still open")
        work.tools.sleep(0.1)
        left -= 0.1
    return f"{counted(work.notes.get('sessions', 0), 'session')} ended"


def _served_by(work: Work) -> frozenset[int]:
    return frozenset().union(*(work.tools.dovecot.session_processes(name) for name in work.entry.login_names))


def probe_doors(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    result = tools.probes.probe(entry.login_names)
    if result.let_in:
        raise StepFailed(f"open: {', '.join(result.let_in)}")
    # By now Dovecot has surely read `deny` (it looks once a second): what slipped in before ends here.
    for name in entry.login_names:
        tools.dovecot.kick(name)
    work.notes["doors"] = len(result.refused)
    return True


def doors_shut(work: Work) -> str:
    work.tools.barrier.verify(rows_of(work.entry))
    return f"canary got in; {counted(work.notes.get('doors', 0), 'door')} refused a valid secret, maps read back"


def probe_open(work: Work) -> bool:
    if _shut_again(work):
        return False
    result = work.tools.probes.probe(work.entry.login_names)
    # The one-time secret must not live on in the cache.
    work.tools.dovecot.flush_auth_cache(work.entry.login_names)
    if result.refused:
        raise StepFailed(f"still shut: {', '.join(result.refused)}")
    work.notes["doors"] = len(result.let_in)
    return True


def doors_open(work: Work) -> str:
    if _shut_again(work):
        return "shut again by a newer decision"
    barrier_lowered(work)
    return f"{counted(work.notes.get('doors', 0), 'door')} let a valid secret in, no row of the barrier is left"


def _shut_again(work: Work) -> bool:
    return any(entry.is_shut for entry in _others(work) if entry.mailbox == work.entry.mailbox)


# --- Sieve


def script_effects(tools: Tools, mailbox: str, script: str) -> ScriptEffects:
    """What one of a mailbox's scripts does; raises NoSuchMailbox or CommandError."""

    def text(name: str) -> str:
        return tools.dovecot.script_text(mailbox, name)

    return read_script(text(script), text)


def freeze_redirects(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    try:
        active = tools.dovecot.scripts(entry.mailbox).active
        if not active:
            return False
        effects = script_effects(tools, entry.mailbox, active)
        outside = effects.outside(tools.names.our_domains())
        # A suspended mailbox's waiting mail must not be thrown away by an intruder's filter on its return.
        if not outside and not (effects.discards and entry.status == "suspended"):
            work.notes["harmless"] = 1
            return False
        with tools.ledger.lock:
            # Remembered before it is switched off: killed in between, its name is not lost.
            entry.frozen_script = active
            work.save()
        tools.dovecot.deactivate_script(entry.mailbox)
    except NoSuchMailbox:
        return False
    return True


def redirects_frozen(work: Work) -> str:
    entry = work.entry
    try:
        active = work.tools.dovecot.scripts(entry.mailbox).active
    except NoSuchMailbox:
        return "Dovecot knows no such mailbox, so no script runs"
    if not entry.frozen_script:
        return "the active script sends nothing outside" if active else "no script is active"
    if active == entry.frozen_script:
        raise StepFailed("the script is still active")
    return f"script {entry.frozen_script!r} switched off"


def restore_redirects(work: Work) -> bool:
    entry = work.entry
    if not entry.frozen_script:
        return False
    try:
        scripts = work.tools.dovecot.scripts(entry.mailbox)
        if scripts.active or entry.frozen_script not in scripts.names:
            return False
        work.tools.dovecot.activate_script(entry.mailbox, entry.frozen_script)
    except NoSuchMailbox:
        return False
    return True


def redirects_restored(work: Work) -> str:
    if not work.entry.frozen_script:
        return "no script had been switched off"
    try:
        scripts = work.tools.dovecot.scripts(work.entry.mailbox)
    except NoSuchMailbox:
        return "Dovecot knows no such mailbox"
    if scripts.active == work.entry.frozen_script:
        return f"script {work.entry.frozen_script!r} active again"
    if scripts.active or work.entry.frozen_script not in scripts.names:
        return "the owner has chosen another script since"
    raise StepFailed("the script is not active")


# --- the site's `active`, for display


def mirror_active(work: Work) -> bool:
    active = work.tools.site.read_active(work.entry.mailbox)
    if active is None:
        return False
    if work.entry.former_active is None:
        with work.tools.ledger.lock:
            work.entry.former_active = active
            work.save()
    if active:
        work.tools.site.write_active(work.entry.mailbox, False)
    return active


def active_mirrored(work: Work) -> str:
    active = work.tools.site.read_active(work.entry.mailbox)
    if active is None:
        return "the site has no such mailbox row, or its rows are not ours to write"
    if active:
        raise StepFailed("mailbox.active is still 1")
    return "mailbox.active is 0"


def _comes_back(work: Work) -> bool:
    """Whether `mailbox.active` is to be 1: it was, or somebody recovered a suspended mailbox with a new password.

    An admin who sees spam often clicks it off himself before he suspends. Left at 0 after the recovery, the site's maps
    would answer 550 to everybody who waited, and the new password would open nothing.
    """
    return bool(work.entry.former_active) or (work.plan.kind == "release" and "contain" in work.entry.plans)


def restore_active(work: Work) -> bool:
    if not _comes_back(work) or work.tools.site.read_active(work.entry.mailbox) is not False:
        return False
    work.tools.site.write_active(work.entry.mailbox, True)
    return True


def active_restored(work: Work) -> str:
    if not _comes_back(work):
        return "mailbox.active was not changed"
    if work.tools.site.read_active(work.entry.mailbox) is False:
        raise StepFailed("mailbox.active is still 0")
    return "mailbox.active is 1"
