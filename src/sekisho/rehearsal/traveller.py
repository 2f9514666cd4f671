"""`traveller`: the owner abroad reads with his telephone and answers people he knows; nobody may stop him."""

from __future__ import annotations

from sekisho.rehearsal.clients import ImapSession, SmtpSession, compose
from sekisho.rehearsal.intruder import LETTER_WITHIN, write_letters
from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.record import ask, mailbox_status
from sekisho.rehearsal.stage import Stage

# A handful of letters, as somebody finds them in the evening.
_LETTERS = 3


def play_traveller(stage: Stage) -> None:
    """Plays the whole story; figures and faults end up in `stage.result`."""
    numbers = write_letters(stage, "before", _LETTERS)
    # One hotel that two customers' owners seem to sleep in on the same day would be another story (shared strangers).
    source = stage.source
    with ImapSession(stage.places.imap, client_address=source, device="iPhone Mail") as session:
        login = session.login(stage.victim.mailbox, stage.password)
        if not login.accepted:
            stage.teller.say("owner_hindered", answer=login.text)
            stage.result.faults.append("the traveller cannot log in")
            return
        read = session.read()
    stage.teller.say("traveller_reads", count=read)
    if not set(numbers) <= set(stage.letters_in()):
        stage.fault("the letters written to the traveller did not arrive")
    _answer_writers(stage, source)
    status = mailbox_status(stage.victim.mailbox)
    stage.result.answer = status
    if status != "active":
        stage.fault(f"the mailbox is {status} although its owner only answered people he knows")
    actions = {one["action"] for one in ask("incident", "list", "--mailbox", stage.victim.mailbox)}
    if actions - {"alert"}:
        stage.fault(f"our record has more than an alert: {sorted(actions)}")


def _answer_writers(stage: Stage, source: str) -> None:
    """One answer to each writer; every one must be accepted and be in the writer's mailbox."""
    mailbox = stage.victim.mailbox
    sent: dict[str, str] = {}
    with SmtpSession(stage.places.submission, client_address=source) as session:
        session.login(mailbox, stage.password)
        for place, writer in enumerate(stage.writers, 1):
            number = f"{stage.run}-reply-{place}"
            sending = session.send(mailbox, [writer], compose(number, mailbox, writer, "Re: Invoice", "Thank you.\n"))
            if sending.refusal:
                stage.teller.say("owner_hindered", answer=f"{sending.refusal.code} {sending.refusal.text}")
                stage.result.faults.append("the traveller cannot send")
                return
            sent[number] = writer

    def arrived() -> list[str]:
        return [number for number, writer in sent.items() if number in stage.outside.numbers(writer)]

    wait_until(lambda: len(arrived()) == len(sent), LETTER_WITHIN, pause=0.5)
    stage.result.letters_sent, stage.result.letters_arrived = len(sent), len(arrived())
    stage.result.letters_lost = len(sent) - stage.result.letters_arrived
    stage.teller.say("traveller_answered", sent=len(sent), arrived=stage.result.letters_arrived)
    if stage.result.letters_lost:
        stage.fault(f"{stage.result.letters_lost} answers did not arrive outside")
