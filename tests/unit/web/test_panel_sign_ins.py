"""The login history of a mailbox in the panel: for its people, with words for places and programs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from casting import BYSTANDER
from sekisho.incidents.models import NetworkOwner, SignIn

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def row(ip: str, success: bool = True, **more: object) -> SignIn:
    at = timezone.now() - timedelta(hours=3)
    return SignIn.objects.create(mailbox=BYSTANDER, at=at, success=success, protocol="imap", ip=ip, **more)


@pytest.mark.parametrize("who,code", [("operator", 200), ("owner", 200), ("stranger", 404)])
def test_the_history_is_there_for_the_mailboxs_people_only(who, code, cast, sign_in):
    row("198.18.40.7")
    assert sign_in(who).get(reverse("sign_ins", args=[BYSTANDER])).status_code == code


def test_it_names_country_network_program_and_password(cast, sign_in):
    NetworkOwner.objects.create(asn=64500, name="Sakura Network")
    row("198.18.40.7", country="JP", asn=64500, device='"name" "iPhone Mail"', count=7)
    row("203.0.113.9", success=False, count=12)
    text = sign_in("owner").get(reverse("sign_ins", args=[BYSTANDER])).content.decode()
    for word in ("Japan", "Sakura Network", "198.18.40.7", "iPhone Mail", "Receiving (IMAP)", "the mailbox&#x27;s own"):
        assert word in text.replace("mailbox's own", "mailbox&#x27;s own"), word
    assert "203.0.113.9" not in text and "12 failed tries" in text
    failed = sign_in("owner").get(reverse("sign_ins", args=[BYSTANDER]) + "?show=failed").content.decode()
    assert "203.0.113.9" in failed and "198.18.40.7" not in failed


def test_an_empty_history_says_so(cast, sign_in):
    assert "There is none yet." in sign_in("owner").get(reverse("sign_ins", args=[BYSTANDER])).content.decode()
