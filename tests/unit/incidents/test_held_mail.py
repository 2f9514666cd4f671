"""Mail on hold in the record: told by agents, deleted after a grace, sent on, held again, with who did it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sekisho.config import RetentionSettings
from sekisho.containment.messages import HeldRow
from sekisho.containment.record_keeping import Records
from sekisho.incidents import decisions, held_mail, held_orders, orders, retention
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.incidents.models import Audit, HeldMessage, Incident, Order, TimelineEntry

pytestmark = pytest.mark.django_db(databases=["default", "site"])

HOST = "mx01.provider.example"
ALICE = "alice@ours.test"
NOW = timezone.now()


def row(queue_id: str, state: str = "held", *, mailbox: str = ALICE, order_id: int | None = None) -> HeldRow:
    return HeldRow(
        mailbox, 0, queue_id, state, NOW.timestamp(), order_id, int(NOW.timestamp()) - 60, "a\x1b[2J@x.test", 900, 2,
        ("x@one.test", "y@two.test"),
    )  # fmt: skip


@pytest.fixture
def held(incident: Incident) -> Incident:
    """Three messages of the incident on hold."""
    assert held_mail.record(HOST, [row("AAAAAA1"), row("AAAAAA2"), row("AAAAAA3")]) == []
    return incident


def claim(at=NOW) -> list[Order]:
    return [order for order in orders.claim_orders(HOST, at) if order.kind in orders.HELD_KINDS]


def test_a_message_before_its_incident_is_recorded_has_to_come_again(incident: Incident) -> None:
    stranger = row("BBBBBB1", mailbox="bob@ours.test")
    assert Records(HOST).record_held([row("AAAAAA1"), stranger]) == [stranger]
    assert HeldMessage.objects.get().queue_id == "AAAAAA1"


def test_details_outlive_the_message_and_a_later_word_counts(held: Incident) -> None:
    gone = HeldRow(ALICE, 0, "AAAAAA1", "vanished", NOW.timestamp() + 5)
    held_mail.record(HOST, [gone])
    message = HeldMessage.objects.get(queue_id="AAAAAA1")
    assert (message.state, message.recipients, message.size) == ("vanished", 2, 900)
    assert HeldMessage.objects.count() == 3


def test_addresses_cannot_command_a_terminal(held: Incident) -> None:
    assert HeldMessage.objects.first().sender == "a?[2J@x.test"


def test_totals_say_what_is_on_hold_and_what_became_of_the_rest(held: Incident) -> None:
    held_mail.record(HOST, [row("AAAAAA3", "escaped")])
    found = held_mail.totals(HeldMessage.objects.filter(incident=held))
    assert (found["held"], found["escaped"], found["size"], found["recipients"]) == (2, 1, 1800, 4)
    [domain] = held_mail.by_domain(["ours.test", "theirs.test"])
    assert (domain["domain"], domain["messages"], domain["incidents"]) == ("ours.test", 2, 1)


def test_only_the_operator_is_told_addresses(held: Incident) -> None:
    message = HeldMessage.objects.first()
    assert "addresses" not in held_mail.message_facts(message, addresses=False)
    assert "sender" not in held_mail.message_facts(message, addresses=False)
    assert held_mail.message_facts(message, addresses=False)["recipient_domains"] == ["one.test", "two.test"]
    assert held_mail.message_facts(message, addresses=True)["addresses"] == ["x@one.test", "y@two.test"]


def test_what_is_on_hold_is_never_pruned(held: Incident) -> None:
    held_mail.record(HOST, [row("AAAAAA1", "purged"), row("AAAAAA2", "released")])
    assert list(retention.batches(RetentionSettings(), NOW + timedelta(days=400))) == [("held_messages", "", 1)]
    assert set(HeldMessage.objects.values_list("state", flat=True)) == {"released", "held"}


def test_a_purge_waits_for_ten_minutes(held: Incident) -> None:
    [order] = held_orders.purge(held, "kanri", now=NOW)
    assert order.details == {"queue_ids": ["AAAAAA1", "AAAAAA2", "AAAAAA3"]}
    assert claim(NOW + timedelta(minutes=9, seconds=59)) == []
    assert claim(NOW + timedelta(minutes=10)) == [order]
    audit = Audit.objects.get(verb="purge_held")
    assert (audit.actor, audit.subject, audit.details) == ("kanri", ALICE, {"incident": held.pk, "messages": 3})


def test_until_then_it_can_be_taken_back_and_later_not(held: Incident) -> None:
    held_orders.purge(held, "kanri", ["AAAAAA1", "AAAAAA2"], now=NOW)
    assert held_orders.undo_purge(held, "tenin", now=NOW) == 2
    assert claim(NOW + timedelta(hours=1)) == []
    assert Audit.objects.get(verb="undo_purge").actor == "tenin"
    with pytest.raises(NotAllowed):
        held_orders.undo_purge(held, "tenin", now=NOW)
    held_orders.purge(held, "kanri", now=NOW)
    assert len(claim(NOW + timedelta(hours=1))) == 1
    with pytest.raises(Overtaken):
        held_orders.undo_purge(held, "tenin", now=NOW)


def test_a_message_is_ordered_once_and_a_stranger_never(held: Incident) -> None:
    held_orders.purge(held, "kanri", ["AAAAAA1"], now=NOW)
    [order] = held_orders.requeue(held, "kanri", ["AAAAAA1", "AAAAAA2", "ZZZZZZ9"], now=NOW)
    assert order.details == {"queue_ids": ["AAAAAA2"]}
    with pytest.raises(NotAllowed):
        held_orders.purge(held, "kanri", ["AAAAAA1", "AAAAAA2", "ZZZZZZ9"], now=NOW)


def test_several_orders_of_one_kind_may_wait_for_one_incident(held: Incident) -> None:
    for queue_id in ("AAAAAA1", "AAAAAA2", "AAAAAA3"):
        held_orders.purge(held, "kanri", [queue_id], now=NOW)
    assert len(claim(NOW + timedelta(hours=1))) == 3


def test_each_host_gets_an_order_for_its_own_messages(held: Incident) -> None:
    held_mail.record("mx02.provider.example", [row("BBBBBB1")])
    placed = held_orders.purge(held, "kanri", now=NOW)
    assert {order.host: len(order.details["queue_ids"]) for order in placed} == {HOST: 3, "mx02.provider.example": 1}
    assert held_orders.undo_purge(held, "kanri", now=NOW) == 4


def test_what_was_sent_on_can_be_held_again(held: Incident) -> None:
    with pytest.raises(NotAllowed):
        held_orders.hold_again(held, "kanri", now=NOW)
    [order] = held_orders.requeue(held, "kanri", ["AAAAAA1"], now=NOW)
    assert claim() == [order]
    records = Records(HOST)
    records.record_held([row("AAAAAA1", "released", order_id=order.pk)])
    records.finish(order.pk, "done")
    [again] = held_orders.hold_again(held, "kanri", now=NOW)
    assert (again.kind, again.details, again.not_before) == ("hold_held", {"queue_ids": ["AAAAAA1"]}, None)


def test_a_finished_order_is_a_line_of_the_story_with_figures_and_a_name(held: Incident) -> None:
    [order] = held_orders.purge(held, "kanri", ["AAAAAA1", "AAAAAA2"], now=NOW)
    [claimed] = claim(NOW + timedelta(hours=1))
    records = Records(HOST)
    # Of the second the host says that it had gone before.
    records.record_held([row("AAAAAA1", "purged", order_id=claimed.pk)])
    records.finish(order.pk, "done")
    line = TimelineEntry.objects.get(kind="mail_purged")
    assert line.details == {"count": 1, "actor": "kanri", "host": HOST}
    assert held_mail.message_facts(HeldMessage.objects.get(queue_id="AAAAAA1"), addresses=False)["by"] == "kanri"


def test_a_recovery_leaves_held_mail_and_its_orders_alone(held: Incident) -> None:
    held_orders.purge(held, "kanri", now=NOW)
    decisions.reinstate(ALICE, "operator")
    assert held_mail.count_held(held) == 3
    assert len(claim(NOW + timedelta(hours=1))) == 1


def test_a_dismissal_takes_back_every_deletion_nobody_has_begun(held: Incident) -> None:
    held_orders.purge(held, "kanri", ["AAAAAA1"], now=NOW)
    begun = claim(NOW + timedelta(hours=1))
    held_orders.purge(held, "kanri", ["AAAAAA2"], now=NOW)
    decisions.dismiss(held, "operator")
    assert claim(NOW + timedelta(seconds=10)) == []
    assert [order.pk for order in claim(NOW + timedelta(hours=2))] == [order.pk for order in begun]


def test_a_domain_is_purged_in_one_go_and_no_other(held: Incident) -> None:
    theirs = decisions.suspend("carol@theirs.test", "complaints", "operator")
    ours = decisions.suspend("bob@ours.test", "complaints", "operator")
    held_mail.record(HOST, [row("CCCCCC1", mailbox="carol@theirs.test"), row("BBBBBB1", mailbox="bob@ours.test")])
    placed = held_orders.purge_domain("ours.test", "operator", now=NOW)
    assert {order.incident_id for order in placed} == {held.pk, ours.pk}
    assert held_orders.purge_domain("ours.test", "operator", now=NOW) == []
    assert held_orders.waiting(theirs).count() == 0
