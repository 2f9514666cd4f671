from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from sekisho.directory import provision
from sekisho.directory.access import NotFound
from sekisho.directory.models import SiteAlias, SiteMailbox
from sekisho.incidents import app_passwords, decisions
from sekisho.incidents.app_passwords import AppPasswordRefused, in_force, selector_of
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import AppPassword, Audit, Order
from sekisho.recovery import flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
BOB = "bob@ours.test"
NOW = timezone.now()


def add(name: str = "phone", mailbox: str = ALICE, scope: tuple[str, ...] = ("imap", "smtp")) -> AppPassword:
    return app_passwords.add(mailbox, name, scope, "operator")[0]


def in_force_names(mailbox: str = ALICE) -> list[str]:
    return [AppPassword.objects.get(pk=row.id).name for row in in_force() if row.mailbox == mailbox]


def test_it_hands_the_secret_out_once_and_keeps_only_its_hash(two_tenants: None) -> None:
    row, secret = app_passwords.add(ALICE, " my   phone ", ["smtp", "imap"], "operator")
    letters = secret.replace("-", "")
    assert len(letters) == 24 and set(letters) <= set(app_passwords.LETTERS)
    assert (row.name, row.scope) == ("my phone", "imap,smtp")
    assert row.verifier == hashlib.sha256(secret.encode()).hexdigest() and row.selector == "0" + row.verifier[:3]
    kept = [str(value) for model in (AppPassword, Audit) for value in model.objects.values()]
    assert not any(secret in text or letters in text for text in kept)
    assert Audit.objects.get(verb="app_password").details == {"name": "my phone", "scope": ["imap", "smtp"]}


def test_the_selector_is_what_dovecot_was_seen_to_make_of_a_password() -> None:
    # Dovecot 2.3.19 looked "secretapp" up as 0111 (auth_debug, %{sha256;truncate=12:password}).
    assert selector_of("secretapp") == "0111"


def test_two_of_one_mailbox_never_share_a_selector(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["same", "same", "other"])
    monkeypatch.setattr(app_passwords, "_draw", lambda: next(drawn))
    add("phone")
    assert app_passwords.add(ALICE, "tablet", ["imap"], "operator")[1] == "other"


@pytest.mark.parametrize(
    ("name", "scope", "code"),
    [
        ("", ["imap"], "name"),
        ("x" * 65, ["imap"], "name"),
        ("a\x07b", ["imap"], "name"),
        ("phone", [], "scope"),
        ("phone", ["imap", "doveadm"], "scope"),
        ("old phone", ["imap"], "taken"),
    ],
)
def test_it_refuses_what_names_no_device_or_no_door(two_tenants: None, name: str, scope: list[str], code: str) -> None:
    add("old phone")
    with pytest.raises(AppPasswordRefused) as refusal:
        app_passwords.add(ALICE, name, scope, "operator")
    assert refusal.value.code == code and app_passwords.held(ALICE).count() == 1


def test_it_makes_none_for_a_mailbox_that_is_not_there_and_none_beyond_thirty(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        add(mailbox="nobody@ours.test")
    monkeypatch.setattr(app_passwords, "MOST", 1)
    add("phone")
    with pytest.raises(AppPasswordRefused, match="many"):
        add("tablet")


def test_revoking_one_leaves_the_others_and_orders_its_sessions_ended(two_tenants: None) -> None:
    phone = add("phone")
    add("tablet")
    app_passwords.revoke(phone, "operator")
    assert in_force_names() == ["tablet"]
    assert AppPassword.objects.get(pk=phone.pk).verifier == ""
    assert list(Order.objects.values_list("kind", "mailbox")) == [("refresh", ALICE)]
    with pytest.raises(NotAllowed):
        app_passwords.revoke(phone, "operator")
    # Its name is free again.
    assert add("phone").pk != phone.pk


def test_revoking_all_leaves_those_of_other_mailboxes(two_tenants: None) -> None:
    for name in ("phone", "tablet"):
        add(name)
    add("phone", BOB)
    assert app_passwords.revoke_all(ALICE, "operator") == 2
    assert in_force_names() == [] and in_force_names(BOB) == ["phone"]
    assert app_passwords.revoke_all(ALICE, "operator") == 0


def test_a_suspension_switches_all_off_and_recovery_leaves_them_off(two_tenants: None) -> None:
    phone = add("phone")
    tablet = add("tablet")
    add("phone", BOB)
    decisions.suspend(ALICE, "spam", "operator")
    assert in_force_names() == [] and in_force_names(BOB) == ["phone"]
    with pytest.raises(AppPasswordRefused, match="shut"):
        add("new one")
    with pytest.raises(AppPasswordRefused, match="shut"):
        app_passwords.renew(phone, "operator")
    flow.reinstate(ALICE, "hoshi-7f3a91c2-umi-d04b88e1", "operator")
    assert in_force_names() == []
    # One by one: renewed with another secret, or deleted.
    renewed, _ = app_passwords.renew(phone, "operator")
    assert in_force_names() == ["phone"] and renewed.verifier != phone.verifier
    assert (renewed.name, renewed.scope) == (phone.name, phone.scope)
    app_passwords.revoke(tablet, "operator")
    assert list(app_passwords.held(ALICE)) == [renewed]


def test_a_dismissal_switches_on_what_its_suspension_switched_off_and_nothing_older(two_tenants: None) -> None:
    old = add("old")
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, "hoshi-7f3a91c2-umi-d04b88e1", "operator")
    add("phone")
    incident = decisions.suspend(ALICE, "spam again", "operator")
    assert in_force_names() == []
    decisions.dismiss(incident, "operator")
    assert in_force_names() == ["phone"]
    assert AppPassword.objects.get(pk=old.pk).disabled_in == 0


def test_a_row_carries_the_generation_of_its_mailbox(two_tenants: None) -> None:
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, "hoshi-7f3a91c2-umi-d04b88e1", "operator")
    add("phone")
    add("phone", BOB)
    assert {(row.mailbox, row.generation, row.scope) for row in in_force()} == {
        (ALICE, 1, ("imap", "smtp")),
        (BOB, 0, ("imap", "smtp")),
    }


def test_none_outlives_its_mailbox(two_tenants: None) -> None:
    add("phone")
    SiteMailbox.objects.filter(username=ALICE).update(active=False)
    assert in_force_names() == []
    SiteMailbox.objects.filter(username=ALICE).update(active=True)
    assert in_force_names() == ["phone"]
    # Deleted, and made again for somebody else.
    SiteMailbox.objects.filter(username=ALICE).delete()
    SiteAlias.objects.filter(address=ALICE).delete()
    assert in_force_names() == []
    provision.add_mailbox(ALICE, "another password of hers")
    assert in_force_names() == []


def test_its_last_use_is_kept_for_its_own_mailbox_only(two_tenants: None) -> None:
    phone = add("phone")
    at = NOW - timedelta(minutes=1)
    for number, mailbox in ((str(phone.pk), BOB), ("x", ALICE), ("9" * 30, ALICE), ("", ALICE)):
        app_passwords.note_use(number, mailbox, at, "imap", "192.0.2.1", "JP")
    assert AppPassword.objects.get(pk=phone.pk).last_used_at is None
    app_passwords.note_use(str(phone.pk), ALICE, at, "imap", "192.0.2.1", "JP")
    row = AppPassword.objects.get(pk=phone.pk)
    assert (row.last_used_at, row.last_protocol, row.last_ip, row.last_country) == (at, "imap", "192.0.2.1", "JP")


def test_long_revoked_ones_are_forgotten_and_no_other(two_tenants: None) -> None:
    old, young, off, alive = (add(name) for name in ("old", "young", "off", "alive"))
    long_ago = NOW - timedelta(days=91)
    AppPassword.objects.filter(pk=old.pk).update(revoked_at=long_ago)
    AppPassword.objects.filter(pk=young.pk).update(revoked_at=NOW - timedelta(days=89))
    AppPassword.objects.filter(pk=off.pk).update(disabled_at=long_ago, created_at=long_ago)
    assert app_passwords.prune(NOW) == 1
    assert set(AppPassword.objects.values_list("pk", flat=True)) == {young.pk, off.pk, alive.pk}
