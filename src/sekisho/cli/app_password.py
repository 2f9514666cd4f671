"""App passwords: add, list, renew, revoke. A secret is printed once, and never taken as an argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sekisho.cli.mailbox import as_json_option, find
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell

if TYPE_CHECKING:
    from sekisho.incidents.models import AppPassword


@contextmanager
def _databases() -> Iterator[None]:
    with databases():
        from sekisho.incidents.app_passwords import AppPasswordRefused

        try:
            yield
        except AppPasswordRefused as refusal:
            raise Refused(say(refusal.en, refusal.ja)) from None


@click.group("app-password")
def app_password() -> None:
    """Passwords for single devices, each taken away without touching the others."""


@app_password.command("add")
@click.argument("address")
@click.option("--name", required=True, help="The device, in its owner's words.")
@click.option("--scope", default="imap,smtp", show_default=True, help="Of imap, pop3, smtp, sieve; with commas.")
@as_json_option
def add(address: str, name: str, scope: str, as_json: bool) -> None:
    """Make an app password and print it, once. It works within seconds."""
    with _databases():
        from sekisho.incidents import app_passwords

        services = [word for word in (part.strip().lower() for part in scope.split(",")) if word]
        row, secret = app_passwords.add(find(address).username, name, services, actor())
        _hand_out(row, secret, as_json)


@app_password.command("renew")
@click.argument("address")
@click.argument("name")
@as_json_option
def renew(address: str, name: str, as_json: bool) -> None:
    """Give a device another app password; the former one is revoked, one switched off works again this way."""
    with _databases():
        from sekisho.incidents import app_passwords

        row, secret = app_passwords.renew(app_passwords.named(find(address).username, name), actor())
        _hand_out(row, secret, as_json)


def _hand_out(row: AppPassword, secret: str, as_json: bool) -> None:
    from sekisho.incidents import app_passwords

    if as_json:
        print_json({**app_passwords.facts(row), "password": secret})
        return
    tell(
        f"App password for {row.name} of {row.mailbox} ({row.scope}), shown only now:",
        f"{row.mailbox} の「{row.name}」用アプリパスワード({row.scope})。表示は今回だけです:",
    )
    click.echo(secret)


@app_password.command("list")
@click.argument("address")
@as_json_option
def list_(address: str, as_json: bool) -> None:
    """List a mailbox's app passwords: for what, since when, last used when and where."""
    with _databases():
        from sekisho.incidents import app_passwords

        mailbox = find(address).username
        rows = [app_passwords.facts(row) for row in app_passwords.held(mailbox)]
        if as_json:
            print_json({"address": mailbox, "app_passwords": rows})
            return
        words = {"on": say("on", "有効"), "off": say("off since the suspension", "停止により無効")}
        titles = [
            say("name", "名前"), say("for", "用途"), say("state", "状態"), say("made", "作成"),
            say("last used", "最後の使用"), say("from", "場所"),
        ]  # fmt: skip
        print_table(
            titles,
            [
                [
                    row["name"],
                    ",".join(row["scope"]),
                    words[row["state"]],
                    local_time(row["created_at"]),
                    f"{local_time(row['last_used_at'])} {row['last_protocol']}".strip(),
                    f"{row['last_ip']} {row['last_country']}".strip(),
                ]
                for row in rows
            ],
        )


@app_password.command("revoke")
@click.argument("address")
@click.argument("name", required=False)
@click.option("--all", "everyone", is_flag=True, help="All of this mailbox.")
@as_json_option
def revoke(address: str, name: str | None, everyone: bool, as_json: bool) -> None:
    """Take one app password away for good, or all of a mailbox; its sessions end, programs with another come back."""
    if (name is None) != everyone:
        raise click.UsageError(say("give a NAME or --all", "NAME か --all のどちらかを指定してください"))
    with _databases():
        from sekisho.incidents import app_passwords

        mailbox = find(address).username
        if name is None:
            number = app_passwords.revoke_all(mailbox, actor())
        else:
            app_passwords.revoke(app_passwords.named(mailbox, name), actor())
            number = 1
        if as_json:
            print_json({"address": mailbox, "revoked": number})
            return
        tell(
            f"{number} app passwords of {mailbox} revoked." if number != 1 else f"1 app password of {mailbox} revoked.",
            f"{mailbox} のアプリパスワードを {number} 個削除しました。",
        )
