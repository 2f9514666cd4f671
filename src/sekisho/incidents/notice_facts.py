"""What every notice says whatever way it goes: the reasons, the place, and texts made harmless.

The evidence is ours, but names in it may be a hijacker's (a rule's target, a network's name). They are shown as text
that neither a mail program nor a chat takes for a link or a command.
"""

from __future__ import annotations

from datetime import datetime

from sekisho.incidents.models import Incident, Notice
from sekisho.incidents.usual import country_names

# More than five reasons hide the first one.
MOST_REASONS = 5
# The longest evidence of ours has 160 characters; an operator's reason may have 500.
LONGEST = 500
# Slack, Teams, Discord and Markdown mark links and mentions with these; the full-width forms read the same.
_MARKS = str.maketrans("<>[]`", "＜＞［］｀")
# Kinds that tell of something later than the incident's beginning.
_LATER = ("fuse", "planted", "waiting_low", "waiting_low_op", "rescued", "rescued_op")
_CALLS = ("@everyone", "@here", "@channel", "@all")


def harmless(text: str) -> str:
    """One line that is only read: no control characters, no link that opens by a tap, no mention that rings."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST]).translate(_MARKS)
    line = line.replace("://", "：//")
    for call in _CALLS:
        line = line.replace(call, call.replace("@", "＠"))
    return line


def reasons(incident: Incident, language: str) -> list[str]:
    """The strongest reasons in "ja" or "en", each one line; never empty."""
    decision = incident.decisions.order_by("-score", "-t").first()
    lines = list(decision.indicators.order_by("-value")[:MOST_REASONS]) if decision else []
    texts = [line.evidence_ja if language == "ja" else line.evidence_en for line in lines]
    if not texts:
        texts = [incident.reason or ("運用担当者の判断" if language == "ja" else "the operator's decision")]
    return [harmless(text) for text in texts]


def place_words(incident: Incident, language: str) -> str:
    """From where it was used: country and client address, or "unknown"."""
    country = country_names(language).get(incident.country, incident.country)
    found = [part for part in (country, incident.ip) if part]
    # An operator's word has no place.
    return " / ".join(found) or ("不明" if language == "ja" else "unknown")


def moment(notice: Notice) -> datetime:
    """When what the notice tells happened; it may be later than the incident's beginning."""
    return notice.created_at if notice.kind in _LATER else notice.its_incident.detected_at
