"""The hijacker at work: sends numbered spam with the real password until the server refuses it."""

from __future__ import annotations

import threading
import time

from sekisho.rehearsal.clients import Answer, Sending, SmtpSession, compose
from sekisho.rehearsal.stage import Stage

# Answers that end a hijacker's session or refuse his password; a 450 4.7.1 only slows him (restricted).
_STOPPED = (421, 535)
# A takeover that is not stopped after this many recipients is a failed rehearsal, not a longer one. DETECTION §0.2: a
# plain rule lets out 60 at the median.
MOST_RECIPIENTS = 600


class Attack:
    """Counts what was accepted and when it was refused. Several threads may use it."""

    def __init__(self, stage: Stage, first: str = "first_spam") -> None:
        # `first`: the sentence told when the first message is accepted.
        self._stage, self._first = stage, first
        self._lock = threading.Lock()
        self._count = 0
        # recipient -> number of the message accepted for it
        self.accepted: dict[str, str] = {}
        self.first_accepted_at: float | None = None
        self.restricted = False
        # Recipients told to come again later (450), and refusals that are neither that nor a stop.
        self.deferred = 0
        self.other_refusals: list[str] = []
        self.stopped_at: float | None = None
        self.stopping_answer: Answer | None = None
        # Recipients accepted in messages begun after the stop: there must be none.
        self.accepted_after_stop = 0
        # Sessions and logins refused.
        self.refusals = 0

    @property
    def stopped(self) -> bool:
        return self.stopped_at is not None

    @property
    def exhausted(self) -> bool:
        return len(self.accepted) >= MOST_RECIPIENTS

    def open(self, source: str) -> SmtpSession | None:
        """An authenticated session from `source`; None when the server refused the real password or the session."""
        session = SmtpSession(self._stage.places.submission, client_address=source)
        answer = session.login(self._stage.victim.mailbox, self._stage.password)
        if answer.code == 235:
            return session
        session.close()
        self._note_stop(answer)
        return None

    def send(self, session: SmtpSession, recipients: list[str]) -> bool:
        """One spam message; False when this session is over."""
        with self._lock:
            self._count += 1
            number = f"{self._stage.run}-spam-{self._count}"
        begun_after_stop = self.stopped
        play, sender = self._stage.play, self._stage.victim.mailbox
        sending = session.send(sender, recipients, compose(number, sender, recipients[0], play.subject, play.text))
        self._note(number, sending, begun_after_stop)
        refusal = sending.refusal
        return refusal is None or refusal.code not in (0, *_STOPPED)

    def _note(self, number: str, sending: Sending, begun_after_stop: bool) -> None:
        now = time.monotonic()
        with self._lock:
            for recipient in sending.accepted:
                self.accepted[recipient] = number
            if sending.accepted and self.first_accepted_at is None:
                self.first_accepted_at = now
                self._stage.teller.say(self._first)
            if begun_after_stop:
                self.accepted_after_stop += len(sending.accepted)
        refusal = sending.refusal
        self._note_refusals(sending)
        if refusal and refusal.code == 450 and not self.restricted:
            self.restricted = True
            self._stage.teller.say("restricted", answer=spoken(refusal), accepted=len(self.accepted))
        elif refusal and refusal.code in _STOPPED:
            self._note_stop(refusal)

    def _note_refusals(self, sending: Sending) -> None:
        answers = [answer for answer in sending.recipients.values() if not answer.accepted]
        others = [answer for answer in (sending.mail, *answers) if not answer.accepted and answer.code != 450]
        with self._lock:
            self.deferred += sum(answer.code == 450 for answer in answers)
            # 0: the connection a stop ended.
            self.other_refusals += [spoken(answer) for answer in others if answer.code not in (0, *_STOPPED)]

    def _note_stop(self, answer: Answer) -> None:
        with self._lock:
            self.refusals += 1
            if self.stopped_at is None and answer.code in _STOPPED:
                self.stopped_at = time.monotonic()
                self.stopping_answer = answer

    @property
    def seconds_to_stop(self) -> float | None:
        """From the first accepted spam message to the first refusal."""
        if self.stopped_at is None or self.first_accepted_at is None:
            return None
        return self.stopped_at - self.first_accepted_at


def spoken(answer: Answer) -> str:
    """A refusal as people read it: the code, and the server's reason without the address."""
    status, _, text = answer.text.partition(" ")
    reason = text.rpartition("rejected: ")[2].removeprefix(status)
    return f"{answer.code} {status} {reason.strip()}"
