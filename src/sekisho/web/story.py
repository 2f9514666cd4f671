"""An incident told to people: its findings, its timeline, its plans with their steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.translation import gettext_lazy as _

from sekisho.incidents.models import Incident, Indicator, MailboxStatus, Step, TimelineEntry
from sekisho.incidents.planted import planted_facts
from sekisho.web.words import Badge, Words

# Of an automatic answer's text: enough to see what it is, and no page full of an intruder's words.
ANSWER_SHOWN = 200

# kind of a timeline entry -> its sentence and tone. Names in %()s come from the entry's details.
LINES: dict[str, tuple[Words, str]] = {
    "alert": (_("Something unusual was noticed; nothing was changed"), "calm"),
    "restrict": (_("Sending was restricted"), "warn"),
    "suspend": (_("The mailbox was suspended"), "bad"),
    "contained": (_("Every door was tried and is shut"), "good"),
    "eradicated": (_("What the intruder left behind was removed"), "good"),
    "recovered": (_("A new password was set"), "good"),
    "doors_open": (_("The doors are open again, the new password gets in"), "good"),
    "dismissed": (_("Dismissed: it was not a takeover"), "calm"),
    "closed": (_("The incident was closed"), "calm"),
    "notice": (_("A notice was sent"), "calm"),
    "first_deferred": (_("The first mail to this mailbox was asked to wait"), "calm"),
    "rescue_on": (_("Mail is accepted and kept from now on; the mailbox stays suspended"), "warn"),
    "rescue_off": (_("Senders wait again"), "calm"),
    "all_arrived": (_("All mail known to have waited has arrived"), "good"),
    "mail_sent": (_("Mail of this login left: %(count)s recipients"), "warn"),
    "mail_deferred": (_("Mail of this login waits at the recipients: %(count)s"), "calm"),
    "mail_bounced": (_("Mail of this login was returned: %(count)s recipients"), "warn"),
    "complaint": (_("Receivers report mail of this mailbox as spam: %(count)s messages"), "warn"),
    "returned_filed": (_("Returned mail of the intruder's was put into a folder of its own: %(count)s"), "calm"),
    "mail_purged": (_("Held mail was deleted: %(count)s messages"), "calm"),
    "mail_requeued": (_("Held mail was sent on: %(count)s messages"), "calm"),
    "mail_held_again": (_("Mail that had been sent on was held again: %(count)s messages"), "calm"),
    "senders_forgotten": (_("Who waited was forgotten after its time: %(count)s senders, %(arrived)s arrived"), "calm"),
    "script": (_("A mail filter was changed"), "warn"),
    "planted": (_("A setting was found that was not there before, or whose age nobody knows"), "warn"),
    "relapse": (_("It happened on probation: the operator was called"), "bad"),
    "asked_operator": (_("Nobody had answered: the operator was asked, too"), "warn"),
    "answered_yes": (_("The question was answered: it was the owner"), "good"),
    "answered_no": (_("The question was answered: it was not the owner"), "bad"),
    "allowed": (_("A mailing to %(count)s new recipients was allowed for a time"), "calm"),
    "site_password": (_("The site's tables have another password for it; nobody knows yet whose it is"), "warn"),
    "guard_gap": (_("The checkpoint was not running for a moment; what was shut stayed shut"), "warn"),
}


# What is the case now, in one sentence: (phase, status of the mailbox while this incident holds it).
HEADLINES: dict[tuple[str, str], tuple[Words, str]] = {
    ("detected", "suspended"): (_("The mailbox is suspended. Every door is being tried right now …"), "warn"),
    ("contained", "suspended"): (_("The mailbox is suspended, and every door has been found shut."), "bad"),
    ("eradicated", "suspended"): (_("The mailbox is suspended, and every door has been found shut."), "bad"),
    ("detected", "restricted"): (_("Sending is restricted; the mailbox can be used otherwise."), "warn"),
    ("contained", "restricted"): (_("Sending is restricted; the mailbox can be used otherwise."), "warn"),
    ("recovered", "probation"): (
        _("A new password was set. The mailbox is open and is being watched for a week."),
        "good",
    ),
}
PHASE_HEADLINES: dict[str, tuple[Words, str]] = {
    "recovered": (_("A new password was set; the mailbox is open."), "good"),
    "closed": (_("This incident is closed."), "calm"),
    "dismissed": (_("It was not a takeover; everything was put back."), "calm"),
}
NOTHING_CHANGED: tuple[Words, str] = (
    _("Something unusual was noticed. The mailbox works as usual; please have a look at the reasons."),
    "calm",
)


def headline(incident: Incident, status: MailboxStatus | None) -> Badge:
    """The sentence at the head of an incident's page; `status` is the mailbox's if this incident set it."""
    word = status.status if status else ""
    found = HEADLINES.get((incident.phase, word)) or PHASE_HEADLINES.get(incident.phase) or NOTHING_CHANGED
    return Badge(*found)


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    at: datetime
    text: Words
    tone: str
    details: str


def lines(incident: Incident) -> list[Line]:
    """The timeline, oldest first; a kind we have no sentence for is shown by its name rather than left out."""
    return [_line(entry) for entry in TimelineEntry.objects.filter(incident=incident).order_by("at", "id")]


# A restriction shuts no door, so nothing is said of doors where the incident went no further.
RESTRICTION_STANDS: tuple[Words, str] = (_("The restriction is in force on every mail host"), "good")


def _line(entry: TimelineEntry) -> Line:
    text, tone = LINES.get(entry.kind, (entry.kind.replace("_", " "), "calm"))
    # The key ends in the action that was contained (incidents.orders.advance_phase).
    if entry.kind == "contained" and entry.key.endswith("-restrict"):
        text, tone = RESTRICTION_STANDS
    details = entry.details if isinstance(entry.details, dict) else {}
    if "count" in details:
        text = str(text) % {"count": details["count"]}
    shown = [
        str(details[name])
        for name in ("actor", "host", "reporter", "recipient", "target", "ip", "country")
        if details.get(name)
    ]
    return Line(at=entry.at, text=text, tone=tone, details=" · ".join(shown))


def strongest(incident: Incident) -> list[Indicator]:
    """Each indicator once, from the decision that saw it strongest, the heaviest first."""
    best: dict[str, Indicator] = {}
    for indicator in Indicator.objects.filter(decision__incident=incident).order_by("value"):
        best[indicator.name] = indicator
    return sorted(best.values(), key=lambda indicator: -indicator.value)


def planted(incident: Incident) -> list[dict[str, Any]]:
    """The settings a person is asked about, each with what it does, in words."""
    facts = planted_facts(incident)
    for item in facts:
        item["effects"] = effects(item["kind"], item["what"])
    return facts


def effects(kind: str, what: dict[str, Any]) -> list[str]:
    """What a setting does, in words; `what` as the looks at settings keep it."""
    found: list[Words] = [_("sends mail to %(target)s") % {"target": target} for target in what.get("targets", [])]
    if what.get("discards"):
        found.append(_("throws mail away"))
    found += [_("files mail into the folder %(folder)s") % {"folder": name} for name in what.get("folders", [])]
    if what.get("vacation"):
        found.append(_("answers by itself"))
    if kind == "fetchmail":
        found.append(str(what.get("user", "")))
    if kind == "vacation":
        found.append(str(what.get("body", ""))[:ANSWER_SHOWN])
    return [str(effect) for effect in found if str(effect)]


def plans(incident: Incident) -> list[dict[str, Any]]:
    """The plans carried out for this incident, host by host in the order they began, with their steps in order."""
    steps = Step.objects.filter(incident=incident).order_by("generation", "plan", "host", "position")
    found = [
        {"plan": plan, "host": host, "steps": list(group)}
        for (_generation, plan, host), group in groupby(steps, key=lambda step: (step.generation, step.plan, step.host))
    ]
    return sorted(
        found, key=lambda plan: min((step.at for step in plan["steps"] if step.at), default=incident.detected_at)
    )
