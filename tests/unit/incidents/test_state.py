from __future__ import annotations

import msgspec
import pytest
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import DomainMode
from sekisho.incidents import decisions
from sekisho.incidents import state as state_room
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.deferred import note_waiting
from sekisho.incidents.models import Incident
from sekisho.incidents.state import build_state
from sekisho.journal import SenderDeferred

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE = "alice@ours.test"


def test_an_untouched_installation_has_no_mailboxes_to_know_of(two_tenants: None) -> None:
    state = build_state(timezone.now())
    assert state.mailboxes == {}
    assert state.alias_domains == {"alias.test": "ours.test"}
    assert state.mailbox_count == 3
    assert state.domain_mailbox_counts == {"ours.test": 2, "theirs.test": 1}


def test_it_names_what_is_shut_with_its_generation_and_limit(incident: Incident) -> None:
    decisions.restrict("bob@ours.test", "x", "operator", 7)
    found = build_state(timezone.now()).mailboxes
    assert (found[ALICE].status, found[ALICE].generation, found[ALICE].limit) == ("suspended", 0, None)
    assert (found["bob@ours.test"].status, found["bob@ours.test"].limit) == ("restricted", 7)


def test_a_reinstated_mailbox_stays_in_it_for_its_generation(incident: Incident) -> None:
    decisions.reinstate(ALICE, "operator")
    found = build_state(timezone.now()).mailboxes[ALICE]
    assert (found.status, found.generation, found.limit, found.confirmed) == ("probation", 1, 20, False)
    decisions.suspend(ALICE, "x", "operator")
    decisions.dismiss(Incident.objects.latest("id"), "operator")
    dismissed = build_state(timezone.now()).mailboxes[ALICE]
    assert (dismissed.generation, dismissed.confirmed) == (2, True)


def test_it_watches_where_somebody_waits(incident: Incident) -> None:
    now = timezone.now()
    note_waiting(SenderDeferred(now.timestamp(), ALICE, "s@outside.test", ALICE, "192.0.2.1", "sender"))
    assert build_state(now).watched == (ALICE,)


def test_it_carries_modes_and_protected_contacts(two_tenants: None) -> None:
    DomainMode.objects.create(domain="ours.test", mode="observe")
    state = build_state(timezone.now())
    assert state.modes == {"ours.test": "observe"}
    assert state.protected == ("boss@outside.test", "chief@outside.test")


def test_it_names_cases_of_the_suspended_only_where_clients_are_told(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions.restrict("bob@ours.test", "x", "operator", 7)
    assert {row.case for row in build_state(timezone.now()).mailboxes.values()} == {""}
    guard = msgspec.structs.replace(settings().guard, reason_text="case {case}")
    monkeypatch.setattr(state_room, "settings", lambda: msgspec.structs.replace(settings(), guard=guard))
    found = build_state(timezone.now()).mailboxes
    assert (found[ALICE].case, found["bob@ours.test"].case) == (case_number(incident), "")
