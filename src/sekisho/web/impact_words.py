"""The words of the impact report's pages: relations, outcomes, changes, facts of an evidence row."""

from __future__ import annotations

from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from sekisho.impact.model import EvidenceRow
from sekisho.impact.said import moment
from sekisho.web.words import SETTINGS, Words, word

RELATIONS: dict[str, Words] = {
    "own": pgettext_lazy("relation", "Customers of this provider"),
    "partner": pgettext_lazy("relation", "People this mailbox had written to before"),
    "stranger": pgettext_lazy("relation", "Strangers"),
}
OUTCOMES: dict[str, Words] = {
    "delivered": pgettext_lazy("outcome", "Delivered"),
    "refused_as_spam": pgettext_lazy("outcome", "Refused as spam"),
    "refused": pgettext_lazy("outcome", "Refused for another reason"),
    "held": pgettext_lazy("outcome", "On hold, did not leave"),
    "escaped": pgettext_lazy("outcome", "Escaped while being put on hold"),
    "waiting": pgettext_lazy("outcome", "Still on its way"),
    "deleted": pgettext_lazy("outcome", "Deleted before it left"),
    "unknown": pgettext_lazy("outcome", "No result was seen"),
}
CHANGES: dict[str, Words] = {
    **SETTINGS,
    "app_password": _("App password"),
    "password": _("Password"),
    "alias": _("Alias"),
}
CHANGE_STATES: dict[str, Words] = {
    "off": pgettext_lazy("setting", "Switched off"),
    "kept": pgettext_lazy("setting", "Kept"),
    "deleted": pgettext_lazy("setting", "Deleted"),
    "on": pgettext_lazy("setting", "Still there"),
}
BASES: dict[str, Words] = {
    "reason": _("my work needs it"),
    "legal": _("there is a legal basis"),
}
FACTS: dict[str, Words] = {
    "ip": _("Address"),
    "country": _("Country"),
    "asn": _("Network"),
    "network_owner": _("Network owner"),
    "protocol": _("Way of access"),
    "device": _("Program"),
    "recipient": _("Recipient"),
    "recipients": _("Recipients"),
    "sender": _("Sender"),
    "domain": _("Domain"),
    "relation": _("Relation"),
    "outcome": _("Outcome"),
    "queue_id": _("Queue id"),
    "message_id": _("Message-ID"),
    "reply": _("Answer of the server"),
    "dsn": _("Status code"),
    "folder": _("Folder"),
    "words": _("Words"),
    "target": _("Target"),
    "count": _("How often"),
    "size": _("Octets"),
    "mailbox": _("Mailbox"),
    "result_at": _("Result seen"),
}


def facts_of(row: EvidenceRow) -> list[tuple[Words, str]]:
    """The facts of a row that say something, by name."""
    told = []
    for name, value in row.facts.items():
        if value is None or value == "":
            continue
        if isinstance(value, float) and (name in ("since", "until") or name.endswith("_at")):
            told.append((word(FACTS, name), moment(value).within(get_language() or "ja")))
            continue
        table = {"relation": RELATIONS, "outcome": OUTCOMES}.get(name)
        told.append((word(FACTS, name), str(word(table, str(value)) if table else value)))
    return told
