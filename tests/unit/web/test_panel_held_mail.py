"""The page of an incident's held mail, and the operator's sums by domain."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from casting import DOMAIN, HOST, OTHER_DOMAIN, VICTIM
from sekisho.incidents import held_mail, held_orders
from sekisho.incidents.held_rows import HeldRow
from sekisho.incidents.models import Audit, Order, TimelineEntry
from sekisho.incidents.timeline import add_entry

pytestmark = pytest.mark.django_db(databases=["default", "site"])

SECRET = "geheim@empfang.test"


def row(queue_id: str, state: str = "held", order_id: int | None = None) -> HeldRow:
    now = timezone.now().timestamp()
    return HeldRow(
        VICTIM, 0, queue_id, state, now, order_id, int(now) - 90, "<b>spoof</b>@x.test", 2048, 2, (SECRET, "b@two.test")
    )


@pytest.fixture
def held(incident):
    held_mail.record(HOST, [row("AAAAAA1"), row("AAAAAA2"), row("AAAAAA3"), row("AAAAAA4", "escaped")])
    return incident


def url(incident):
    return reverse("incident_queue", args=[incident.pk])


def test_the_incident_says_that_its_mail_stays_until_somebody_decides(held, sign_in):
    text = sign_in("owner", "ja").get(reverse("incident", args=[held.pk])).content.decode()
    assert "侵入者が送信したメール 3 通を保留しています。どなたかが削除するまで、保留のまま残ります。" in text
    assert url(held) in text
    english = sign_in("owner", "en").get(reverse("incident", args=[held.pk])).content.decode()
    assert "3 messages of the intruder are on hold. They stay there until somebody deletes them." in english


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_domain_admin_sees_domains_and_only_the_operator_addresses(language, held, sign_in):
    owner, operator = (sign_in(who, language).get(url(held)).content.decode() for who in ("owner", "operator"))
    assert "empfang.test" in owner and SECRET not in owner and "spoof" not in owner
    assert SECRET in operator and "&lt;b&gt;spoof&lt;/b&gt;@x.test" in operator
    assert "AAAAAA1" in owner and "AAAAAA4" in owner


def test_another_tenants_held_mail_does_not_exist(held, sign_in):
    stranger = sign_in("stranger")
    assert stranger.get(url(held)).status_code == 404
    assert stranger.post(url(held), {"act": "purge_all"}).status_code == 404
    assert not Order.objects.filter(kind="purge_held").exists()


def test_looking_changes_nothing_and_an_unknown_act_neither(held, sign_in):
    client = sign_in("owner")
    client.get(url(held), {"act": "purge_all"})
    assert client.post(url(held), {"act": "burn"}).status_code == 404
    assert not Order.objects.filter(kind__endswith="_held").exists()


def test_all_of_it_is_deleted_after_a_grace_in_which_it_can_be_taken_back(held, cast, sign_in):
    client = sign_in("owner")
    text = client.post(url(held), {"act": "purge_all"}, follow=True).content.decode()
    assert "3 messages will be deleted (kanri@hana.example). Until then it can be taken back:" in text
    assert 'value="purge_all"' not in text and 'type="checkbox"' not in text
    assert Audit.objects.filter(account=cast.owner, verb="purge_held", subject=VICTIM).exists()
    text = client.post(url(held), {"act": "undo_purge"}, follow=True).content.decode()
    assert "3 messages stay on hold." in text and 'value="purge_all"' in text
    assert "moved on meanwhile" in client.post(url(held), {"act": "undo_purge"}, follow=True).content.decode()


def test_exactly_the_ticked_ones_are_deleted_or_sent_on(held, sign_in):
    client = sign_in("owner")
    assert "No message was chosen" in client.post(url(held), {"act": "purge"}, follow=True).content.decode()
    client.post(url(held), {"act": "requeue", "queue_id": ["AAAAAA2"]})
    client.post(url(held), {"act": "purge", "queue_id": ["AAAAAA1", "AAAAAA2", "ZZZZZZ1"]})
    assert Order.objects.get(kind="requeue_held").details == {"queue_ids": ["AAAAAA2"]}
    assert Order.objects.get(kind="purge_held").details == {"queue_ids": ["AAAAAA1"]}


def test_what_was_sent_on_is_held_again(held, sign_in):
    [order] = held_orders.requeue(held, "kanri", ["AAAAAA1"])
    Order.objects.filter(pk=order.pk).update(state="done")
    held_mail.record(HOST, [row("AAAAAA1", "released", order.pk)])
    client = sign_in("owner")
    assert "Hold again what was sent on" in client.get(url(held)).content.decode()
    client.post(url(held), {"act": "hold_again_all"})
    assert Order.objects.get(kind="hold_held").details == {"queue_ids": ["AAAAAA1"]}


def test_a_failed_order_is_shown(held, sign_in):
    held_orders.purge(held, "kanri")
    Order.objects.filter(kind="purge_held").update(state="failed")
    assert "What kanri ordered for 3 messages failed" in sign_in("owner").get(url(held)).content.decode()


def test_who_deleted_it_is_in_the_list_and_in_the_story(held, sign_in):
    [order] = held_orders.purge(held, "kanri@hana.example", ["AAAAAA1"])
    held_mail.record(HOST, [row("AAAAAA1", "purged", order.pk)])
    held_orders.note_finished(order, "done", timezone.now())
    client = sign_in("owner", "ja")
    assert "削除済み</span> <small>kanri@hana.example" in client.get(url(held)).content.decode()
    text = client.get(reverse("incident", args=[held.pk])).content.decode()
    assert "保留中のメールを削除しました: 1 通" in text


def test_every_line_of_held_mail_has_words_in_the_story(held, sign_in):
    for kind in held_orders.LINES.values():
        add_entry(held, timezone.now(), kind, kind, {"count": 2})
    assert TimelineEntry.objects.filter(kind__in=held_orders.LINES.values()).count() == 3
    text = sign_in("owner", "en").get(reverse("incident", args=[held.pk])).content.decode()
    assert "Held mail was sent on: 2 messages" in text and "mail held again" not in text


def test_the_operator_deletes_a_domains_held_mail_by_typing_its_name(held, sign_in):
    client, page = sign_in("operator"), reverse("held_mail_domain", args=[DOMAIN])
    assert page in client.get(reverse("held_mail")).content.decode()
    assert VICTIM in client.get(page).content.decode()
    refused = client.post(page, {"domain": OTHER_DOMAIN})
    assert refused.status_code == 422 and not Order.objects.filter(kind="purge_held").exists()
    assert "will be deleted" in client.post(page, {"domain": f" {DOMAIN.upper()} "}, follow=True).content.decode()
    assert len(Order.objects.get(kind="purge_held").details["queue_ids"]) == 3
    assert "moved on meanwhile" in client.post(page, {"domain": DOMAIN}, follow=True).content.decode()


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_nobody_else_sees_the_sums(who, held, sign_in):
    client = sign_in(who)
    assert client.get(reverse("held_mail")).status_code == 404
    assert client.post(reverse("held_mail_domain", args=[DOMAIN]), {"domain": DOMAIN}).status_code == 404
    assert not Order.objects.filter(kind="purge_held").exists()


def test_every_page_has_one_heading_and_labelled_boxes(held, sign_in):
    client = sign_in("operator", "ja")
    for address in (url(held), reverse("held_mail"), reverse("held_mail_domain", args=[DOMAIN])):
        text = client.get(address).content.decode()
        assert text.count("<h1") == 1, address
        for queue_id in ("AAAAAA1", "AAAAAA2"):
            assert (f'id="id_{queue_id}"' in text) == (f'for="id_{queue_id}"' in text)
        assert " style=" not in text and "onclick" not in text
