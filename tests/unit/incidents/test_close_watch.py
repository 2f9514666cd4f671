"""Close watch after a takeover: who is on it, what the guard is told, how it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from sekisho.incidents import close_watch
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit, Incident
from sekisho.incidents.state import build_state

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE, BOB, CAROL = "alice@ours.test", "bob@ours.test", "carol@theirs.test"
DAY = timedelta(days=1)


@pytest.fixture
def recovered(incident: Incident) -> Incident:
    Incident.objects.filter(pk=incident.pk).update(phase="recovered", recovered_at=timezone.now())
    incident.refresh_from_db()
    return incident


def began(incident: Incident) -> datetime:
    assert incident.recovered_at is not None
    return incident.recovered_at


def test_nobody_is_on_it_before_a_recovery_nor_after_a_dismissal(incident: Incident) -> None:
    now = timezone.now()
    assert close_watch.facts_of(ALICE, now) is None and build_state(now).close_watch_domains == {}
    Incident.objects.filter(pk=incident.pk).update(phase="dismissed", recovered_at=now)
    assert close_watch.facts_of(ALICE, now) is None


def test_it_lasts_for_ninety_days_for_the_mailbox_and_its_domain_alone(recovered: Incident) -> None:
    now = began(recovered) + 89 * DAY
    own, neighbour = close_watch.facts_of(ALICE, now), close_watch.facts_of(BOB, now)
    assert own is not None and own["own"] and own["until"] == began(recovered) + 90 * DAY
    assert neighbour is not None and not neighbour["own"] and neighbour["incident"] == recovered.pk
    assert close_watch.facts_of(CAROL, now) is None
    state, until = build_state(now), (began(recovered) + 90 * DAY).timestamp()
    assert (state.close_watch, state.close_watch_domains) == ({ALICE: until}, {"ours.test": until})
    # Closed or not: it runs from the recovery.
    Incident.objects.update(phase="closed")
    assert close_watch.facts_of_domain("ours.test", now) is not None
    assert close_watch.facts_of(ALICE, now + DAY) is None and build_state(now + DAY).close_watch == {}


def test_an_operator_ends_it_early_once(recovered: Incident) -> None:
    now = began(recovered) + DAY
    close_watch.end(recovered, "kenji", now)
    assert close_watch.facts_of(ALICE, now) is None and build_state(now).close_watch == {}
    assert (Audit.objects.get(verb="close_watch_ended").actor, Audit.objects.count()) == (
        "kenji",
        Audit.objects.count(),
    )
    with pytest.raises(NotAllowed):
        close_watch.end(recovered, "kenji", now)
