"""Who sees what. The cast: the domain's admin, his colleague, a stranger, the operator."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404

from sekisho.directory import access, provision
from sekisho.directory.models import Role
from sekisho.incidents.access import access_incident, accessible_audit, accessible_incidents
from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Incident

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def cast(two_tenants: None) -> dict[str, User]:
    """Accounts: admin (of ours.test), colleague (same domain), stranger (theirs.test), operator, nobody (no role)."""
    nobody = User.objects.create_user("nobody")
    return {
        "admin": provision.add_admin("admin", "x", domains=["ours.test"]),
        "colleague": provision.add_admin("colleague", "x", domains=["ours.test"]),
        "stranger": provision.add_admin("stranger", "x", domains=["theirs.test"]),
        "operator": provision.add_admin("operator", "x", operator=True),
        "nobody": nobody,
    }


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("admin", ["ours.test"]),
        ("colleague", ["ours.test"]),
        ("stranger", ["theirs.test"]),
        ("operator", ["alias.test", "ours.test", "theirs.test"]),
        ("nobody", []),
    ],
)
def test_each_account_sees_its_own_domains_only(cast: dict[str, User], who: str, seen: list[str]) -> None:
    assert access.accessible_domains(cast[who]) == seen


def test_a_mailbox_of_the_own_domain_is_found_in_any_case(cast: dict[str, User]) -> None:
    assert access.access_mailbox(cast["admin"], "Alice@OURS.test").username == "alice@ours.test"


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_a_foreign_mailbox_and_a_missing_one_look_the_same(cast: dict[str, User], who: str) -> None:
    with pytest.raises(access.NotFound):
        access.access_mailbox(cast[who], "alice@ours.test")
    with pytest.raises(access.NotFound):
        access.access_mailbox(cast[who], "missing@ours.test")
    with pytest.raises(access.NotFound):
        access.access_domain(cast[who], "ours.test")


def test_not_found_is_a_404_for_django() -> None:
    assert issubclass(access.NotFound, Http404)


def test_an_anonymous_visitor_sees_nothing(cast: dict[str, User]) -> None:
    assert access.accessible_domains(AnonymousUser()) == []
    assert not access.is_operator(AnonymousUser())


def test_a_locked_account_sees_nothing(cast: dict[str, User]) -> None:
    cast["operator"].is_active = False
    assert access.accessible_domains(cast["operator"]) == []


def test_djangos_superuser_flag_opens_nothing(cast: dict[str, User]) -> None:
    cast["nobody"].is_superuser = True
    assert not access.is_operator(cast["nobody"])
    assert access.accessible_domains(cast["nobody"]) == []


def test_an_operators_role_with_a_domain_admins_name_is_needed_for_everything(cast: dict[str, User]) -> None:
    Role.objects.filter(account=cast["operator"]).delete()
    assert access.accessible_domains(cast["operator"]) == []


def test_a_role_for_a_domain_that_is_gone_opens_nothing(cast: dict[str, User]) -> None:
    Role.objects.create(account=cast["nobody"], role=Role.DOMAIN_ADMIN, domain="gone.test")
    with pytest.raises(access.NotFound):
        access.access_domain(cast["nobody"], "gone.test")


def test_incidents_and_audit_follow_the_domain(cast: dict[str, User], incident: Incident) -> None:
    write_audit("x", "looked", "alice@ours.test", {})
    assert access_incident(cast["admin"], incident.pk) == incident
    assert accessible_audit(cast["colleague"]).filter(verb="looked").exists()
    assert list(accessible_incidents(cast["operator"])) == [incident]
    assert list(accessible_incidents(cast["stranger"])) == []
    assert accessible_audit(cast["stranger"]).count() == 0
    with pytest.raises(access.NotFound):
        access_incident(cast["stranger"], incident.pk)
    with pytest.raises(access.NotFound):
        access_incident(cast["operator"], incident.pk + 1)
