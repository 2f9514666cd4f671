"""What a rehearsal brings home: figures counted from outside, and faults."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct):
    """One rehearsal's outcome. It went well when `faults` is empty; figures that do not apply are None.

    Counts of spam are recipients; counts of letters are messages. Seconds are wall-clock, measured by the rehearsal.
    """

    scenario: str
    mailbox: str
    seconds: float = 0.0
    # Recipients our submission accepted before the first refusal that ended it.
    spam_accepted: int | None = None
    # Recipients told to come again later (450), while sending was limited.
    spam_deferred: int | None = None
    # Found in the third party's mailboxes.
    spam_out: int | None = None
    # Refused by the third party: no such recipient.
    spam_refused_outside: int | None = None
    # In our hold queue.
    spam_held: int | None = None
    # In our queue and not held: they would still go out.
    spam_not_held: int | None = None
    # From the first accepted spam message to the first answer that refused the stolen password or its session.
    seconds_to_suspension: float | None = None
    # From that answer until no door took the stolen password.
    seconds_to_shut_doors: float | None = None
    letters_sent: int | None = None
    letters_waited_at_sender: int | None = None
    letters_waited_with_us: int | None = None
    letters_arrived: int | None = None
    letters_lost: int | None = None
    letters_twice: int | None = None
    # From the order to reinstate until the last letter was there.
    seconds_to_arrival: float | None = None
    # Letters that a planted forward carried outside.
    letters_leaked: int | None = None
    seconds_to_alert: float | None = None
    passwords_refused: int | None = None
    owner_logins_tried: int | None = None
    owner_logins_good: int | None = None
    owner_login_slowest_seconds: float | None = None
    # The status that was the answer, before anything was taken back.
    answer: str | None = None
    final_status: str = ""
    faults: list[str] = msgspec.field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether everything was as promised, and our own record agrees with the count outside."""
        return not self.faults

    def as_dict(self) -> dict[str, object]:
        """The figures that apply, for --json."""
        figures: dict[str, object] = msgspec.to_builtins(self)
        told = {name: value for name, value in figures.items() if value is not None}
        # Milliseconds: a reply over loopback takes about one.
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in told.items()}
        return rounded | {"agrees": self.agrees}
