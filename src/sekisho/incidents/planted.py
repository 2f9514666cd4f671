"""What an intruder left in a mailbox' settings: known from looks before him, switched off, and put before a person.

A setting is the owner's when a look before the incident's first sign saw it and every look since saw it, too. All
else is new, or of unknown age where nobody had looked; what sends or throws mail away is then switched off all the
same, and one answer of a person brings it back. Functions here know databases only; scripts are changed by the agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.directory import site_settings
from sekisho.directory.found import FoundSetting
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import notices
from sekisho.incidents.changes import NotAllowed, Overtaken, write_audit
from sekisho.incidents.models import Incident, KnownSetting, MailboxStatus, Order, PlantedItem
from sekisho.incidents.setting_looks import Age, age_of
from sekisho.incidents.setting_looks import note_scripts as note_scripts
from sekisho.incidents.timeline import add_entry

# Settings of one mailbox and incident that are told apart; whoever plants more is stopped by the first.
MOST_ITEMS = 200
_SETTLED_OFF = ("frozen", "deleted")


class Frozen(NamedTuple):
    """What came of a look at a mailbox under suspicion. Script names, for the agent."""

    # Not the owner's: they must not be active.
    planted: tuple[str, ...]
    # The owner's, known from before or kept by a person's word.
    owners: tuple[str, ...]
    # The owner's script that was active at the first sign and is not now ("" for none).
    was_active: str = ""
    # Something was switched off in the site's tables.
    switched: bool = False


class Tally(NamedTuple):
    """The items of an incident by what is the case."""

    frozen: int
    listed: int
    unknown_age: int
    pending: int


def _matters(setting: FoundSetting, looked: bool) -> bool:
    """Whether a setting that is not known to be the owner's is put before a person."""
    what = setting.what
    if setting.kind == "script":
        sends_away = bool(what.get("targets")) or bool(what.get("discards"))
        # Rules that only sort, and answers, are in many an honest script: news only where we know that they are new.
        return sends_away or (looked and bool(what.get("active")) and bool(what.get("folders") or what.get("vacation")))
    return looked or setting.kind == "forward"


# --- at the trip, before mail is let in, and on probation


def incident_of(mailbox: str, generation: int | None) -> Incident | None:
    """The incident of a generation; None for `generation`: the one the mailbox is recovering from."""
    if generation is None:
        return Incident.objects.filter(mailbox=mailbox, phase="recovered").order_by("-id").first()
    return Incident.objects.filter(mailbox=mailbox, generation=generation).first()


def freeze(
    mailbox: str,
    generation: int | None,
    since: datetime | None,
    scripts: Sequence[FoundSetting],
    host: str,
    now: datetime,
) -> Frozen | None:
    """Switches off in the site's tables what was not there before `since`, and lists it; None: no incident yet.

    `since` None: the incident's first sign, which counts also where `since` is later.

    What is off is remembered before it is switched off. Scripts are only judged: the agent switches them.
    Raises SiteChanged, and what the databases raise.
    """
    incident = incident_of(mailbox, generation)
    if incident is None:
        return None
    if since is None or generation is not None:
        since = min(since or incident.first_risk_at, incident.first_risk_at)
    owners: list[str] = []
    with transaction.atomic(using="default"):
        for setting in [*scripts, *site_settings.settings_of(mailbox)]:
            if _is_owners(setting, incident, since, host, now, after_release=generation is None):
                owners.append(setting.what.get("script", ""))
    items = list(incident.planted.filter(state="found"))
    for item in items:
        if item.kind != "script":
            _switch_off(item)
    planted = incident.planted.filter(kind="script", state__in=["found", "frozen", "to_delete"])
    names = {item.what["script"] for item in planted}
    own = tuple(name for name in owners if name and name not in names)
    idle = [script for script in scripts if script.what["script"] in own and not script.what["active"]]
    was_active = [script.what["script"] for script in idle if age_of(script, since).was_active]
    switched = any(item.kind != "script" for item in items)
    return Frozen(tuple(sorted(names)), own, was_active[0] if was_active else "", switched)


def _is_owners(
    setting: FoundSetting, incident: Incident, since: datetime, host: str, now: datetime, *, after_release: bool
) -> bool:
    """Whether a setting is left to the owner; else it has an item now (or there are too many)."""
    item = incident.planted.filter(key=setting.key).first()
    if item is not None:
        if item.state in ("kept", "to_keep"):
            return True
        is_back = setting.kind != "script" or setting.what.get("active") or item.state == "deleted"
        if item.state in _SETTLED_OFF and is_back:
            item.state, item.decided_by, item.decided_at = "found", "", None
            item.save(update_fields=["state", "decided_by", "decided_at"])
        return False
    age = age_of(setting, since)
    # Vouched for in an earlier incident: nobody is asked about the same one twice.
    if age.known or PlantedItem.objects.filter(incident__mailbox=incident.mailbox, key=setting.key, state="kept"):
        return True
    if not _matters(setting, age.looked):
        return True
    if incident.planted.count() >= MOST_ITEMS:
        return False
    _add_item(setting, incident, age, host, now, after_release)
    return False


def _add_item(
    setting: FoundSetting, incident: Incident, age: Age, host: str, now: datetime, after_release: bool
) -> None:
    item = PlantedItem.objects.create(
        incident=incident,
        host=host,
        kind=setting.kind,
        key=setting.key,
        what=setting.what,
        # A catch-all is the whole domain's: it does not touch this mailbox' mail, and a person decides.
        state="listed" if setting.kind == "catch_all" else "found",
        found_at=now,
        absent_at=age.absent_at,
        known_since=age.known_since,
        after_release=after_release,
        former={"active": bool(setting.what.get("active"))} if setting.kind == "script" else {},
    )
    add_entry(incident, now, "planted", f"planted-{incident.pk}-{item.key[:64]}", {"target": name_of(item)})
    if after_release:
        notices.enqueue(incident, "planted", now)


def name_of(item: PlantedItem | KnownSetting) -> str:
    """What a setting is about in one word: the address, the script's name, the server."""
    what = item.what
    return str(what.get("target") or what.get("script") or what.get("server") or what.get("subject") or "")[:320]


def _switch_off(item: PlantedItem) -> None:
    mailbox = item.incident.mailbox
    if item.kind == "forward":
        if site_settings.remove_target(item.what["address"], item.what["target"], mailbox):
            item.former = {"added_self": True}
    elif item.kind == "vacation":
        site_settings.switch_vacation(mailbox, False)
    elif item.kind == "fetchmail":
        site_settings.switch_job(mailbox, item.what["job"], False)
    item.save(update_fields=["former"])


def _is_on(item: PlantedItem) -> bool:
    """Whether the site's tables have it in force now."""
    mailbox = item.incident.mailbox
    if item.kind in ("forward", "catch_all"):
        return site_settings.leads_to(item.what["address"], item.what["target"])
    if item.kind == "vacation":
        return site_settings.vacation_is_on(mailbox)
    return site_settings.job_is_on(mailbox, item.what["job"])


def confirm_off(mailbox: str, generation: int | None, active: str | None) -> Tally:
    """Reads back what was switched off.

    `active`: the script the agent has just found active ("" for none); None: it has not looked.
    """
    incident = incident_of(mailbox, generation)
    if incident is None:
        return Tally(0, 0, 0, 0)
    for item in incident.planted.filter(state="found"):
        on = active in (None, item.what["script"]) if item.kind == "script" else _is_on(item)
        if not on:
            PlantedItem.objects.filter(pk=item.pk, state="found").update(state="frozen")
    items = list(incident.planted.all())
    open_items = [item for item in items if item.state in ("frozen", "to_delete", "to_keep")]
    return Tally(
        frozen=len(open_items),
        listed=sum(item.state == "listed" for item in items),
        unknown_age=sum(item.absent_at is None and item.known_since is None for item in open_items),
        pending=sum(item.state == "found" for item in items),
    )


def mailboxes_after(name: str, most: int) -> list[str]:
    """The next mailboxes in the order of their addresses, for a round of looks."""
    return list(
        SiteMailbox.objects.filter(username__gt=name).order_by("username").values_list("username", flat=True)[:most]
    )


def on_probation() -> list[tuple[str, float]]:
    """The mailboxes whose settings are watched, and since when they are open again (epoch seconds)."""
    rows = MailboxStatus.objects.filter(status="probation").values_list("mailbox", "since")
    return [(mailbox, since.timestamp()) for mailbox, since in rows]


# --- a person's word


def item_of(incident: Incident, item_id: int) -> PlantedItem | None:
    """One item of this incident, None for a number that is not one of its own."""
    return PlantedItem.objects.filter(pk=item_id, incident=incident).first()


def decide(
    item: PlantedItem, keep: bool, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> None:
    """Keeps or deletes a listed setting; the agent of its host carries it out. Raises NotAllowed, Overtaken."""
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        item.refresh_from_db()
        if item.state not in ("frozen", "listed"):
            raise NotAllowed(f"item {item.pk} is {item.state}")
        word = "to_keep" if keep else "to_delete"
        changed = PlantedItem.objects.filter(pk=item.pk, state=item.state).update(
            state=word, decided_at=at, decided_by=actor[:255]
        )
        if changed != 1:
            raise Overtaken(item.incident.mailbox)
        details: dict[str, object] = {"incident": item.incident_id, "kind": item.kind, "name": name_of(item)}
        verb = "keep_setting" if keep else "delete_setting"
        write_audit(actor, verb, item.incident.mailbox, details, at=at, account=account)
        _wake_agent(item, actor, at)
    item.refresh_from_db()


def _wake_agent(item: PlantedItem, actor: str, at: datetime) -> None:
    order, made = Order.objects.get_or_create(
        incident=item.incident,
        kind="planted",
        generation=item.incident.generation,
        host=item.host,
        defaults={"mailbox": item.incident.mailbox, "created_at": at, "actor": actor},
    )
    if not made:
        Order.objects.filter(pk=order.pk).update(state="open", claimed_at=None, done_at=None, actor=actor)


class ScriptDecision(NamedTuple):
    """A decided script, for the agent."""

    item: int
    mailbox: str
    script: str
    key: str
    keep: bool
    # It was the active one.
    active: bool


def carry_out(host: str) -> list[ScriptDecision]:
    """Carries out what was decided about rows of the site's tables, read back; the scripts that are left to do."""
    left = []
    waiting = PlantedItem.objects.filter(host=host, state__in=["to_keep", "to_delete"]).select_related("incident")
    for item in waiting.order_by("id"):
        keep = item.state == "to_keep"
        if item.kind == "script":
            name, active = str(item.what["script"]), bool(item.former.get("active"))
            left.append(ScriptDecision(item.pk, item.incident.mailbox, name, item.key, keep, active))
            continue
        _restore(item) if keep else _delete(item)
        if _is_on(item) == keep:
            settle(item.pk, keep)
    return left


def settle(item_id: int, keep: bool) -> None:
    """Notes that a decision was carried out and read back."""
    word, was = ("kept", "to_keep") if keep else ("deleted", "to_delete")
    PlantedItem.objects.filter(pk=item_id, state=was).update(state=word)


def _restore(item: PlantedItem) -> None:
    mailbox = item.incident.mailbox
    if item.kind in ("forward", "catch_all"):
        added_self = bool(item.former.get("added_self"))
        site_settings.put_target_back(item.what["address"], item.what["target"], mailbox, added_self)
    elif item.kind == "vacation":
        site_settings.switch_vacation(mailbox, True)
    elif item.kind == "fetchmail":
        site_settings.switch_job(mailbox, item.what["job"], True)


def _delete(item: PlantedItem) -> None:
    mailbox = item.incident.mailbox
    _switch_off(item)
    if item.kind == "catch_all":
        site_settings.drop_target(item.what["address"], item.what["target"])
    elif item.kind == "vacation":
        site_settings.delete_vacation(mailbox)
    elif item.kind == "fetchmail":
        site_settings.delete_job(mailbox, item.what["job"])


def give_back(mailbox: str, generation: int, now: datetime) -> int:
    """After a dismissal: everything is as it was, but what a person has deleted; how many. Raises SiteChanged."""
    incident = incident_of(mailbox, generation)
    if incident is None:
        return 0
    items = incident.planted.filter(state__in=["found", "frozen", "listed", "to_keep", "to_delete"])
    for item in items:
        if item.kind != "script":
            _restore(item)
            if not _is_on(item):
                raise site_settings.SiteChanged(name_of(item))
        PlantedItem.objects.filter(pk=item.pk).update(state="kept", decided_at=now, decided_by="dismissal")
    return incident.planted.filter(state="kept").count()


def planted_facts(incident: Incident) -> list[dict[str, Any]]:
    """The items of an incident as plain data, the oldest first."""
    return [
        {
            "id": item.pk,
            "kind": item.kind,
            "name": name_of(item),
            "what": item.what,
            "state": item.state,
            "found_at": item.found_at,
            "absent_at": item.absent_at,
            "known_since": item.known_since,
            "age_unknown": item.absent_at is None and item.known_since is None,
            "after_release": item.after_release,
            "decided_at": item.decided_at,
            "decided_by": item.decided_by,
            "open": item.state in ("frozen", "listed"),
        }
        for item in incident.planted.order_by("id")
    ]
