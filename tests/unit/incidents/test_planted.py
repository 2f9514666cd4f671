"""What was planted: told from the owner's own settings, switched off, kept or deleted, given back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.found import FoundSetting
from sekisho.directory.models import SiteAlias, SiteFetchmail, SiteVacation
from sekisho.incidents import decisions, planted, setting_looks
from sekisho.incidents.models import Audit, Incident, KnownSetting, Notice, Order, PlantedItem
from sekisho.incidents.notice_texts import compose

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
OWN, THIEF = "alice.private@home.test", "thief@dropbox.test"


def forward_to(*targets: str, address: str = ALICE) -> None:
    SiteAlias.objects.update_or_create(
        address=address, defaults={"goto": ",".join(targets), "domain": address.rpartition("@")[2]}
    )


def goto(address: str = ALICE) -> list[str]:
    return SiteAlias.objects.get(address=address).goto.split(",")


def script(name: str = "rules", text: str = "1", active: bool = True, **what: Any) -> FoundSetting:
    effects = {"targets": [], "discards": False, "folders": [], "vacation": False} | what
    return FoundSetting(ALICE, "script", (ALICE, name, text), {"script": name, "active": active, **effects})


@pytest.fixture
def incident(two_tenants: None) -> Incident:
    return decisions.suspend(ALICE, "spam", "operator")


def look(incident: Incident, hours: float = -2, *scripts: FoundSetting) -> None:
    """A look so many hours from the first sign."""
    at = incident.first_risk_at + timedelta(hours=hours)
    setting_looks.look_at_tables(at)
    setting_looks.note_scripts(ALICE, scripts, at)


def freeze(incident: Incident, *scripts: FoundSetting, now: datetime | None = None) -> planted.Frozen:
    found = planted.freeze(ALICE, incident.generation, None, scripts, settings().host, now or timezone.now())
    assert found is not None
    return found


def items(incident: Incident) -> dict[str, str]:
    return {planted.name_of(item): item.state for item in incident.planted.all()}


def item(incident: Incident, name: str) -> PlantedItem:
    return next(found for found in incident.planted.all() if planted.name_of(found) == name)


def test_only_the_new_target_of_a_forward_is_taken_out(incident: Incident) -> None:
    forward_to(ALICE, OWN, "bob@ours.test")
    look(incident)
    forward_to(ALICE, OWN, "bob@ours.test", THIEF)
    assert freeze(incident).switched
    assert goto() == [ALICE, OWN, "bob@ours.test"]
    assert planted.confirm_off(ALICE, 0, "") == planted.Tally(1, 0, 0, 0)
    assert items(incident) == {THIEF: "frozen"}
    assert not freeze(incident).switched
    assert item(incident, THIEF).absent_at == incident.first_risk_at - timedelta(hours=2)


def test_a_forward_that_left_no_copy_leaves_the_mail_in_the_mailbox(incident: Incident) -> None:
    look(incident)
    forward_to(THIEF)
    freeze(incident)
    assert goto() == [ALICE]
    planted.confirm_off(ALICE, 0, "")
    planted.decide(item(incident, THIEF), True, "operator")
    assert planted.carry_out(settings().host) == []
    assert goto() == [THIEF]


def test_without_a_look_a_forward_is_of_unknown_age_and_switched_off_all_the_same(incident: Incident) -> None:
    forward_to(ALICE, OWN)
    freeze(incident)
    assert goto() == [ALICE]
    assert planted.confirm_off(ALICE, 0, "").unknown_age == 1
    assert planted.planted_facts(incident)[0]["age_unknown"]


def test_what_a_look_after_the_first_sign_saw_is_not_the_owners(incident: Incident) -> None:
    look(incident)
    forward_to(ALICE, THIEF)
    look(incident, 0.5)
    freeze(incident)
    assert items(incident) == {THIEF: "found"}
    assert item(incident, THIEF).known_since == incident.first_risk_at + timedelta(hours=0.5)


def test_a_setting_that_was_away_and_came_back_is_new(incident: Incident) -> None:
    forward_to(ALICE, OWN)
    look(incident, -72)
    forward_to(ALICE)
    look(incident, -48)
    forward_to(ALICE, OWN)
    freeze(incident)
    assert items(incident) == {OWN: "found"}
    # Also where a look saw it come back, from then on.
    forward_to(ALICE, OWN)
    look(incident, -24)
    back = KnownSetting.objects.get(mailbox=ALICE, kind="forward").first_seen
    assert back == incident.first_risk_at - timedelta(hours=24)


def test_vacation_and_fetchmail_are_switched_off_when_a_look_had_not_seen_them(incident: Incident) -> None:
    look(incident)
    with connections["site"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO vacation (email, subject, body, domain)"
            " VALUES (%s, 'Pay here', 'http://evil.test/', 'ours.test')",
            [ALICE],
        )
        cursor.execute(
            "INSERT INTO fetchmail (mailbox, src_server, src_user, src_password, src_folder, active)"
            " VALUES (%s, 'imap.dropbox.test', 'thief', 'secret-of-his', '', 1)",
            [ALICE],
        )
    # Seen by a look, but after the first sign.
    setting_looks.look_at_tables(timezone.now())
    freeze(incident)
    assert planted.confirm_off(ALICE, 0, "").frozen == 2
    assert not SiteVacation.objects.filter(active=True).exists()
    assert not SiteFetchmail.objects.filter(active=True).exists()
    assert KnownSetting.objects.filter(kind="vacation", what__subject="Pay here").exists()
    assert "evil.test" not in str(list(KnownSetting.objects.values()))
    assert "secret-of-his" not in str(list(incident.planted.values()))
    for found in incident.planted.all():
        planted.decide(found, planted.name_of(found) == "Pay here", "operator")
    planted.carry_out(settings().host)
    assert SiteVacation.objects.get(email=ALICE).active
    assert not SiteFetchmail.objects.exists()
    assert items(incident) == {"imap.dropbox.test": "deleted", "Pay here": "kept"}


def test_a_catch_all_that_leads_outside_is_listed_and_left_alone(incident: Incident) -> None:
    look(incident)
    forward_to(THIEF, address="@ours.test")
    freeze(incident)
    assert goto("@ours.test") == [THIEF]
    assert items(incident) == {THIEF: "listed"}


def test_scripts_are_judged_by_what_they_do_and_what_was_there(incident: Incident) -> None:
    own = script("own", targets=[OWN])
    look(incident, -2, own, script("holiday", active=False, targets=[OWN]))
    frozen = freeze(
        incident,
        own,
        script("rules", discards=True, active=False),
        script("sorter", folders=["Hidden"]),
        script("idle", folders=["Lists"], active=False),
        # Known, but it was not the active one.
        script("holiday", targets=[OWN]),
    )
    assert frozen == planted.Frozen(("holiday", "rules", "sorter"), ("own", "idle"))
    assert planted.confirm_off(ALICE, 0, "sorter").pending == 1
    assert planted.confirm_off(ALICE, 0, "") == planted.Tally(3, 0, 0, 0)


def test_the_owners_script_that_the_intruder_replaced_is_named(incident: Incident) -> None:
    own, idle = script("own", folders=["Lists"]), script("own", folders=["Lists"], active=False)
    look(incident, -2, own)
    hide = script("hide", targets=[THIEF])
    assert freeze(incident, idle, hide) == planted.Frozen(("hide",), ("own",), "own")
    # A look after the replacement tells since when.
    look(incident, 0.1, idle, hide)
    assert freeze(incident, idle, hide).was_active == "own"
    assert freeze(incident, own, hide) == planted.Frozen(("hide",), ("own",))


def test_a_script_the_owner_had_switched_off_before_stays_off(incident: Incident) -> None:
    look(incident, -9, script("own", folders=["Lists"]))
    idle = script("own", folders=["Lists"], active=False)
    look(incident, -5, idle)
    look(incident, -2, idle)
    assert freeze(incident, idle) == planted.Frozen((), ("own",))
    assert freeze(incident, script("own", folders=["Lists"])).planted == ("own",)


def test_a_script_that_nobody_looked_at_is_not_taken_for_off(incident: Incident) -> None:
    freeze(incident, script(targets=[THIEF]))
    assert planted.confirm_off(ALICE, 0, None).pending == 1
    assert planted.confirm_off(ALICE, 0, "").pending == 0


def test_a_script_rewritten_under_its_old_name_is_new(incident: Incident) -> None:
    look(incident, -2, script(text="1", targets=[OWN]))
    assert freeze(incident, script(text="2", targets=[OWN, THIEF])).planted == ("rules",)


def test_without_a_look_rules_that_only_sort_are_left_to_the_owner(incident: Incident) -> None:
    assert freeze(incident, script(folders=["Lists"], vacation=True)).owners == ("rules",)
    assert freeze(incident, script("away", targets=[OWN])).planted == ("away",)


def test_a_decision_is_audited_ordered_from_the_finders_host_and_final(incident: Incident) -> None:
    look(incident)
    forward_to(ALICE, THIEF)
    freeze(incident)
    planted.confirm_off(ALICE, 0, "")
    planted.decide(item(incident, THIEF), False, "kanri")
    order = Order.objects.get(kind="planted")
    assert (order.host, order.state, order.incident) == (settings().host, "open", incident)
    assert Audit.objects.get(verb="delete_setting").actor == "kanri"
    with pytest.raises(decisions.NotAllowed):
        planted.decide(item(incident, THIEF), True, "kanri")
    planted.carry_out(settings().host)
    assert items(incident) == {THIEF: "deleted"}
    # An order that nobody finished is not lost when the mailbox is opened meanwhile.
    decisions.reinstate(ALICE, "operator")
    order.refresh_from_db()
    assert order.state == "open"


def test_what_was_kept_stays_and_what_was_deleted_is_found_again(incident: Incident) -> None:
    look(incident)
    forward_to(ALICE, OWN, THIEF)
    freeze(incident)
    planted.confirm_off(ALICE, 0, "")
    planted.decide(item(incident, OWN), True, "kanri")
    planted.decide(item(incident, THIEF), False, "kanri")
    planted.carry_out(settings().host)
    forward_to(*goto(), THIEF)
    freeze(incident)
    assert goto() == [ALICE, OWN]
    assert items(incident) == {OWN: "kept", THIEF: "found"}


def test_a_dismissal_gives_all_back_but_what_a_person_deleted(incident: Incident) -> None:
    look(incident)
    forward_to(ALICE, OWN, THIEF)
    freeze(incident)
    planted.confirm_off(ALICE, 0, "")
    planted.decide(item(incident, THIEF), False, "kanri")
    planted.carry_out(settings().host)
    assert planted.give_back(ALICE, 0, timezone.now()) == 1
    assert goto() == [ALICE, OWN]


def test_what_was_kept_in_an_earlier_incident_is_not_asked_about_again(incident: Incident) -> None:
    look(incident)
    forward_to(ALICE, OWN)
    freeze(incident)
    planted.confirm_off(ALICE, 0, "")
    planted.decide(item(incident, OWN), True, "kanri")
    planted.carry_out(settings().host)
    decisions.reinstate(ALICE, "operator")
    forward_to(ALICE, OWN, THIEF)
    relapse = decisions.suspend(ALICE, "again", "operator")
    freeze(relapse)
    assert goto() == [ALICE, OWN]
    assert items(relapse) == {THIEF: "found"}


def test_on_probation_a_new_forward_is_switched_off_and_asked_about(incident: Incident) -> None:
    forward_to(ALICE, OWN)
    look(incident)
    decisions.reinstate(ALICE, "operator")
    [(mailbox, since)] = planted.on_probation()
    assert mailbox == ALICE
    forward_to(ALICE, OWN, THIEF)
    opened = datetime.fromtimestamp(since, timezone.get_current_timezone())
    planted.freeze(ALICE, None, opened, [], settings().host, timezone.now())
    assert goto() == [ALICE, OWN]
    assert item(incident, THIEF).after_release
    notice = Notice.objects.get(incident=incident, kind="planted")
    subject, body = compose(notice)
    assert ALICE in subject
    assert "残す" in body
    assert THIEF not in body


def test_a_schema_without_vacation_and_fetchmail_has_none(incident: Incident) -> None:
    with connections["site"].cursor() as cursor:
        cursor.execute("ALTER TABLE vacation RENAME TO vacation_gone")
        cursor.execute("ALTER TABLE fetchmail RENAME COLUMN active TO enabled")
    forward_to(ALICE, THIEF)
    freeze(incident)
    assert goto() == [ALICE]
    setting_looks.look_at_tables(timezone.now())
