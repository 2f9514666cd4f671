"""What a link and a code are good for, and that they are nowhere but in the mail."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone

from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents import decisions, letters
from sekisho.incidents.models import Audit, BurnedPassword, Incident, Notice, Order, Transition
from sekisho.recovery import contacts, flow, paper, requests
from sekisho.recovery.models import OwnerContact, RecoveryRequest
from sekisho.recovery.requests import LIVES, Spent

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, OUTSIDE = "alice@ours.test", "alice@outside.test"
OLD, NEW = f"first password of {ALICE}", "tsukimi-Raion-4827-kaze"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture(autouse=True)
def old_mailboxes(two_tenants: None, now: datetime) -> None:
    SiteMailbox.objects.update(created=now - 400 * DAY)


@pytest.fixture
def contact(incident: Incident, now: datetime) -> OwnerContact:
    """alice's contact, enrolled a month ago; alice is suspended."""
    enrolled = contacts.add(ALICE, OUTSIDE, "ja", "admin", now - 30 * DAY)
    Notice.objects.all().delete()
    return enrolled


def asked(now: datetime, address: str = ALICE, earlier: int | None = None) -> RecoveryRequest:
    """A request that the worker has answered."""
    request = requests.ask(address, earlier, now)
    requests.answer(now)
    request.refresh_from_db()
    return request


def mails() -> list[str]:
    return list(Notice.objects.filter(kind="recovery_link").order_by("id").values_list("recipient", flat=True))


def password_is(password: str) -> bool:
    return verify_password(password, SiteMailbox.objects.get(username=ALICE).password)


def test_it_sends_the_link_to_the_contact_and_the_link_opens_the_mailbox_once(
    contact: OwnerContact, now: datetime
) -> None:
    request = asked(now)
    assert (request.state, mails()) == ("live", [OUTSIDE])
    subject, body = letters.compose(Notice.objects.get())
    token, code = requests.token_of(request), requests.code_of(request)
    assert ALICE in subject and f"/recover/link/{token}\n" in body and code in body
    assert len(token) == 22 and len(code) == 8

    proved = requests.proved_by_link(requests.hash_of(token), now)
    assert proved == request
    assert requests.finish(request, NEW, now)
    assert password_is(NEW) and decisions.current_status(ALICE).status == "probation"
    assert Order.objects.filter(kind="release").exists()
    assert Transition.objects.latest("id").actor == "owner (link)"
    assert requests.proved_by_link(requests.hash_of(token), now) is None
    with pytest.raises(Spent):
        requests.finish(request, "another-Raion-4827-kaze", now)
    assert password_is(NEW)
    assert set(Notice.objects.filter(kind="password_made").values_list("recipient", flat=True)) == {
        OUTSIDE,
        "boss@outside.test",
    }


def test_neither_link_nor_code_is_in_any_row(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)
    secrets = (requests.token_of(request), requests.code_of(request))
    for model in (RecoveryRequest, Notice, Audit):
        for row in model.objects.values():
            assert not any(secret in str(row) for secret in secrets)


def test_an_address_that_is_not_there_gets_a_row_and_nothing_else(contact: OwnerContact, now: datetime) -> None:
    for address in ("nobody@ours.test", "x@elsewhere.test", "bob@ours.test", "no address"):
        request = asked(now, address)
        assert request.state == "nothing"
        assert requests.proved_by_link(request.token_hash, now) is None
        assert not requests.try_code(request.pk, requests.code_of(request), now)
    assert mails() == []


def test_every_form_of_the_address_means_the_mailbox(contact: OwnerContact, now: datetime) -> None:
    assert asked(now, " Alice+shop@ALIAS.test ").mailbox == ALICE
    assert mails() == [OUTSIDE]


def test_a_contact_of_yesterday_gets_nothing(incident: Incident, now: datetime) -> None:
    contacts.add(ALICE, OUTSIDE, "ja", "admin", now - DAY)
    assert asked(now).state == "nothing"
    assert mails() == []


def test_link_and_code_live_ten_minutes(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)
    late = now + LIVES
    assert requests.proved_by_link(request.token_hash, late - SECOND)
    assert requests.proved_by_link(request.token_hash, late) is None
    assert not requests.try_code(request.pk, requests.code_of(request), late)
    with pytest.raises(Spent):
        requests.finish(request, NEW, late)
    assert password_is(OLD) and decisions.current_status(ALICE).status == "suspended"
    RecoveryRequest.objects.update(expires_at=now - SECOND)
    with pytest.raises(letters.Stale):
        letters.compose(Notice.objects.get(kind="recovery_link"))


def test_a_code_has_five_tries_and_the_link_outlives_them(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)
    code = requests.code_of(request)
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    for _ in range(5):
        assert not requests.try_code(request.pk, wrong, now)
    assert not requests.try_code(request.pk, code, now)
    assert requests.proved_by_code(request.pk, now) is None
    assert requests.proved_by_link(request.token_hash, now)


def test_a_right_code_proves_this_request_only(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)
    other = asked(now + 6 * timedelta(minutes=1), earlier=None)
    code = requests.code_of(request)
    assert not requests.try_code(other.pk, code, now)
    assert requests.try_code(request.pk, f" {code[:4]} {code[4:]}　".translate({48: "０"}), now)
    assert requests.proved_by_code(request.pk, now + LIVES - SECOND) == RecoveryRequest.objects.get(pk=request.pk)
    assert requests.proved_by_code(request.pk, now + LIVES) is None
    assert requests.proved_by_link(request.token_hash, now) is None
    assert not requests.try_code(request.pk, code, now)


def test_one_who_guesses_cannot_lock_the_owner_out(contact: OwnerContact, now: datetime) -> None:
    first = asked(now)
    for minute in range(120):
        at = now + minute * timedelta(minutes=1)
        request = asked(at)
        for _ in range(6):
            requests.try_code(request.pk, "00000000", at)
        live = RecoveryRequest.objects.filter(state="live", expires_at__gt=at + timedelta(minutes=4))
        assert live.exists(), "the owner has no link that is good for some minutes"
    assert len(mails()) <= 24, "the contact was flooded"
    assert RecoveryRequest.objects.filter(with_code=True).count() <= 11
    assert first.with_code
    live_one = RecoveryRequest.objects.filter(state="live").latest("id")
    assert not live_one.with_code
    assert requests.finish(live_one, NEW, live_one.asked_at + SECOND)
    assert password_is(NEW)


def test_the_same_browser_keeps_its_request(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)
    again = asked(now + 30 * SECOND, earlier=request.pk)
    assert again.pk == request.pk and again.state == "live"
    assert asked(now, "bob@ours.test", earlier=request.pk).pk != request.pk
    assert mails() == [OUTSIDE]


def test_a_refused_password_uses_nothing_up_and_is_burned_when_it_is_the_old_one(
    contact: OwnerContact, now: datetime
) -> None:
    request = asked(now)
    for bad in (OLD, "short"):
        with pytest.raises(flow.PasswordRefused):
            requests.finish(request, bad, now)
    assert BurnedPassword.objects.filter(verifier__startswith="hmac:").count() == 1
    assert not Notice.objects.filter(kind="password_made").exists()
    assert requests.finish(request, NEW, now)


def test_a_paper_code_works_without_any_contact(incident: Incident, now: datetime) -> None:
    codes = paper.print_sheet(ALICE, "admin", now - 30 * DAY)
    request = asked(now)
    assert request.state == "nothing"
    assert requests.try_code(request.pk, codes[3], now)
    proved = requests.proved_by_code(request.pk, now)
    assert proved is not None
    requests.finish(proved, NEW, now)
    assert Transition.objects.latest("id").actor == "owner (paper)" and password_is(NEW)
    again = asked(now)
    assert not requests.try_code(again.pk, codes[3], now)


def test_a_paper_code_of_another_mailbox_opens_nothing(contact: OwnerContact, now: datetime) -> None:
    codes = paper.print_sheet("bob@ours.test", "admin", now - 30 * DAY)
    assert not requests.try_code(asked(now).pk, codes[0], now)
    assert paper.unused("bob@ours.test")[0] == 10


def test_the_admins_page_needs_no_contact_and_no_password_of_his(incident: Incident, now: datetime) -> None:
    token = requests.start_by_admin(ALICE, "kanri", now)
    request = requests.proved_by_link(requests.hash_of(token), now)
    assert request is not None and mails() == []
    requests.finish(request, NEW, now)
    audit = Audit.objects.get(verb="recovered_by_owner")
    assert audit.details == {"proof": "admin", "started_by": "kanri"} and password_is(NEW)


def test_an_open_mailbox_gets_its_new_password_and_stays_as_it_is(two_tenants: None, now: datetime) -> None:
    token = requests.start_by_admin(ALICE, "kanri", now)
    request = requests.proved_by_link(requests.hash_of(token), now)
    assert request is not None and requests.finish(request, NEW, now) == []
    assert password_is(NEW) and decisions.current_status(ALICE).status == "active"


def test_a_link_that_is_used_ends_the_others(contact: OwnerContact, now: datetime) -> None:
    token = requests.start_by_admin(ALICE, "kanri", now)
    request = asked(now)
    requests.finish(request, NEW, now)
    assert requests.proved_by_link(requests.hash_of(token), now) is None


def test_old_requests_are_forgotten(contact: OwnerContact, now: datetime) -> None:
    asked(now)
    requests.prune(now + DAY)
    assert RecoveryRequest.objects.count() == 1
    requests.prune(now + 3 * DAY)
    assert RecoveryRequest.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "site"])
def test_of_many_guesses_at_once_five_are_looked_at(contact: OwnerContact, now: datetime) -> None:
    request = asked(now)

    def guess() -> None:
        try:
            requests.try_code(request.pk, "not a code", now)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    request.refresh_from_db()
    assert request.tries == 5
