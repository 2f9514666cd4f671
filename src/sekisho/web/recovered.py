"""The browser that has just recovered a mailbox: what it may still do without signing in.

What stands for the second factor is the proof it was recovered with, for half an hour and for this generation only. A
mailbox that was suspended again since asks for a new one.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from sekisho.incidents.changes import current_status

# Session key: the mailbox that was recovered, when, and in which generation.
DONE = "recover_done"
# Long enough to walk to each device with the page open; a browser left alone must not stay a key to the mailbox.
OPEN_S = 30 * 60.0


def is_open(request: HttpRequest) -> bool:
    """Whether this browser recovered its mailbox a moment ago and nothing has happened to it since."""
    recovered = request.session.get(DONE)
    return (
        isinstance(recovered, dict)
        and timezone.now().timestamp() - float(recovered.get("at", 0.0)) < OPEN_S
        and current_status(recovered["mailbox"]).generation == recovered.get("generation")
    )
