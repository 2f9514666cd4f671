"""`sekisho pwned`: the list of passwords known from breaches: build it, ask it, say what it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sekisho.cli.output import Refused, local_time, print_json, read_password, say, tell
from sekisho.config import Settings, settings


@click.group()
def pwned() -> None:
    """Passwords known from breaches, refused when a mailbox gets a new one."""


@pwned.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False))
@click.option("--output", type=click.Path(dir_okay=False), help="Where to (default: passwords.breached_list).")
def build(files: tuple[str, ...], output: str | None) -> None:
    """Make the list from FILEs: Have I Been Pwned's SHA-1 text (HASH:COUNT), or one password a line.

    Replaces the former list in one moment; panel and command line use it from then on.
    """
    from sekisho.recovery.breached import BreachedError, build

    target = Path(output) if output else settings().breached_list_file
    began = time.monotonic()

    def progress(done: int, most: int) -> None:
        click.echo(f"\r{done // 1_000_000:,} M / {most / 1_000_000:,.0f} M", nl=False, err=True)

    try:
        header = build([Path(name) for name in files], target, time.time(), progress)
    except (BreachedError, OSError) as error:
        raise Refused(
            say(f"not made, the former list stays: {error}", f"作成できません。前のリストはそのままです: {error}")
        ) from None
    took = time.monotonic() - began
    size = target.stat().st_size
    if header.sums >= 1_000_000:
        click.echo(err=True)
    tell(
        f"{target}: {header.sums:,} passwords, {size / 1e6:,.1f} MB, made in {took:,.0f} s.",
        f"{target}: パスワード {header.sums:,} 件、{size / 1e6:,.1f} MB、所要 {took:,.0f} 秒。",
    )


@pwned.command()
def check() -> None:
    """Ask whether a password is on the list: exit code 1 when it is, or nobody knows.

    Read from standard input (first line), or typed twice at a terminal.
    """
    import sys

    from sekisho.recovery.breached import BreachedError, is_breached

    password = read_password(prompted=sys.stdin.isatty())
    try:
        found = is_breached(settings().breached_list_file, password)
    except (BreachedError, OSError) as error:
        raise Refused(say(f"nobody knows: {error}", f"確認できません: {error}")) from None
    if found:
        raise Refused(
            say("on the list: known from breaches (wrong once in 1,000)", "漏えいリストにあります(誤りは1,000回に1回)")
        )
    tell("not on the list", "漏えいリストにはありません")


def breached_facts(configuration: Settings, *, whole: bool = False) -> dict[str, Any]:
    """The list in use as plain data: `state` is "on", "off" (no file) or "damaged"; `whole` reads every block."""
    from sekisho.recovery.breached import BreachedError, read_header, verify

    path = configuration.breached_list_file
    facts: dict[str, Any] = {"state": "off", "path": str(path), "sums": 0, "bytes": 0, "made_at": None, "error": ""}
    try:
        header = verify(path) if whole else read_header(path)
    except FileNotFoundError:
        return facts
    except (BreachedError, OSError) as error:
        return {**facts, "state": "damaged", "error": str(error)}
    made_at = datetime.fromtimestamp(header.made_at, UTC)
    return {**facts, "state": "on", "sums": header.sums, "bytes": path.stat().st_size, "made_at": made_at}


def tell_breached(facts: dict[str, Any]) -> None:
    """Prints the list's state in one sentence."""
    if facts["state"] == "on":
        tell(
            f"Passwords from breaches: {facts['sums']:,} refused (list of {local_time(facts['made_at'])})",
            f"漏えいパスワードのリスト: {facts['sums']:,} 件を拒否 ({local_time(facts['made_at'])} 作成)",
        )
    elif facts["state"] == "off":
        tell(
            f"Passwords from breaches: rule off, there is no {facts['path']}; `sekisho pwned build` makes it",
            f"漏えいパスワードのリスト: なし。この確認は行われません ({facts['path']}、`sekisho pwned build` で作成)",
        )
    else:
        tell(
            f"Passwords from breaches: rule off, {facts['error']}",
            f"漏えいパスワードのリスト: 読めないため、この確認は行われません ({facts['error']})",
        )


@pwned.command()
@click.option("--verify", "whole", is_flag=True, help="Read the whole list and check it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(whole: bool, as_json: bool) -> None:
    """Say which list is in use; without one the rule is off."""
    facts = breached_facts(settings(), whole=whole)
    if as_json:
        print_json(facts)
    else:
        tell_breached(facts)
    if facts["state"] == "damaged":
        raise Refused(say("the list is damaged", "リストが壊れています"))
