"""Domains, alias domains, aliases, admins and contacts."""

from __future__ import annotations

import click

from sekisho.cli.enforcement import domain_mode, domain_preview
from sekisho.cli.erase import domain_erase
from sekisho.cli.inbound import domain_inbound
from sekisho.cli.output import actor, databases, print_json, print_table, read_password, say, tell
from sekisho.cli.prune import domain_retention
from sekisho.cli.rescue import domain_rescue
from sekisho.cli.sending import domain_sending


def _note(verb: str, subject: str, *, domain: str = "", **details: object) -> None:
    """One row of the audit log about a change of the directory."""
    from sekisho.incidents import audit

    audit.record(actor(), verb, subject, domain=domain, details=details)


@click.group()
def domain() -> None:
    """Mail domains hosted here."""


domain.add_command(domain_mode)
domain.add_command(domain_preview)
domain.add_command(domain_inbound)
domain.add_command(domain_rescue)
domain.add_command(domain_retention)
domain.add_command(domain_erase)
domain.add_command(domain_sending)


@domain.command("add")
@click.argument("name", metavar="DOMAIN")
@click.option("--server-name", default="", help="The mail server name its owners type (mx01…).")
@click.option("--contact", default="", help="An address outside these mailboxes that hears of incidents.")
@click.option("--language", type=click.Choice(["ja", "en"]), default="ja", help="Language of that contact.")
@click.option("--description", default="")
def domain_add(name: str, server_name: str, contact: str, language: str, description: str) -> None:
    """Add a domain."""
    with databases():
        from sekisho.directory import provision

        row = provision.add_domain(
            name, server_name=server_name, contact=contact, language=language, description=description
        )
        _note("domain_added", row.domain, domain=row.domain, server_name=server_name, contact=contact)
        tell(f"Domain {row.domain} added.", f"ドメイン {row.domain} を追加しました。")


@domain.command("alias")
@click.argument("alias_domain")
@click.argument("target", metavar="DOMAIN")
def domain_alias(alias_domain: str, target: str) -> None:
    """Make every address of DOMAIN exist in ALIAS_DOMAIN, too."""
    with databases():
        from sekisho.directory import provision

        row = provision.add_alias_domain(alias_domain, target)
        _note("alias_domain_added", row.alias_domain, domain=row.target_domain, target=row.target_domain)
        tell(
            f"{row.alias_domain} is now an alias domain of {row.target_domain}.",
            f"{row.alias_domain} を {row.target_domain} のエイリアスドメインにしました。",
        )


@domain.command("list")
@click.option("--json", "as_json", is_flag=True)
def domain_list(as_json: bool) -> None:
    """List domains with their mail server names and modes (observe or enforce)."""
    with databases():
        from sekisho.directory.models import SiteDomain
        from sekisho.recovery.domain_facts import domain_facts

        names = SiteDomain.objects.exclude(domain="ALL").order_by("domain").values_list("domain", flat=True)
        rows = domain_facts(list(names))
        if as_json:
            print_json(rows)
            return
        titles = [
            say("domain", "ドメイン"),
            say("mail server", "メールサーバー"),
            say("mode", "モード"),
            say("alias of", "エイリアス先"),
        ]
        cells = [[row["domain"], row["server_name"], row["mode"], row["alias_of"] or ""] for row in rows]
        print_table(titles, cells)


@click.group()
def admin() -> None:
    """Accounts of the panel."""


@admin.command("add")
@click.argument("name")
@click.option("--domain", "domains", multiple=True, help="A domain this admin may act for; may be repeated.")
@click.option("--operator", is_flag=True, help="May act for every domain and the host.")
@click.option(
    "--role",
    type=click.Choice(["reseller", "domain_admin", "helpdesk"]),
    default="domain_admin",
    help="For its domains: reseller and domain_admin change, helpdesk only looks.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def admin_add(name: str, domains: tuple[str, ...], operator: bool, role: str, password_stdin: bool) -> None:
    """Add an admin (or give an existing one a new password and further domains)."""
    if not domains and not operator:
        raise click.UsageError(say("name a --domain, or --operator", "--domain か --operator を指定してください"))
    password = read_password(prompted=not password_stdin)
    with databases():
        from sekisho.directory import provision

        provision.add_admin(name, password, domains=domains, operator=operator, role=role)
        _note("admin_added", name, domains=list(domains), operator=operator, role=role)
        tell(f"Admin {name} may sign in to the panel.", f"管理者 {name} はパネルにログインできます。")


@admin.command("remove-second-factor")
@click.argument("name")
def admin_remove_second_factor(name: str) -> None:
    """Take every second factor from an account that has lost them, and end its sessions."""
    with databases():
        from django.contrib.auth import get_user_model

        from sekisho.web import factors

        account = get_user_model().objects.filter(username=name).first()
        if account is None:
            raise click.ClickException(say(f"there is no account {name}", f"アカウント {name} はありません"))
        count = factors.take_away(account, actor())
        tell(
            f"{count} second factors of {name} are gone; its sessions are over. It signs in by password.",
            f"{name} の2段階認証 ({count}件) を解除し、ログイン中の画面をすべて終了しました。",
        )


@click.group()
def alias() -> None:
    """Aliases and catch-alls."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
def alias_add(address: str, targets: tuple[str, ...]) -> None:
    """Let mail to ADDRESS go to each TARGET; @DOMAIN is a catch-all."""
    with databases():
        from sekisho.directory import provision

        row = provision.add_alias(address, targets)
        _note("alias_added", row.address, domain=row.domain, targets=row.goto)
        tell(f"Mail to {row.address} goes to {row.goto}.", f"{row.address} 宛のメールは {row.goto} に届きます。")


@click.group()
def contact() -> None:
    """Where domain admins are told about incidents."""


@contact.command("add")
@click.argument("domain_name", metavar="DOMAIN")
@click.argument("address")
@click.option("--language", type=click.Choice(["ja", "en"]), default="ja")
def contact_add(domain_name: str, address: str, language: str) -> None:
    """Tell ADDRESS about incidents of DOMAIN; DOMAIN "ALL" is the operator, called when a fuse blows."""
    with databases():
        from sekisho.directory import provision

        row = provision.add_contact(domain_name, address, language)
        _note("contact_added", row.domain, domain=row.domain, contact=row.address)
        tell(f"{row.address} hears of incidents of {row.domain}.", f"{row.domain} の件は {row.address} に通知します。")
