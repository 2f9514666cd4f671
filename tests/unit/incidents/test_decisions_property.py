"""Any order of acts by the guard, people and time keeps the record consistent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_decisions import ALICE, T, record

from sekisho.incidents import decisions
from sekisho.incidents.models import Incident, Order, Transition

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ACTS = st.sampled_from(
    [
        "alert",
        "restrict",
        "suspend",
        "late",
        "operator_suspends",
        "operator_restricts",
        "reinstate",
        "dismiss",
        "answer",
        "close",
        "week",
    ]
)


class Undo(Exception):
    """Ends an example without leaving a row."""


class World:
    """One mailbox and a clock that only goes on."""

    def __init__(self) -> None:
        self.seconds = T
        self.number = 0

    def act(self, name: str) -> None:
        """Does one act; a refusal is a fine outcome."""
        self.seconds += 60
        self.number += 1
        now = datetime.fromtimestamp(self.seconds, UTC)
        try:
            self._do(name, now)
        except decisions.NotAllowed:
            pass

    def _do(self, name: str, now: datetime) -> None:
        generation = decisions.current_status(ALICE).generation
        latest = Incident.objects.order_by("-id").first()
        if name in ("alert", "restrict", "suspend"):
            decisions.record_detection(record(f"d{self.number}", name, t=self.seconds, generation=generation))
        elif name == "late":
            decisions.record_detection(record(f"d{self.number}", t=self.seconds, generation=max(0, generation - 1)))
        elif name == "operator_suspends":
            decisions.suspend(ALICE, "x", "operator", now=now)
        elif name == "operator_restricts":
            decisions.restrict(ALICE, "x", "operator", now=now)
        elif name == "reinstate":
            decisions.reinstate(ALICE, "operator", now=now)
        elif name == "week":
            self.seconds += 8 * 86400
            later = datetime.fromtimestamp(self.seconds, UTC) + timedelta(minutes=1)
            decisions.expire_restrictions(later)
            decisions.end_probations(later)
        elif latest is not None:
            {"dismiss": decisions.dismiss, "answer": decisions.answer, "close": decisions.close}[name](
                latest, "operator", now=now
            )


def check() -> None:
    """What must hold after every act."""
    status = decisions.current_status(ALICE)
    open_ones = Incident.objects.filter(phase__in=decisions.OPEN_PHASES)
    assert open_ones.count() <= 1
    if status.status in ("suspended", "restricted"):
        assert open_ones.count() == 1
        assert open_ones.get().generation == status.generation
    before, generation = "active", 0
    for change in Transition.objects.order_by("id"):
        assert (change.before, change.generation >= generation) == (before, True)
        if change.before == "suspended" and change.after != "suspended":
            assert change.cause in ("recovery", "dismissal")
        if change.after == "suspended":
            assert change.cause in ("detection", "operator")
        before, generation = change.after, change.generation
    assert (status.status, status.generation) == (before, generation)
    waiting = Order.objects.filter(state__in=["open", "claimed"])
    kinds = {order.kind for order in waiting}
    assert all(order.generation == generation for order in waiting)
    if status.status == "suspended":
        assert "contain" in kinds and not kinds & {"release", "dismiss"}
    elif status.status in ("active", "probation"):
        assert not kinds & {"contain", "restrict"}


@given(acts=st.lists(ACTS, max_size=12))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_acts_keeps_the_record_consistent(two_tenants: None, acts: list[str]) -> None:
    with pytest.raises(Undo), transaction.atomic(using="default"):
        world = World()
        for name in acts:
            world.act(name)
            check()
        raise Undo
