"""Measures how long the panel's lists take at 10,000 mailboxes and 500 incidents (docs/bench.md).

Databases of its own in a temporary directory (SQLite, as on the local stack), Django's test client in one process: the
time of views, queries and templates, without a web server. SQLite works within the process, so its CPU time is all
there is, and other work on the machine changes little; a page's first request is not counted.
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
PAGES = (
    ("dashboard", "/admin/"),
    ("mailboxes", "/admin/system/mail/mailboxes/"),
    ("mailboxes, last page", "/admin/system/mail/mailboxes/?page=9999"),
    ("mailboxes, search", "/admin/system/mail/mailboxes/?q=box99"),
    ("mailboxes, suspended", "/admin/system/mail/mailboxes/?state=suspended"),
    ("mailbox", "/admin/system/mail/mailboxes/box7@d007.example/edit"),
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
    operator = User.objects.create(username="operator")
    Role.objects.create(account=operator, role=Role.OPERATOR)
    return operator


def measure(account: Any, rounds: int) -> list[dict[str, Any]]:
    """Each page's median and 95th percentile in ms of CPU, and how many queries it makes."""
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
        times = []
        for _ in range(rounds):
            begin = time.process_time()
            client.get(path)
            times.append((time.process_time() - begin) * 1000)
        p95 = statistics.quantiles(times, n=20)[-1]
        rows.append({"page": name, "median": statistics.median(times), "p95": p95, "queries": queries})
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
        print(f"{row['page']:<24}{row['median']:8.1f} ms{row['p95']:8.1f} p95{row['queries']:5} queries{over}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
