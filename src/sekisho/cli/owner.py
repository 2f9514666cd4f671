"""What proves a mailbox's owner: contacts outside, codes on paper, and a recovery page for now."""

from __future__ import annotations

from typing import Any

import click

from sekisho.cli.mailbox import as_json_option, find
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell


@click.group()
def owner() -> None:
    """What proves the owner of a mailbox to the recovery page."""


@owner.group("contact")
def owner_contact() -> None:
    """Mail addresses of the owner outside our servers."""


@owner_contact.command("add")
@click.argument("address")
@click.argument("contact", metavar="CONTACT")
@click.option("--language", type=click.Choice(["ja", "en"]), default="ja", help="Language of the mails to it.")
def contact_add(address: str, contact: str, language: str) -> None:
    """Enrol CONTACT for the owner of ADDRESS; it counts after two weeks."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import contacts

        mailbox = find(address).username
        try:
            row = contacts.add(mailbox, contact, language, actor(), timezone.now())
        except contacts.ContactRefused as refusal:
            raise Refused(say(refusal.problem.en, refusal.problem.ja)) from None
        counts = local_time(contacts.counts_from(row.enrolled_at))
        tell(
            f"{row.address} is a contact of the owner of {mailbox}; it counts from {counts}.",
            f"{row.address} を {mailbox} の連絡先に登録しました。使えるのは {counts} からです。",
        )


@owner_contact.command("list")
@click.argument("address")
@as_json_option
def contact_list(address: str, as_json: bool) -> None:
    """List the contacts of the owner of ADDRESS, and how many codes on paper are left."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import contacts, paper

        mailbox, now = find(address).username, timezone.now()
        first = contacts.first_sign(mailbox)
        rows: list[dict[str, Any]] = [
            {
                "address": row.address,
                "language": row.language,
                "source": row.source,
                "enrolled_at": row.enrolled_at,
                "enrolled_by": row.enrolled_by,
                "counts_from": contacts.counts_from(row.enrolled_at),
                # False also when it was enrolled since the first sign of an open incident.
                "counts": contacts.is_proof(row.enrolled_at, first, now),
            }
            for row in contacts.of_mailbox(mailbox)
        ]
        left, printed_at = paper.unused(mailbox)
        if as_json:
            codes = {"left": left, "printed_at": printed_at}
            codes["counts"] = bool(printed_at and contacts.is_proof(printed_at, first, now))
            print_json({"mailbox": mailbox, "contacts": rows, "codes": codes})
            return
        titles = [say("contact", "連絡先"), say("enrolled", "登録"), say("counts", "使えるか"), say("source", "登録元")]
        yes = {True: say("yes", "はい"), False: say("not yet, or not now", "まだ、または今回は不可")}
        print_table(
            titles,
            [[r["address"], local_time(r["enrolled_at"]), yes[bool(r["counts"])], r["source"]] for r in rows],
        )
        tell(f"Codes on paper left: {left}", f"紙のコードの残り: {left}")


@owner_contact.command("remove")
@click.argument("address")
@click.argument("contact", metavar="CONTACT")
def contact_remove(address: str, contact: str) -> None:
    """Remove CONTACT; it and the others are told."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import contacts

        mailbox = find(address).username
        row = contacts.of_mailbox(mailbox).filter(address__iexact=contact.strip()).first()
        if row is None:
            raise Refused(say(f"{mailbox} has no contact {contact}", f"{mailbox} に連絡先 {contact} はありません"))
        try:
            contacts.remove(row, actor(), timezone.now())
        except contacts.ContactRefused as refusal:
            raise Refused(say(refusal.problem.en, refusal.problem.ja)) from None
        tell(f"{row.address} is no contact any more.", f"連絡先 {row.address} を削除しました。")


@owner.command("codes")
@click.argument("address")
@as_json_option
def codes(address: str, as_json: bool) -> None:
    """Print a new sheet of ten codes for the owner of ADDRESS; the old sheet is void."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import contacts, paper

        mailbox, now = find(address).username, timezone.now()
        sheet = paper.print_sheet(mailbox, actor(), now)
        if as_json:
            print_json({"mailbox": mailbox, "codes": sheet, "counts_from": contacts.counts_from(now)})
            return
        tell(f"Codes of {mailbox}; shown only now.", f"{mailbox} の紙のコード(表示はいまだけです)")
        for code in sheet:
            click.echo(f"  {code}")
        counts = local_time(contacts.counts_from(now))
        tell(f"They count from {counts}; each works once.", f"使えるのは {counts} から、それぞれ1回です。")


@owner.command("recovery-link")
@click.argument("address")
@as_json_option
def recovery_link(address: str, as_json: bool) -> None:
    """Make a one-time page where the owner of ADDRESS makes a new password; for ten minutes."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import contacts, requests
        from sekisho.recovery.texts import link_to

        mailbox, now = find(address).username, timezone.now()
        link = link_to(requests.start_by_admin(mailbox, actor(), now))
        mails = len(contacts.that_count(mailbox, now))
        if as_json:
            print_json({"mailbox": mailbox, "link": link, "expires_at": now + requests.LIVES, "mails": mails})
            return
        click.echo(link)
        tell(
            f"For the owner of {mailbox} only; it works once, for ten minutes. Mails to contacts: {mails}",
            f"{mailbox} のご本人にだけ渡してください。10分間、1回だけ使えます。連絡先へのメール: {mails} 件",
        )


@owner.command("invite")
@click.argument("address")
@as_json_option
def invite(address: str, as_json: bool) -> None:
    """Invite the owner of ADDRESS to set up an authenticator app or a passkey: a link for ten minutes, once."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import owner_factors, requests
        from sekisho.recovery.texts import invitation_to

        mailbox, now = find(address).username, timezone.now()
        token, mails = owner_factors.invite(mailbox, actor(), now)
        link = invitation_to(token)
        if as_json:
            print_json({"mailbox": mailbox, "link": link, "expires_at": now + requests.LIVES, "mails": mails})
            return
        click.echo(link)
        tell(
            f"For the owner of {mailbox} only, with the mailbox's password; once, for ten minutes. Mails: {mails}",
            f"{mailbox} のご本人にだけ渡してください(メールのパスワードも必要です)。10分間、1回だけ使えます。"
            f"連絡先へのメール: {mails} 件",
        )


@owner.command("remove-factors")
@click.argument("address")
def remove_factors(address: str) -> None:
    """Remove app and passkeys of the owner of ADDRESS, who has lost the device; the contacts are told."""
    with databases():
        from django.utils import timezone

        from sekisho.recovery import owner_factors

        mailbox = find(address).username
        count = owner_factors.reset(mailbox, actor(), timezone.now())
        tell(f"Removed from {mailbox}: {count}", f"{mailbox} から削除した認証アプリ・パスキー: {count} 件")
