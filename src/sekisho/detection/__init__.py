"""The judging room: events and habits in, assessments and decisions out.

Who may enter: the guard (observe, assess, decide on the answer path), incidents and recovery (statuses, password
rules), rehearsal and tests. What it must never do: read a clock, a file, a socket or a random number, or log; `now`
and randomness are arguments. It raises ValueError kinds of its own and nothing else.

Its one promise above all: without an authenticated event a mailbox is never touched.
"""

from sekisho.detection.addresses import AddressDataError, AddressTable
from sekisho.detection.assessment import Assessment, Indicator, assess, observe
from sekisho.detection.breaker import TRANSITIONS, Decision, TransitionRefused, change_status, decide
from sekisho.detection.budget import Budget
from sekisho.detection.burned import burned_reset, with_burned_login
from sekisho.detection.events import (
    NOWHERE,
    AccountChange,
    Complaint,
    Delivery,
    Event,
    Login,
    Place,
    Recipient,
    ScriptChange,
    SessionEnded,
    Submission,
)
from sekisho.detection.fuse import Fuse
from sekisho.detection.host import HostTables
from sekisho.detection.limits import DEFAULT_LIMITS, Limits
from sekisho.detection.names import canonical_mailbox
from sekisho.detection.profile import MailboxProfile, ProfileError

__all__ = [
    "DEFAULT_LIMITS",
    "NOWHERE",
    "TRANSITIONS",
    "AccountChange",
    "AddressDataError",
    "AddressTable",
    "Assessment",
    "Budget",
    "Complaint",
    "Decision",
    "Delivery",
    "Event",
    "Fuse",
    "HostTables",
    "Indicator",
    "Limits",
    "Login",
    "MailboxProfile",
    "Place",
    "ProfileError",
    "Recipient",
    "ScriptChange",
    "SessionEnded",
    "Submission",
    "TransitionRefused",
    "assess",
    "burned_reset",
    "canonical_mailbox",
    "change_status",
    "decide",
    "observe",
    "with_burned_login",
]
