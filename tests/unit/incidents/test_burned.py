"""A burned password that comes back: seen by the stored hash, or by Dovecot's few bits; a fresh one is left alone."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Literal

import msgspec
import pytest
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import Contact, SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents import burned, decisions
from sekisho.incidents.burned_reset import BurnedResets
from sekisho.incidents.models import Incident, KnownPassword, MailboxStatus, SignIn
from sekisho.incidents.state import build_state
from sekisho.recovery import flow
from sekisho.wire.dovecot_policy import password_hash

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
OLD, NEW = f"first password of {ALICE}", "kT9-vmQ4-xuZ7-rpL2-hdW8"
# tests/testing_settings.py
NONCE = "nonce"


def stored() -> str:
    return SiteMailbox.objects.get(username=ALICE).password


def write(hashed: str) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(password=hashed)


def sign_in(password: str, days: float = 0.0, name: str = ALICE) -> str:
    pwhash = password_hash(name, password, NONCE)
    at = timezone.now() - timedelta(days=days)
    SignIn.objects.create(mailbox=ALICE, at=at, success=True, protocol="imap", ip="198.51.100.7", pwhash=pwhash)
    return pwhash


def watched() -> tuple[str, ...]:
    return build_state(timezone.now()).mailboxes[ALICE].burned


def look(mode: Literal["enforce", "observe"] = "enforce") -> int:
    """One look of a worker."""
    return BurnedResets(msgspec.structs.replace(settings(), mode=mode))(timezone.now())


@pytest.fixture
def recovered(two_tenants: None) -> str:
    """alice, taken over with the password she used, and recovered; her former stored hash."""
    before = stored()
    sign_in(OLD)
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, NEW, "operator")
    return before


def test_a_password_we_have_set_is_never_looked_for(recovered: str) -> None:
    assert watched() == ()
    write(hash_password(NEW, "SHA512-CRYPT"))
    assert watched() == (password_hash(ALICE, OLD, NONCE),)


def test_what_opened_it_within_a_month_is_burned_and_what_came_before_our_own_password_is_not(
    two_tenants: None,
) -> None:
    sign_in("of forty days ago", 40)
    lately = [sign_in(OLD, 2), sign_in(OLD, 1, "alice@alias.test")]
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, NEW, "operator")
    assert set(burned.policy_hashes_of()[ALICE]) == set(lately)
    fresh = sign_in(NEW)
    KnownPassword.objects.update(at=timezone.now() - timedelta(hours=1))
    burned.burn_seen(ALICE, timezone.now())
    assert set(burned.policy_hashes_of()[ALICE]) == {*lately, fresh}


def test_it_keeps_the_latest_eight_and_all_site_hashes(recovered: str) -> None:
    for number in range(12):
        burned.burn_password(ALICE, f"{OLD} {number}", timezone.now() + timedelta(seconds=number))
    assert len(burned.policy_hashes_of()[ALICE]) == burned.KEPT_POLICY_HASHES
    assert burned.is_burned(ALICE, OLD)


def test_a_password_that_dovecot_cannot_tell_from_the_old_one_is_refused_under_every_login_name(
    recovered: str,
) -> None:
    old = password_hash(ALICE, OLD, NONCE)
    drawn = random.Random(7)
    for name in (ALICE, "alice@alias.test"):
        alike = next(
            new
            for new in (f"{NEW}-{drawn.randrange(10**9)}" for _ in range(100_000))
            if password_hash(name, new, NONCE) == old
        )
        assert [problem.code for problem in flow.password_problems(ALICE, alike)] == ["looks_old"]
        with pytest.raises(flow.PasswordRefused):
            flow.refuse_burned(ALICE, alike)
    assert flow.password_problems(ALICE, f"{NEW}-other") == []


def test_the_old_hash_put_back_trips_once(recovered: str) -> None:
    assert look() == 0
    write(recovered)
    assert look() == 1
    incident = Incident.objects.get(mailbox=ALICE, generation=1)
    assert (incident.action, incident.cause, decisions.current_status(ALICE).status) == (
        "suspend",
        "detection",
        "suspended",
    )
    assert [found.name for found in incident.decisions.get().indicators.all()] == ["burned_password"]
    assert look() == 0


def test_a_dismissal_vouches_for_the_password_that_is_back(recovered: str) -> None:
    write(recovered)
    look()
    decisions.dismiss(Incident.objects.get(mailbox=ALICE, generation=1), "operator")
    assert look() == 0
    assert decisions.current_status(ALICE).status == "probation"
    assert watched() == ()


def test_a_host_that_observes_only_says_it(recovered: str) -> None:
    write(recovered)
    assert look("observe") == 1
    assert decisions.current_status(ALICE).status == "probation"
    assert not Incident.objects.get(mailbox=ALICE, generation=1).enforced
    assert look("observe") == 0


def test_the_mailbox_of_an_admins_contact_only_stops_sending(recovered: str) -> None:
    Contact.objects.filter(domain="ours.test").update(address=ALICE)
    write(recovered)
    assert look() == 1
    row = MailboxStatus.objects.get(mailbox=ALICE)
    assert (row.status, row.limit) == ("restricted", 0)


def test_another_mailboxs_burned_hash_is_no_matter(recovered: str) -> None:
    SiteMailbox.objects.filter(username="bob@ours.test").update(password=recovered)
    assert look() == 0


def test_a_login_without_its_passwords_plain_text_burns_nothing(two_tenants: None) -> None:
    """CRAM-MD5: Dovecot hashes the name alone, so every password of the mailbox has this hash."""
    sign_in("")
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, NEW, "operator")
    assert burned.policy_hashes_of() == {}


def test_without_dovecots_nonce_no_login_is_compared(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    dovecot = msgspec.structs.replace(settings().dovecot, policy_hash_nonce_file="")
    changed = msgspec.structs.replace(settings(), dovecot=dovecot)
    monkeypatch.setattr(burned, "settings", lambda: changed)
    sign_in(OLD)
    decisions.suspend(ALICE, "spam", "operator")
    flow.reinstate(ALICE, NEW, "operator")
    write(hash_password(OLD, "SHA512-CRYPT"))
    assert watched() == ()
