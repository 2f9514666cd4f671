"""The events of one act – a login, a session, a message – as the mail server would write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random

from evals.network import Place

# One event: its time (epoch seconds) and its line of JSON without the line feed.
Event = tuple[float, str]
# Seconds until the remote server's answer: most at once, greylisting after minutes (assumed).
ANSWER_SECONDS, GREYLIST_SECONDS, GREYLISTED = (1.0, 20.0), (300.0, 1200.0), 0.03


def event(t: float, kind: str, account: str, place: Place | None = None, **fields: object) -> Event:
    """One event of the stream; `t` in epoch seconds."""
    t = round(t, 3)
    where = asdict(place) if place else {}
    return t, json.dumps({"t": t, "kind": kind, "account": account, **where, **fields}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Delivery:
    """How often the remote side answers "no such address" (`bounced`) and "refused as spam" (`refused`)."""

    bounced: float = 0.01
    refused: float = 0.0


def login(t: float, account: str, place: Place, protocol: str, pwhash: str = "a01", success: bool = True) -> Event:
    """A password check, successful or not."""
    return event(t, "login", account, place, protocol=protocol, success=success, pwhash=pwhash, tls=True)


def session(t: float, account: str, place: Place, fetched: int, size: int) -> Event:
    """The end of an IMAP session which fetched so many messages of `size` bytes on average."""
    return event(
        t, "session", account, place, protocol="imap", bytes_in=400 + 40 * fetched, bytes_out=900 + fetched * size,
        fetched=fetched,
    )  # fmt: skip


def message(
    rng: Random, t: float, account: str, place: Place, recipients: Sequence[str], delivery: Delivery
) -> list[Event]:
    """One message: its recipients, its end, and what became of it. The recipients are 10 ms apart."""
    qid = f"{rng.randrange(1 << 40):010X}"
    events = []
    for n, recipient in enumerate(recipients):
        at = t + 0.01 * n
        events.append(event(at, "rcpt", account, place, qid=qid, sender=account, recipient=recipient))
        late = rng.uniform(*(GREYLIST_SECONDS if rng.random() < GREYLISTED else ANSWER_SECONDS))
        dice = rng.random()
        status, code = ("sent", "2.0.0")
        if dice < delivery.bounced:
            status, code = ("bounced", "5.1.1")
        elif dice < delivery.bounced + delivery.refused:
            status, code = ("bounced", "5.7.1")
        done = at + 0.01 * len(recipients) + late
        events.append(event(done, "delivery", account, qid=qid, recipient=recipient, status=status, code=code))
    end = t + 0.01 * len(recipients)
    size = rng.randrange(2_000, 200_000)
    events.append(event(end, "eom", account, place, qid=qid, size=size, nrcpt=len(recipients)))
    return events


def stranger(rng: Random) -> str:
    """An address somewhere, nobody's contact."""
    return f"u{rng.randrange(1 << 30):x}@d{rng.randrange(5000)}.example"
