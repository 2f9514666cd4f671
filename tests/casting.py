"""The fixed cast of every panel test, and rows to look at.

Operator: runs the host. Owner: domain admin of the tenant (hana.example). Colleague: a second domain admin there.
Stranger: domain admin of somebody else's domain (sora.example). `takeover` writes what a real one leaves behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone

from sekisho.directory.models import MailHost, Role, SiteDomain, SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents import held_mail, held_orders
from sekisho.incidents.held_rows import HeldRow
from sekisho.incidents.models import (
    Decision,
    DeferredPair,
    HostHeartbeat,
    Incident,
    Indicator,
    MailboxStatus,
    NetworkOwner,
    Notice,
    Order,
    QueueIdLogin,
    ScorePoint,
    SentRecipient,
    SignIn,
    Step,
    TimelineEntry,
    Transition,
)

DOMAIN, OTHER_DOMAIN = "hana.example", "sora.example"
VICTIM, BYSTANDER, FOREIGN = f"sato@{DOMAIN}", f"info@{DOMAIN}", f"yamada@{OTHER_DOMAIN}"
SERVER, OTHER_SERVER = "mx01.provider.example", "mx02.provider.example"
HOST = "mx01.provider.example"
ACCOUNT_PASSWORD = "a long one for the panel 7"
STOLEN_PASSWORD = "hanako1985-shop"
NEW_PASSWORD = "tsukimi-Raion-4827-kaze"

CONTAIN = (
    ("raise_barrier", "7 rows of the barrier read back"),
    ("flush_auth_cache", "cached answers for 2 login names forgotten"),
    ("kick_sessions", "3 sessions ended"),
    ("hold_queue", "47 messages held, 2 escaped in flight"),
    ("freeze_redirects", "script 'rules' switched off"),
    ("probe_doors", "canary got in; 8 doors refused a valid secret, maps read back"),
    ("mirror_active", "mailbox.active is 0"),
    ("notify", ""),
    ("sweep_5", "0 sessions ended"),
    ("sweep_30", "0 sessions ended"),
)
INDICATORS = (
    (
        "new_country",
        4.2,
        "この30日間すべて日本(198.18.40.0/24)からでしたが、ナイジェリア(198.19.18.66)からログインがありました。",
        "All logins of 30 days came from Japan (198.18.40.0/24); one came from Nigeria (198.19.18.66).",
    ),
    (
        "many_networks",
        3.6,
        "4分間に6か国・9つのネットワークから同じアドレスにログインがありました。",
        "Within 4 minutes the mailbox was used from 6 countries and 9 networks.",
    ),
    (
        "new_recipients",
        5.1,
        "2分間に、これまで一度もやり取りのない宛先214件へ送信しました(ふだんは1日に2件ほど)。",
        "Within 2 minutes it wrote to 214 recipients it had never written to (usually about 2 a day).",
    ),
)


@dataclass
class Cast:
    operator: User
    owner: User
    colleague: User
    stranger: User


def people() -> Cast:
    """The four accounts with their roles; all of them sign in with ACCOUNT_PASSWORD."""
    # One hash for all: Argon2 takes a tenth of a second each.
    hashed = make_password(ACCOUNT_PASSWORD)

    def account(name: str, role: str, domain: str = "") -> User:
        row = get_user_model().objects.create(username=name, password=hashed)
        Role.objects.create(account=row, role=role, domain=domain)
        return row

    return Cast(
        operator=account("operator", Role.OPERATOR),
        owner=account(f"kanri@{DOMAIN}", Role.DOMAIN_ADMIN, DOMAIN),
        colleague=account(f"tenin@{DOMAIN}", Role.DOMAIN_ADMIN, DOMAIN),
        stranger=account(f"kanri@{OTHER_DOMAIN}", Role.DOMAIN_ADMIN, OTHER_DOMAIN),
    )


def site() -> None:
    """Two domains with their mailboxes; every password is STOLEN_PASSWORD."""
    # Tests with transactions of their own leave the site's tables as they are: Django does not manage them.
    for table in (SiteDomain, SiteMailbox):
        table.objects.all().delete()
    now = timezone.now()
    hashed = hash_password(STOLEN_PASSWORD, "SHA512-CRYPT")
    for domain, server in ((DOMAIN, SERVER), (OTHER_DOMAIN, OTHER_SERVER)):
        SiteDomain.objects.create(domain=domain, transport="virtual", created=now, modified=now)
        MailHost.objects.create(domain=domain, server_name=server, imap_port=993, pop3_port=995, smtp_port=465)
    for address, name in (
        (VICTIM, "佐藤 花子"),
        (BYSTANDER, "花屋 はな"),
        (f"chumon@{DOMAIN}", "ご注文窓口"),
        (f"tanaka@{DOMAIN}", "田中 健"),
        (FOREIGN, "山田 空"),
    ):
        local, _, domain = address.partition("@")
        SiteMailbox.objects.create(
            username=address,
            password=hashed,
            name=name,
            maildir=f"{domain}/{local}/",
            local_part=local,
            domain=domain,
            created=now,
            modified=now,
        )


def status(mailbox: str, word: str, since: datetime | None = None, limit: int | None = None) -> MailboxStatus:
    """A status row as detection would leave it."""
    return MailboxStatus.objects.create(
        mailbox=mailbox,
        domain=mailbox.rpartition("@")[2],
        status=word,
        since=since or timezone.now(),
        limit=limit,
        reason="",
    )


def takeover(mailbox: str = VICTIM, *, ago: timedelta = timedelta(minutes=42), host: str = HOST) -> Incident:
    """A mailbox that was taken over and suspended: incident, indicators, steps, timeline, waiting senders, notice."""
    start = timezone.now() - ago
    domain = mailbox.rpartition("@")[2]
    status(mailbox, "suspended", start)
    SiteMailbox.objects.filter(username=mailbox).update(active=False)
    incident = Incident.objects.create(
        mailbox=mailbox,
        domain=domain,
        generation=0,
        cause="detection",
        phase="contained",
        action="suspend",
        score=12.9,
        reason=INDICATORS[0][2],
        ip="198.19.18.66",
        country="NG",
        asn=65018,
        first_risk_at=start - timedelta(seconds=71),
        detected_at=start,
        contained_at=start + timedelta(seconds=3),
    )
    decision = Decision.objects.create(
        id=f"decision-{mailbox}", incident=incident, t=start, host=host, action="suspend", score=12.9, record={}
    )
    for name, value, ja, en in INDICATORS:
        Indicator.objects.create(decision=decision, name=name, value=value, evidence_ja=ja, evidence_en=en)
    Transition.objects.create(
        mailbox=mailbox,
        incident=incident,
        at=start,
        before="active",
        after="suspended",
        generation=0,
        cause="detection",
        actor=f"guard@{host}",
    )
    _contained(incident, start, host)
    _waiting(incident, start)
    return incident


def _contained(incident: Incident, start: datetime, host: str) -> None:
    Order.objects.create(
        incident=incident,
        mailbox=incident.mailbox,
        kind="contain",
        generation=0,
        host=host,
        state="done",
        created_at=start,
        done_at=start + timedelta(seconds=31),
        actor=f"guard@{host}",
    )
    for position, (name, outcome) in enumerate(CONTAIN):
        later = (
            timedelta(milliseconds=280 * (position + 1))
            if position < 8
            else timedelta(seconds=5 + 25 * (position == 9))
        )
        Step.objects.create(
            incident=incident,
            plan="contain",
            generation=0,
            host=host,
            name=name,
            position=position,
            state="done",
            at=start + later,
            outcome=outcome,
            attempts=1,
        )
    for kind, later, details in (
        ("suspend", 0, {"host": host, "score": 12.9}),
        ("contained", 3, {}),
        ("notice", 4, {"recipient": f"tencho@{incident.domain.replace('.example', '-net.example')}"}),
    ):
        TimelineEntry.objects.create(
            incident=incident,
            at=start + timedelta(seconds=later),
            kind=kind,
            details=details,
            key=f"{kind}-{incident.pk}",
        )
    Notice.objects.create(
        incident=incident,
        kind="suspended",
        recipient=f"tencho@{incident.domain.replace('.example', '-net.example')}",
        message_id=f"<sekisho.notice.{incident.pk}@{host}>",
        state="sent",
        created_at=start + timedelta(seconds=3),
        sent_at=start + timedelta(seconds=4),
    )


def _waiting(incident: Incident, start: datetime) -> None:
    for number, sender in enumerate(("nakamura@yubin.test", "chumon@hanaichi.test", "kyoko.ito@tegami.test")):
        at = start + timedelta(minutes=2 + 7 * number)
        DeferredPair.objects.create(
            incident=incident,
            mailbox=incident.mailbox,
            sender=sender,
            recipient=incident.mailbox,
            client="203.0.113.25",
            where="sender",
            first_at=at,
            last_at=at,
            tries=2,
            give_up_at=at + timedelta(days=2),
        )


def aftermath(incident: Incident) -> None:
    """What a report of it is made of: his login, three messages to people and to strangers, what became of them."""
    ip = {"ip": "198.19.18.66", "country": "NG", "asn": 65018}
    incident.decisions.update(record=ip)
    start = incident.first_risk_at + timedelta(seconds=5)
    SignIn.objects.create(
        mailbox=incident.mailbox, at=start, success=True, protocol="imap", device="Thunderbird", strange=True, **ip
    )
    names = ("nakamura@yubin.test", "kyoko.ito@tegami.test", "chumon@hanaichi.test", "okyakusama@meibo-tsuhan.test")
    for number, recipient in enumerate(names):
        queue_id, at = f"4jYn{incident.pk:03d}{number}L8zKsCH", start + timedelta(seconds=10 + number)
        QueueIdLogin.objects.create(
            queue_id=queue_id, mailbox=incident.mailbox, at=at, sender=incident.mailbox, recipients=1, size=4200,
            strange=True, listed=True, **ip,
        )  # fmt: skip
        SentRecipient.objects.create(
            queue_id=queue_id, mailbox=incident.mailbox, at=at, recipient=recipient,
            domain=recipient.partition("@")[2], relation="partner" if number < 2 else "stranger",
            outcome="delivered" if number < 3 else "refused_as_spam", result_at=at,
        )  # fmt: skip


def alert(mailbox: str) -> Incident:
    """An open alert about one login from abroad; nothing was stopped."""
    at = timezone.now() - timedelta(minutes=42)
    incident = Incident.objects.create(
        mailbox=mailbox,
        domain=mailbox.rpartition("@")[2],
        generation=0,
        cause="detection",
        phase="detected",
        action="alert",
        score=4.2,
        reason=INDICATORS[0][2],
        ip="198.19.18.66",
        country="NG",
        asn=65018,
        first_risk_at=at,
        detected_at=at,
    )
    record = {"ip": "198.19.18.66", "country": "NG", "asn": 65018}
    decision = Decision.objects.create(
        id=f"alert-{mailbox}", incident=incident, t=at, host=HOST, action="alert", score=4.2, record=record
    )
    name, value, ja, en = INDICATORS[0]
    Indicator.objects.create(decision=decision, name=name, value=value, evidence_ja=ja, evidence_en=en)
    return incident


def sign_ins(mailbox: str) -> None:
    """Two programs at home for some days, one login from abroad, a guesser."""
    NetworkOwner.objects.update_or_create(asn=64540, defaults={"name": "Hana Hikari Network"})
    home = {"ip": "198.18.40.7", "country": "JP", "asn": 64540}
    now = timezone.now()
    for day in range(4):
        for hours, protocol, device in (
            (2, "imap", '"name" "iPhone Mail"'),
            (5, "imap", '"name" "Thunderbird"'),
            (6, "smtp", ""),
        ):
            at = now - timedelta(days=day, hours=hours)
            SignIn.objects.create(
                mailbox=mailbox, at=at, success=True, protocol=protocol, device=device, count=9, **home
            )
    abroad = {"ip": "198.19.18.66", "country": "NG", "asn": 65018}
    at = now - timedelta(minutes=42)
    SignIn.objects.create(mailbox=mailbox, at=at, success=True, protocol="imap", count=1, **abroad)
    SignIn.objects.create(
        mailbox=mailbox, at=now - timedelta(hours=9), success=False, protocol="imap", count=14, **abroad
    )


def scores(incident: Incident) -> None:
    """The score of a taken-over mailbox as the guard tells it: a login, three decisions, readings after them."""
    at = incident.detected_at
    for seconds, action, findings in (
        (-71.0, "", {"new_network": 2.2}),
        (-9.0, "alert", {"new_country": 4.4}),
        (-4.0, "restrict", {"new_country": 4.4, "new_recipients": 2.9}),
        (0.0, "suspend", {"new_country": 4.4, "many_networks": 1.1, "new_recipients": 5.1}),
        (61.0, "", {"new_country": 4.4, "many_networks": 1.1, "new_recipients": 5.1, "bounces": 2.1}),
        (7300.0, "", {"new_country": 4.4, "many_networks": 1.1, "new_recipients": 5.1, "bounces": 3.6}),
    ):
        ScorePoint.objects.create(
            id=f"{incident.pk}-{seconds}",
            mailbox=incident.mailbox,
            generation=incident.generation,
            t=at + timedelta(seconds=seconds),
            score=round(sum(findings.values()), 2),
            findings=findings,
            alert=4.0,
            restrict=6.5,
            suspend=9.0,
            action=action,
        )


def held(incident: Incident) -> None:
    """Mail of the takeover on hold, one message of it escaped, and one to be deleted."""
    at = incident.detected_at.timestamp()
    rows = [
        HeldRow(incident.mailbox, 0, f"4jYn42{number}L8zKsCH", "held", at, None, int(at) - number, incident.mailbox,
                4200 + number, 40, tuple(f"okyakusama{place}@meibo{number}-tsuhan.test" for place in range(20)))
        for number in range(10, 14)
    ]  # fmt: skip
    held_mail.record(HOST, [*rows, HeldRow(incident.mailbox, 0, "4jYn4299L8zKsCH", "escaped", at)])
    held_orders.purge(incident, f"kanri@{DOMAIN}", [rows[0].queue_id])


def heartbeats(host: str = HOST) -> None:
    """Every part has just given a sign of life."""
    for process in ("guard", "agent", "worker"):
        HostHeartbeat.objects.create(host=host, process=process, at=timezone.now(), facts={"alarms": []})


def release_steps(mailbox: str, done: int, host: str = HOST) -> None:
    """The first `done` steps of the reinstatement that was ordered, as an agent reports them."""
    names = (
        "restore_active",
        "flush_auth_cache",
        "lower_barrier",
        "flush_auth_cache_again",
        "retry_waiting",
        "probe_open",
    )
    order = Order.objects.filter(mailbox=mailbox, kind="release", host=host).latest("id")
    Order.objects.filter(pk=order.pk).update(state="claimed", claimed_at=timezone.now())
    for position, name in enumerate(names[:done]):
        Step.objects.update_or_create(
            incident_id=order.incident_id,
            plan="release",
            generation=order.generation,
            host=host,
            name=name,
            defaults={"position": position, "state": "done", "at": timezone.now(), "attempts": 1},
        )
