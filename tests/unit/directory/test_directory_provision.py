from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from sekisho.directory import provision
from sekisho.directory.models import (
    Contact,
    MailHost,
    Role,
    SiteAdmin,
    SiteAlias,
    SiteAliasDomain,
    SiteDomain,
    SiteDomainAdmin,
    SiteMailbox,
)
from sekisho.directory.passwords import verify_password

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_mailbox_has_its_row_its_alias_and_its_maildir(two_tenants: None) -> None:
    site = SiteMailbox.objects.get(username="alice@ours.test")
    assert (site.maildir, site.local_part, site.domain, site.active) == ("ours.test/alice/", "alice", "ours.test", True)
    assert verify_password("first password of alice@ours.test", site.password)
    assert SiteAlias.objects.get(address="alice@ours.test").goto == "alice@ours.test"


def test_a_domain_keeps_its_server_name_and_contact(two_tenants: None) -> None:
    assert MailHost.objects.get(domain="ours.test").server_name == "mx01.provider.test"
    assert Contact.objects.get(domain="theirs.test").language == "en"


def test_an_alias_domain_is_a_domain_with_a_target(two_tenants: None) -> None:
    assert SiteDomain.objects.filter(domain="alias.test").exists()
    assert SiteAliasDomain.objects.get(alias_domain="alias.test").target_domain == "ours.test"


@pytest.mark.parametrize(
    "address",
    [
        "alice@ours.test",
        "new@nowhere.test",
        "new@alias.test",
        "a/../b@ours.test",
        "a+b@ours.test",
        "two words@ours.test",
        "nodomain",
        "@ours.test",
        "x" * 65 + "@ours.test",
        "dot.@ours.test",
        "a\n@ours.test",
    ],
)
def test_it_refuses_a_mailbox_that_cannot_be(two_tenants: None, address: str) -> None:
    before = SiteMailbox.objects.count(), SiteAlias.objects.count()
    with pytest.raises(provision.ProvisionError):
        provision.add_mailbox(address, "a password")
    assert (SiteMailbox.objects.count(), SiteAlias.objects.count()) == before


def test_it_refuses_an_empty_password(two_tenants: None) -> None:
    with pytest.raises(provision.ProvisionError):
        provision.add_mailbox("new@ours.test", "")


@pytest.mark.parametrize("domain", ["ours.test", "alias.test", "no_domain", "-x.test", "single", "a..test", ""])
def test_it_refuses_a_domain_that_cannot_be(two_tenants: None, domain: str) -> None:
    with pytest.raises(provision.ProvisionError):
        provision.add_domain(domain)


@pytest.mark.parametrize(
    ("alias_domain", "target"),
    [("ours.test", "ours.test"), ("other.test", "alias.test"), ("theirs.test", "ours.test"), ("x.test", "gone.test")],
)
def test_it_refuses_alias_domains_in_a_row_and_over_mailboxes(
    two_tenants: None, alias_domain: str, target: str
) -> None:
    with pytest.raises(provision.ProvisionError):
        provision.add_alias_domain(alias_domain, target)


def test_an_alias_and_a_catch_all_lead_where_they_should(two_tenants: None) -> None:
    assert provision.add_alias("Sales@ours.test", ["alice@ours.test", "x@outside.test"]).goto == (
        "alice@ours.test,x@outside.test"
    )
    assert provision.add_alias("@ours.test", ["bob@ours.test"]).address == "@ours.test"
    with pytest.raises(provision.ProvisionError):
        provision.add_alias("sales@ours.test", ["bob@ours.test"])
    with pytest.raises(provision.ProvisionError):
        provision.add_alias("more@ours.test", ["a@x.test,b@x.test"])


def test_a_domain_admin_signs_in_here_and_in_postfixadmin(two_tenants: None) -> None:
    account = provision.add_admin("boss@ours.test", "panel password", domains=["ours.test"])
    assert account.check_password("panel password")
    assert Role.objects.get(account=account).domain == "ours.test"
    assert verify_password("panel password", SiteAdmin.objects.get(username="boss@ours.test").password)
    assert SiteDomainAdmin.objects.filter(username="boss@ours.test", domain="ours.test").count() == 1


def test_adding_an_admin_again_adds_domains_and_changes_the_password(two_tenants: None) -> None:
    provision.add_admin("boss@ours.test", "one", domains=["ours.test"])
    account = provision.add_admin("boss@ours.test", "two", domains=["ours.test", "theirs.test"])
    assert account.check_password("two")
    assert User.objects.count() == 1
    assert Role.objects.count() == 2
    assert SiteDomainAdmin.objects.filter(username="boss@ours.test").count() == 2
    assert verify_password("two", SiteAdmin.objects.get(username="boss@ours.test").password)


def test_an_operator_is_no_postfixadmin_admin(two_tenants: None) -> None:
    provision.add_admin("root@ours.test", "x", operator=True)
    assert not SiteAdmin.objects.exists()


def test_an_admin_needs_something_to_administer(two_tenants: None) -> None:
    with pytest.raises(provision.ProvisionError):
        provision.add_admin("boss", "x")
    with pytest.raises(provision.ProvisionError):
        provision.add_admin("boss", "x", domains=["gone.test"])
    assert not User.objects.filter(username="boss").exists()
