"""`sekisho setup`: adopts this host's Postfix and Dovecot, shows each line before, and takes all of it back."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.output import Refused, actor, databases, in_japanese, print_json, say, tell
from sekisho.config import ConfigError, Settings, read_settings

if TYPE_CHECKING:
    from sekisho.deploy.setup import Places, Survey

# Postfix as the system has it; answers in milliseconds.
POSTCONF_S = 10
DOVECOT_CONFIG = "/etc/dovecot/dovecot.conf"
SEKISHO_CONFIG = "/etc/sekisho/sekisho.toml"
# Every mailbox that is let go opens within seconds; the agent goes on by itself afterwards.
RELEASE_S = 60.0


@click.command()
@click.option("--postfix-config", type=click.Path(exists=True, file_okay=False), help="Directory of main.cf.")
@click.option("--dovecot-config", type=click.Path(exists=True, dir_okay=False), default=DOVECOT_CONFIG,
              show_default=True, help="dovecot.conf.")  # fmt: skip
@click.option("--config", type=click.Path(dir_okay=False), help="sekisho.toml.  [default: /etc/sekisho/sekisho.toml]")
@click.option("--dry-run", is_flag=True, help="Show the difference, change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--revert", is_flag=True, help="Take back what setup wrote.")
@click.option("--release-all", is_flag=True, help="With --revert: first dismiss every suspension and restriction.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def setup(
    postfix_config: str | None, dovecot_config: str, config: str | None,
    dry_run: bool, yes: bool, revert: bool, release_all: bool, as_json: bool,
) -> None:  # fmt: skip
    """Adopt this host's Postfix and Dovecot: show the difference, ask, back up, write, check, reload."""
    if release_all and not revert:
        raise click.UsageError(say("--release-all goes with --revert", "--release-all は --revert と使います"))
    if os.geteuid() != 0:
        raise Refused(say("only root can read and write these files: use sudo", "root で実行してください (sudo)"))
    from sekisho.deploy.setup import Places, SetupRefused

    places = Places(
        os.path.abspath(postfix_config or _postfix_config()),
        os.path.abspath(dovecot_config),
        os.path.abspath(config or os.environ.get("SEKISHO_CONFIG") or SEKISHO_CONFIG),
    )
    try:
        if revert:
            _revert(places, dry_run, yes, release_all, as_json)
        else:
            _adopt(places, dry_run, yes, as_json)
    except SetupRefused as refusal:
        if as_json:
            print_json({"applied": False, "refused": [say(*reason) for reason in refusal.reasons]})
        raise Refused("\n".join(say(*reason) for reason in refusal.reasons)) from None


def _postfix_config() -> str:
    try:
        done = subprocess.run(
            ["postconf", "-dh", "config_directory"], capture_output=True, text=True, timeout=POSTCONF_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(say(f"no Postfix here: {error}", f"Postfix がありません: {error}")) from None
    return done.stdout.strip()


def _adopt(places: Places, dry_run: bool, yes: bool, as_json: bool) -> None:
    from sekisho.deploy.setup import apply, make_database, survey

    found = survey(places)
    result: dict[str, Any] = {
        "applied": False,
        "changed": [edit.path for edit in found.plan.changed],
        "notes": [say(*note) for note in found.notes],
        "difference": found.plan.difference(),
    }
    if not as_json:
        _show(found)
    if found.plan.changed and not dry_run:
        _confirm(yes, say("Write these changes?", "この変更を書き込みますか?"))
        kept = apply(found)
        result |= {"applied": True, "backup": str(kept.directory)}
        tell_unless(as_json, f"Written, checked and reloaded; the copies are in {kept.directory}.",
                    f"書き込み、確認、再読み込みが完了しました。控え: {kept.directory}")  # fmt: skip
    if not dry_run:
        # Also when a run before was ended in between.
        make_database(found)
    if result["applied"]:
        result["doctor"] = _examine(found.settings, as_json)
    if as_json:
        print_json(result)


def tell_unless(quiet: bool, english: str, japanese: str) -> None:
    """Prints the sentence unless JSON is wanted."""
    if not quiet:
        tell(english, japanese)


def _show(found: Survey) -> None:
    for note in found.notes:
        click.echo(f"- {say(*note)}")
    click.echo("")
    if not found.plan.changed:
        tell("Nothing to do: this host asks the barrier and the guard already.", "変更はありません。設定済みです。")
        return
    click.echo(found.plan.difference(), nl=False)
    tell(f"{len(found.plan.changed)} files; mode: {found.settings.mode}.",
         f"{len(found.plan.changed)} ファイル。モード: {found.settings.mode}")  # fmt: skip


def _confirm(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _examine(site: Settings, quiet: bool) -> list[dict[str, str]]:
    """What the doctor finds, without the DNS: that may take a minute and is no matter of these files."""
    from sekisho.cli.doctor import SIGNS
    from sekisho.deploy.doctor import examine

    language = int(in_japanese())
    told = []
    for finding in examine(site, [], [], ask_dns=False):
        sign = SIGNS[finding.verdict]
        told.append({"name": finding.name, "result": sign[0].lower(), "evidence": finding.evidence[language]})
        if finding.verdict and not quiet:
            click.echo(f"{sign[language]:5} {finding.name}: {finding.evidence[language]}")
    tell_unless(quiet, "Then start guard, agent, worker and panel, and run `sekisho doctor`.",
                "guard、agent、worker、管理画面を起動し、`sekisho doctor` を実行してください。")  # fmt: skip
    return told


def _revert(places: Places, dry_run: bool, yes: bool, release_all: bool, as_json: bool) -> None:
    from sekisho.deploy.setup import revert

    try:
        site = read_settings(Path(places.sekisho_config))
    except ConfigError as error:
        raise Refused(str(error)) from None
    difference, told = revert(site, places, dry_run=True)
    if not as_json:
        click.echo(difference, nl=False)
        for words in told:
            click.echo(f"- {say(*words)}")
    if dry_run:
        if as_json:
            print_json({"reverted": False, "difference": difference, "notes": [say(*words) for words in told]})
        return
    _confirm(yes, say("Take this back?", "元に戻しますか?"))
    _refuse_while_shut(places, site, release_all)
    revert(site, places)
    if as_json:
        print_json({"reverted": True, "difference": difference, "notes": [say(*words) for words in told]})
    tell_unless(as_json, f"Taken back and reloaded. What Sekisho knows is still in {site.var}.",
                f"元に戻し、再読み込みしました。Sekisho の記録は {site.var} に残っています。")  # fmt: skip


def _refuse_while_shut(places: Places, site: Settings, release_all: bool) -> None:
    """Without our lines a suspended mailbox opens with the stolen password: a person decides on each before."""
    from sekisho.deploy.doctor.findings import ToolFailed
    from sekisho.deploy.setup import shut_names

    os.environ["SEKISHO_CONFIG"] = places.sekisho_config
    names = set(_not_active())
    if names and release_all:
        _release(sorted(names))
        names = set(_not_active())
    try:
        end = time.monotonic() + (RELEASE_S if release_all else 0)
        while (shut := shut_names(site, places.postfix_config)) and time.monotonic() < end:
            time.sleep(0.2)
    except ToolFailed as failure:
        raise Refused(str(failure)) from None
    if names | set(shut):
        listed = ", ".join(sorted(names | set(shut))[:20])
        raise Refused(say(
            f"not taken back: {listed} would open with the password that was stolen. Reinstate or dismiss first, or "
            "give --release-all.",
            f"元に戻していません。停止・制限中のメールアドレスがあります: {listed}。"
            "先に再開または取り消すか、--release-all を指定してください。"))  # fmt: skip


def _not_active() -> list[str]:
    with databases():
        from sekisho.incidents.models import MailboxStatus

        rows = MailboxStatus.objects.filter(status__in=["suspended", "restricted"]).order_by("mailbox")
        return list(rows.values_list("mailbox", flat=True))


def _release(mailboxes: list[str]) -> None:
    """Dismisses what holds these mailboxes and waits until their doors are open."""
    with databases():
        from sekisho.incidents import decisions
        from sekisho.incidents.models import Incident
        from sekisho.recovery.flow import wait_until_released

        reason = "setup --revert --release-all"
        dismissed = []
        for mailbox in mailboxes:
            incident = Incident.objects.filter(mailbox=mailbox).order_by("-pk").first()
            if incident is not None:
                decisions.dismiss(incident, actor(), reason)
                dismissed.append(incident)
        end = time.monotonic() + RELEASE_S
        for incident in dismissed:
            wait_until_released(incident, max(0.0, end - time.monotonic()))
