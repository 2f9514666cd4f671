"""Who waits for a suspended mailbox, and until when; and accepting its mail before that (`rescue`)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell

if TYPE_CHECKING:
    from sekisho.incidents.models import Order

# Dovecot looks at its files once a second, a probe takes two; after several times that a person should be told.
SWITCH_S = 30.0
POLL_S = 0.2
# Of incidents.giving_up.Style, as people read them.
STYLES = {
    "": ("not known yet", "不明"),
    "exchange": ("like Exchange", "Exchange 型"),
    "exim": ("like Exim", "Exim 型"),
    "postfix": ("like Postfix", "Postfix 型"),
}


def tell_deferred(address: str, facts: dict[str, Any]) -> None:
    """Prints who waits (incidents.facts.deferred_facts)."""
    tell(
        f"At least {facts['waited']} senders waited for {address}, {facts['arrived']} arrived.",
        f"{address} 宛に少なくとも {facts['waited']} 件が待機し、{facts['arrived']} 件が届きました。",
    )
    if facts["earliest_return"]:
        tell_clock(facts["earliest_return"])
    if facts["overdue"]:
        tell(
            f"{facts['overdue']} have not come back although their time may be over: perhaps returned to the sender.",
            f"{facts['overdue']} 件は期限を過ぎても届いていません。送信者へ戻された可能性があります。",
        )
    titles = [
        say("sender", "送信者"),
        say("first", "最初"),
        say("tries", "回数"),
        say("server", "送信側"),
        say("may give up", "断念の可能性"),
        say("arrived", "到着"),
    ]
    rows = [
        [
            pair["sender"],
            local_time(pair["first_at"]),
            pair["tries"],
            say("in our queue", "当サーバーの待ち行列") if pair["where"] == "ours" else say(*STYLES[pair["style"]]),
            "" if pair["arrived_at"] else local_time(pair["give_up_at"]),
            local_time(pair["arrived_at"]),
        ]
        for pair in facts["pairs"]
    ]
    if rows:
        print_table(titles, rows)


def tell_rescue(facts: dict[str, Any]) -> None:
    """Prints since when a suspended mailbox accepts its mail (incidents.facts.mailbox_facts), if it does."""
    if facts["rescue_since"]:
        since = local_time(facts["rescue_since"])
        tell(
            f"Its mail is accepted and kept for its owner since {since}.",
            f"{since} から、届くメールを受け取って保管しています。",
        )


def tell_clock(earliest: datetime) -> None:
    """Prints when the first sender's server may give up, and how far away that is."""
    when, left = local_time(earliest), (earliest - datetime.now(UTC)).total_seconds()
    if left <= 0:
        tell(f"The first sender may have given up since {when}.", f"{when} 以降、送信者へ戻された可能性があります。")
        return
    hours = int(left // 3600)
    tell(
        f"The first sender may give up in {hours} h ({when}) at the earliest.",
        f"早ければあと {hours} 時間({when})で送信者へ戻されます。",
    )


def switch_mailbox(address: str, on: bool, *, no_wait: bool, as_json: bool) -> None:
    """Switches the rescue of one mailbox; waits until every host has it read back."""
    from sekisho.incidents import rescue

    orders = rescue.switch(address, on, actor())
    done = not no_wait and _wait(orders)
    if as_json:
        print_json({"address": address, "rescue": on, "changed": bool(orders), "done": done})
    elif on:
        tell(
            f"{address} accepts and keeps its mail; nobody can sign in to it or send from it.",
            f"{address} は停止したまま、届くメールを受け取って保管します。",
        )
    else:
        tell(f"{address} lets senders wait again.", f"{address} 宛のメールは再び送信側で待機します。")
    if not done and not no_wait:
        raise Refused(
            say(
                f"not read back on every host after {SWITCH_S:.0f} s; it goes on by itself (see `sekisho explain`)",
                f"{SWITCH_S:.0f} 秒たっても全サーバーで確認できていません。処理は続きます(`sekisho explain`)。",
            )
        )


def _wait(orders: Iterable[Order]) -> bool:
    from sekisho.incidents.orders import has_effect

    until = time.monotonic() + SWITCH_S
    for order in orders:
        while not has_effect(order):
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)
            order.refresh_from_db()
    return True


@click.command("rescue")
@click.argument("name", metavar="DOMAIN")
@click.argument("hours", metavar="HOURS|off")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def domain_rescue(name: str, hours: str, as_json: bool) -> None:
    """Accept the mail of DOMAIN's suspended mailboxes HOURS before the first sender may give up, or never (off)."""
    if hours != "off" and not hours.isdecimal():
        raise click.UsageError(say("HOURS is a number or off", "時間数または off を指定してください"))
    with databases():
        from sekisho.incidents import rescue

        name, number = name.strip().lower(), None if hours == "off" else int(hours)
        changed = rescue.set_rule(name, number, actor())
        if as_json:
            print_json({"domain": name, "hours_before": number, "changed": changed})
        elif number is None:
            tell(
                f"{name}: mail of suspended mailboxes waits at the senders until somebody decides.",
                f"{name}: 停止中のメールは、人が決めるまで送信側で待機します。",
            )
        else:
            tell(
                f"{name}: suspended mailboxes accept their mail {number} h before the first sender may give up.",
                f"{name}: 最初の送信者があきらめる {number} 時間前から、停止中でもメールを受け取って保管します。",
            )
