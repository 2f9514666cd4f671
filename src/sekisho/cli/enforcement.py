"""`domain mode`, `domain preview`, `incident dismiss --suspended-since`: the operator's hand on what is enforced."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import click

from sekisho.cli.mailbox import RELEASE_S, as_json_option, language
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell
from sekisho.cli.words import ACTIONS, MODES, PHASES

if TYPE_CHECKING:
    from sekisho.incidents.models import Incident

# Incidents are kept for years, but nobody judges a domain by more than its last one.
LONGEST_PREVIEW_DAYS = 366
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Span(click.ParamType):  # type: ignore[type-arg]
    """A length of time as people type it: 90s, 45m, 1h, 2d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", str(value).strip().lower())
        if found is None:
            self.fail(say(f"{value!r} is no time span; try 1h or 30m", f"{value!r} は時間ではありません。例: 1h, 30m"))
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command("mode")
@click.argument("name", metavar="DOMAIN")
@click.argument("mode", type=click.Choice(["observe", "enforce"]))
@as_json_option
def domain_mode(name: str, mode: str, as_json: bool) -> None:
    """Only observe DOMAIN, or enforce: suspend and restrict its mailboxes."""
    with databases():
        from sekisho.incidents import enforcement

        name = name.strip().lower()
        changed = enforcement.set_mode(name, cast(enforcement.Mode, mode), actor())
        if as_json:
            print_json({"domain": name, "mode": mode, "changed": changed})
            return
        english, japanese = MODES[mode]
        was = ("", "") if changed else (" already", "すでに")
        tell(f"{name}:{was[0]} {english}.", f"{name}: {was[1]}{japanese}")
        if not changed or mode == "observe":
            tell(
                "What is suspended or restricted stays so until it is reinstated or dismissed.",
                "停止中・送信制限中のメールアドレスは、再開または取り消しまでそのままです。",
            )


@click.command("preview")
@click.argument("name", metavar="DOMAIN")
@click.option("--days", type=click.IntRange(1, LONGEST_PREVIEW_DAYS), default=30, show_default=True)
@as_json_option
def domain_preview(name: str, days: int, as_json: bool) -> None:
    """Show what would have been done in DOMAIN if it had not only been observed."""
    with databases():
        from django.utils import timezone

        from sekisho.directory.models import SiteDomain
        from sekisho.incidents import enforcement

        name = name.strip().lower()
        if not SiteDomain.objects.filter(domain=name).exists():
            raise Refused(say(f"domain {name} is not hosted here", f"ドメイン {name} はここにありません"))
        since = timezone.now() - timedelta(days=days)
        found = enforcement.would_be(name, since, language())
        counts = enforcement.would_be_counts(since).get(name, enforcement.Counts())
        mode = enforcement.mode_of(name)
        if as_json:
            listed = [asdict(row) for row in found]
            print_json({"domain": name, "mode": mode, "days": days, **asdict(counts), "incidents": listed})
            return
        tell(f"{name}: {MODES[mode][0]}", f"{name}: {MODES[mode][1]}")
        tell(
            f"In {days} days, had it been enforced: {counts.suspend} suspensions, {counts.restrict} restrictions, "
            f"{counts.alert} alerts.",
            f"{days} 日間に実行していたはずの処置: 停止 {counts.suspend} 件、送信制限 {counts.restrict} 件、"
            f"注意 {counts.alert} 件",
        )
        if found:
            _tell_would_be(found)


def _tell_would_be(found: list[Any]) -> None:
    titles = [
        "#",
        say("detected", "検知"),
        say("mailbox", "メールアドレス"),
        say("would be", "処置"),
        say("score", "スコア"),
        say("phase", "段階"),
        say("why", "理由"),
    ]
    cells = [
        [
            row.incident,
            local_time(row.at),
            row.mailbox,
            say(*ACTIONS[row.action]),
            f"{row.score:.1f}",
            say(*PHASES[row.phase]),
            row.evidence,
        ]
        for row in found
    ]
    print_table(titles, cells)


def dismiss_all(
    span: timedelta, domain: str, reason: str, *, stopped_sending: bool, yes: bool, no_wait: bool, as_json: bool
) -> None:
    """Dismisses every automatic suspension of the last `span`; raises Refused unless all were dismissed."""
    with databases():
        from django.utils import timezone

        from sekisho.incidents import enforcement

        since = timezone.now() - span
        found = enforcement.automatic_stops(since, domain.strip().lower(), stopped_sending=stopped_sending)
        _list_stops(found, quiet=as_json)
        if found and not yes:
            click.confirm(
                say(f"Dismiss all {len(found)} and open them?", f"{len(found)} 件すべてを取り消して再開しますか?"),
                abort=True,
                err=True,
            )
        results = [_dismiss_one(row, reason, quiet=as_json) for row in found]
        if not no_wait:
            _wait_until_open(found, results)
        if as_json:
            print_json(results)
        _refuse_unless_all(results)


def _list_stops(found: list[Incident], *, quiet: bool) -> None:
    if quiet:
        return
    if not found:
        tell("No automatic suspension stands from that time.", "その時間に自動で停止されたままのものはありません。")
        return
    titles = ["#", say("detected", "検知"), say("mailbox", "メールアドレス"), say("answer", "処置")]
    print_table(
        titles, [[row.pk, local_time(row.detected_at), row.mailbox, say(*ACTIONS[row.action])] for row in found]
    )


def _dismiss_one(row: Incident, reason: str, *, quiet: bool) -> dict[str, Any]:
    """One of many: what prevents it is told in its line and keeps nobody else shut."""
    from django.db import DatabaseError

    from sekisho.incidents import decisions

    result: dict[str, Any] = {"id": row.pk, "mailbox": row.mailbox, "dismissed": True, "error": ""}
    try:
        decisions.dismiss(row, actor(), reason)
    except (decisions.NotAllowed, decisions.Overtaken, DatabaseError) as error:
        result.update(dismissed=_is_dismissed(row), error=str(error))
    if not quiet:
        if result["dismissed"]:
            tell(
                f"Incident {row.pk} of {row.mailbox} is dismissed.",
                f"インシデント {row.pk} ({row.mailbox}) を取り消しました。",
            )
        else:
            tell(
                f"Incident {row.pk} of {row.mailbox} is NOT dismissed: {result['error']}",
                f"インシデント {row.pk} ({row.mailbox}) は取り消せませんでした: {result['error']}",
            )
    return result


def _is_dismissed(row: Incident) -> bool:
    """Somebody else was faster, which is as good."""
    from django.db import DatabaseError

    try:
        row.refresh_from_db()
    except DatabaseError:
        return False
    return row.phase == "dismissed"


def _wait_until_open(found: list[Incident], results: list[dict[str, Any]]) -> None:
    """Waits for all doors together, RELEASE_S at most: the agents open them side by side."""
    from sekisho.recovery.flow import wait_until_released

    deadline = time.monotonic() + RELEASE_S
    shut = [
        row
        for row, result in zip(found, results, strict=True)
        if result["dismissed"] and not wait_until_released(row, max(0.0, deadline - time.monotonic()))
    ]
    if shut:
        click.echo(
            say(
                f"{len(shut)} mailboxes are not yet open after {RELEASE_S:.0f} s: is the agent running? "
                "It goes on by itself.",
                f"{RELEASE_S:.0f} 秒たっても {len(shut)} 件がまだ開いていません。agent は動いていますか。"
                "処理は続きます。",
            ),
            err=True,
        )


def _refuse_unless_all(results: list[dict[str, Any]]) -> None:
    failed = sum(not result["dismissed"] for result in results)
    if failed:
        raise Refused(
            say(
                f"{failed} of {len(results)} were not dismissed; the same command may be given again",
                f"{len(results)} 件のうち {failed} 件を取り消せませんでした。同じコマンドをもう一度実行できます",
            )
        )
