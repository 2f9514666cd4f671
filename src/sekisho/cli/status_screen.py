"""How `sekisho status` looks: one screen, what needs somebody first, colour on a terminal only."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import click

from sekisho.cli.output import local_time, say, width
from sekisho.cli.pwned import tell_breached

# Columns of the left-hand words; the longest, "受信待ち", takes eight.
MARGIN = 11


def show(found: dict[str, Any]) -> None:
    """Prints what `status._look` found."""
    # Colour is for terminals; click takes it out elsewhere, and https://no-color.org is respected.
    colour = None if "NO_COLOR" not in os.environ else False
    for line in lines(found):
        click.echo(line, color=colour)
    tell_breached(found["breached_list"])


def lines(found: dict[str, Any]) -> list[str]:
    """The screen, coloured, without what the list of breached passwords says of itself."""
    told = [_head(found), ""]
    if found["alarms"]:
        title = say("ALARM", "警報")
        told += [_line(title, click.style(text, fg="red", bold=True), fg="red") for text in found["alarms"]]
    else:
        told.append(_line(say("All well", "正常"), say("no alarm", "警報はありません"), fg="green"))
    told.append("")
    if "suspended" in found:
        told += [_mailboxes(found), _incidents(found), *_waiting(found), _reputation(found), _work(found)]
    told += _processes(found["processes"])
    return told + _address_data(found["address_sources"])


def _head(found: dict[str, Any]) -> str:
    enforcing = found["mode"] == "enforce"
    mode = say("enforcing", "実行中(遮断する)") if enforcing else say("observing only", "観察のみ(遮断しない)")
    host = click.style(f"Sekisho {found['version']}  {found['host']}", bold=True)
    return f"{host}  {click.style(mode, fg=None if enforcing else 'yellow')}  {local_time(found['at'])}"


def _line(title: str, text: str, fg: str | None = None) -> str:
    padding = " " * max(1, MARGIN - width(title))
    return click.style(title, fg=fg, bold=fg is not None, dim=fg is None) + padding + text


def _many(count: int, text: str, fg: str = "red") -> str:
    """A count in its sentence, coloured when there is one."""
    return click.style(text, fg=fg, bold=True) if count else text


def _mailboxes(found: dict[str, Any]) -> str:
    suspended, restricted, probation = found["suspended"], found["restricted"], found["probation"]
    parts = [
        _many(suspended, say(f"{suspended} suspended", f"停止中 {suspended}")),
        _many(restricted, say(f"{restricted} restricted", f"送信制限 {restricted}"), "yellow"),
        say(f"{probation} on probation", f"経過観察 {probation}"),
        say(f"of {found['mailboxes']} mailboxes", f"全 {found['mailboxes']} 件"),
    ]
    return _line(say("Mailboxes", "メール"), "  ".join(parts))


def _incidents(found: dict[str, Any]) -> str:
    count, alerts = found["open_incidents"], found["open_alerts"]
    text = say(f"{count} open", f"対応中 {count} 件")
    if alerts:
        told = say(f"{alerts} of them alerts for a person", f"うち要確認の警告 {alerts} 件")
        text += "  " + _many(alerts, told, "yellow")
    return _line(say("Incidents", "事案"), text)


def _waiting(found: dict[str, Any]) -> list[str]:
    title, count, first = say("Waiting", "受信待ち"), found["waiting_pairs"], found["first_return"]
    if not count:
        return [_line(title, say("no sender waits", "待っている送信者はいません"))]
    text = say(f"at least {count} senders and recipients wait", f"少なくとも {count} 組の送信者と宛先が待っています")
    if first is None:
        return [_line(title, text)]
    when = local_time(first)
    if first < found["at"]:
        clock = say(f"the first may have given up at {when}", f"{when} から返送が始まった可能性があります")
        return [_line(title, text), _line("", _many(count, clock))]
    clock = say(f"the first may give up at {when}", f"最初の返送は早くて {when}")
    return [_line(title, text), _line("", clock)]


def _reputation(found: dict[str, Any]) -> str:
    listed, share = len(found["listings"]), 100 * found["refused_share"]
    refused = say(f"{share:.1f} % of our mail refused within 3 days", f"3日間に拒否・保留された送信 {share:.1f} %")
    parts = [_many(listed, say(f"on {listed} blocklists", f"ブロックリスト掲載 {listed}")), refused]
    return _line(say("Reputation", "評判"), "  ".join(parts))


def _work(found: dict[str, Any]) -> str:
    failed = found["orders_failed"]
    parts = [
        say(f"{found['orders_open']} orders open", f"実行待ちの指示 {found['orders_open']}"),
        _many(failed, say(f"{failed} failed", f"失敗 {failed}")),
        say(f"{found['notices_open']} notices to send", f"未送信の通知 {found['notices_open']}"),
    ]
    return _line(say("Work", "処理"), "  ".join(parts))


def _processes(processes: list[dict[str, Any]]) -> list[str]:
    """One line a host: each process with the age of its last sign."""
    hosts: dict[str, list[str]] = {}
    for entry in processes:
        word = f"{entry['process']} {entry['age']:.0f} s"
        if not entry["alive"]:
            word = click.style(say(f"{word} (silent)", f"{word}(応答なし)"), fg="red", bold=True)
        hosts.setdefault(entry["host"], []).append(word)
    if not hosts:
        return [_line(say("Processes", "プロセス"), say("none has given a sign of life", "応答がありません"))]
    return [
        _line(say("Processes", "プロセス"), "  ".join([*words, f"({host})"] if len(hosts) > 1 else words))
        for host, words in hosts.items()
    ]


def _address_data(sources: list[dict[str, Any]]) -> list[str]:
    title = say("Addresses", "接続元")
    if not sources:
        text = say("no address data: indicators of place are off", "データがなく、場所の兆候は使われません")
        return [_line(title, text)]
    told = []
    for source in sources:
        made: datetime = source["made_at"]
        day, age = made.date().isoformat(), source["age_days"]
        english = f"{source['kind']} of {day}, {age} days old"
        japanese = f"{source['kind']}、{day} 作成、{age} 日経過"
        told.append(_line(title, f"{say(english, japanese)}  {source['path']}"))
    return told
