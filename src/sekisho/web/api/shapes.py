"""The shapes of requests and answers, for the OpenAPI document. Answers hold more than is named here: what the command
line's `--json` holds; what is named stays."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field

from sekisho.inbound.rules import LONGEST_NAME, MOST_ALLOWED, MOST_NAMES
from sekisho.incidents.allowances import MOST_HOURS, MOST_RECIPIENTS, USUAL_HOURS, USUAL_RECIPIENTS
from sekisho.web.forms import LONGEST_PASSWORD

Status = Literal["active", "restricted", "suspended", "probation"]
Phase = Literal["detected", "contained", "eradicated", "recovered", "closed", "dismissed"]


def _storable(text: str) -> str:
    """Refuses what no database keeps: lone surrogates (JSON can spell them) and NUL."""
    if "\x00" in text or any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise ValueError("not text")
    return text


Text = Annotated[str, AfterValidator(_storable)]
# As long as the column that keeps it.
Reason = Annotated[Text, Field(min_length=1, max_length=500)]


class _Body(Schema):
    # A misspelt name is told, not ignored.
    model_config = ConfigDict(extra="forbid")


class SuspendBody(_Body):
    reason: Reason
    # Hold mail it submitted within so many minutes; None: since its first risky event, else 60.
    hold_since: int | None = Field(default=None, ge=0, le=43_200)


class RestrictBody(_Body):
    reason: Reason
    # New recipients an hour; 0 stops its sending.
    limit: int = Field(default=10, ge=0, le=10_000)


class ReinstateBody(_Body):
    password: Annotated[Text, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class DismissBody(_Body):
    reason: Annotated[Text, Field(max_length=500)] = ""


class AnswerBody(_Body):
    # True: it was not the owner, suspend the mailbox.
    no: bool = False
    hours: int = Field(default=USUAL_HOURS, ge=1, le=MOST_HOURS)
    recipients: int = Field(default=USUAL_RECIPIENTS, ge=1, le=MOST_RECIPIENTS)


class ModeBody(_Body):
    mode: Literal["observe", "enforce"]


class InboundBody(_Body):
    """All of it: what is left out is as for a domain that never chose."""

    level: Literal["off", "observe", "warn"]
    tag: bool = False
    place: Literal["inbox", "folder", "quarantine"] = "inbox"
    names: list[Annotated[Text, Field(max_length=LONGEST_NAME)]] = Field(default=[], max_length=MOST_NAMES)
    allowed: list[Annotated[Text, Field(max_length=254)]] = Field(default=[], max_length=MOST_ALLOWED)


class _Answer(Schema):
    model_config = ConfigDict(extra="allow")


class MailboxLine(_Answer):
    address: str
    domain: str
    status: Status
    since: datetime | None
    generation: int
    limit: int | None


class Mailbox(MailboxLine):
    reason: str
    incident: int | None
    phase: Phase | None
    contained_at: datetime | None


class Explanation(Mailbox):
    story: dict[str, Any] | None
    history: list[dict[str, Any]]


class Deferred(_Answer):
    waited: int
    arrived: int
    earliest_return: datetime | None
    pairs: list[dict[str, Any]]


class IncidentLine(_Answer):
    id: int
    case: str
    mailbox: str
    domain: str
    phase: Phase
    action: Literal["alert", "restrict", "suspend"]
    enforced: bool
    reason: str
    detected_at: datetime
    contained_at: datetime | None
    closed_at: datetime | None


class Incident(IncidentLine):
    indicators: list[dict[str, Any]]
    transitions: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


class Impact(_Answer):
    """Figures are {name, value, at_least}; times are epoch seconds (docs/impact-report.md)."""

    incident: int
    mailbox: str
    domain: str
    made_at: float
    phase: Phase
    entry: dict[str, Any]
    sent: dict[str, Any]
    read: dict[str, Any]
    changed: list[dict[str, Any]]
    leaked: list[dict[str, Any]]
    address_book: dict[str, Any] | None
    touched: list[dict[str, Any]]
    # Mailboxes of customers whom this key may not see.
    touched_elsewhere: int
    gaps: list[dict[str, Any]]
    limits: list[dict[str, Any]]


class Domain(_Answer):
    domain: str
    alias_of: str | None
    server_name: str
    mode: Literal["observe", "enforce"]


class InboundAnswer(_Answer):
    domain: str
    level: Literal["off", "observe", "warn"]
    tag: bool
    place: Literal["inbox", "folder", "quarantine"]
    names: list[str]
    allowed: list[str]


class ModeAnswer(_Answer):
    domain: str
    mode: Literal["observe", "enforce"]
    changed: bool


class Hardening(_Answer):
    name: str
    items: list[dict[str, Any]]


class Reputation(_Answer):
    at: datetime
    blocklists: dict[str, Any]
    receivers: list[dict[str, Any]]
    days: list[dict[str, Any]]
    incidents: list[dict[str, Any]]


class _Page(Schema):
    count: int
    page: int
    pages: int


class MailboxPage(_Page):
    items: list[MailboxLine]


class IncidentPage(_Page):
    items: list[IncidentLine]


class DomainPage(_Page):
    items: list[Domain]


class Problem(Schema):
    error: str
    detail: str


# What any operation may answer beside its own 200.
PROBLEMS: dict[int, Any] = dict.fromkeys((401, 403, 404, 413, 422, 429, 503), Problem)
