"""The impact report, its evidence, unmasking, evidence package and fact sheet: who sees what, and what is safe."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import reporting
from casting import DOMAIN, STOLEN_PASSWORD, VICTIM
from reporting import MAILBOX
from sekisho.directory.models import Role, SiteMailbox
from sekisho.impact import duty
from sekisho.impact.paper_models import Disclosure
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Notice
from sekisho.recovery import paper
from sekisho.web import impact_reading, papers

pytestmark = pytest.mark.django_db(databases=["default", "site"])
WHY = "お客様から宛先の確認を依頼されたため"
PERSON = "nakamura@yubin.test"


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """The report made by hand instead of one from rows: with the worst that a stranger may write into it."""
    monkeypatch.setattr(
        impact_reading.reports, "build", lambda incident, now: reporting.report(incident.mailbox, incident.pk)
    )
    monkeypatch.setattr(impact_reading.evidence, "rows", lambda incident, name, now=None: reporting.rows(name))
    assert VICTIM == MAILBOX


def address(name: str, incident: Incident, *more: str) -> str:
    return reverse(name, args=[incident.pk, *more])


def delivered(incident: Incident) -> str:
    return address("impact_evidence", incident, "sent.delivered")


def text_of(answer) -> str:  # type: ignore[no-untyped-def]
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()


@pytest.fixture
def desk(cast) -> Client:
    account = User.objects.create(username="madoguchi")
    Role.objects.create(account=account, role=Role.HELPDESK, domain=DOMAIN)
    client = Client(headers={"accept-language": "en"})
    client.force_login(account)
    return client


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("who", ["operator", "owner"])
def test_the_report_tells_all_its_parts_and_every_figure_leads_to_its_evidence(who, language, incident, sign_in):
    client = sign_in(who, language)
    page = client.get(address("impact_report", incident)).content.decode()
    for figure in (
        "sent.messages",
        "entry.guesses",
        "sent.stranger",
        "sent.at.tegami.test",
        "read.fetched",
        "leaked.1",
        "changed",
    ):
        path = address("impact_evidence", incident, figure)
        assert f'href="{path}"' in page, figure
        assert client.get(path).status_code == 200
    assert ("見張りが止まっていました" if language == "ja" else "was not running") in page
    assert f'href="{address("impact_report", incident)}"' in client.get(address("incident", incident)).content.decode()


def test_the_incidents_case_leads_its_own_people_to_the_report_and_nobody_else(incident, sign_in):
    from sekisho.incidents.case_numbers import case_number

    path = address("impact_report", incident)
    for client, leads in ((sign_in("owner"), True), (sign_in("stranger"), False), (Client(), False)):
        page = client.post(reverse("case"), {"number": case_number(incident)}).content.decode()
        assert (path in page) is leads


@pytest.mark.parametrize("who", ["operator", "owner", "desk"])
def test_without_a_reason_nobody_reads_whom_people_wrote_to(who, incident, sign_in, desk):
    client = desk if who == "desk" else sign_in(who)
    for path in (address("impact_report", incident), delivered(incident)):
        for end in ("", "?format=csv"):
            text = text_of(client.get(path + end))
            assert (
                "nakamura" not in text and "kyoko" not in text and "HYPERLINK" not in text and "bank.test" not in text
            )
    assert "yubin.test" in client.get(delivered(incident)).content.decode()


def test_a_reason_shows_them_for_an_hour_in_this_incident_to_this_account(incident, sign_in, monkeypatch):
    client = sign_in("owner")
    assert client.post(address("impact_unmask", incident), {"reason": "見たい"}).status_code == 422
    assert not Disclosure.objects.exists()
    assert client.post(address("impact_unmask", incident), {"reason": WHY, "basis": "reason"}).status_code == 302
    assert PERSON in client.get(delivered(incident)).content.decode()
    assert Audit.objects.get(verb="impact_unmasked").details["reason"] == WHY
    assert PERSON not in sign_in("colleague").get(delivered(incident)).content.decode()
    Disclosure.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert PERSON not in client.get(delivered(incident)).content.decode()


def test_times_in_evidence_are_dates_and_no_numbers_of_seconds(incident, sign_in, monkeypatch):
    row = reporting.EvidenceRow("x", "recipient", "1", reporting.T, {"result_at": reporting.T, "reply": "", "dsn": ""})
    monkeypatch.setattr(impact_reading.evidence, "rows", lambda i, name, now=None: iter([row]))
    page = sign_in("operator").get(delivered(incident)).content.decode()
    assert page.count("2026-09-21") == 2 and "1790000000" not in page and "Answer of the server" not in page


def test_it_is_hidden_again_on_request(incident, sign_in):
    client = sign_in("operator")
    client.post(address("impact_unmask", incident), {"reason": WHY, "basis": "legal"})
    assert PERSON in client.get(delivered(incident)).content.decode()
    client.post(address("impact_mask", incident))
    assert PERSON not in client.get(delivered(incident)).content.decode()


def test_showing_them_asks_once_more_who_it_is(incident, sign_in):
    client = sign_in("owner")
    session = client.session
    session.pop("sekisho_confirmed")
    session.save()
    for path in ("impact_unmask", "impact_package"):
        answer = client.post(address(path, incident), {"reason": WHY, "basis": WHY})
        assert answer.status_code == 302 and answer.url.startswith(reverse("confirm"))
    assert not Disclosure.objects.exists()


def test_a_helpdesk_can_neither_unmask_nor_find_the_way(incident, desk):
    assert desk.post(address("impact_unmask", incident), {"reason": WHY}).status_code in (302, 403)
    assert not Disclosure.objects.exists()
    assert address("impact_unmask", incident) not in desk.get(address("impact_report", incident)).content.decode()


def test_other_customers_mailboxes_are_told_to_a_tenant_as_a_number_only(incident, sign_in):
    client = sign_in("owner")
    page = client.get(address("impact_report", incident)).content.decode()
    assert "info@hana.example" in page and "sora.example" not in page and "1 mailbox of somebody else" in page
    assert client.get(address("impact_evidence", incident, "touched.2")).status_code == 404
    assert "yamada@sora.example" in sign_in("operator").get(address("impact_report", incident)).content.decode()


@pytest.mark.parametrize("name", ["impact_report", "duty_sheet", "impact_unmask"])
def test_a_stranger_gets_404(name, incident, sign_in):
    assert sign_in("stranger").get(address(name, incident)).status_code == 404
    assert sign_in("stranger").get(delivered(incident)).status_code == 404


@pytest.mark.parametrize("name", ["nothing.such", "../../etc/passwd", "sent.messages'--", "%00"])
def test_evidence_is_there_for_the_reports_own_figures_only(name, incident, sign_in):
    assert sign_in("operator").get(address("impact_evidence", incident, name)).status_code == 404


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999", "10001"])
def test_a_page_that_is_not_there_is_no_error(page, incident, sign_in):
    assert sign_in("operator").get(delivered(incident) + f"?page={page}").status_code in (200, 404)


def test_evidence_comes_a_page_at_a_time_and_streams_as_csv(incident, sign_in, monkeypatch):
    monkeypatch.setattr(impact_reading.evidence, "rows", lambda i, name, now=None: reporting.rows("x", 250))
    client = sign_in("operator")
    path = address("impact_evidence", incident, "read.fetched")
    assert "?page=2" in client.get(path).content.decode()
    last = client.get(path + "?page=3")
    assert len(last.context["rows"]) == 50 and not last.context["after"]
    answer = client.get(path + "?format=csv")
    assert answer.streaming and len(text_of(answer).splitlines()) == 251


@pytest.mark.parametrize("name", ["impact_report", "duty_sheet"])
def test_what_strangers_name_is_text_and_never_markup(name, incident, sign_in):
    client = sign_in("operator")
    client.post(address("impact_unmask", incident), {"reason": WHY, "basis": "reason"})
    for path in (address(name, incident), address("impact_evidence", incident, "read.fetched")):
        answer = client.get(path)
        page = answer.content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<style" not in page and " style=" not in page
    assert "&lt;script&gt;" in client.get(address("impact_report", incident)).content.decode()


def test_the_csv_holds_no_formula(incident, sign_in):
    client = sign_in("operator")
    client.post(address("impact_unmask", incident), {"reason": WHY, "basis": "reason"})
    text = text_of(client.get(address("impact_report", incident) + "?format=csv"))
    cells = [cell for line in text.splitlines() for cell in line.replace('"', "").split(",")]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_the_pdf_holds_the_report_and_fetches_nothing(incident, sign_in, monkeypatch):
    import socket

    def refuse(*_arguments, **_options):
        raise AssertionError("a paper opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    answer = sign_in("operator", "ja").get(address("impact_report", incident) + "?format=pdf")
    assert answer.headers["Content-Type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    assert sign_in("operator").get(address("duty_sheet", incident) + "?format=pdf").content.startswith(b"%PDF-")


def test_a_paper_reads_no_file_and_no_address_that_stands_in_it(tmp_path, rf, monkeypatch, caplog):
    (tmp_path / "secret.txt").write_text("secret")
    body = f'<p>x</p><img src="file://{tmp_path}/secret.txt"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    monkeypatch.setattr(papers, "render_to_string", lambda *_: body)
    made = papers.pdf(rf.get("/"), "x", {})
    assert made.startswith(b"%PDF-") and "papers fetch nothing" in caplog.text


def test_without_the_extra_the_page_says_so_and_works(incident, sign_in, monkeypatch):
    def missing(*_arguments):
        raise papers.NoPdf("No module named 'weasyprint'")

    monkeypatch.setattr(papers, "pdf", missing)
    monkeypatch.setattr(papers, "is_there", lambda: False)
    client = sign_in("operator")
    answer = client.get(address("impact_report", incident) + "?format=pdf", follow=True)
    assert answer.status_code == 200 and "cannot make PDFs" in answer.content.decode()
    assert "?format=pdf" not in answer.content.decode()


def test_an_operator_hands_the_package_out_on_a_basis_in_writing_only(incident, sign_in):
    client = sign_in("operator")
    assert client.post(address("impact_package", incident), {"basis": ""}).status_code == 422
    assert not Audit.objects.filter(verb="evidence_package").exists()
    answer = client.post(address("impact_package", incident), {"basis": "差押許可状 令和8年第1号"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as package:
        assert package.testzip() is None
        assert json.loads(package.read("basis.json"))["text"] == "差押許可状 令和8年第1号"
        assert PERSON in "".join(package.read(n).decode() for n in package.namelist() if n.endswith(".jsonl"))
    assert Audit.objects.get(verb="evidence_package").details["basis"] == "legal"
    assert sign_in("owner").get(address("impact_package", incident)).status_code == 404


def test_a_person_sets_the_time_of_knowing_in_japans_clock(incident, sign_in):
    client, tokyo = sign_in("owner"), timezone.now().astimezone(duty.TOKYO)
    client.post(address("duty_known", incident), {"knew_at": tokyo.strftime("%Y-%m-%dT%H:%M")})
    clocks = duty.clocks(incident)
    assert clocks.knew_set and abs(clocks.knew_at - timezone.now()) < timedelta(minutes=2)
    page = client.get(address("duty_sheet", incident)).content.decode()
    assert str(clocks.final_wrongful) in page and "not legal advice" in page
    for wrong in ("", "x", "2999-01-01T00:00", "1999-01-01T00:00"):
        client.post(address("duty_known", incident), {"knew_at": wrong})
    assert duty.clocks(incident) == clocks


def test_a_domain_that_has_it_off_shows_that_it_is(incident, sign_in, desk):
    client = sign_in("owner")
    client.post(reverse("duty_switch", args=[DOMAIN]), {"on": "no"})
    assert not duty.is_on(DOMAIN)
    assert "switched off" in client.get(address("duty_sheet", incident)).content.decode()
    assert address("duty_sheet", incident) not in client.get(address("impact_report", incident)).content.decode()
    assert sign_in("stranger").post(reverse("duty_switch", args=[DOMAIN]), {"on": "yes"}).status_code == 404
    assert desk.post(reverse("duty_switch", args=[DOMAIN]), {"on": "yes"}).status_code == 403
    assert not duty.is_on(DOMAIN)


# --- the owner's own page


@pytest.fixture
def owner(incident) -> Client:
    """The victim's owner behind the second factor, by a code from paper."""
    month_ago = timezone.now() - timedelta(days=30)
    SiteMailbox.objects.filter(username=VICTIM).update(created=timezone.now() - timedelta(days=400), active=True)
    code = paper.print_sheet(VICTIM, "admin", month_ago)[0]
    client = Client(headers={"accept-language": "ja"})
    client.post(reverse("owner_sign_in"), {"address": VICTIM, "password": STOLEN_PASSWORD})
    client.post(reverse("owner_proof"), {"code": code})
    return client


def recover(incident: Incident) -> None:
    Incident.objects.filter(pk=incident.pk).update(recovered_at=timezone.now(), phase="recovered")
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="probation", generation=1)


def test_the_owner_reads_what_happened_to_his_mailbox_unmasked_and_what_to_do(owner):
    page = owner.get(reverse("owner_what_happened")).content.decode()
    assert "いま、なさってほしいこと" in page and reverse("owner_apology") in page
    assert "noreply@bank.test" in page and "<script>alert" not in page
    assert "sora.example" not in page and "info@hana.example" not in page
    rows = owner.get(reverse("owner_evidence", args=["sent.delivered"])).content.decode()
    assert PERSON in rows
    assert owner.get(reverse("owner_evidence", args=["touched.1"])).status_code == 404


def test_the_password_alone_does_not_open_it(incident):
    client = Client()
    SiteMailbox.objects.filter(username=VICTIM).update(active=True)
    client.post(reverse("owner_sign_in"), {"address": VICTIM, "password": STOLEN_PASSWORD})
    for name in ("owner_what_happened", "owner_apology"):
        answer = client.get(reverse(name))
        assert answer.status_code == 302 and reverse("owner_proof") in answer.url


def test_before_the_recovery_there_is_no_way_to_send_an_apology(owner):
    page = owner.get(reverse("owner_apology")).content.decode()
    assert PERSON in page and "disabled" in page
    owner.post(reverse("owner_apology"), {"to": [PERSON], "language": "ja"})
    assert not Notice.objects.filter(kind="apology").exists()


def test_after_it_the_owner_writes_to_those_he_chose_and_sees_what_became_of_it(owner, incident):
    recover(incident)
    answer = owner.post(
        reverse("owner_apology"), {"to": [PERSON, "nobody@elsewhere.test"], "language": "en"}, follow=True
    )
    letter = Notice.objects.get(kind="apology")
    assert (letter.recipient, letter.language, letter.state) == (PERSON, "en", "open")
    page = answer.content.decode()
    assert f'value="{PERSON}"' not in page and "順番待ち" in page
    owner.post(reverse("owner_apology_stop"))
    assert not Notice.objects.filter(kind="apology").exists()
    verbs = list(Audit.objects.order_by("number").values_list("verb", flat=True))
    assert "apology_asked" in verbs and "apology_stopped" in verbs


def test_the_owner_takes_his_own_evidence_along(owner):
    answer = owner.post(reverse("owner_package"))
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as package:
        assert json.loads(package.read("basis.json"))["basis"] == "owner"
    assert Audit.objects.get(verb="evidence_package").actor == "owner (paper)"


def test_an_owner_without_an_incident_reads_that_there_is_none(owner, incident):
    Incident.objects.filter(pk=incident.pk).update(phase="dismissed")
    assert "記録はありません" in owner.get(reverse("owner_what_happened")).content.decode()
    for name in ("owner_apology_stop", "owner_package"):
        assert owner.post(reverse(name)).status_code == 302
