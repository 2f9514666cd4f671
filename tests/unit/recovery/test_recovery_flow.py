from __future__ import annotations

import msgspec
import pytest
from django.db import OperationalError

from sekisho.directory.access import NotFound
from sekisho.directory.models import SiteDomain, SiteMailbox
from sekisho.directory.passwords import hash_password, verify_password
from sekisho.incidents import decisions
from sekisho.incidents.decisions import NotAllowed
from sekisho.incidents.models import Audit, BurnedPassword, Incident, MailboxStatus, Order
from sekisho.recovery import flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
OLD = f"first password of {ALICE}"
NEW = "kT9-vmQ4-xuZ7-rpL2-hdW8"
OTHER = "Wq3-bnT8-yeK5-jfM6-scG1"


def stored() -> str:
    return SiteMailbox.objects.get(username=ALICE).password


def status() -> str:
    return decisions.current_status(ALICE).status


def refused(password: str) -> list[str]:
    with pytest.raises(flow.PasswordRefused) as caught:
        flow.reinstate(ALICE, password, "operator")
    return [problem.code for problem in caught.value.problems]


def test_a_new_password_reinstates_and_is_the_sites(incident: Incident) -> None:
    orders = flow.reinstate(ALICE, NEW, "operator")
    assert [order.kind for order in orders] == ["release"]
    assert status() == "probation"
    assert verify_password(NEW, stored())
    assert not verify_password(OLD, stored())


def test_the_old_password_is_refused_and_the_mailbox_stays_shut(incident: Incident) -> None:
    before = stored()
    assert "old" in refused(OLD)
    assert status() == "suspended"
    assert stored() == before
    assert not Order.objects.filter(kind="release").exists()


def test_a_burned_password_stays_burned_over_a_second_incident(incident: Incident) -> None:
    flow.reinstate(ALICE, NEW, "operator")
    decisions.suspend(ALICE, "again", "operator")
    flow.reinstate(ALICE, OTHER, "operator")
    decisions.suspend(ALICE, "and again", "operator")
    assert "old" in refused(OLD)
    assert "old" in refused(NEW)
    assert "old" in refused(OTHER)


def test_a_burned_password_stays_burned_when_the_site_database_gets_a_foreign_one(incident: Incident) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password="$6$x$unknown")
    assert "old" in refused(OLD)


def test_a_burned_password_of_one_mailbox_is_free_for_another(incident: Incident) -> None:
    flow.reinstate(ALICE, NEW, "operator")
    decisions.suspend(ALICE, "again", "operator")
    decisions.suspend("bob@ours.test", "x", "operator")
    flow.reinstate("bob@ours.test", NEW, "operator")


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "fourteen-chars",
        "password1234567",
        "alice@ours.test",
        "aliceaalice2026",
        "rakutenrakuten1",
        " kT9-vmQ4-xuZ7-rpL2-hdW8",
        "kT9-vmQ4-xuZ7-rpL2-hdW8 ",
        "ｋT9-vmQ4-xuZ7-rpL2-hdW8",
        "kT9-vmQ4-\txuZ7-rpL2-hdW8",
    ],
)
def test_a_weak_or_spoilt_password_is_refused_with_the_reason(incident: Incident, weak: str) -> None:
    with pytest.raises(flow.PasswordRefused) as caught:
        flow.reinstate(ALICE, weak, "operator")
    assert all(problem.ja and problem.en for problem in caught.value.problems)
    assert status() == "suspended"


@pytest.mark.parametrize("length", [15, 64, 128])
def test_long_enough_is_long_enough(incident: Incident, length: int) -> None:
    password = (NEW * 6)[:length]
    flow.reinstate(ALICE, password, "operator")
    assert verify_password(password, stored())


def test_the_domains_description_is_no_password(incident: Incident) -> None:
    SiteDomain.objects.filter(domain="ours.test").update(description="Bakery Sunflower")
    assert "word" in refused("sunflower-kT9-vmQ4-xuZ7")


def test_an_active_mailbox_is_not_reinstated_and_keeps_its_password(two_tenants: None) -> None:
    with pytest.raises(NotAllowed):
        flow.reinstate(ALICE, NEW, "operator")
    assert verify_password(OLD, stored())


def test_a_missing_mailbox_is_not_found(two_tenants: None) -> None:
    with pytest.raises(NotFound):
        flow.reinstate("nobody@ours.test", NEW, "operator")


def test_our_database_away_leaves_the_sites_password_alone(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(flow.decisions, "reinstate", away)
    with pytest.raises(OperationalError):
        flow.reinstate(ALICE, NEW, "operator")
    assert verify_password(OLD, stored())
    assert status() == "suspended"


def test_a_site_that_loses_the_hash_keeps_the_mailbox_shut(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "hash_in_form", lambda *_: "$6$truncated")
    with pytest.raises(flow.RecoveryFailed):
        flow.reinstate(ALICE, NEW, "operator")
    assert status() == "suspended"
    assert not Order.objects.filter(kind="release").exists()
    assert MailboxStatus.objects.get(mailbox=ALICE).generation == 0


def test_a_dismissal_frees_the_password(incident: Incident) -> None:
    decisions.dismiss(incident, "operator")
    flow.set_password(ALICE, NEW, "operator")
    assert not BurnedPassword.objects.exists()


def test_a_password_change_of_an_active_mailbox_orders_the_old_one_forgotten(two_tenants: None) -> None:
    flow.set_password(ALICE, NEW, "admin")
    assert verify_password(NEW, stored())
    assert status() == "active"
    [order] = Order.objects.all()
    assert (order.kind, order.mailbox, order.state, order.incident) == ("refresh", ALICE, "open", None)


def test_the_order_is_placed_when_the_new_password_is_the_sites(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(flow.orders, "place_refresh", lambda *_: seen.append(verify_password(NEW, stored())))
    flow.set_password(ALICE, NEW, "admin")
    assert seen == [True]


@pytest.mark.parametrize("restrict", [False, True])
def test_open_doors_forget_the_old_password_whatever_the_status(incident: Incident, restrict: bool) -> None:
    flow.reinstate(ALICE, NEW, "operator")
    if restrict:
        decisions.restrict(ALICE, "x", "operator")
    before = status()
    flow.set_password(ALICE, OTHER, "admin")
    assert status() == before == ("restricted" if restrict else "probation")
    [order] = Order.objects.filter(kind="refresh")
    assert order.generation == 1


def test_a_suspended_mailbox_has_nothing_to_forget(incident: Incident) -> None:
    flow.set_password(ALICE, NEW, "admin")
    flow.reinstate(ALICE, OTHER, "operator")
    assert not Order.objects.filter(kind="refresh").exists()


def test_a_restricted_mailbox_is_reinstated_without_its_old_sessions(two_tenants: None) -> None:
    decisions.restrict(ALICE, "x", "operator")
    assert [order.kind for order in flow.reinstate(ALICE, NEW, "operator")] == ["release"]
    [order] = Order.objects.filter(kind="refresh")
    assert (order.state, order.generation) == ("open", 1)


def test_a_refused_or_lost_password_orders_nothing(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(flow.PasswordRefused):
        flow.set_password(ALICE, "short", "admin")
    monkeypatch.setattr(flow, "hash_in_form", lambda *_: "$6$truncated")
    with pytest.raises(flow.RecoveryFailed):
        flow.set_password(ALICE, NEW, "admin")
    assert not Order.objects.exists()


@pytest.mark.parametrize(("length", "expected"), [(72, []), (73, ["long"]), (128, ["long"]), (129, ["long"])])
def test_what_bcrypt_would_cut_is_refused_with_the_reason(two_tenants: None, length: int, expected: list[str]) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password=hash_password(OLD, "BLF-CRYPT"))
    password = (NEW * 6)[:length]
    assert [problem.code for problem in flow.password_problems(ALICE, password)] == expected
    if expected:
        with pytest.raises(flow.PasswordRefused):
            flow.set_password(ALICE, password, "admin")
        assert verify_password(OLD, stored())


def test_no_password_is_in_any_row(incident: Incident) -> None:
    refused(OLD)
    flow.reinstate(ALICE, NEW, "operator")
    rows = [
        *Audit.objects.values_list("details", flat=True),
        *BurnedPassword.objects.values_list("verifier", flat=True),
    ]
    text = repr(rows) + repr(list(Order.objects.values()))
    assert NEW not in text and OLD not in text


@pytest.mark.parametrize("unreadable", ["", "!", "{NOSUCH}x", "{SSHA}gCFmyGR9RiM8Osy26AUfD+s5O8OxmJqJ"])
def test_a_password_beyond_what_the_configured_scheme_reads_is_refused(
    incident: Incident, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    bcrypt = msgspec.structs.replace(flow.settings(), password_scheme="BLF-CRYPT")
    monkeypatch.setattr(flow, "settings", lambda: bcrypt)
    SiteMailbox.objects.filter(username=ALICE).update(password=unreadable)
    assert refused((NEW * 6)[:100]) == ["long"]
    assert status() == "suspended"
    flow.reinstate(ALICE, NEW, "operator")
    assert stored().startswith("{BLF-CRYPT}$2b$10$")


@pytest.mark.parametrize(
    ("scheme", "form"),
    [("SHA512-CRYPT", "$6$"), ("BLF-CRYPT", "{BLF-CRYPT}$2b$10$"), ("ARGON2ID", "{ARGON2ID}$argon2id$")],
)
def test_the_scheme_of_the_row_is_kept(two_tenants: None, scheme: str, form: str) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password=hash_password(OLD, scheme))
    before = stored()
    flow.set_password(ALICE, NEW, "admin")
    assert stored().startswith(form) and before.startswith(form) and stored() != before
    assert verify_password(NEW, stored())
