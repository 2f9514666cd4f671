"""`incident queue`, `purge`, `undo-purge`, `requeue`, `hold-again`: the mail an incident put on hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, local_time, print_json, print_table, say, tell
from sekisho.cli.words import HELD_STATES, PHASES

if TYPE_CHECKING:
    from sekisho.incidents.models import Incident, Order

# Recipients printed of one message; --json has twenty.
SHOWN_RECIPIENTS = 3
queue_ids_option = click.option("--id", "queue_ids", multiple=True, metavar="QUEUE-ID", help="Only this message.")


def find_incident(number: int) -> Incident:
    """The incident of this number; raises Refused."""
    from sekisho.incidents.models import Incident

    row = Incident.objects.filter(pk=number).first()
    if row is None:
        raise Refused(say(f"there is no incident {number}", f"インシデント {number} はありません"))
    return row


def _one_of(number: int | None, domain: str) -> None:
    if (number is None) == (not domain):
        raise click.UsageError(say("name a NUMBER or --domain", "番号か --domain を指定してください"))


@click.command("queue")
@click.argument("number", type=int, required=False)
@click.option("--domain", default="", help="Instead of a number: the sums of this domain's incidents.")
@as_json_option
def queue(number: int | None, domain: str, as_json: bool) -> None:
    """Show what incident NUMBER put on hold: each message with size, time and recipients, and what escaped."""
    _one_of(number, domain)
    with databases():
        from sekisho.incidents import held_facts

        if number is None:
            found = held_facts.domain_queue([domain.strip().lower()])
            if as_json:
                empty = {"domain": domain.strip().lower(), "messages": 0, "incidents": 0, "by_incident": []}
                print_json(found[0] if found else empty)
            else:
                _tell_domain(domain, found)
            return
        facts = held_facts.incident_queue(find_incident(number), addresses=True)
        if as_json:
            print_json(facts)
        else:
            tell_queue(facts)


def _tell_domain(domain: str, found: list[dict[str, Any]]) -> None:
    if not found:
        tell(f"{domain}: no message is on hold.", f"{domain}: 保留中のメールはありません。")
        return
    [facts] = found
    tell(
        f"{domain}: {facts['messages']} messages on hold, {facts['size']} octets, from {facts['incidents']} incidents.",
        f"{domain}: 保留中 {facts['messages']} 通、{facts['size']} バイト、インシデント {facts['incidents']} 件。",
    )
    titles = [
        "#",
        say("mailbox", "メールアドレス"),
        say("phase", "段階"),
        say("on hold", "保留"),
        say("escaped", "流出"),
    ]
    rows = [
        [row["incident"], row["mailbox"], say(*PHASES[row["phase"]]), row["held"], row["escaped"]]
        for row in facts["by_incident"]
    ]
    print_table(titles, rows)


def tell_queue(facts: dict[str, Any]) -> None:
    """Prints the held mail of one incident."""
    tell(
        f"Incident {facts['incident']} of {facts['mailbox']}: "
        f"{facts['held']} messages on hold ({facts['size']} octets, "
        f"{facts['recipients']} recipients), {facts['escaped']} escaped in flight, {facts['purged']} deleted, "
        f"{facts['released'] + facts['left']} sent on.",
        f"インシデント {facts['incident']} ({facts['mailbox']}): 保留中 {facts['held']} 通({facts['size']} バイト、"
        f"宛先 {facts['recipients']} 件)、送信途中で流出 {facts['escaped']} 通、削除済み {facts['purged']} 通、"
        f"送信済み {facts['released'] + facts['left']} 通。",
    )
    if facts["vanished"]:
        tell(
            f"{facts['vanished']} are gone from hold without an order of ours.",
            f"{facts['vanished']} 通は、Sekisho の指示によらず保留から消えました。",
        )
    for order in facts["orders"]:
        _tell_order(order)
    titles = ["id", say("arrived", "受付"), say("octets", "バイト"), say("state", "状態"), say("recipients", "宛先")]
    print_table(titles, [_cells(message) for message in facts["messages"]])


def _cells(message: dict[str, Any]) -> list[object]:
    more = message["recipients"] - SHOWN_RECIPIENTS
    shown = ", ".join(message["addresses"][:SHOWN_RECIPIENTS]) + (f" (+{more})" if more > 0 else "")
    state = say(*HELD_STATES[message["state"]])
    by = f" ({message['by']})" if message["by"] and message["state"] != "held" else ""
    return [message["queue_id"], local_time(message["arrived_at"]), message["size"], state + by, shown]


def _tell_order(order: dict[str, Any]) -> None:
    n, by = order["messages"], order["by"]
    if order["state"] == "failed":
        tell(f"An order about {n} messages failed ({by}).", f"{n} 通への指示は失敗しました({by})。")
    elif order["kind"] == "purge_held" and order["undo_until"]:
        until = local_time(order["undo_until"])
        tell(
            f"{n} messages will be deleted at {until} ({by}); undo-purge keeps them.",
            f"{n} 通を {until} に削除します({by})。undo-purge で取り消せます。",
        )
    else:
        tell(f"{n} messages: ordered, being done ({by}).", f"{n} 通: 指示済み、処理中({by})。")


@click.command("purge")
@click.argument("number", type=int, required=False)
@queue_ids_option
@click.option("--domain", default="", help="Instead of a number: all held mail of this domain's incidents.")
@click.option("--yes", is_flag=True, help="With --domain: do not ask for its name.")
@as_json_option
def purge(number: int | None, queue_ids: tuple[str, ...], domain: str, yes: bool, as_json: bool) -> None:
    """Delete the held mail of incident NUMBER, for good and unread, in ten minutes. Until then undo-purge keeps it."""
    _one_of(number, domain)
    if domain and queue_ids:
        raise click.UsageError(say("--id goes with a NUMBER", "--id は番号とともに指定してください"))
    with databases():
        from sekisho.incidents import held_orders

        if number is not None:
            _tell_placed(held_orders.purge(find_incident(number), actor(), queue_ids or None), as_json)
            return
        name = domain.strip().lower()
        _confirm(name, yes)
        _tell_placed(held_orders.purge_domain(name, actor()), as_json)


def _confirm(domain: str, yes: bool) -> None:
    if yes:
        return
    question = say(
        f"To delete all held mail of {domain}, type its name", f"{domain} の保留メールをすべて削除します。ドメイン名"
    )
    if click.prompt(question, err=True).strip().lower() != domain:
        raise Refused(say("this is not its name; nothing was changed", "名前が違います。何も変更していません"))


def _tell_placed(placed: list[Order], as_json: bool) -> None:
    from sekisho.incidents.held_facts import order_facts

    facts = [order_facts(order) for order in placed]
    if as_json:
        print_json({"orders": facts, "messages": sum(order["messages"] for order in facts)})
    elif not facts:
        tell("No message is on hold.", "保留中のメールはありません。")
    for order in () if as_json else facts:
        _tell_order(order)


@click.command("undo-purge")
@click.argument("number", type=int)
@as_json_option
def undo_purge(number: int, as_json: bool) -> None:
    """Take back every deletion of incident NUMBER's held mail that has not begun."""
    with databases():
        from sekisho.incidents import held_orders

        kept = held_orders.undo_purge(find_incident(number), actor())
        if as_json:
            print_json({"incident": number, "kept": kept})
        else:
            tell(f"{kept} messages stay on hold.", f"{kept} 通は保留のまま残ります。")


@click.command("requeue")
@click.argument("number", type=int)
@queue_ids_option
@as_json_option
def requeue(number: int, queue_ids: tuple[str, ...], as_json: bool) -> None:
    """Send on what incident NUMBER holds: the owner's own mail among it. hold-again stops what is still here."""
    with databases():
        from sekisho.incidents import held_orders

        _tell_placed(held_orders.requeue(find_incident(number), actor(), queue_ids or None), as_json)


@click.command("hold-again")
@click.argument("number", type=int)
@queue_ids_option
@as_json_option
def hold_again(number: int, queue_ids: tuple[str, ...], as_json: bool) -> None:
    """Put back on hold what of incident NUMBER was sent on and is still in our queue."""
    with databases():
        from sekisho.incidents import held_orders

        _tell_placed(held_orders.hold_again(find_incident(number), actor(), queue_ids or None), as_json)


COMMANDS = (queue, purge, undo_purge, requeue, hold_again)
