"""A password set in PostfixAdmin: a recovery by an administrator's edit only, else a question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from sekisho.directory.models import SiteAdmin, SiteAlias, SiteDomainAdmin, SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents import decisions
from sekisho.incidents.models import BurnedPassword, Incident
from sekisho.recovery import site_edits
from sekisho.recovery.models import SiteWatch

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, BOSS = "alice@ours.test", "boss@ours.test"
NEW = hash_password("kT9-vmQ4-xuZ7-rpL2-hdW8", "SHA512-CRYPT")


@pytest.fixture
def look(incident: Incident) -> Callable[[], None]:
    """A look, three seconds after the one before; the first has been."""
    SiteAdmin.objects.create(username=BOSS, password="x")
    SiteDomainAdmin.objects.create(username=BOSS, domain="ours.test")
    watch, at = site_edits.SiteEdits(), timezone.now()

    def again() -> None:
        nonlocal at
        at += site_edits.EVERY
        watch(at)

    again()
    return again


def edit(who: str = BOSS, password: str = "", what: str = ALICE, action: str = "edit_mailbox") -> None:
    """What PostfixAdmin writes when somebody saves the form there."""
    now = timezone.now()
    changed: dict[str, object] = {"modified": now, "active": True}
    if password:
        changed |= {"password": password, "password_expiry": now + timedelta(days=365)}
    SiteMailbox.objects.filter(username=what).update(**changed)
    with connections["site"].cursor() as cursor:
        row = [f"{who} (192.0.2.7)", "ours.test", action, what]
        cursor.execute("INSERT INTO log (username, domain, action, data) VALUES (%s, %s, %s, %s)", row)


def status() -> str:
    return decisions.current_status(ALICE).status


def state() -> str:
    return SiteWatch.objects.get(mailbox=ALICE).state


def test_active_alone_opens_nothing_and_asks_nothing(look: Callable[[], None]) -> None:
    edit()
    look()
    assert (status(), state()) == ("suspended", "watching")


def test_an_administrators_new_password_is_a_recovery(look: Callable[[], None]) -> None:
    edit(password=NEW)
    look()
    look()
    assert status() == "probation"
    look()
    assert not SiteWatch.objects.exists()


@pytest.mark.parametrize("who", [ALICE, "stranger@theirs.test", "boss@theirs.test"])
def test_nobody_elses_is(look: Callable[[], None], who: str) -> None:
    edit(who, NEW)
    look()
    assert state() == "noticed"
    look()
    assert (status(), state()) == ("suspended", "asked")


def test_a_suspended_administrator_counts_for_nobody(look: Callable[[], None]) -> None:
    SiteAdmin.objects.create(username="bob@ours.test", password="x", superadmin=True)
    decisions.suspend("bob@ours.test", "spam complaints", "operator")
    edit("bob@ours.test", NEW)
    look()
    look()
    assert (status(), state()) == ("suspended", "asked")


def test_a_password_by_another_way_and_a_click_are_no_edit(look: Callable[[], None]) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password=NEW)
    edit()
    look()
    look()
    assert (status(), state()) == ("suspended", "asked")


def test_a_click_while_the_hijacker_changes_it_as_the_owner_is_none(look: Callable[[], None]) -> None:
    edit()
    edit(ALICE, NEW, action="edit_password")
    look()
    look()
    assert (status(), state()) == ("suspended", "asked")


def test_the_burned_hash_put_back_is_none(look: Callable[[], None]) -> None:
    edit(password=hash_password("another one of somebody's", "SHA512-CRYPT"), who="stranger@theirs.test")
    look()
    edit(password=BurnedPassword.objects.filter(mailbox=ALICE, verifier__startswith="$").latest("at").verifier)
    look()
    look()
    assert status() == "suspended"


def test_a_person_answers_for_the_password_he_was_asked_about(look: Callable[[], None], incident: Incident) -> None:
    edit("stranger@theirs.test", NEW)
    look()
    assert site_edits.open_question(incident) is None
    look()
    asked = site_edits.open_question(incident)
    assert asked is not None
    with pytest.raises(decisions.NotAllowed):
        site_edits.answer(incident, "0" * 16, True, "operator")
    assert status() == "suspended"
    site_edits.answer(incident, asked.password_mark, True, "operator")
    assert status() == "probation"


def test_a_row_of_the_log_that_comes_after_the_password_counts(look: Callable[[], None]) -> None:
    later = timezone.now() + timedelta(days=365)
    SiteMailbox.objects.filter(username=ALICE).update(password=NEW, password_expiry=later)
    look()
    assert (status(), state()) == ("suspended", "noticed")
    edit()
    look()
    assert status() == "probation"


def test_the_mailboxs_own_alias_is_put_back_afterwards(look: Callable[[], None]) -> None:
    edit(password=NEW)
    SiteAlias.objects.filter(address=ALICE).update(active=False)
    for _ in range(3):
        look()
    assert SiteAlias.objects.get(address=ALICE).active
