"""Neighbours' texts and our values: Postfix policy, Dovecot auth policy and events, mail log lines, `postqueue -j`,
feedback reports (ARF).

Who may enter: every room. What it must never do: I/O, look at a clock, draw randomness, log, judge. A text that
cannot be read raises `WireError` and nothing else; a text that can be read is not believed any further than the
module's head says. `replies` holds every sentence we say to SMTP and IMAP clients.
"""

from sekisho.wire import dovecot_event, dovecot_policy, feedback_report, maillog, postfix_policy, postqueue, replies
from sekisho.wire.errors import WireError

__all__ = [
    "WireError",
    "dovecot_event",
    "dovecot_policy",
    "feedback_report",
    "maillog",
    "postfix_policy",
    "postqueue",
    "replies",
]
