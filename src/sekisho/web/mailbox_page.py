"""What is known of one mailbox, joined for one page: its state, what is usual for it, and what happened lately."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import get_language

from sekisho.directory.models import SiteMailbox
from sekisho.incidents import app_passwords, planted, scores, sign_ins, volume
from sekisho.incidents.models import Incident, KnownSetting, MailboxStatus, PlantedItem, ScorePoint, UsualUse
from sekisho.incidents.usual import country_names, owner_names, usual_words
from sekisho.web import story, waiting, words
from sekisho.web.sign_in_lines import named_lines

# A page that joins everything shows the latest of each; the whole is one link away.
SHOWN_LOGINS, SHOWN_INCIDENTS, SHOWN_SETTINGS = 5, 10, 20


def state_of(status: MailboxStatus | None, active: bool) -> dict[str, Any]:
    """A mailbox as people are shown it. アクティブ follows our status; the site's own (`active`) can only say no."""
    word = status.status if status else "active"
    sentence = words.STATUS_SENTENCES.get(word, "")
    return {
        "status": word,
        "sentence": words.NOTHING_LEAVES if word == "restricted" and status and status.limit == 0 else sentence,
        "since": status.since if status and word != "active" else None,
        "reason": status.reason if status else "",
        "active": word != "suspended" and active,
        # Switched off by the site itself, not by us.
        "off_elsewhere": word != "suspended" and not active,
        "rescue_since": status.rescue_since if status else None,
    }


def facts(mailbox: SiteMailbox, now: datetime, *, masked: bool) -> dict[str, Any]:
    """Everything but the state. `masked`: for a login that only looks, which learns of third parties' addresses only
    the domain."""
    name = mailbox.username
    found = list(Incident.objects.filter(mailbox=name).order_by("-detected_at", "-id")[:SHOWN_INCIDENTS])
    logins = named_lines(name)
    return {
        "usual": usual_words(name, (get_language() or "ja")[:2]),
        "places": _places(name),
        "sent": volume.of_mailbox(name, now),
        "reading": _reading(name),
        "page": logins[:SHOWN_LOGINS],
        "more_logins": max(len(logins) - SHOWN_LOGINS, 0),
        "failed_tries": sign_ins.failed(name)[0],
        "app_passwords": [
            {**app_passwords.facts(row), "scopes": [words.word(words.SCOPES, one) for one in row.scope.split(",")]}
            for row in app_passwords.held(name)
        ],
        "incidents": found,
        "waiting": _waiting(found),
        "settings": _settings(name, masked=masked),
        "planted": _planted(name, masked=masked),
    }


def _places(mailbox: str) -> list[dict[str, Any]]:
    """Where logins came from, each with its name and whether the profile calls it familiar."""
    row = UsualUse.objects.filter(mailbox=mailbox).first()
    familiar = set(row.facts.get("owners", ())) if row else set()
    found = sign_ins.places(mailbox)
    countries, owners = country_names((get_language() or "ja")[:2]), owner_names({place.asn for place in found})
    return [
        {
            "country": countries.get(place.country, place.country),
            "network": owners.get(place.asn) or (f"AS{place.asn}" if place.asn else ""),
            "days": place.days,
            "last": place.last,
            "familiar": place.asn in familiar,
        }
        for place in found
    ]


def _reading(mailbox: str) -> dict[str, Any] | None:
    """The latest reading of the score with its findings in words; None: it never came near an alert."""
    point = ScorePoint.objects.filter(mailbox=mailbox).order_by("-t", "-id").first()
    if point is None:
        return None
    names = sorted(point.findings, key=lambda name: -point.findings[name])
    return {**scores.point_facts(point), "names": [words.word(words.FINDINGS, name) for name in names]}


def _waiting(incidents: list[Incident]) -> waiting.Waiting | None:
    """The deferred ledger of the latest suspension; None when nobody ever had to wait."""
    for incident in incidents:
        if incident.action == "suspend" and incident.enforced:
            return waiting.of_incident(incident)
    return None


def _settings(mailbox: str, *, masked: bool) -> list[dict[str, Any]]:
    """The forwards, filters and answers that the latest looks saw."""
    rows = KnownSetting.objects.filter(mailbox=mailbox).order_by("-first_seen", "id")[:SHOWN_SETTINGS]
    return [{**_setting(row, masked=masked), "since": row.first_seen, "seen": row.last_seen} for row in rows]


def _planted(mailbox: str, *, masked: bool) -> list[dict[str, Any]]:
    """What incidents found planted, undecided or not, the latest first."""
    rows = PlantedItem.objects.filter(incident__mailbox=mailbox).order_by("-found_at", "-id")[:SHOWN_SETTINGS]
    return [
        {
            **_setting(row, masked=masked),
            "state": row.state,
            "at": row.found_at,
            "incident": row.incident_id,
            "open": row.state in ("frozen", "listed"),
        }
        for row in rows
    ]


def _setting(row: KnownSetting | PlantedItem, *, masked: bool) -> dict[str, Any]:
    what = dict(row.what)
    name = planted.name_of(row)
    if masked:
        # What an automatic answer says, and whose account mail is fetched from, is nobody's at a helpdesk.
        what.pop("body", None)
        what.pop("user", None)
        what["targets"] = [masked_address(target) for target in what.get("targets", [])]
        name = masked_address(name)
    return {"kind": row.kind, "name": name, "effects": story.effects(row.kind, what)}


def masked_address(text: str) -> str:
    """A mail address without the part that names a person; anything else as it is."""
    local, at, domain = text.rpartition("@")
    return f"…@{domain}" if at and local else text
