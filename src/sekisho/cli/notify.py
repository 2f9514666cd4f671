"""`sekisho notify`: the ways notices go, a test of each, and whether a case number is genuine."""

from __future__ import annotations

import secrets
from typing import Any

import click

from sekisho.cli.output import Refused, databases, local_time, print_json, print_table, say, tell
from sekisho.config import Settings, settings

# Apprise tries a service for a few seconds at a time; a webhook has 20 s in all.
TEST_DEADLINE_S = 30.0


@click.group()
def notify() -> None:
    """Notices about incidents: by mail, by webhook, in chats (docs/notices.md)."""


@notify.command("channels")
@click.option("--json", "as_json", is_flag=True)
def list_channels(as_json: bool) -> None:
    """List the ways notices go, and what became of the latest ones. Shows no address and no secret."""
    with databases():
        rows = _rows(settings())
    if as_json:
        print_json(rows)
        return
    titles = [say(*words) for words in _TITLES]
    cells = [
        [row["name"], row["kind"], ", ".join(row["domains"]) or say("all", "すべて"), row["open"], row["failed"],
         local_time(row["last_sent"])]
        for row in rows
    ]  # fmt: skip
    print_table(titles, cells)


_TITLES = (
    ("channel", "経路"),
    ("kind", "種類"),
    ("domains", "ドメイン"),
    ("waiting", "送信待ち"),
    ("failed", "失敗"),
    ("last sent", "最後の送信"),
)


def _rows(configuration: Settings) -> list[dict[str, Any]]:
    from django.db.models import Max, QuerySet

    from sekisho.incidents import channels
    from sekisho.incidents.models import Notice

    mails = Notice.objects.exclude(recipient__startswith=channels.PREFIX)
    kinds: list[tuple[str, str, tuple[str, ...], QuerySet[Notice]]] = []
    if configuration.notices.sender:
        kinds.append(("mail", "mail", (), mails))
    for channel in configuration.channels:
        kind = type(channel).__struct_config__.tag
        found = Notice.objects.filter(recipient=channels.recipient_of(channel))
        kinds.append((channel.name, str(kind), channel.domains, found))
    return [
        {
            "name": name,
            "kind": kind,
            "domains": list(domains),
            "open": found.filter(state__in=["open", "sending"]).count(),
            "failed": found.filter(state="failed").count(),
            "last_sent": found.aggregate(at=Max("sent_at"))["at"],
        }
        for name, kind, domains, found in kinds
    ]


@notify.command("test")
@click.option(
    "--channel", "name", default="", help="Only this one; without it all, and mail to the operator's contacts."
)
@click.option("--json", "as_json", is_flag=True)
def send_test(name: str, as_json: bool) -> None:
    """Send a test through each channel, and by mail to the operator's contacts; exit 1 when one did not get through."""
    configuration = settings()
    with databases():
        results = _test_channels(configuration, name)
        if name in ("", "mail"):
            results.append(("mail", _test_mail(configuration)))
    if not results:
        raise Refused(say(f"there is no channel {name}", f"経路 {name} はありません"))
    if as_json:
        print_json([{"channel": channel, "ok": not failure, "failure": failure} for channel, failure in results])
    else:
        for channel, failure in results:
            tell(f"{channel}: {failure or 'sent'}", f"{channel}: {failure or '送信しました'}")
    if any(failure for _, failure in results):
        raise click.exceptions.Exit(1)


def _test_channels(configuration: Settings, name: str) -> list[tuple[str, str]]:
    from sekisho.incidents.channel_outbox import Delivery
    from sekisho.incidents.channel_texts import compose_test

    chosen = [channel for channel in configuration.channels if name in ("", channel.name)]
    identifier = f"sekisho.test.{secrets.token_hex(8)}"
    running = [Delivery(channel, 0, compose_test(identifier, channel.language)) for channel in chosen]
    results = []
    for delivery in running:
        ended = delivery.join(TEST_DEADLINE_S)
        results.append((delivery.channel.name, str(delivery.failure or "") if ended else say("no answer", "応答なし")))
    return results


def _test_mail(configuration: Settings) -> str:
    from sekisho.directory.models import Contact
    from sekisho.incidents.notices import OPERATOR, send_test

    contacts = list(Contact.objects.filter(domain=OPERATOR).values_list("address", "language"))
    if not contacts:
        return say("the operator has no contact (sekisho contact add ALL ADDRESS)", "運用担当者の連絡先がありません")
    try:
        for address, language in contacts:
            send_test(configuration.notices, address, language)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""


@notify.command("case")
@click.argument("number")
@click.option("--json", "as_json", is_flag=True)
def check_case(number: str, as_json: bool) -> None:
    """Say whether a case NUMBER (SK-…) of a notice is one of ours, and since when; exit 1 when it is not."""
    with databases():
        from sekisho.incidents.case_numbers import find_case

        incident = find_case(number)
        if incident is None:
            raise Refused(say("not a number of ours", "この番号のお知らせは送っていません"))
        if as_json:
            print_json({"genuine": True, "since": incident.detected_at, "incident": incident.pk})
            return
        tell(
            f"Genuine: incident {incident.pk}, {local_time(incident.detected_at)}.",
            f"本物です: インシデント {incident.pk}、{local_time(incident.detected_at)}",
        )
