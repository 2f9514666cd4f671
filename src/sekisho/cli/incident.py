"""Incidents: list, show, dismiss ("this was not a takeover"), close."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from sekisho.cli import incident_queue
from sekisho.cli.enforcement import Span, dismiss_all
from sekisho.cli.impact import report
from sekisho.cli.incident_queue import find_incident
from sekisho.cli.mailbox import RELEASE_S, as_json_option, language, no_wait_option, tell_complaints
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell
from sekisho.cli.planted import planted, tell_planted
from sekisho.cli.words import ACTIONS, PHASES, STATUSES, STEP_STATES


@click.group()
def incident() -> None:
    """Suspected takeovers and what was done about them."""


incident.add_command(planted)
incident.add_command(report)
for command in incident_queue.COMMANDS:
    incident.add_command(command)


@incident.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that still need somebody.")
@click.option("--mailbox", "address", help="Only those of this mailbox.")
@click.option("--domain", help="Only those of this domain.")
@as_json_option
def list_(only_open: bool, address: str | None, domain: str | None, as_json: bool) -> None:
    """List incidents, newest first."""
    with databases():
        from sekisho.incidents.decisions import OPEN_PHASES
        from sekisho.incidents.facts import incident_facts
        from sekisho.incidents.models import Incident

        rows = Incident.objects.order_by("-detected_at", "-id")
        if only_open:
            rows = rows.filter(phase__in=OPEN_PHASES)
        if address:
            rows = rows.filter(mailbox=address.lower())
        if domain:
            rows = rows.filter(domain=domain.lower())
        facts = [incident_facts(row, language()) for row in rows.iterator()]
        if as_json:
            print_json(facts)
            return
        titles = [
            "#",
            say("detected", "検知"),
            say("mailbox", "メールアドレス"),
            say("answer", "処置"),
            say("phase", "段階"),
        ]
        cells = [
            [
                row["id"],
                local_time(row["detected_at"]),
                row["mailbox"],
                say(*ACTIONS[row["action"]]) + ("" if row["enforced"] else say(" (would have)", "(試運転)")),
                say(*PHASES[row["phase"]]),
            ]
            for row in facts
        ]
        print_table(titles, cells)


@incident.command()
@click.argument("number", type=int)
@as_json_option
def show(number: int, as_json: bool) -> None:
    """Show one incident: evidence, status changes, steps, timeline, who waits."""
    with databases():
        from sekisho.incidents.facts import incident_story

        story = incident_story(find_incident(number), language())
        if as_json:
            print_json(story)
        else:
            tell(f"Incident {number} of {story['mailbox']}", f"インシデント {number}: {story['mailbox']}")
            tell_story(story)


def tell_story(story: dict[str, Any]) -> None:
    """Prints an incident in plain sentences."""
    action, phase = say(*ACTIONS[story["action"]]), say(*PHASES[story["phase"]])
    if not story["enforced"]:
        action += say(" (would have been; this domain is only observed)", "(試運転のため実行していません)")
    tell(f"  {action}, {phase}", f"  {action}、{phase}")
    for evidence in dict.fromkeys(found["evidence"] for found in story["indicators"]):
        click.echo(f"  - {evidence}")
    for change in story["transitions"]:
        before, after = say(*STATUSES[change["before"]]), say(*STATUSES[change["after"]])
        # The guard's reason is the evidence above.
        why = f": {change['reason']}" if change["reason"] and change["cause"] != "detection" else ""
        click.echo(f"  {local_time(change['at'])}  {before} -> {after}  ({change['actor']}, {change['cause']}{why})")
    for step in story["steps"]:
        state = say(*STEP_STATES.get(step["state"], (step["state"], step["state"])))
        outcome = f"  {step['outcome']}" if step["outcome"] else ""
        click.echo(f"  {step['host']}  {step['plan']}/{step['name']}: {state}{outcome}")
    _tell_question(story["question"])
    tell_complaints(story["complaints"])
    if story["returned"]:
        tell(
            f"  {story['returned']} messages came back for what was sent meanwhile and are in a folder of their own.",
            f"  不正に送信されたメールの不達通知 {story['returned']} 通を専用フォルダーに振り分けました。",
        )
    if story["planted"]:
        tell_planted(story["planted"])
    _tell_knocking(story["knocking"])
    _tell_held(story["id"], story["queue"])
    waiting = story["waiting"]
    if waiting["waited"]:
        tell(
            f"  At least {waiting['waited']} senders waited, {waiting['arrived']} arrived.",
            f"  少なくとも {waiting['waited']} 件が待機し、{waiting['arrived']} 件が届きました。",
        )


def _tell_held(number: int, queue: dict[str, Any]) -> None:
    """That held mail stays until somebody decides, so that nobody waits for it to go away."""
    if queue["held"]:
        tell(
            f"  {queue['held']} messages of the intruder are on hold and stay there until somebody deletes them or "
            f"sends them on: `sekisho incident queue {number}`, then `purge` or `requeue`.",
            f"  第三者が送ったメール {queue['held']} 通を保留しています。削除または再送するまで残ります。"
            f"確認: `sekisho incident queue {number}`、その後 `purge` または `requeue`。",
        )
    if queue["escaped"]:
        tell(
            f"  {queue['escaped']} messages escaped in flight while they were being put on hold.",
            f"  {queue['escaped']} 通は、保留する前に送信途中で流出しました。",
        )


def _tell_question(question: dict[str, Any] | None) -> None:
    """Whether this was the owner: who was asked since when, or who answered what."""
    if question is None:
        return
    if question["state"] == "open":
        whom = {"domain": ("the domain", "ドメインの管理者"), "operator": ("the operator, too", "運用担当者にも")}
        asked = say(*whom[question["level"]])
        tell(f"  Asked: {asked}; no answer yet.", f"  確認先: {asked}(回答待ち)")
        return
    said = say(
        *{"yes": ("it was the owner", "本人だった"), "no": ("it was not the owner", "本人ではない")}[question["state"]]
    )
    at = local_time(question["answered_at"])
    tell(f"  Answered: {said} ({question['answered_by']}, {at})", f"  回答: {said}({question['answered_by']}、{at})")


def _tell_knocking(knocks: list[dict[str, Any]]) -> None:
    """Who still tries the old password: the owner's devices to update, and strangers."""
    for knock in knocks:
        who = " ".join(part for part in (knock["ip"], knock["country"], knock["device"]) if part)
        known = {
            True: say("from a usual network, a device to update", "普段のネットワーク(設定を更新する端末)"),
            False: say("from elsewhere", "普段と異なる場所"),
            None: say("no earlier logins to compare", "比較できる利用履歴なし"),
        }[knock["known"]]
        tell(
            f"  Old password still tried, {known}: {who}, {knock['count']} times, last {local_time(knock['last_at'])}",
            f"  以前のパスワードでの試行、{known}: {who}、{knock['count']} 回、最終 {local_time(knock['last_at'])}",
        )


@incident.command()
@click.argument("number", type=int, required=False)
@click.option("--suspended-since", "span", type=Span(), help="All automatic suspensions of this long ago: 1h, 30m.")
@click.option("--domain", default="", help="With --suspended-since: only those of this domain.")
@click.option("--with-stopped", is_flag=True, help="With --suspended-since: also restrictions in place of suspensions.")
@click.option("--yes", is_flag=True, help="With --suspended-since: do not ask.")
@click.option("--reason", default="", help="Why this was not a takeover.")
@no_wait_option
@as_json_option
def dismiss(
    number: int | None,
    span: timedelta | None,
    domain: str,
    with_stopped: bool,
    yes: bool,
    reason: str,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Say that incident NUMBER was not a takeover: everything is put back except what a person purged.

    With --suspended-since instead of a number: of every automatic suspension of that time, when the guard was wrong.
    """
    if (number is None) == (span is None):
        raise click.UsageError(say("name a NUMBER or --suspended-since", "番号か --suspended-since を指定してください"))
    if span is not None:
        dismiss_all(span, domain, reason, stopped_sending=with_stopped, yes=yes, no_wait=no_wait, as_json=as_json)
    elif domain or with_stopped:
        raise click.UsageError(
            say("--domain and --with-stopped go with --suspended-since", "--suspended-since とともに指定してください")
        )
    elif number is not None:
        _dismiss_number(number, reason, no_wait, as_json)


def _dismiss_number(number: int, reason: str, no_wait: bool, as_json: bool) -> None:
    with databases():
        from sekisho.incidents import decisions
        from sekisho.incidents.facts import incident_facts
        from sekisho.recovery.flow import wait_until_released

        row = find_incident(number)
        orders = decisions.dismiss(row, actor(), reason)
        opened = no_wait or not orders or wait_until_released(row, RELEASE_S)
        row.refresh_from_db()
        if as_json:
            print_json(incident_facts(row, language()))
        else:
            tell(f"Incident {number} is dismissed.", f"インシデント {number} を取り消しました。")
        if not opened:
            raise Refused(
                say(
                    f"the mailbox is not yet open after {RELEASE_S:.0f} s: is the agent running? It goes on by itself.",
                    f"{RELEASE_S:.0f} 秒たっても開いていません。agent は動いていますか。処理は続きます。",
                )
            )


@incident.command("end-watch")
@click.argument("number", type=int)
def end_watch(number: int) -> None:
    """End the close watch after incident NUMBER before its time (docs/harm-watch.md)."""
    with databases():
        from sekisho.incidents import close_watch

        close_watch.end(find_incident(number), actor(), datetime.now(UTC))
        tell("The close watch is ended.", "特別な見守りを終了しました。")


@incident.command()
@click.argument("number", type=int)
def close(number: int) -> None:
    """File incident NUMBER; refused while its mailbox is restricted or suspended."""
    with databases():
        from sekisho.incidents import decisions

        decisions.close(find_incident(number), actor())
        tell(f"Incident {number} is closed.", f"インシデント {number} を完了にしました。")


@incident.command()
@click.argument("number", type=int)
@click.option("--no", "denied", is_flag=True, help="It was not the owner: suspend the mailbox.")
@click.option("--hours", type=int, default=24, show_default=True, help="How long the owner's mailing may go on.")
@click.option("--recipients", type=int, default=1000, show_default=True, help="To how many new recipients.")
@as_json_option
def answer(number: int, denied: bool, hours: int, recipients: int, as_json: bool) -> None:
    """Say that incident NUMBER was the owner: its restriction ends, or its alert's sources become familiar.

    After a restriction the mailing may go on for --hours and to --recipients; then it is judged as usual. With --no:
    it was somebody else, and the mailbox is suspended.
    """
    with databases():
        from sekisho.incidents import decisions
        from sekisho.incidents.facts import incident_facts

        row = find_incident(number)
        if denied:
            reason = say("the owner did not do this", "本人の操作ではないとの回答")
            decisions.disown(row, actor(), reason)
            told = (
                f"{row.mailbox} is suspended; the agents are closing its doors.",
                f"{row.mailbox} を停止しました。入口を閉じています。",
            )
        elif decisions.current_status(row.mailbox).status == "restricted":
            decisions.answer(row, actor(), decisions.Terms(hours, recipients))
            told = (
                f"The restriction of incident {number} ends; {recipients} new recipients are allowed for {hours} h.",
                f"インシデント {number} の送信制限を解除し、{hours} 時間、新しい宛先 {recipients} 件までを許可します。",
            )
        else:
            sources = ", ".join(decisions.recognise(row, actor()))
            told = (
                f"Incident {number} is dismissed; familiar from now on: {sources or 'nothing new'}.",
                f"インシデント {number} を取り消しました。今後は本人の接続元とみなします: {sources or 'なし'}",
            )
        if as_json:
            row.refresh_from_db()
            print_json(incident_facts(row, language()))
        else:
            tell(*told)
