"""Back to normal, yes or no: made of counts before and now, and of listings; each reason is named."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.core import Metric

from sekisho.impact import reputation
from sekisho.impact.models import Listing
from sekisho.impact.normality import Normality, back_to_normal
from sekisho.incidents.models import Incident, ReceiverDay

pytestmark = pytest.mark.django_db(databases=["default", "site"])
DAY = timedelta(days=1)


@pytest.fixture
def closed(incident: Incident) -> Incident:
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    incident.refresh_from_db()
    return incident


def mail(days_after: int, incident: Incident, refused: int, delivered: int, receiver: str = "google") -> None:
    day = (incident.first_risk_at + days_after * DAY).date()
    ReceiverDay.objects.create(day=day, receiver=receiver, domain="ours.test", refused_57=refused, delivered=delivered)


def judged(incident: Incident, days_after: int = 5) -> Normality:
    return back_to_normal(incident, incident.first_risk_at + days_after * DAY)


def history(incident: Incident) -> None:
    """An ordinary day has one refusal in a hundred; one bad day long ago does not make bad days ordinary."""
    for day in range(-10, 0):
        mail(day, incident, 1, 99)
    mail(-12, incident, 90, 10)


def test_it_is_normal_when_as_few_are_refused_as_before(closed: Incident) -> None:
    history(closed)
    mail(4, closed, 1, 99)
    found = judged(closed)
    assert found.is_normal is True and "refused_more" not in found.reasons
    assert (found.before, found.now, found.results_now) == (0.01, 0.01, 100)


def test_it_is_not_while_more_than_usual_is_refused(closed: Incident) -> None:
    history(closed)
    mail(4, closed, 6, 94)
    found = judged(closed)
    assert found.is_normal is False and "refused_more" in found.reasons
    # Three days later nothing of it counts any more.
    mail(8, closed, 0, 50)
    assert judged(closed, 8).is_normal is True


def test_a_host_that_was_refused_much_before_is_measured_by_that(closed: Incident) -> None:
    for day in range(-10, 0):
        mail(day, closed, 10, 90)
    mail(4, closed, 15, 85)
    assert judged(closed).is_normal is True


def test_a_listing_that_stands_is_a_no_until_it_is_gone(closed: Incident) -> None:
    history(closed)
    mail(4, closed, 1, 99)
    at = closed.detected_at
    row = Listing.objects.create(zone="list.test", kind="ipv4", subject="192.0.2.1", first_at=at, last_at=at)
    row.incidents.add(closed)
    found = judged(closed)
    assert found.is_normal is False and found.reasons[0] == "listed" and found.listings == 1
    row.gone_at = at + DAY
    row.save()
    assert judged(closed).is_normal is True


def test_too_little_mail_tells_nothing_and_an_open_incident_is_a_no(incident: Incident) -> None:
    assert judged(incident).is_normal is False and "open" in judged(incident).reasons
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    incident.refresh_from_db()
    mail(4, incident, 0, 19)
    found = judged(incident)
    assert found.is_normal is None and {"too_few", "no_history", "lists_not_asked"} <= set(found.reasons)
    mail(4, incident, 0, 1, "docomo")
    assert judged(incident).is_normal is True


def test_programs_and_metrics_are_told_the_same(closed: Incident) -> None:
    now = timezone.now()
    ReceiverDay.objects.create(day=now.date(), receiver="google", domain="ours.test", refused_57=3, delivered=27)
    facts = reputation.reputation_facts(now)
    assert [(row["receiver"], row["now"]["share"]) for row in facts["receivers"]] == [("google", 0.1)]
    assert len(facts["days"]) == 28 and facts["days"][-1]["refused_57"] == 3
    assert facts["incidents"][0]["incident"] == closed.pk and facts["incidents"][0]["is_normal"] is False
    Listing.objects.create(zone="list.test", kind="ipv4", subject="192.0.2.1", first_at=now, last_at=now)
    families: list[Metric] = list(reputation.families(now))
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert samples["sekisho_listings", "list.test"] == 1
    assert samples["sekisho_receiver_results", "google", "refused_57"] == 3
