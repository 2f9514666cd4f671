"""What an operator works with: the dashboard's figures, the list's filters, closing several, notes, places."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

import casting
from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN, VICTIM
from sekisho.incidents import volume
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Audit, Decision, Incident, IncidentNote, MailboxStatus, QueueIdLogin
from sekisho.web import place_map

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def alert(mailbox: str, **fields) -> Incident:
    now = timezone.now()
    values = {
        "domain": mailbox.rpartition("@")[2], "generation": 0, "cause": "detection", "action": "alert",
        "first_risk_at": now, "detected_at": now,
    }  # fmt: skip
    return Incident.objects.create(mailbox=mailbox, **{**values, **fields})


def submitted(mailbox: str, at, number: int) -> None:
    base = QueueIdLogin.objects.count()
    QueueIdLogin.objects.bulk_create(
        QueueIdLogin(queue_id=f"Q{base + one}", mailbox=mailbox, at=at) for one in range(number)
    )


def listed(client, **query) -> str:
    text = client.get(reverse("incidents"), query).content.decode()
    return text[text.index("<main") :]


def test_the_dashboard_counts_only_the_accounts_tenants(incident, sign_in):
    alert(FOREIGN)
    submitted(VICTIM, timezone.now() - timedelta(minutes=5), 3)
    submitted(FOREIGN, timezone.now() - timedelta(minutes=5), 4)
    seen = {who: sign_in(who).get(reverse("dashboard")).context for who in ("operator", "owner", "stranger")}
    figures = {
        who: (context["incident_count"], context["alert_count"], context["waiting"].waited, context["spark"].total)
        for who, context in seen.items()
    }
    assert figures == {"operator": (1, 1, 3, 7), "owner": (1, 0, 3, 3), "stranger": (0, 1, 0, 4)}
    assert [bool(context["health"]) for context in seen.values()] == [False] * 3


def test_the_dashboard_says_when_the_first_sender_may_give_up(incident, sign_in):
    incident.deferred.update(give_up_at=timezone.now() - timedelta(hours=1))
    assert "may have given up since" in sign_in("owner").get(reverse("dashboard")).content.decode()


def test_htmx_gets_only_the_moving_part_of_the_dashboard(incident, sign_in):
    text = sign_in("operator").get(reverse("dashboard"), headers={"hx-request": "true"}).content.decode()
    assert "<html" not in text and 'id="live"' in text


def test_health_tells_a_barrier_that_holds_less_than_the_record_says(incident, sign_in):
    casting.heartbeats()
    from sekisho.incidents.models import HostHeartbeat

    HostHeartbeat.objects.filter(process="agent").update(facts={"suspended": 0, "database": "away for 9 s"})
    text = sign_in("operator").get(reverse("dashboard")).content.decode()
    assert "The barrier holds 0 mailboxes shut; suspended on record: 1" in text
    assert "database: away for 9 s" in text


def test_usual_volume_is_the_median_of_the_days_before(db):
    now = timezone.now()
    for day, number in ((1, 24), (2, 48), (3, 480)):
        submitted(VICTIM, now - timedelta(days=day, hours=3), number)
    submitted(VICTIM, now - timedelta(hours=2, minutes=1), 5)
    seen = volume.last_day([DOMAIN], now)
    assert (seen.total, seen.counts[21], seen.usual) == (5, 5, 2.0)
    assert volume.last_day([OTHER_DOMAIN], now).usual is None


def test_filters_narrow_the_list(incident, sign_in):
    alert(BYSTANDER, detected_at=timezone.now() - timedelta(days=40))
    alert(FOREIGN, phase="closed", action="restrict")
    client = sign_in("operator")
    for query, expected in (
        ({}, {VICTIM, BYSTANDER}),
        ({"show": "all"}, {VICTIM, BYSTANDER, FOREIGN}),
        ({"show": "closed"}, {FOREIGN}),
        ({"action": "alert"}, {BYSTANDER}),
        ({"show": "all", "domain": OTHER_DOMAIN}, {FOREIGN}),
        ({"cause": "operator"}, set()),
        ({"until": (timezone.localdate() - timedelta(days=30)).isoformat()}, {BYSTANDER}),
        ({"since": (timezone.localdate() - timedelta(days=30)).isoformat()}, {VICTIM}),
        ({"q": case_number(incident)}, {VICTIM}),
        ({"q": "198.19.18.66"}, {VICTIM}),
        ({"since": "2026-02-31", "action": "<b>"}, {VICTIM, BYSTANDER}),
    ):
        text = listed(client, **query)
        assert {name for name in (VICTIM, BYSTANDER, FOREIGN) if f">{name}<" in text} == expected, query


def test_a_case_number_of_another_tenant_finds_nothing(incident, sign_in):
    text = listed(sign_in("stranger"), q=case_number(incident))
    assert "No incident matches" in text and VICTIM not in text


def test_closing_several_names_them_first_and_leaves_those_that_hold(incident, sign_in):
    first, second = alert(BYSTANDER), alert(FOREIGN)
    client, target = sign_in("operator"), reverse("incidents_close")
    chosen = {"incident": [incident.pk, first.pk, second.pk]}
    page = client.get(target, chosen).content.decode()
    ready, _, refused = page.partition("These stay as they are")
    assert BYSTANDER in ready and FOREIGN in ready and VICTIM not in ready and VICTIM in refused
    assert not Incident.objects.filter(phase="closed").exists()
    chosen = {"chosen": f"{incident.pk} {first.pk} {second.pk}"}
    assert "2 incidents are closed" in client.post(target, chosen, follow=True).content.decode()
    assert set(Incident.objects.filter(phase="closed")) == {first, second}
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"


def test_nobody_closes_what_he_may_not_see(incident, sign_in):
    theirs = alert(FOREIGN)
    sign_in("owner").post(reverse("incidents_close"), {"incident": [theirs.pk, "x", "9" * 30]})
    assert Incident.objects.get(pk=theirs.pk).phase == "detected"


def test_a_note_is_shown_escaped_with_its_author_and_audited_without_its_text(incident, cast, sign_in):
    client = sign_in("owner")
    client.post(reverse("incident_note", args=[incident.pk]), {"text": "called back\n<script>x</script>"})
    text = client.get(reverse("incident", args=[incident.pk])).content.decode()
    assert "called back<br>&lt;script&gt;x" in text and cast.owner.username in text
    line = Audit.objects.get(verb="note")
    assert line.account_id == cast.owner.pk and "called" not in str(line.details)


@pytest.mark.parametrize("text", ["  ", "x" * 2001])
def test_an_empty_or_endless_note_is_refused(text, incident, sign_in):
    answer = sign_in("owner").post(reverse("incident_note", args=[incident.pk]), {"text": text}, follow=True)
    assert "It was not kept" in answer.content.decode()
    assert not IncidentNote.objects.exists()


def test_a_stranger_leaves_no_note(incident, sign_in):
    assert sign_in("stranger").post(reverse("incident_note", args=[incident.pk]), {"text": "x"}).status_code == 404
    assert not IncidentNote.objects.exists()


def test_places_are_a_table_and_dots_and_outbound_mail_a_drawing(incident, sign_in):
    decision = Decision.objects.get(incident=incident)
    decision.record = {"ip": "198.19.18.66", "country": "NG", "asn": 65018}
    decision.save()
    submitted(VICTIM, incident.detected_at - timedelta(minutes=1), 9)
    text = sign_in("owner").get(reverse("incident", args=[incident.pk])).content.decode()
    assert '<circle class="dot"' in text and "<title>Nigeria: 1</title>" in text and ">198.19.18.66<" in text
    assert "9 messages were handed in" in text


def test_the_map_puts_a_country_where_its_time_zones_cities_are():
    places = place_map._places(
        "# x\nJP\t+353916+1394441\tAsia/Tokyo\nAR\t-3436-05827\tAmerica/Argentina/Buenos_Aires\n"
    )
    assert places["JP"] == pytest.approx((35.65, 139.73), abs=0.01)
    assert places["AR"] == pytest.approx((-34.6, -58.45), abs=0.01)
