"""What all scenarios share: the doors, the cast, the voice, and the acts that every story has."""

from __future__ import annotations

import secrets
import time
from functools import partial

from sekisho.config import Settings
from sekisho.detection import password as password_rules
from sekisho.rehearsal.cast import Play, Scenarios, Victim, choose_victim, keep_password, read_password
from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.doors import try_doors
from sekisho.rehearsal.outside import Queued, ThirdParty, list_queue
from sekisho.rehearsal.places import Places
from sekisho.rehearsal.record import mailbox_status, run_verb
from sekisho.rehearsal.result import Result
from sekisho.rehearsal.telling import Teller


class Stage:
    """One rehearsal of one scenario on one victim."""

    def __init__(self, scenario: str, settings: Settings, scenarios: Scenarios, teller: Teller) -> None:
        self.places = Places.of(settings)
        self.teller = teller
        self.play: Play = scenarios.play(scenario)
        self.outside = ThirdParty(self.places)
        # Marks this run's messages, so that a mailbox played before does not confuse the count.
        self.run = f"{scenario}-{secrets.token_hex(3)}"
        used = self.places.var / "rehearsals.json"
        self.victim: Victim = choose_victim(
            scenarios.victims, used, lambda mailbox: mailbox_status(mailbox) == "active"
        )
        # His place in the list: a scenario may have a source for each, since one seen at two customers is suspicious.
        self.turn = scenarios.victims.index(self.victim)
        self.writers = self.victim.writers
        self.password = read_password(self.places.credentials_file, self.victim.mailbox)
        self.result = Result(scenario, self.victim.mailbox)
        # Messages of this run in our hold queue; (sender, "sender" or "ours") of letters seen waiting in a queue.
        self.held_messages = 0
        self.waiting_outside: set[tuple[str, str]] = set()

    def fault(self, text: str) -> None:
        """Notes something that must not be, and says it."""
        self.result.faults.append(text)
        self.teller.say("fault", text=text)

    def expect(self, what: str, outside: object, ours: object) -> None:
        """The count outside and our record must be equal; a disagreement is a fault."""
        if outside != ours:
            self.fault(f"{what}: {outside} counted from outside, {ours} in our record")

    @property
    def source(self) -> str:
        """The client address of this victim's turn; the owner's own place when the scenario has none."""
        sources = self.play.sources
        return sources[self.turn % len(sources)] if sources else self.victim.home

    def our_queue(self) -> list[Queued]:
        return list_queue(self.places.our_postfix)

    def letters_in(self) -> list[str]:
        """The numbers in the victim's inbox, read with the present password from the owner's place."""
        with ImapSession(self.places.imap, client_address=self.victim.home) as session:
            if not session.login(self.victim.mailbox, self.password).accepted:
                return []
            return session.numbers()

    def wait_for_shut_doors(self, seconds: float) -> float | None:
        """Seconds until no door took the present password; None (and a fault) when one still did after `seconds`.

        Tried from the owner's place: what refuses him refuses everybody.
        """
        started = time.monotonic()
        while True:
            tried_at = time.monotonic()
            answers = try_doors(self.places, self.victim.mailbox, self.password, self.victim.home)
            still_open = sorted(door for door, answer in answers.items() if answer.accepted)
            if not still_open:
                # The refusals themselves take Dovecot's delay: shut is from when they were asked.
                return tried_at - started
            if time.monotonic() - started > seconds:
                self.teller.say("doors_open", doors=", ".join(still_open))
                self.result.faults.append(f"still open: {', '.join(still_open)}")
                return None
            time.sleep(0.1)

    def reinstate(self) -> None:
        """The operator's recovery: a generated password, then the mailbox is his again. Raises CommandFailed."""
        self.teller.say("recovering")
        old, new = self.password, password_rules.generate(secrets.randbelow)
        started = time.monotonic()
        run_verb("mailbox", "reinstate", self.victim.mailbox, "--password-stdin", given=new)
        took = time.monotonic() - started
        keep_password(self.places.credentials_file, self.victim.mailbox, new)
        self.password = new
        login = partial(try_doors, self.places, self.victim.mailbox, client_address=self.victim.home)
        refused = sorted(door for door, answer in login(new).items() if not answer.accepted)
        if refused:
            self.fault(f"the new password is refused at {', '.join(refused)}")
        let_in = sorted(door for door, answer in login(old).items() if answer.accepted)
        if let_in:
            self.fault(f"the old password still opens {', '.join(let_in)}")
        self.teller.say("reinstated", seconds=took)
