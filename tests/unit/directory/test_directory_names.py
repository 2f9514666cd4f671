from __future__ import annotations

import pytest

from sekisho.directory import names
from sekisho.directory.models import SiteAliasDomain

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_login_names_are_the_address_and_its_form_in_each_alias_domain(two_tenants: None) -> None:
    assert names.login_names("alice@ours.test") == ["alice@ours.test", "alice@alias.test"]
    assert names.login_names("carol@theirs.test") == ["carol@theirs.test"]


def test_an_alias_domain_that_is_switched_off_stays_a_name(two_tenants: None) -> None:
    SiteAliasDomain.objects.update(active=False)
    assert names.login_names("alice@ours.test") == ["alice@ours.test", "alice@alias.test"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Alice@Ours.Test", "alice@ours.test"),
        ("alice+shop@ours.test", "alice@ours.test"),
        ("ALICE@alias.test", "alice@ours.test"),
        ("alice@elsewhere.test", "alice@elsewhere.test"),
        ("alice", None),
    ],
)
def test_every_form_leads_to_the_mailbox(two_tenants: None, written: str, meant: str | None) -> None:
    assert names.canonical(written) == meant
