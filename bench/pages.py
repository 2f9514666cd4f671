"""Measures how long the panel's lists take at 10,000 mailboxes and 500 incidents (docs/bench.md).

Databases of its own in a temporary directory (SQLite, as on the local stack), Django's test client in one process: the
time of views, queries and templates, without a web server. SQLite works within the process, so its CPU time is all
there is, and other work on the machine changes little; the wall clock stands beside it, which on a quiet machine is the
same. A page's first request is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
os.environ["DJANGO_SETTINGS_MODULE"] = "testing_settings"

import django  # noqa: E402

# What a person does not notice as waiting (issue 5).
GOAL_MS = 150.0
DOMAINS = 200
# Messages of the last nine days, two a mailbox and day for a third of them.
MESSAGES = 60_000
# Logins of 90 days and failed tries; readings of scores of the mailboxes with incidents; who waits; acts on record.
SIGN_INS, READINGS, WAITING, ACTS = 100_000, 20_000, 5_000, 20_000
# Of one mailbox: what a phone that looks every hour makes in three weeks.
SIGN_INS_OF_ONE = 500
PAGES = (
    ("dashboard", "/admin/"),
    ("mailboxes", "/admin/system/mail/mailboxes/"),
    ("mailboxes, last page", "/admin/system/mail/mailboxes/?page=9999"),
    ("mailboxes, search", "/admin/system/mail/mailboxes/?q=box99"),
    ("mailboxes, suspended", "/admin/system/mail/mailboxes/?state=suspended"),
    ("mailbox", "/admin/system/mail/mailboxes/box7@d007.example/edit"),
    ("mailbox, all of it", "/admin/system/mail/mailboxes/box7@d007.example/"),
    ("sign-ins", "/admin/system/mail/mailboxes/box7@d007.example/sign-ins/"),
    ("domains", "/admin/system/domains/"),
    ("domains, attention", "/admin/system/domains/?show=attention"),
    ("domain", "/admin/system/domains/d000.example/"),
    ("rules", "/admin/system/rules/"),
    ("rules, other limits", "/admin/system/rules/?alert=3&restrict=5&suspend=8"),
    ("channels", "/admin/system/channels/"),
    ("audit", "/admin/system/audit/"),
    ("audit, search", "/admin/system/audit/?q=box77"),
    ("held mail", "/admin/system/held-mail/"),
    ("incidents", "/admin/incidents/"),
    ("incidents, all", "/admin/incidents/?show=all"),
    ("incident", "/admin/incidents/1/"),
    ("enforcement", "/admin/system/enforcement/"),
    ("admins", "/admin/system/admins/"),
    ("mail settings", "/admin/system/mail/"),
)


def make(mailboxes: int, incidents: int) -> Any:
    """Fills the databases; the operator's account."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections
    from django.utils import timezone

    from sekisho.deploy.render import template
    from sekisho.directory.models import Role, SiteDomain, SiteMailbox
    from sekisho.incidents.models import Incident, MailboxStatus, QueueIdLogin

    call_command("migrate", verbosity=0)
    with connections["site"].cursor() as cursor:
        for statement in filter(str.strip, template("postfixadmin.sql").split(";\n")):
            cursor.execute(statement)
    now = timezone.now()
    names = [f"box{number}@d{number % DOMAINS:03}.example" for number in range(mailboxes)]
    SiteDomain.objects.bulk_create(SiteDomain(domain=f"d{number:03}.example") for number in range(DOMAINS))
    SiteMailbox.objects.bulk_create(
        SiteMailbox(username=name, password="x", maildir=name, local_part=name, domain=name.partition("@")[2])
        for name in names
    )
    past = names[:incidents]
    # One in ten is open and holds its mailbox.
    states = ["suspended" if number % 10 == 0 else "probation" for number in range(len(past))]
    MailboxStatus.objects.bulk_create(
        MailboxStatus(mailbox=name, domain=name.partition("@")[2], status=state, since=now)
        for name, state in zip(past, states, strict=True)
    )
    Incident.objects.bulk_create(
        Incident(
            mailbox=name, domain=name.partition("@")[2], generation=0, cause="detection", action="suspend",
            phase="contained" if state == "suspended" else "recovered",
            first_risk_at=now - timedelta(hours=number), detected_at=now - timedelta(hours=number),
        )
        for number, (name, state) in enumerate(zip(past, states, strict=True))
    )  # fmt: skip
    QueueIdLogin.objects.bulk_create(
        QueueIdLogin(queue_id=f"{number:x}", mailbox=names[number % mailboxes], at=now - timedelta(seconds=13 * number))
        for number in range(MESSAGES)
    )
    make_history(names, now)
    operator = User.objects.create(username="operator")
    Role.objects.create(account=operator, role=Role.OPERATOR)
    return operator


def make_history(names: list[str], now: Any) -> None:
    """Logins, readings, who waits and the audit log, spread over the mailboxes and over three months."""
    from sekisho.incidents.models import Audit, DeferredPair, Incident, ScorePoint, SignIn

    def login(number: int, mailbox: str) -> SignIn:
        source = {"ip": f"198.18.{number % 200}.7", "country": "JP", "asn": 64500 + number % 9}
        at = now - timedelta(minutes=1 + number * 1.2)
        return SignIn(mailbox=mailbox, at=at, success=number % 5 > 0, protocol="imap", **source)

    SignIn.objects.bulk_create([login(number, names[number % len(names)]) for number in range(SIGN_INS)], 1000)
    SignIn.objects.bulk_create([login(60 * number, names[7]) for number in range(SIGN_INS_OF_ONE)], 1000)
    incidents = list(Incident.objects.order_by("id"))
    lines = {"alert": 4.0, "restrict": 6.5, "suspend": 9.0}
    ScorePoint.objects.bulk_create(
        [
            ScorePoint(
                id=f"{number:x}", mailbox=incidents[number % len(incidents)].mailbox, generation=0,
                t=now - timedelta(minutes=2 * number), score=2 + number % 100 / 10, findings={"new_country": 4.0},
                **lines,
            )
            for number in range(READINGS)
        ],
        1000,
    )  # fmt: skip
    holding = [incident for incident in incidents if incident.phase == "contained"]
    DeferredPair.objects.bulk_create(
        [
            DeferredPair(
                incident=(one := holding[number % len(holding)]), mailbox=one.mailbox, sender=f"s{number}@out.example",
                recipient=one.mailbox, where="sender", first_at=now, last_at=now, give_up_at=now + timedelta(days=2),
            )
            for number in range(WAITING)
        ],
        1000,
    )  # fmt: skip
    # The chain's hashes are not looked at by the pages; the numbers leave room for the signing in below.
    Audit.objects.bulk_create(
        [
            Audit(
                number=number + 1_000_000, at=now - timedelta(minutes=number), actor="operator", via="panel",
                verb="close", subject=names[number % len(names)], domain=names[number % len(names)].partition("@")[2],
                hash=f"{number:064x}",
            )
            for number in range(ACTS)
        ],
        1000,
    )  # fmt: skip


def measure(account: Any, rounds: int) -> list[dict[str, Any]]:
    """Each page's median and 95th percentile in ms of CPU, its median in ms by the wall clock, how many queries."""
    from django.db import connections
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(account)
    rows = []
    for name, path in PAGES:
        with CaptureQueriesContext(connections["default"]) as ours, CaptureQueriesContext(connections["site"]) as site:
            answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}")
        # Now: the next request empties the log that they count.
        queries = len(ours) + len(site)
        times, walls = [], []
        for _ in range(rounds):
            begin, began = time.process_time(), time.perf_counter()
            client.get(path)
            times.append((time.process_time() - begin) * 1000)
            walls.append((time.perf_counter() - began) * 1000)
        p95, median, wall = statistics.quantiles(times, n=20)[-1], statistics.median(times), statistics.median(walls)
        rows.append({"page": name, "median": median, "p95": p95, "wall": wall, "queries": queries})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mailboxes", type=int, default=10_000)
    parser.add_argument("--incidents", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    django.setup()
    rows = measure(make(given.mailboxes, given.incidents), given.rounds)
    if given.json:
        print(json.dumps(rows))
        return 0
    print(f"{given.mailboxes} mailboxes, {given.incidents} incidents, {given.rounds} rounds; goal {GOAL_MS:.0f} ms")
    for row in rows:
        over = "  over the goal" if row["median"] > GOAL_MS else ""
        times = f"{row['median']:8.1f} ms{row['p95']:8.1f} p95{row['wall']:8.1f} wall"
        print(f"{row['page']:<24}{times}{row['queries']:5} queries{over}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
