"""A report made by hand, with the worst that strangers may write into it, and the evidence behind its figures."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.impact.model import (
    Change,
    DomainCount,
    Entry,
    EvidenceRow,
    Figure,
    Folder,
    Gap,
    ImpactReport,
    Leak,
    Limit,
    Read,
    Search,
    Sent,
    Source,
    Touched,
)

T = 1_790_000_000.0
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FORMULA = '=HYPERLINK("http://evil.test","click")'
MAILBOX = "sato@hana.example"


def report(mailbox: str = MAILBOX, incident: int = 1, **changes: object) -> ImpactReport:
    """All parts filled; figures as `rows` tells them."""
    figure = Figure
    made = ImpactReport(
        incident=incident,
        mailbox=mailbox,
        domain=mailbox.rpartition("@")[2],
        made_at=T + 7200,
        phase="contained",
        entry=Entry(
            T - 60, T, T + 3, T + 3600,
            (
                Source("198.19.18.66", "NG", 65018, HOSTILE, ("imap", "smtp"), (HOSTILE,), T - 60, T,
                       figure("entry.logins.1", 3), ("new_country", "new_recipients")),
            ),
            figure("entry.guesses", 14),
        ),
        sent=Sent(
            figure("sent.messages", 214),
            figure("sent.recipients", 214),
            {"own": figure("sent.own", 2), "partner": figure("sent.partner", 12),
             "stranger": figure("sent.stranger", 200)},
            {"delivered": figure("sent.delivered", 3), "refused_as_spam": figure("sent.spam", 11),
             "held": figure("sent.held", 190), "unknown": figure("sent.unknown", 10, True)},
            (DomainCount("tegami.test", figure("sent.at.tegami.test", 14), figure("sent.to.tegami.test", 2)),),
            T - 30, T,
        ),
        read=Read(
            figure("read.sessions", 2),
            (Folder("INBOX", figure("read.opened.1", 1), figure("read.fetched.1", 40)),
             Folder(HOSTILE, figure(f"read.folder:{HOSTILE}.opened", 1), figure(f"read.folder:{HOSTILE}.fetched", 2)),
             Folder(FORMULA, figure("read.opened.3", 1), figure("read.fetched.3", 0))),
            figure("read.fetched", 42),
            figure("read.octets", 123456),
            (Search("INBOX", HOSTILE, T - 20, "read.search.1"), Search("INBOX", FORMULA, T - 19, "read.search.2")),
            figure("read.deleted", 0),
            figure("read.stored", 1),
        ),
        changed=(Change("forward", "soto@outside.example", T - 10, "off", "changed.1"),),
        leaked=(Leak("soto@outside.example", figure("leaked.1", 5), T - 9, T),),
        address_book=figure("book", 88),
        touched=(
            Touched("info@hana.example", "hana.example", figure("touched.1", 0), figure("touched.1.failed", 4)),
            Touched("yamada@sora.example", "sora.example", figure("touched.2", 1), figure("touched.2.failed", 9)),
        ),
        services=("noreply@bank.test",),
        gaps=(Gap("guard", T - 4000, T - 3000),),
        limits=(Limit("reads_since", T - 100), Limit("results_until", T + 7000)),
    )  # fmt: skip
    return made if not changes else type(made)(**{**_fields(made), **changes})


def _fields(made: ImpactReport) -> dict[str, object]:
    return {name: getattr(made, name) for name in made.__struct_fields__}


def rows(name: str, count: int | None = None) -> Iterator[EvidenceRow]:
    """The evidence of a figure of `report`."""
    if name == "sent.delivered":
        people = ("nakamura@yubin.test", "kyoko.ito@tegami.test", "chumon@hanaichi.test")
        for number, address in enumerate(people):
            facts = {
                "recipient": address,
                "domain": address.partition("@")[2],
                "relation": "partner",
                "outcome": "delivered",
            }
            yield EvidenceRow(name, "recipient", f"4jYn42{number} {address}", T + number, facts)
        return
    for number in range(count if count is not None else 3):
        yield EvidenceRow(
            name, "sign_in", f"sign_in {number}", T + number,
            {"ip": "198.19.18.66", "folder": HOSTILE, "words": FORMULA, "count": number, "subject": "お見積りの件"},
        )  # fmt: skip
