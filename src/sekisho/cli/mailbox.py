"""Mailboxes: add, list, show, suspend, restrict, reinstate; why (`explain`) and who waits (`deferred`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.history import tell_history
from sekisho.cli.output import (
    Refused,
    actor,
    databases,
    in_japanese,
    local_time,
    print_json,
    print_table,
    read_password,
    say,
    tell,
)
from sekisho.cli.places import countries, tell_permits
from sekisho.cli.rescue import switch_mailbox, tell_deferred, tell_rescue
from sekisho.cli.sending import mailbox_sending
from sekisho.cli.usual import tell_usual
from sekisho.cli.words import PHASES, STATUSES

if TYPE_CHECKING:
    from sekisho.directory.models import SiteMailbox

# A suspension is contained within 5 s on a healthy host; after twice that a person should be told.
CONTAIN_S = 10.0
# A crash and restart of the agent may be in between.
RELEASE_S = 40.0

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
no_wait_option = click.option("--no-wait", is_flag=True, help="Return before the agents have carried it out.")


def language() -> str:
    """The language of evidence: "ja" or "en"."""
    return "ja" if in_japanese() else "en"


def find(address: str) -> SiteMailbox:
    """The mailbox an address means (any case, extension or alias-domain form); raises Refused when there is none."""
    from sekisho.directory.models import SiteMailbox
    from sekisho.directory.names import canonical

    name = canonical(address)
    site = SiteMailbox.objects.filter(username=name).first() if name else None
    if site is None:
        raise Refused(say(f"there is no mailbox {address}", f"メールアドレス {address} はありません"))
    return site


@click.group()
def mailbox() -> None:
    """Mailboxes and their status."""


mailbox.add_command(countries)
mailbox.add_command(mailbox_sending)


@mailbox.command("add")
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--name", default="", help="Whose mailbox it is.")
def add(address: str, password_stdin: bool, name: str) -> None:
    """Add a mailbox; it works at once.

    Mailboxes that move here keep their passwords: one that the rules would refuse is taken, with a warning. Only a
    password burned for this address is refused.
    """
    password = read_password(prompted=not password_stdin)
    with databases():
        from sekisho.directory import provision
        from sekisho.incidents import audit
        from sekisho.recovery.flow import refuse_burned, rule_problems

        refuse_burned(address, password)
        site = provision.add_mailbox(address, password, name=name)
        audit.record(actor(), "mailbox_added", site.username)
        for problem in rule_problems(site.username, password):
            click.echo(say(f"warning: {problem.en}", f"注意: {problem.ja}"), err=True)
        tell(f"Mailbox {site.username} added.", f"メールアドレス {site.username} を追加しました。")


@mailbox.command("password")
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the new password from standard input.")
@click.option("--revoke-app-passwords", is_flag=True, help="Revoke all its app passwords as well.")
def password(address: str, password_stdin: bool, revoke_app_passwords: bool) -> None:
    """Give a mailbox a new password, by the same rules as everywhere; its status stays as it is."""
    new = read_password(prompted=not password_stdin)
    with databases():
        from sekisho.incidents import app_passwords
        from sekisho.incidents.decisions import current_status
        from sekisho.recovery import flow

        site = find(address)
        flow.set_password(site.username, new, actor())
        if revoke_app_passwords:
            app_passwords.revoke_all(site.username, actor())
        tell(f"{site.username} has a new password.", f"{site.username} のパスワードを変更しました。")
        if current_status(site.username).status == "suspended":
            tell(
                "It stays suspended; `sekisho mailbox reinstate` opens it.",
                "停止中のままです。再開するには `sekisho mailbox reinstate` を使います。",
            )


@mailbox.command("list")
@click.option("--status", "wanted", type=click.Choice(list(STATUSES)), help="Only mailboxes in this status.")
@click.option("--domain", help="Only mailboxes of this domain.")
@as_json_option
def list_(wanted: str | None, domain: str | None, as_json: bool) -> None:
    """List mailboxes with their status."""
    with databases():
        from sekisho.directory.models import SiteMailbox
        from sekisho.incidents.facts import status_facts
        from sekisho.incidents.models import MailboxStatus

        statuses = {row.mailbox: row for row in MailboxStatus.objects.all()}
        sites = SiteMailbox.objects.order_by("username")
        if domain:
            sites = sites.filter(domain=domain.lower())
        rows = [status_facts(site, statuses.get(site.username)) for site in sites.iterator()]
        rows = [row for row in rows if wanted is None or row["status"] == wanted]
        if as_json:
            print_json(rows)
            return
        titles = [say("mailbox", "メールアドレス"), say("status", "状態"), say("since", "いつから")]
        print_table(titles, [[row["address"], say(*STATUSES[row["status"]]), local_time(row["since"])] for row in rows])


@mailbox.command()
@click.argument("address")
@as_json_option
def show(address: str, as_json: bool) -> None:
    """Show one mailbox: its status, since when and why."""
    with databases():
        _show(find(address), as_json)


def _show(site: SiteMailbox, as_json: bool) -> None:
    from sekisho.incidents.facts import mailbox_facts

    facts = mailbox_facts(site, language())
    if as_json:
        print_json(facts)
        return
    status = say(*STATUSES[facts["status"]])
    since = local_time(facts["since"])
    tell(
        f"{facts['address']} is {status}" + (f" since {since}." if since else "."),
        f"{facts['address']} は{status}です" + (f"({since} から)。" if since else "。"),
    )
    if facts["reason"]:
        tell(f"Why: {facts['reason']}", f"理由: {facts['reason']}")
    if facts["incident"]:
        phase = say(*PHASES[facts["phase"]])
        tell(f"Incident {facts['incident']}: {phase}.", f"インシデント {facts['incident']}: {phase}")
    tell_permits(facts)
    tell_rescue(facts)
    if facts["waiting"] and facts["waiting"]["waited"]:
        waiting = facts["waiting"]
        tell(
            f"At least {waiting['waited']} senders waited, {waiting['arrived']} arrived.",
            f"少なくとも {waiting['waited']} 件が待機し、{waiting['arrived']} 件が届きました。",
        )


@mailbox.command()
@click.argument("address")
@click.option("--reason", required=True, help="Why, for the people it concerns.")
@click.option(
    "--hold-since",
    type=click.IntRange(min=0),
    metavar="MINUTES",
    help="Hold mail it submitted within so many minutes (default: since its first risky event, else 60; 0 holds none).",
)
@no_wait_option
@as_json_option
def suspend(address: str, reason: str, hold_since: int | None, no_wait: bool, as_json: bool) -> None:
    """Suspend a mailbox: no login, no sending; mail to it waits at the senders."""
    with databases():
        from sekisho.incidents import decisions
        from sekisho.recovery.flow import wait_until_contained

        site = find(address)
        since = None if hold_since is None else datetime.now(UTC) - timedelta(minutes=hold_since)
        incident = decisions.suspend(site.username, reason, actor(), since)
        contained = False if no_wait else wait_until_contained(incident, CONTAIN_S)
        if as_json:
            _show(site, as_json=True)
        elif contained:
            tell(f"{site.username} is suspended on every door.", f"{site.username} をすべての入口で停止しました。")
        else:
            tell(
                f"{site.username} is suspended; the agents are closing its doors (see `sekisho explain`).",
                f"{site.username} を停止しました。入口を閉じています(`sekisho explain` で確認できます)。",
            )
        if not contained and not no_wait:
            raise Refused(
                say(
                    f"not yet contained after {CONTAIN_S:.0f} s: is the agent running? It goes on by itself.",
                    f"{CONTAIN_S:.0f} 秒たっても完了していません。agent は動いていますか。処理は続きます。",
                )
            )


@mailbox.command()
@click.argument("address")
@click.option("--reason", required=True, help="Why, for the people it concerns.")
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="New recipients an hour.")
@no_wait_option
@as_json_option
def restrict(address: str, reason: str, limit: int, no_wait: bool, as_json: bool) -> None:
    """Restrict a mailbox to its known recipients and a few new ones an hour; 0 stops its sending."""
    with databases():
        from sekisho.incidents import decisions
        from sekisho.recovery.flow import wait_until_contained

        site = find(address)
        incident = decisions.restrict(site.username, reason, actor(), limit)
        if not no_wait:
            wait_until_contained(incident, CONTAIN_S)
        if as_json:
            _show(site, as_json=True)
        elif limit == 0:
            tell(f"Sending from {site.username} is stopped.", f"{site.username} からの送信を止めました。")
        else:
            tell(
                f"{site.username} may write to {limit} new recipients an hour.",
                f"{site.username} の新しい宛先への送信を1時間に {limit} 件に制限しました。",
            )


@mailbox.command()
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the new password from standard input.")
@no_wait_option
@as_json_option
def reinstate(address: str, password_stdin: bool, no_wait: bool, as_json: bool) -> None:
    """Reinstate a mailbox with a new password; waits until its doors are open again."""
    with databases():
        from sekisho.recovery import flow

        site = find(address)
        password = read_password(prompted=not password_stdin)
        orders = flow.reinstate(site.username, password, actor())
        incident = orders[0].its_incident
        opened = no_wait or flow.wait_until_released(incident, RELEASE_S)
        if as_json:
            _show(site, as_json=True)
        elif opened and not no_wait:
            tell(
                f"{site.username} is reinstated; its owner changes only the password in the mail program.",
                f"{site.username} を再開しました。メールソフトではパスワードの欄だけを変更してください。",
            )
        else:
            tell(f"{site.username} will be reinstated.", f"{site.username} を再開します。")
        if not opened:
            raise Refused(
                say(
                    f"its doors are not yet open after {RELEASE_S:.0f} s: is the agent running? It goes on by itself.",
                    f"{RELEASE_S:.0f} 秒たっても開いていません。agent は動いていますか。処理は続きます。",
                )
            )


def tell_complaints(found: dict[str, Any], span: str = "") -> None:
    """Prints how many messages were reported as spam, if any were; `span` says of which time."""
    if found["counted"] or found["forgeable"]:
        when = local_time(found["last_at"])
        tell(
            f"  {span}{found['counted']} messages reported as spam; {found['forgeable']} more by reporters nobody "
            f"vouches for (these count nothing). Last: {when}",
            f"  {span}迷惑メールとして通報されたメール: {found['counted']} 通。ほかに出所を確認できない通報が "
            f"{found['forgeable']} 通(判定には使いません)。最新: {when}",
        )


@click.command()
@click.argument("address")
@as_json_option
def explain(address: str, as_json: bool) -> None:
    """Explain a mailbox's status: the evidence, who decided, what has been done on each host, the score over time."""
    with databases():
        from sekisho.incidents.facts import explain_facts, incident_story, latest_incident, mailbox_facts
        from sekisho.incidents.scores import history

        site = find(address)
        if as_json:
            print_json(explain_facts(site, language()))
            return
        incident, points = latest_incident(site.username), history(site.username)
        _show(site, as_json=False)
        tell_complaints(mailbox_facts(site, language())["complaints"], say("Last 30 days: ", "直近30日: "))
        tell_usual(site.username)
        if incident is None:
            tell("Nothing was ever found about it.", "これまでに問題は見つかっていません。")
        else:
            from sekisho.cli.incident import tell_story

            tell_story(incident_story(incident, language()))
        tell_history(points)


@mailbox.command()
@click.argument("address")
@click.argument("state", type=click.Choice(["on", "off"]))
@no_wait_option
@as_json_option
def rescue(address: str, state: str, no_wait: bool, as_json: bool) -> None:
    """Accept and keep the mail of a suspended mailbox (on), or let senders wait again (off); its doors stay shut."""
    with databases():
        switch_mailbox(find(address).username, state == "on", no_wait=no_wait, as_json=as_json)


@click.command()
@click.argument("address")
@as_json_option
def deferred(address: str, as_json: bool) -> None:
    """Show who waits (or waited) for a suspended mailbox, since when and until when at the earliest."""
    with databases():
        from sekisho.incidents.facts import mailbox_deferred

        facts = mailbox_deferred(find(address))
        if as_json:
            print_json(facts)
        else:
            tell_deferred(facts["address"], facts)
