"""The steps on what an intruder left in a mailbox' settings: switched off before mail is let in, given back after a
dismissal. What is new the database says (incidents.planted, in the link's thread); scripts are switched here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime

from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.scripts import read_script
from sekisho.containment.work import StepFailed, Tools, Work, counted
from sekisho.directory.found import FoundSetting

# Scripts of a mailbox that are read, each by a process of 50 ms; Dovecot sets no limit of its own. The active one
# always is, and any other does nothing until it is activated.
MOST_SCRIPTS = 50
# An intruder's text for people to see; longer lists say nothing more.
MOST_SHOWN = 20


def read_scripts(tools: Tools, mailbox: str, forms: Collection[str], frozen: str = "") -> list[FoundSetting]:
    """A mailbox' scripts with what they do; `frozen` counts as active, since only we have switched it off.

    `forms`: every address of the mailbox. Raises NoSuchMailbox and CommandError.
    """
    scripts = tools.dovecot.scripts(mailbox)
    active = {scripts.active, frozen} - {""}
    names = sorted(scripts.names, key=lambda name: (name not in active, name))[:MOST_SCRIPTS]
    own = {form.rpartition("@")[2] for form in forms}
    return [_read(tools, mailbox, name, name in active, own) for name in names]


def _read(tools: Tools, mailbox: str, name: str, active: bool, own: Collection[str]) -> FoundSetting:
    texts: dict[str, str] = {}

    def text(script: str) -> str:
        if script not in texts:
            texts[script] = tools.dovecot.script_text(mailbox, script)
        return texts[script]

    effects = read_script(text(name), text)
    # What it includes is part of it.
    digest = hashlib.sha256("\0".join(texts[key] for key in texts).encode()).hexdigest()
    what = {
        "script": name,
        "active": active,
        "targets": [target or "(computed)" for target in effects.outside(own)][:MOST_SHOWN],
        "discards": effects.discards,
        "folders": list(effects.folders)[:MOST_SHOWN],
        "vacation": effects.vacation,
    }
    return FoundSetting(mailbox, "script", (mailbox, name, digest), what)


def _at(tools: Tools) -> datetime:
    return datetime.fromtimestamp(tools.now(), UTC)


def _concerned(work: Work) -> bool:
    """A restriction stops redirects only: its owner may have done all that, and is asked."""
    return "contain" in work.entry.plans or "restrict" not in work.entry.plans


def freeze_planted(work: Work) -> bool:
    if not _concerned(work):
        return False
    entry, tools = work.entry, work.tools
    try:
        scripts = read_scripts(tools, entry.mailbox, entry.addresses, entry.frozen_script)
    except NoSuchMailbox:
        scripts = []
    # Without the agent's memory (a lost ledger) the incident's first sign counts alone.
    since = datetime.fromtimestamp(entry.hold_since, UTC) if entry.hold_since else None
    host, now = tools.settings.host, _at(tools)
    frozen = tools.site.about_planted(
        lambda planted: planted.freeze(entry.mailbox, entry.generation, since, scripts, host, now)
    )
    if frozen is None:
        raise StepFailed("the incident is not recorded yet")
    if not scripts:
        return bool(frozen.switched)
    changed = _switch_off(work, frozen.planted)
    return _bring_back(work, frozen.owners, frozen.was_active) or changed or frozen.switched


def _switch_off(work: Work, planted: Collection[str]) -> bool:
    """Nothing planted stays active."""
    entry, dovecot = work.entry, work.tools.dovecot
    active = dovecot.scripts(entry.mailbox).active
    if active in planted:
        with work.tools.ledger.lock:
            # Remembered before it is switched off: killed in between, its name is not lost.
            entry.frozen_script = entry.frozen_script or active
            work.save()
        dovecot.deactivate_script(entry.mailbox)
        return True
    return False


def _bring_back(work: Work, owners: Collection[str], was_active: str) -> bool:
    """The owner's own script, switched off as a precaution, is active again; on release also one that the intruder
    had put his own in the place of (before that a dismissal may still want the other one back)."""
    entry, dovecot = work.entry, work.tools.dovecot
    if dovecot.scripts(entry.mailbox).active:
        return False
    if entry.frozen_script in owners:
        dovecot.activate_script(entry.mailbox, entry.frozen_script)
        with work.tools.ledger.lock:
            entry.frozen_script = ""
            work.save()
        return True
    if work.plan.kind != "release" or not was_active:
        return False
    dovecot.activate_script(entry.mailbox, was_active)
    return True


def planted_frozen(work: Work) -> str:
    if not _concerned(work):
        return "a restriction leaves settings alone"
    mailbox, tools = work.entry.mailbox, work.tools
    try:
        active = tools.dovecot.scripts(mailbox).active
    except NoSuchMailbox:
        active = ""
    tally = tools.site.about_planted(lambda planted: planted.confirm_off(mailbox, work.entry.generation, active))
    if tally.pending:
        raise StepFailed(f"{counted(tally.pending, 'planted setting')} still in force")
    if not tally.frozen and not tally.listed:
        return "no setting is newer than the first sign"
    told = [f"{counted(tally.frozen, 'setting')} switched off and read back"]
    if tally.unknown_age:
        told.append(f"{tally.unknown_age} of unknown age")
    if tally.listed:
        told.append(f"{tally.listed} listed only")
    return "; ".join(told)


def restore_planted(work: Work) -> bool:
    entry, now = work.entry, _at(work.tools)
    work.notes["given_back"] = work.tools.site.about_planted(
        lambda planted: planted.give_back(entry.mailbox, entry.generation, now)
    )
    return bool(work.notes["given_back"])


def planted_restored(work: Work) -> str:
    # `give_back` has read each one back, in one go with its record.
    number = work.notes.get("given_back", 0)
    return f"{counted(number, 'setting')} as before" if number else "no setting had been switched off"
