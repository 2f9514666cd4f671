"""Thirty days of ordinary life of the demo's mailboxes, as events in the format of `sekisho learn` and `evaluate`.

Usage: history.py PROVIDER.toml OUT.jsonl [NOW]. One JSON object a line, sorted by time, ending an hour before NOW
(epoch seconds; default: the clock). Seeded: the same provider and NOW give the same file.

What a mailbox does: its mail program looks for mail in the morning, at noon and in the evening (IMAP; one in four uses
POP3), from its office line on working days and from its owner's phone, where there is one, also at weekends. It sends
two to six messages a working day to the people it always writes to, now and then to somebody new. All of it from Japan.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

DAYS = 30
JAPAN = timezone(timedelta(hours=9))
Event = dict[str, Any]


def place(ip: str) -> Event:
    """Country and network owner of a home address, as demo/address_data.py has them."""
    return {"ip": ip, "country": "JP", "asn": 64500 + int(ip.split(".")[2]) // 64}


def login(t: float, account: str, ip: str, protocol: str) -> Event:
    return {
        "t": t,
        "kind": "login",
        "account": account,
        **place(ip),
        "protocol": protocol,
        "success": True,
        "tls": True,
    }


def message(t: float, account: str, ip: str, recipients: list[str], draw: random.Random) -> Iterator[Event]:
    """One message: login, a recipient check each, end of message, a delivery result each."""
    queue_id = "".join(draw.choices("BCDFGHJKLMNPQRSTVWXYZ", k=12))
    yield login(t, account, ip, "smtp")
    for number, recipient in enumerate(recipients):
        yield {
            "t": t + 0.2 + number / 100,
            "kind": "rcpt",
            "account": account,
            **place(ip),
            "qid": "" if number == 0 else queue_id,
            "instance": queue_id,
            "sender": account,
            "recipient": recipient,
        }
    size = draw.randint(900, 60_000)
    yield {
        "t": t + 0.9,
        "kind": "eom",
        "account": account,
        **place(ip),
        "qid": queue_id,
        "instance": queue_id,
        "size": size,
        "nrcpt": len(recipients),
    }
    for recipient in recipients:
        yield {
            "t": t + 2.0,
            "kind": "delivery",
            "account": account,
            "qid": queue_id,
            "recipient": recipient,
            "status": "sent",
            "code": "2.0.0",
        }


def day_of(
    mailbox: Event, account: str, friends: list[str], morning: float, working: bool, draw: random.Random
) -> Iterator[Event]:
    """One day of one mailbox; `morning` is 8 o'clock in Japan."""
    office, phone = mailbox["home"][0], mailbox["home"][-1]
    protocol = "pop3" if draw.random() < 0.25 else "imap"
    if working:
        for hour in (0.2, 4.3, 9.1):
            yield login(morning + (hour + draw.random()) * 3600, account, office, protocol)
        for _ in range(draw.randint(2, 6)):
            recipients = draw.sample(friends, k=1 if draw.random() < 0.85 else 2)
            if draw.random() < 0.05:
                recipients = [f"kyaku{draw.randint(1000, 9999)}@shinki.example"]
            source = office if draw.random() < 0.8 else phone
            yield from message(morning + draw.uniform(0.5, 10) * 3600, account, source, recipients, draw)
    if phone != office:
        for hour in (-0.5, 11.0):
            yield login(morning + (hour + draw.random()) * 3600, account, phone, "imap")


def history(provider: Event, now: float) -> list[Event]:
    """Every event of the last DAYS days until an hour before `now`, sorted by time."""
    draw = random.Random(20)  # any fixed number: the same demo on every machine
    today = datetime.fromtimestamp(now, UTC).astimezone(JAPAN).replace(hour=8, minute=0, second=0, microsecond=0)
    mornings = [today - timedelta(days=back) for back in range(DAYS, -1, -1)]
    events: list[Event] = []
    for domain in provider["domain"]:
        for mailbox in domain["mailbox"]:
            account = f"{mailbox['local']}@{domain['name']}"
            friends = draw.sample(domain["correspondents"], k=min(8, len(domain["correspondents"])))
            for morning in mornings:
                working = morning.weekday() < 5
                events += day_of(mailbox, account, friends, morning.timestamp(), working, draw)
    return sorted((event for event in events if event["t"] < now - 3600), key=lambda event: float(event["t"]))


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    now = float(sys.argv[3]) if len(sys.argv) > 3 else time.time()
    events = history(tomllib.loads(source.read_text(encoding="utf-8")), now)
    with target.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in events)


if __name__ == "__main__":
    main()
