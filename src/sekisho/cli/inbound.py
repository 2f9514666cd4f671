"""Inbound warnings: rspamd's configuration, and what a domain wants to be done (docs/inbound.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, print_json, say, tell

if TYPE_CHECKING:
    from sekisho.inbound.rules import Rule

LEVELS = {
    "off": ("nothing is looked at", "何もしない"),
    "observe": ("only logged", "記録のみ"),
    "warn": ("marked with a header", "ヘッダーで警告"),
}
PLACES = {
    "inbox": ("stays in the inbox", "受信トレイのまま"),
    "folder": ("goes to a folder", "専用フォルダーへ"),
    "quarantine": ("goes to quarantine", "隔離フォルダーへ"),
}


@click.group()
def inbound() -> None:
    """Warnings about inbound mail that names somebody it is not from."""


@inbound.command("render")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--own", is_flag=True, help="Everything for an rspamd of its own, not only additions to the site's.")
def render(directory: Path, own: bool) -> None:
    """Write rspamd's configuration into DIRECTORY: additions to the site's rspamd, or (--own) a whole one."""
    from sekisho.config import settings
    from sekisho.inbound import rendering

    site = settings().inbound
    if not site.directory:
        raise Refused(say("set [inbound] directory first", "先に [inbound] directory を設定してください"))
    try:
        written = rendering.write_own(site, directory) if own else rendering.write_additions(site, directory)
    except OSError as error:
        raise Refused(str(error)) from error
    for path in written:
        click.echo(str(path))


@click.command("inbound")
@click.argument("name", metavar="DOMAIN")
@click.option("--level", type=click.Choice(list(LEVELS)), help="off, observe (log only) or warn.")
@click.option("--tag/--no-tag", default=None, help="【なりすまし注意】 before the subject.")
@click.option("--place", type=click.Choice(list(PLACES)), help="Where mail with a warning goes.")
@click.option("--name", "names", multiple=True, help="The domain's own names, all of them; may be given again.")
@click.option("--allow", "allowed", multiple=True, help="Senders or domains without a warning, all of them; again.")
@as_json_option
def domain_inbound(
    name: str,
    level: str | None,
    tag: bool | None,
    place: str | None,
    names: tuple[str, ...],
    allowed: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show or change what DOMAIN wants to be done about inbound mail with a warning."""
    with databases():
        import msgspec

        from sekisho.directory.models import SiteDomain
        from sekisho.inbound import rules

        name = name.strip().lower()
        if not SiteDomain.objects.filter(domain=name).exists():
            raise Refused(say(f"domain {name} is not hosted here", f"ドメイン {name} はここにありません"))
        given: dict[str, Any] = {"level": level, "tag": tag, "place": place, "names": names, "allowed": allowed}
        changes = {field: value for field, value in given.items() if value not in (None, ())}
        rule = msgspec.structs.replace(rules.rule_of(name), **changes)
        if changes:
            try:
                rules.set_rule(name, rule, actor())
            except rules.BadRule as error:
                text = error.what
                raise Refused(say(f"{text!r} cannot be used", f"{text!r} は使えません")) from error
        rule = rules.rule_of(name)
        if as_json:
            print_json({"domain": name, **msgspec.to_builtins(rule)})
            return
        _tell(name, rule)


def _tell(name: str, rule: Rule) -> None:
    level, place = LEVELS[rule.level], PLACES[rule.place]
    tell(f"{name}: {level[0]}", f"{name}: {level[1]}")
    if rule.level == "warn":
        tagged = (", with a mark in the subject", "、件名に目印") if rule.tag else ("", "")
        tell(f"{place[0]}{tagged[0]}", f"{place[1]}{tagged[1]}")
    if rule.names:
        tell(f"own names: {', '.join(rule.names)}", f"自社の名前: {'、'.join(rule.names)}")
    if rule.allowed:
        tell(f"no warning for: {', '.join(rule.allowed)}", f"警告しない差出人: {'、'.join(rule.allowed)}")
