"""What the worker does for recovery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from sekisho.directory.models import SiteMailbox
from sekisho.recovery import requests
from sekisho.recovery.duties import Duties
from sekisho.recovery.models import OwnerContact, RecoveryRequest

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_it_answers_at_each_turn_and_looks_at_the_site_and_tidies_up_hourly(two_tenants: None) -> None:
    now = timezone.now()
    rows = SiteMailbox.objects.filter(username="alice@ours.test")
    rows.update(email_other="alice@outside.test", modified=now)
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(seconds=1))
    duties = Duties()
    requests.ask("alice@ours.test", None, now - timedelta(days=3))
    duties(now)
    assert OwnerContact.objects.count() == 1
    assert not Session.objects.exists() and not RecoveryRequest.objects.exists()

    rows.update(email_other="")
    requests.ask("alice@ours.test", None, now)
    duties(now + timedelta(minutes=59))
    assert RecoveryRequest.objects.get().state == "nothing"
    assert OwnerContact.objects.filter(removed_at=None).count() == 1
    duties(now + timedelta(minutes=61))
    assert not OwnerContact.objects.filter(removed_at=None).exists()
