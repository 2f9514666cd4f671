"""Many writers, one decision: exactly one of them changes the status."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connections
from django.utils import timezone
from test_decisions import ALICE, record

from sekisho.incidents import decisions
from sekisho.incidents.changes import change_status
from sekisho.incidents.models import Audit, Decision, Incident, MailboxStatus, Notice, Order, Transition

pytestmark = pytest.mark.django_db(databases=["default", "site"], transaction=True)

WRITERS = 8
# Seconds; the writers come through one after the other in less than one, on a busy machine in a few.
PATIENCE = 60.0


def race(act: Callable[[int], object]) -> list[BaseException]:
    """Runs `act(n)` in eight threads that start together, each with its own connection; what they raised."""
    gate = threading.Barrier(WRITERS)
    give_up = time.monotonic() + PATIENCE
    raised: list[BaseException] = []

    def run(number: int) -> None:
        gate.wait()
        try:
            while True:
                try:
                    act(number)
                    return
                except OperationalError:
                    # SQLite's answer to a writer that waited in vain: come again, as the worker does, but not for ever:
                    # a thread left behind would hold the tables of every test after this one.
                    if time.monotonic() > give_up:
                        raise
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_eight_writers_of_the_same_decision_make_one_incident(two_tenants: None) -> None:
    assert race(lambda _: decisions.record_detection(record())) == []
    assert (Incident.objects.count(), Decision.objects.count(), Transition.objects.count()) == (1, 1, 1)
    assert (Order.objects.count(), Notice.objects.count()) == (1, 1)
    assert Audit.objects.filter(verb="suspended").count() == 1


def test_eight_different_decisions_of_one_generation_make_one_incident_and_one_transition(two_tenants: None) -> None:
    assert race(lambda number: decisions.record_detection(record(f"d{number}"))) == []
    assert (Incident.objects.count(), Decision.objects.count(), Transition.objects.count()) == (1, WRITERS, 1)
    assert Order.objects.count() == 1


def test_suspension_and_detection_at_once_make_one_incident(two_tenants: None) -> None:
    def act(number: int) -> None:
        if number % 2:
            decisions.suspend(ALICE, "complaints", "operator")
        else:
            decisions.record_detection(record(f"d{number}"))

    assert race(act) == []
    assert (Incident.objects.count(), Transition.objects.count(), Order.objects.count()) == (1, 1, 1)
    assert MailboxStatus.objects.get().status == "suspended"


def test_eight_reinstatements_begin_one_generation(incident: Incident) -> None:
    raised = race(lambda _: decisions.reinstate(ALICE, "operator"))
    assert len(raised) == WRITERS - 1
    assert all(isinstance(error, (decisions.NotAllowed, decisions.Overtaken)) for error in raised)
    assert (MailboxStatus.objects.get().generation, Order.objects.filter(kind="release").count()) == (1, 1)


def test_who_read_the_status_before_somebody_changed_it_changes_nothing(two_tenants: None) -> None:
    # SQLite lets one writer in at a time; PostgreSQL does not: there the comparison alone decides.
    stale = decisions.current_status(ALICE)
    decisions.suspend(ALICE, "complaints", "operator")
    with pytest.raises(decisions.Overtaken):
        change_status(
            stale,
            "restricted",
            cause="operator",
            actor="operator",
            reason="",
            generation=0,
            limit=10,
            incident=None,
            at=timezone.now(),
        )
    assert (MailboxStatus.objects.get().status, Transition.objects.count()) == ("suspended", 1)
