"""From which countries mail is sent by SMTP AUTH: `domain sending` and `mailbox sending`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sekisho.incidents.models import SentElsewhere
    from sekisho.journal import SendingRule

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
MODE = click.Choice(["off", "observe", "enforce"])


@click.command("sending")
@click.argument("name", metavar="DOMAIN")
@click.option("--mode", type=MODE, help="off, observe (refuses nothing, shows whom it would), enforce.")
@click.option("--country", "countries", multiple=True, help="A country that mail is sent from (JP); may be repeated.")
@click.option("--except", "exceptions", multiple=True, help="A network that counts as there; may be repeated.")
@click.option("--as-host", is_flag=True, help="Follow the host's setting again.")
@as_json_option
def domain_sending(
    name: str, mode: str | None, countries: tuple[str, ...], exceptions: tuple[str, ...], as_host: bool, as_json: bool
) -> None:
    """Show or set from which countries DOMAIN's mailboxes send (docs/sending-countries.md)."""
    if as_host and (mode or countries or exceptions):
        raise click.UsageError(say("--as-host stands alone", "--as-host は単独で指定してください"))
    with databases():
        from sekisho.directory.models import SiteDomain
        from sekisho.incidents import sending
        from sekisho.incidents.changes import NotAllowed

        name, now = name.strip().lower(), datetime.now(UTC)
        if not SiteDomain.objects.filter(domain=name).exists():
            raise Refused(say(f"no domain {name}", f"ドメイン {name} はありません"))
        rule = sending.domain_rule(name)
        if as_host:
            sending.clear_domain(name, actor(), now)
        elif mode or countries or exceptions:
            codes, networks = countries or rule.countries, exceptions or rule.exceptions
            try:
                sending.set_domain(name, mode or rule.mode, codes, networks, actor(), now)
            except NotAllowed as error:
                raise Refused(str(error)) from error
        _show(name, sending.domain_rule(name), sending.seen_in(name, now), as_json)


@click.command("sending")
@click.argument("address")
@click.option("--mode", type=MODE, help="The mailbox' own mode.")
@click.option("--as-domain", is_flag=True, help="Follow the domain again.")
@as_json_option
def mailbox_sending(address: str, mode: str | None, as_domain: bool, as_json: bool) -> None:
    """Show or set whether the rule of its domain holds for ADDRESS."""
    if as_domain and mode:
        raise click.UsageError(say("--as-domain stands alone", "--as-domain は単独で指定してください"))
    with databases():
        from sekisho.cli.mailbox import find
        from sekisho.incidents import sending

        site, now = find(address), datetime.now(UTC)
        if mode or as_domain:
            sending.set_mailbox(site.username, mode or "", actor(), now)
        _show(site.username, sending.mailbox_rule(site.username), sending.seen_of(site.username, now), as_json)


def _show(about: str, rule: SendingRule, seen: QuerySet[SentElsewhere], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "address": row.mailbox,
            "ip": row.ip,
            "country": row.country,
            "asn": row.asn,
            "refused": row.refused,
            "first_at": row.first_at,
            "last_at": row.last_at,
        }
        for row in seen[:1000]
    ]
    if as_json:
        facts = {"mode": rule.mode, "countries": list(rule.countries), "exceptions": list(rule.exceptions)}
        print_json({"about": about, **facts, "seen": rows})
        return
    modes = {"off": ("off", "無効"), "observe": ("only noted", "記録のみ"), "enforce": ("refused", "拒否")}
    where = ", ".join((*rule.countries, *rule.exceptions))
    tell(
        f"{about}: mail from outside {where}: {modes[rule.mode][0]}.",
        f"{about}: {where} 以外からの送信: {modes[rule.mode][1]}",
    )
    titles = [say("mailbox", "メールアドレス"), say("from", "送信元"), say("last", "最後"), say("outcome", "結果")]
    outcome = {True: say("refused", "拒否"), False: say("noted", "記録")}
    print_table(
        titles,
        [
            [row["address"], f"{row['country']} {row['ip']}", local_time(row["last_at"]), outcome[row["refused"]]]
            for row in rows
        ],
    )
