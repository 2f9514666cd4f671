from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sekisho.impact import disclosures
from sekisho.incidents.models import Audit, Incident

pytestmark = pytest.mark.django_db(databases=["default", "site"])
WHY = "お客様から宛先の確認を依頼されたため"


@pytest.fixture
def account(db) -> User:
    return User.objects.create(username="kanri")


def test_a_reason_opens_one_incident_for_one_account_for_an_hour(incident: Incident, account):
    now = timezone.now()
    other = Incident.objects.create(
        mailbox="carol@theirs.test", domain="theirs.test", generation=0, cause="operator", action="suspend",
        first_risk_at=now, detected_at=now,
    )  # fmt: skip
    disclosures.unmask(incident, account, "reason", f"  {WHY}\n", now)
    assert disclosures.open_for(incident, account.pk, now) is not None
    assert disclosures.open_for(incident, account.pk + 1, now) is None
    assert disclosures.open_for(other, account.pk, now) is None
    assert disclosures.open_for(incident, account.pk, now + timedelta(minutes=60)) is None
    row = Audit.objects.get(verb="impact_unmasked")
    assert (row.details["reason"], row.account_id) == (WHY, account.pk)


@pytest.mark.parametrize("text", ["", "見たい", "x" * 1001, " \n \t "])
def test_without_a_reason_that_can_be_judged_nothing_opens(incident: Incident, account, text):
    with pytest.raises(disclosures.NoReason):
        disclosures.unmask(incident, account, "reason", text, timezone.now())
    assert not Audit.objects.filter(verb="impact_unmasked").exists()


def test_it_can_be_ended_before_its_time(incident: Incident, account):
    now = timezone.now()
    disclosures.unmask(incident, account, "legal", WHY, now)
    disclosures.mask_again(incident, account, now + timedelta(seconds=1))
    assert disclosures.open_for(incident, account.pk, now + timedelta(seconds=2)) is None
    assert Audit.objects.filter(verb="impact_masked").count() == 1


def test_a_package_on_a_legal_basis_needs_it_in_words_and_the_owners_does_not(incident: Incident, account):
    with pytest.raises(disclosures.NoReason):
        disclosures.note_package(incident, "legal", "", "operator", timezone.now(), account)
    disclosures.note_package(incident, "owner", "", "owner (paper)", timezone.now())
    assert Audit.objects.get(verb="evidence_package").details["basis"] == "owner"
