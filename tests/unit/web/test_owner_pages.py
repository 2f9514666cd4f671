"""The owner's pages: what the password alone opens, what only the second factor opens, and that nobody else gets in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
from casting import BYSTANDER, FOREIGN, STOLEN_PASSWORD, VICTIM
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents.models import AppPassword, Audit, Incident, MailboxStatus, Notice, Order, SignIn, Transition
from sekisho.recovery import contacts, paper, requests
from sekisho.recovery.models import OwnerContact, PaperCode, RecoveryRequest
from sekisho.web import owner_session
from sekisho.web.views import owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])

OPEN_TO_THE_PASSWORD = [
    "owner_home", "owner_recovery", "owner_settings", "owner_advice", "owner_proof", "owner_diagnosis",
]  # fmt: skip
BEHIND_THE_SECOND_FACTOR = [
    "owner_sign_ins", "owner_travel", "owner_this_was_me", "owner_not_me", "owner_contact", "owner_own_codes",
    "owner_app_passwords",
]  # fmt: skip


@pytest.fixture(autouse=True)
def quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)


@pytest.fixture
def site(cast: casting.Cast) -> None:
    SiteMailbox.objects.update(created=timezone.now() - timedelta(days=400))


@pytest.fixture
def codes(site: None) -> list[str]:
    """BYSTANDER's sheet of paper, a month old."""
    return paper.print_sheet(BYSTANDER, "admin", timezone.now() - timedelta(days=30))


def browser(language: str = "en") -> Client:
    return Client(headers={"accept-language": language})


def signed_in(mailbox: str = BYSTANDER, password: str = STOLEN_PASSWORD) -> Client:
    client = browser()
    answer = client.post(reverse("owner_sign_in"), {"address": mailbox, "password": password})
    assert answer.url == reverse("owner_home")
    return client


def proved(codes: list[str], mailbox: str = BYSTANDER) -> Client:
    client = signed_in(mailbox)
    assert client.post(reverse("owner_proof"), {"code": codes.pop()}).url == reverse("owner_home")
    return client


def text(client: Client, name: str) -> str:
    answer = client.get(reverse(name))
    assert answer.status_code == 200, name
    return answer.content.decode()


def test_without_the_password_nothing_but_advice_and_the_sign_in_is_open(site):
    for name in [*OPEN_TO_THE_PASSWORD, *BEHIND_THE_SECOND_FACTOR]:
        answer = browser().get(reverse(name))
        assert answer.status_code == 200 if name == "owner_advice" else answer.url == reverse("owner_sign_in"), name


def test_the_password_alone_opens_the_state_and_the_help_and_nothing_else(site):
    client = signed_in()
    for name in OPEN_TO_THE_PASSWORD:
        assert client.get(reverse(name)).status_code == 200, name
    for name in BEHIND_THE_SECOND_FACTOR:
        for answer in (client.get(reverse(name)), client.post(reverse(name), {"name": "x", "scope": "imap"})):
            assert answer.status_code == 302 and answer.url.startswith(reverse("owner_proof")), name
    for name in ("owner_contact_away", "owner_app_password_renew", "owner_app_password_revoke"):
        assert client.post(reverse(name, args=[1])).url.startswith(reverse("owner_proof"))
    assert client.post(reverse("owner_new_password")).url.startswith(reverse("owner_proof"))
    assert not (AppPassword.objects.exists() or OwnerContact.objects.exists() or PaperCode.objects.exists())
    assert not (MailboxStatus.objects.exists() or RecoveryRequest.objects.exists())


def test_one_answer_for_a_wrong_password_an_unknown_address_and_a_suspended_mailbox(site):
    casting.takeover(VICTIM)
    pages = []
    for address in (BYSTANDER, VICTIM, "nobody@hana.example", "nonsense"):
        answer = browser().post(reverse("owner_sign_in"), {"address": address, "password": "not this one at all"})
        assert answer.status_code == 422
        pages.append(casting_free(answer.content.decode(), address))
    assert len(set(pages)) == 1
    assert "Address or password is not right" in pages[0]


def casting_free(page: str, address: str) -> str:
    return "\n".join(line for line in page.replace(address, "").splitlines() if "csrf" not in line)


def test_an_unknown_address_costs_a_check_of_a_hash_like_a_known_one(site, monkeypatch):
    compared = []
    monkeypatch.setattr(owner_sign_in, "verify_password", lambda given, stored: compared.append(stored))
    for address in ("nobody@hana.example", BYSTANDER):
        browser().post(reverse("owner_sign_in"), {"address": address, "password": "something"})
    assert len(compared) == 2 and all(stored.startswith("$6$") for stored in compared)


def test_no_answer_to_a_password_comes_before_its_time(site, monkeypatch):
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 100.0)
    slept: list[float] = []
    monkeypatch.setattr(owner_sign_in.time, "sleep", slept.append)
    for address, password in ((BYSTANDER, STOLEN_PASSWORD), (BYSTANDER, "wrong"), ("nobody@hana.example", "wrong")):
        browser().post(reverse("owner_sign_in"), {"address": address, "password": password})
    assert len(slept) == 3 and all(90 < seconds <= 100 for seconds in slept)


def test_guessers_are_slowed_down_and_cannot_shut_the_owner_out(site):
    SignIn.objects.create(mailbox=BYSTANDER, at=timezone.now(), success=True, protocol="imap", ip="192.0.2.7")
    for number in range(12):
        answer = Client(REMOTE_ADDR=f"203.0.113.{number}").post(
            reverse("owner_sign_in"), {"address": BYSTANDER, "password": "guess"}
        )
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    at_home = Client(REMOTE_ADDR="192.0.2.7")
    answer = at_home.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    assert answer.url == reverse("owner_home")


def test_an_owners_session_is_no_account_of_the_panel(codes):
    client = proved(codes)
    for name in ("dashboard", "mailboxes", "incidents"):
        assert client.get(reverse(name)).url.startswith(reverse("sign_in"))
    assert client.get(reverse("mailbox_edit", args=[BYSTANDER])).url.startswith(reverse("sign_in"))


def test_signing_in_as_owner_ends_the_panels_session_in_that_browser(site, sign_in):
    client = sign_in("operator")
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    assert client.get(reverse("dashboard")).status_code == 302


def test_a_new_password_ends_every_session_with_the_old_one(codes):
    client = proved(codes)
    SiteMailbox.objects.filter(username=BYSTANDER).update(password=hash_password("another-one-4827", "SHA512-CRYPT"))
    assert client.get(reverse("owner_home")).url == reverse("owner_sign_in")


def test_a_code_from_paper_opens_the_rest_once(codes):
    code = codes[-1]
    client = proved(codes)
    for name in ("owner_sign_ins", "owner_contact", "owner_own_codes", "owner_app_passwords", "owner_not_me"):
        assert client.get(reverse(name)).status_code == 200, name
    again = signed_in()
    answer = again.post(reverse("owner_proof"), {"code": code})
    assert answer.status_code == 422 and "This does not open it" in answer.content.decode()


def test_a_code_of_somebody_elses_sheet_or_one_too_young_opens_nothing(codes):
    foreign = paper.print_sheet(FOREIGN, "admin", timezone.now() - timedelta(days=30))
    young = paper.print_sheet(BYSTANDER, "admin", timezone.now() - timedelta(days=3))
    client = signed_in()
    for code in (foreign[0], young[0], codes[0], ""):
        assert client.post(reverse("owner_proof"), {"code": code}).status_code == 422
    assert client.get(reverse("owner_sign_ins")).status_code == 302


def test_a_proof_runs_out(codes, monkeypatch):
    client = proved(codes)
    monkeypatch.setattr(owner_session, "PROVED_FOR", timedelta(seconds=-1))
    assert client.get(reverse("owner_sign_ins")).url.startswith(reverse("owner_proof"))
    assert client.get(reverse("owner_home")).status_code == 200


def test_a_code_sent_to_the_contact_opens_the_rest_in_the_browser_that_asked(site):
    contacts.add(BYSTANDER, "hana@tayori.test", "ja", "admin", timezone.now() - timedelta(days=30))
    client, hijacker = signed_in(), signed_in()
    client.post(reverse("owner_send_code"), {"next": reverse("owner_sign_ins")})
    request = RecoveryRequest.objects.get(origin="login")
    assert Notice.objects.filter(kind="owner_code", recipient="hana@tayori.test").count() == 1
    assert hijacker.post(reverse("owner_proof"), {"code": requests.code_of(request)}).status_code == 422
    # Not another mail within five minutes, whoever asks.
    assert hijacker.post(reverse("owner_send_code")).status_code == 422
    assert Notice.objects.filter(kind="owner_code").count() == 1
    answer = client.post(reverse("owner_proof"), {"code": requests.code_of(request), "next": reverse("owner_sign_ins")})
    assert answer.url == reverse("owner_sign_ins")


def test_the_page_for_the_code_does_not_tell_whether_there_is_a_contact(site):
    contacts.add(BYSTANDER, "hana@tayori.test", "ja", "admin", timezone.now() - timedelta(days=30))
    pages = {
        casting_free(signed_in(address).post(reverse("owner_send_code")).content.decode(), address)
        for address in (BYSTANDER, VICTIM)
    }
    assert len(pages) == 1


def test_a_code_leads_to_the_owners_own_pages_only(codes):
    for bad in ("https://elsewhere.test/", "//elsewhere.test/owner/", "/admin/", "/owner/..//elsewhere.test"):
        client = signed_in()
        answer = client.post(reverse("owner_proof"), {"code": codes.pop(), "next": bad})
        assert answer.url == reverse("owner_home") or answer.url.startswith("/owner/")
        assert not answer.url.startswith("//")


def test_the_password_alone_shows_no_alert_and_no_evidence(codes):
    casting.takeover(VICTIM)
    shown = text(signed_in(VICTIM), "owner_home") + text(signed_in(VICTIM), "owner_recovery")
    assert "Your mailbox is stopped" in shown and "At least <strong>3 senders</strong>" in shown
    assert "Nigeria" not in shown and "nakamura@yubin.test" not in shown
    an_alert(BYSTANDER)
    assert "something unusual" not in text(signed_in(), "owner_home")
    assert "something unusual" in text(proved(codes), "owner_home")


def an_alert(mailbox: str) -> Incident:
    at = timezone.now() - timedelta(minutes=5)
    incident = Incident.objects.create(
        mailbox=mailbox, domain=mailbox.rpartition("@")[2], generation=0, cause="detection", phase="detected",
        action="alert", score=4.4, first_risk_at=at, detected_at=at,
    )  # fmt: skip
    incident.decisions.create(
        id="alert-1", t=at, host=casting.HOST, action="alert", score=4.4, record={"ip": "198.19.18.66", "country": "NG"}
    )
    return incident


def test_this_was_me_makes_exactly_the_sources_shown_familiar(codes):
    incident = an_alert(BYSTANDER)
    client = proved(codes)
    assert "198.19.18.66" in text(client, "owner_this_was_me")
    client.post(reverse("owner_this_was_me"), {"sources": "198.19.18.66 192.0.2.1"})
    incident.refresh_from_db()
    assert incident.phase == "detected"
    client.post(reverse("owner_this_was_me"), {"sources": "198.19.18.66"})
    incident.refresh_from_db()
    assert incident.phase == "dismissed"
    moved = Transition.objects.get(incident=incident)
    assert (moved.actor, moved.sources) == ("owner (paper)", ["198.19.18.66"])


def test_this_was_not_me_asks_once_and_then_suspends(codes):
    client = proved(codes)
    login = SignIn.objects.create(
        mailbox=BYSTANDER, at=timezone.now() - timedelta(hours=2), success=True, protocol="imap", ip="198.19.18.66"
    )
    since = int(login.at.timestamp())
    assert f"?since={since}" in text(client, "owner_sign_ins")
    asked = client.get(reverse("owner_not_me") + f"?since={since}").content.decode()
    assert "Yes, stop my mailbox" in asked and not MailboxStatus.objects.exists()
    assert client.post(reverse("owner_not_me"), {"since": since}).url == reverse("owner_recovery")
    assert MailboxStatus.objects.get(mailbox=BYSTANDER).status == "suspended"
    order = Order.objects.get(mailbox=BYSTANDER, kind="contain")
    assert (order.actor, int(order.details["hold_since"])) == ("owner (paper)", since)
    assert Audit.objects.filter(actor="owner (paper)", subject=BYSTANDER).exists()


def test_a_login_of_last_month_holds_no_older_mail_than_a_queue_can_have(codes):
    client = proved(codes)
    for since in ("0", "99999999999", "x", "²"):
        assert client.get(reverse("owner_not_me") + f"?since={since}").status_code == 200
    client.post(reverse("owner_not_me"), {"since": "0"})
    held_since = Order.objects.get(mailbox=BYSTANDER, kind="contain").details["hold_since"]
    assert held_since == pytest.approx((timezone.now() - timedelta(days=5)).timestamp(), abs=60)


def test_the_second_factor_leads_on_to_the_new_password_without_another_code(codes):
    client = proved(codes)
    client.post(reverse("owner_not_me"))
    shown = text(client, "owner_recovery")
    assert "Scan the device" in shown and reverse("owner_scanned") in shown
    client.post(reverse("owner_scanned"))
    assert reverse("owner_new_password") in text(client, "owner_recovery")
    assert client.post(reverse("owner_new_password")).url == reverse("recover_password")
    new = "tsukimi-Raion-4827-kaze"
    answer = client.post(reverse("recover_password"), {"password": new, "confirmation": new})
    assert answer.url == reverse("recover_done")
    assert MailboxStatus.objects.get(mailbox=BYSTANDER).status == "probation"
    # The browser that made the new password stays; its last step waits for the mail program.
    shown = text(client, "owner_recovery")
    assert shown.count("badge tone-good") >= 3 and "Receiving works" not in shown
    later = timezone.now() + timedelta(minutes=1)
    SignIn.objects.create(mailbox=BYSTANDER, at=later, success=True, protocol="imap", ip="192.0.2.7")
    assert "Receiving works" in text(client, "owner_recovery")
    assert "All four steps are done" in text(client, "owner_recovery")


def test_a_code_for_the_owners_pages_opens_no_recovery(site):
    contacts.add(BYSTANDER, "hana@tayori.test", "ja", "admin", timezone.now() - timedelta(days=30))
    client = signed_in()
    client.post(reverse("owner_send_code"))
    request = RecoveryRequest.objects.get(origin="login")
    stranger = browser()
    stranger.get(reverse("recover_link", args=[requests.token_of(request)]))
    assert stranger.get(reverse("recover_password")).status_code == 410
    requests.try_code(request.pk, requests.code_of(request), timezone.now())
    assert requests.proved_by_code(request.pk, timezone.now()) is None


def test_the_owner_enrols_and_removes_a_contact_and_the_others_are_told(codes):
    contacts.add(BYSTANDER, "hana@tayori.test", "ja", "admin", timezone.now() - timedelta(days=30))
    client = proved(codes)
    assert client.post(reverse("owner_contact"), {"contact": f"x@{BYSTANDER.partition('@')[2]}"}).status_code == 422
    client.post(reverse("owner_contact"), {"contact": "mise@keitai.test", "language": "ja"})
    row = OwnerContact.objects.get(address="mise@keitai.test")
    assert (row.source, row.enrolled_by) == ("owner", "owner (paper)")
    client.post(reverse("owner_contact_away", args=[row.pk]))
    told = Notice.objects.filter(kind="contact_told", recipient="hana@tayori.test").order_by("id").last()
    from sekisho.recovery.texts import compose

    assert told and "利用者ページでの操作" in compose(told)[1]
    foreign = contacts.add(FOREIGN, "sora@tayori.test", "ja", "admin", timezone.now())
    assert client.post(reverse("owner_contact_away", args=[foreign.pk])).status_code == 404
    assert OwnerContact.objects.get(pk=foreign.pk).removed_at is None


def test_the_owner_prints_codes_and_makes_an_app_password(codes):
    client = proved(codes)
    sheet = client.post(reverse("owner_own_codes")).content.decode()
    assert sheet.count("<li><code") == 10
    made = client.post(reverse("owner_app_passwords"), {"name": "iPhone", "scope": "imap"}).content.decode()
    assert 'id="app-password"' in made
    row = AppPassword.objects.get(mailbox=BYSTANDER)
    assert row.created_by == "owner (paper)"
    foreign = AppPassword.objects.create(
        mailbox=FOREIGN, name="x", scope="imap", selector="0", verifier="", created_at=timezone.now(),
        created_by="", mailbox_made_at=timezone.now(),
    )  # fmt: skip
    assert client.post(reverse("owner_app_password_revoke", args=[foreign.pk])).status_code == 404


@pytest.mark.parametrize("word,says", [
    ("active", "All is well"), ("restricted", "Sending is limited"), ("suspended", "is stopped"),
    ("probation", "is open again"),
])  # fmt: skip
def test_the_state_is_told_in_plain_words(word, says, site):
    casting.status(BYSTANDER, word, limit=20)
    assert says in text(signed_in(), "owner_home")


def test_the_owner_reads_until_when_his_mailbox_is_watched_and_nothing_about_a_colleagues(incident, site):
    Incident.objects.filter(pk=incident.pk).update(phase="closed", recovered_at=timezone.now() - timedelta(days=9))
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="active")
    assert "with special care" in signed_in(VICTIM).get(reverse("owner_home")).content.decode()
    assert "with special care" not in signed_in().get(reverse("owner_home")).content.decode()
