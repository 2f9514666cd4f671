"""Two tenants and an incident, for the rooms that live in the databases."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_address_data_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Debian's packages happen to have brought must not decide a test."""
    monkeypatch.setattr("sekisho.guard.address_sources.KNOWN_FILES", ())


@pytest.fixture
def two_tenants(db: None) -> None:
    """ours.test (alice, bob; alias domain alias.test; contact outside) and theirs.test (carol)."""
    from sekisho.directory import models, provision

    # Tests with transactions of their own leave the site's tables as they are: Django does not manage them.
    for table in (models.SiteDomain, models.SiteAliasDomain, models.SiteAlias, models.SiteMailbox):
        table.objects.all().delete()
    provision.add_domain("ours.test", server_name="mx01.provider.test", contact="boss@outside.test")
    provision.add_alias_domain("alias.test", "ours.test")
    provision.add_domain("theirs.test", contact="chief@outside.test", language="en")
    for address in ("alice@ours.test", "bob@ours.test", "carol@theirs.test"):
        provision.add_mailbox(address, f"first password of {address}")


@pytest.fixture
def incident(two_tenants: None):  # type: ignore[no-untyped-def]
    """alice@ours.test, suspended by an operator."""
    from sekisho.incidents import decisions

    return decisions.suspend("alice@ours.test", "spam complaints", "operator")
