"""Hardening advice: each item is done when a row says so, and open again when the row is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sekisho.directory.models import Contact, DomainMode, SiteMailbox
from sekisho.incidents.models import AppPassword, Incident, PlantedItem, SignIn
from sekisho.recovery import hardening
from sekisho.recovery.hardening import Item
from sekisho.recovery.models import OwnerContact, OwnerFactor

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE, BOB = "alice@ours.test", "bob@ours.test"
NOW = timezone.now()
OLD = NOW - timedelta(days=40)


@pytest.fixture(autouse=True)
def old_mailboxes(two_tenants: None) -> None:
    SiteMailbox.objects.update(created=NOW - timedelta(days=400))


def items(mailbox: str = ALICE) -> dict[str, Item]:
    return {item.name: item for item in hardening.of_mailbox(SiteMailbox.objects.get(username=mailbox), NOW)}


def test_a_mailbox_that_was_never_taken_over_has_no_items_about_a_takeover() -> None:
    found = items()
    assert set(found) == {"app_passwords", "contact", "second_factor", "no_pop3", "strong_scheme"}
    assert {name for name, item in found.items() if item.is_done} == {"no_pop3", "strong_scheme"}


def test_after_a_takeover_the_password_and_each_planted_setting_count(incident: Incident) -> None:
    assert not items()["new_password"].is_done and items()["settings_gone"].is_done
    planted = PlantedItem.objects.create(
        incident=incident, host="mx", kind="forward", key="k", state="frozen", found_at=NOW
    )
    assert not items()["settings_gone"].is_done
    for state in ("to_delete", "listed"):
        PlantedItem.objects.filter(pk=planted.pk).update(state=state)
        assert not items()["settings_gone"].is_done, state
    PlantedItem.objects.filter(pk=planted.pk).update(state="deleted", decided_at=NOW)
    Incident.objects.update(recovered_at=NOW)
    found = items()
    assert (found["settings_gone"].is_done, found["settings_gone"].at) == (True, NOW)
    assert (found["new_password"].is_done, found["new_password"].at) == (True, NOW)
    Incident.objects.update(phase="dismissed")
    assert "new_password" not in items()


def test_an_app_password_counts_when_a_device_came_in_with_it() -> None:
    row = AppPassword.objects.create(
        mailbox=ALICE, name="phone", scope="imap", selector="abc", verifier="x", created_at=OLD, created_by=ALICE,
        mailbox_made_at=SiteMailbox.objects.get(username=ALICE).created,
    )  # fmt: skip
    assert not items()["app_passwords"].is_done
    AppPassword.objects.filter(pk=row.pk).update(last_used_at=NOW)
    assert (items()["app_passwords"].is_done, items()["app_passwords"].at) == (True, NOW)
    AppPassword.objects.filter(pk=row.pk).update(disabled_at=NOW)
    assert not items()["app_passwords"].is_done


def test_a_contact_and_a_factor_count_while_they_are_enrolled() -> None:
    OwnerContact.objects.create(mailbox=ALICE, address="a@far.test", source="owner", enrolled_at=OLD, enrolled_by=ALICE)
    OwnerFactor.objects.create(mailbox=ALICE, kind="app", name="x", secret="x", enrolled_at=OLD, enrolled_by=ALICE)
    found = items()
    assert found["contact"].at == found["second_factor"].at == OLD
    assert not items(BOB)["contact"].is_done and not items(BOB)["second_factor"].is_done
    OwnerContact.objects.update(removed_at=NOW)
    OwnerFactor.objects.update(removed_at=NOW)
    assert not items()["contact"].is_done and not items()["second_factor"].is_done


def test_pop3_counts_for_thirty_days_and_failed_tries_do_not() -> None:
    SignIn.objects.create(mailbox=ALICE, at=NOW, success=False, protocol="pop3", ip="192.0.2.1")
    assert items()["no_pop3"].is_done
    SignIn.objects.create(mailbox=ALICE, at=OLD, success=True, protocol="pop3", ip="192.0.2.1")
    assert items()["no_pop3"].is_done
    SignIn.objects.create(mailbox=ALICE, at=NOW, success=True, protocol="pop3", ip="192.0.2.1")
    assert (items()["no_pop3"].is_done, items()["no_pop3"].at) == (False, NOW)


@pytest.mark.parametrize("stored", ["{PLAIN}x", "{MD5-CRYPT}$1$abc$defghijklmnop", "$1$abc$def", "{SSHA}abcd", ""])
def test_an_old_form_of_the_password_is_open(stored: str) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password=stored)
    assert not items()["strong_scheme"].is_done and items(BOB)["strong_scheme"].is_done


def test_a_domain_says_how_many_mailboxes_are_left() -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password="{SSHA}abcd")
    OwnerContact.objects.create(mailbox=BOB, address="b@far.test", source="owner", enrolled_at=OLD, enrolled_by=BOB)
    DomainMode.objects.create(domain="ours.test", mode="enforce")
    found = {item.name: item for item in hardening.of_domain("ours.test")}
    assert (found["strong_schemes"].left, found["strong_schemes"].total) == (1, 2)
    assert (found["contacts"].left, found["second_factor"].left) == (1, 2)
    assert found["enforced"].is_done and found["domain_contact"].is_done
    Contact.objects.filter(domain="ours.test").delete()
    DomainMode.objects.update(mode="observe")
    found = {item.name: item for item in hardening.of_domain("ours.test")}
    assert not found["enforced"].is_done and not found["domain_contact"].is_done
