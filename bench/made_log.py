"""A mail log as Postfix 3.7 and Dovecot 2.3 would have written it, out of a simulated company's events.

Half of the lines are a log's usual ballast (connects, message ids, removals): four in ten say something.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_network

STAMP = "%Y-%m-%dT%H:%M:%S.%f+00:00"
# What a session's end says about its session.
SESSION = "abcdefgh"


def log_lines(events: Iterable[str]) -> Iterator[str]:
    """The lines of a log for events as `python -m evals simulate` writes them (JSON lines, sorted by time)."""
    for number, line in enumerate(events):
        event = json.loads(line)
        make = _KINDS.get(event["kind"])
        if make is None:
            continue
        stamp = datetime.fromtimestamp(event["t"], UTC).strftime(STAMP)
        for daemon, text in make(event, number):
            # Dovecot's log service writes all its lines itself, without the daemon's number.
            pid = f"[{4000 + number % 900}]" if daemon.startswith("postfix/") else ""
            yield f"{stamp} mx01 {daemon}{pid}: {text}\n"


def address_lines(events: Iterable[str]) -> Iterator[str]:
    """Address data (CSV) with the places that the events' clients have there."""
    places: dict[str, str] = {}
    for line in events:
        event = json.loads(line)
        if event.get("ip"):
            network = ip_network(f"{event['ip']}/{48 if ':' in event['ip'] else 24}", strict=False)
            places.setdefault(str(network), f"{network},{event['country']},{event['asn']},\n")
    yield from places.values()


def _login(event: dict[str, object], number: int) -> Iterator[tuple[str, str]]:
    protocol = "imap" if event["protocol"] == "smtp" else event["protocol"]
    service = {"sieve": "managesieve"}.get(str(protocol), protocol)
    where = f"user=<{event['account']}>, method=PLAIN, rip={event['ip']}, lip=192.0.2.1"
    if event["success"]:
        if event["protocol"] == "smtp":
            # An SMTP login shows with its message.
            return
        yield f"dovecot: {service}-login", f"Login: {where}, mpid={number}, TLS, session=<{SESSION}{number}>"
        return
    yield f"dovecot: {service}-login", f"Disconnected (auth failed, 1 attempts in 2 secs): {where}, TLS"


def _submission(event: dict[str, object], number: int) -> Iterator[tuple[str, str]]:
    qid, account, ip = event["qid"], event["account"], event["ip"]
    client = f"client=unknown[{ip}]"
    yield "postfix/submission/smtpd", f"connect from unknown[{ip}]"
    yield "postfix/submission/smtpd", f"{qid}: {client}, sasl_method=PLAIN, sasl_username={account}"
    yield "postfix/cleanup", f"{qid}: message-id=<{number}@mx01.example>"
    yield "postfix/qmgr", f"{qid}: from=<{account}>, size={event['size']}, nrcpt={event['nrcpt']} (queue active)"
    yield (
        "postfix/submission/smtpd",
        f"disconnect from unknown[{ip}] ehlo=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=6",
    )


def _delivery(event: dict[str, object], number: int) -> Iterator[tuple[str, str]]:
    sent = event["status"] == "sent"
    code = str(event.get("code") or "")
    dsn = "2.0.0" if sent else code if code.count(".") == 2 else "5.1.1"
    status = "sent (250 2.0.0 Ok: queued as 4jYZ22)" if sent else f"bounced (host mail.example said: 550 {dsn} refused)"
    route = "relay=mail.example[198.51.100.7]:25, delay=0.9, delays=0.1/0.01/0.3/0.49"
    yield "postfix/smtp", f"{event['qid']}: to=<{event['recipient']}>, {route}, dsn={dsn}, status={status}"
    yield "postfix/qmgr", f"{event['qid']}: removed"


_KINDS = {"login": _login, "eom": _submission, "delivery": _delivery}
