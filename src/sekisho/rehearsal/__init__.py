"""Played takeovers over real SMTP and IMAP against the running local stack, counted from outside.

Who may enter: cli and the stories in tests/stack. Addresses, networks and passwords come from the demo's files, never
from here. What it must never do: look at our own tables for a result it then reports; it counts mailboxes and queues,
and a disagreement with our record is an error of the rehearsal.
"""

from sekisho.rehearsal.cast import SCENARIOS, CastError
from sekisho.rehearsal.performance import play
from sekisho.rehearsal.result import Result

__all__ = ["SCENARIOS", "CastError", "Result", "play"]
