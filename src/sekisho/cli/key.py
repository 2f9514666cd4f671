"""`key add|list|revoke`: bearer keys of the REST API."""

from __future__ import annotations

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell

SCOPES = ("read", "contain", "recover", "admin")


@click.group()
def key() -> None:
    """Keys of the REST API (docs/api.md)."""


@key.command("add")
@click.argument("name")
@click.option("--account", "login", required=True, help="Login name of the panel account it acts as.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=("read",), show_default=True)
@click.option("--domain", "domains", multiple=True, help="Only these of the account's domains; may be repeated.")
@click.option("--days", type=click.IntRange(1, 730), default=365, show_default=True, help="Valid for so long.")
@as_json_option
def add(name: str, login: str, scopes: tuple[str, ...], domains: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make a key for NAME (what it is for). It is shown once, now."""
    with databases():
        from django.contrib.auth import get_user_model
        from django.utils import timezone

        from sekisho.directory.api_keys import KeyRefused, key_facts
        from sekisho.incidents import key_acts

        owner = get_user_model().objects.filter(username=login).first()
        if owner is None:
            raise Refused(say(f"there is no account {login}", f"ログイン名 {login} はありません"))
        try:
            row, made = key_acts.make(owner, name, scopes, actor(), timezone.now(), domains=domains, days=days)
        except KeyRefused as refusal:
            raise Refused(str(refusal)) from None
        if as_json:
            print_json({**key_facts(row), "key": made})
            return
        click.echo(made)
        until = local_time(row.expires_at)
        click.echo(
            say(
                f"Valid until {until}. It is kept nowhere: write it down now.",
                f"有効期限: {until}。このキーはどこにも保存されません。今すぐ控えてください。",
            ),
            err=True,
        )


@key.command("list")
@click.option("--account", "login", help="Only those of this account.")
@as_json_option
def list_(login: str | None, as_json: bool) -> None:
    """List keys by their prefixes: what for, whose, which scopes, until when, last used."""
    with databases():
        from sekisho.directory.api_keys import key_facts
        from sekisho.directory.models import ApiKey

        rows = ApiKey.objects.select_related("account")
        if login:
            rows = rows.filter(account__username=login)
        facts = [key_facts(row) for row in rows]
        if as_json:
            print_json(facts)
            return
        titles = [
            say("prefix", "先頭"),
            say("what for", "用途"),
            say("account", "ログイン名"),
            say("scopes", "権限"),
            say("until", "期限"),
            say("last used", "最終利用"),
            say("revoked", "失効"),
        ]
        moments = ("expires_at", "last_used_at", "revoked_at")
        cells = [
            [
                row["prefix"],
                row["name"],
                row["account"],
                ",".join(row["scopes"]),
                *(local_time(row[m]) for m in moments),
            ]
            for row in facts
        ]
        print_table(titles, cells)


@key.command()
@click.argument("prefix")
@as_json_option
def revoke(prefix: str, as_json: bool) -> None:
    """End the key that begins with sekisho_PREFIX, at once."""
    with databases():
        from django.utils import timezone

        from sekisho.directory.api_keys import key_facts
        from sekisho.directory.models import ApiKey
        from sekisho.incidents import key_acts

        row = ApiKey.objects.select_related("account").filter(prefix=prefix).first()
        if row is None:
            raise Refused(say(f"there is no key {prefix}", f"キー {prefix} はありません"))
        changed = key_acts.revoke(row, actor(), timezone.now())
        row.refresh_from_db()
        if as_json:
            print_json(key_facts(row))
        elif changed:
            tell(f"Key {prefix} opens nothing any more.", f"キー {prefix} を失効させました。")
        else:
            tell(f"Key {prefix} was revoked before.", f"キー {prefix} はすでに失効しています。")
