"""Who gets a diagnosis by mail, what it holds, and that no two programs ever write to each other."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage, Message

import msgspec
import pytest
from click.testing import CliRunner
from django.db import OperationalError

from sekisho.cli import sekisho
from sekisho.config import settings
from sekisho.directory.models import SiteAlias
from sekisho.inbound import answering, forwarded
from sekisho.inbound.forwarded import Envelope
from sekisho.inbound.models import DiagnosisCount

pytestmark = pytest.mark.django_db(databases=["default", "site"])

BYSTANDER, VICTIM = "bob@ours.test", "alice@ours.test"
OWN = "shindan@feedback.mx01.provider.example"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def suspicious() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = '"info@bank.test" <x@evil.test>', "Urgent"
    mail.set_content("https://2130706433/login")
    return mail


def wrapped(attached: Message | None = None, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = BYSTANDER, OWN, "<1@hana.test>"
    mail.set_content("Is this genuine?")
    if attached is not None:
        mail.add_attachment(attached)
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    return mail.as_bytes()


@pytest.fixture
def sent(two_tenants, monkeypatch) -> list[tuple[str, list[str], EmailMessage]]:
    """What left, as (envelope sender, recipients, mail)."""
    found: list[tuple[str, list[str], EmailMessage]] = []

    class Relay:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> Relay:
            return self

        def __exit__(self, *_: object) -> None: ...

        def send_message(self, message: EmailMessage, from_addr: str, to_addrs: list[str]) -> None:
            found.append((from_addr, to_addrs, message))

    monkeypatch.setattr(smtplib, "SMTP", Relay)
    return found


def configured(**more: object):
    diagnosis = msgspec.structs.replace(settings().diagnosis, address=OWN, **more)
    return msgspec.structs.replace(settings(), diagnosis=diagnosis)


def take(data: bytes, sender: str = BYSTANDER, login: str = BYSTANDER, now: datetime = NOW, **more: object) -> str:
    return answering.take(data, Envelope(sender, login), configured(**more), now)


def test_the_owner_gets_reasons_in_a_mail_that_no_program_answers(sent):
    assert take(wrapped(suspicious())) == "answered"
    ((sender, recipients, mail),) = sent
    assert (sender, recipients, mail["From"]) == ("", [BYSTANDER], OWN)
    assert (mail["Auto-Submitted"], mail["In-Reply-To"]) == ("auto-replied", "<1@hana.test>")
    text = mail.get_content()
    assert "危険な点が見つかりました" in text and "127.0.0.1" in text and "x@evil.test" in text
    assert "https://" not in text and "hxxps://2130706433" in text
    # What it answers would be taken for a program's: it is never answered itself.
    assert take(mail.as_bytes(), sender=BYSTANDER) == "program"


def test_a_writer_of_english_is_answered_in_english(sent):
    take(wrapped(suspicious(), Content_Language="en-US"))
    assert "There are dangerous signs" in sent[0][2].get_content()


@pytest.mark.parametrize(
    ("sender", "login"),
    [
        ("stranger@far.test", ""),
        (BYSTANDER, ""),
        (BYSTANDER, VICTIM),
        ("stranger@far.test", BYSTANDER),
        ("nobody@ours.test", "nobody@ours.test"),
    ],
)
def test_whoever_is_not_proved_to_be_a_mailbox_here_gets_no_answer(sender, login, sent):
    assert take(wrapped(suspicious()), sender, login) == "stranger"
    assert sent == []


def test_the_alias_of_a_mailbox_may_ask_too(sent):
    SiteAlias.objects.create(address="soudan@ours.test", goto=f"{VICTIM},{BYSTANDER}", domain="ours.test")
    assert take(wrapped(suspicious()), "soudan@ours.test") == "answered"
    assert sent[0][1] == ["soudan@ours.test"]


def test_results_that_our_own_server_wrote_prove_the_sender_where_postfix_names_no_login(sent):
    host = settings().host
    border = f"Received: from a (a [203.0.113.9]) by {host} (Postfix) with ESMTP id 4X\n"
    by_login = f"Authentication-Results: {host}; auth=pass smtp.auth={BYSTANDER}\n"
    by_domain = f"Authentication-Results: {host}; spf=pass smtp.mailfrom={BYSTANDER}\n"
    for results in (by_login, by_domain):
        data = (border + results).encode() + wrapped(suspicious())
        assert take(data, login="") == "stranger", "no authserv-id is listed"
        assert take(data, login="", authserv_ids=(host,)) == "answered"
        below = (border + "Received: from x by y\n" + results).encode() + wrapped(suspicious())
        assert take(below, login="", authserv_ids=(host,)) == "stranger"


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("", {}),
        ("MAILER-DAEMON", {}),
        (OWN, {}),
        (BYSTANDER, {"Auto_Submitted": "auto-replied"}),
        (BYSTANDER, {"Precedence": "bulk"}),
        (BYSTANDER, {"List_Id": "<x.test>"}),
        (BYSTANDER, {"X_Sekisho_Diagnosis": "answer"}),
        ("noreply@ours.test", {}),
    ],
)
def test_no_program_is_answered(sender, headers, sent):
    assert take(wrapped(suspicious(), **headers), sender) == "program"
    assert sent == []


def test_a_forward_without_attachment_is_told_how(sent):
    assert take(wrapped()) == "answered"
    assert "添付ファイルとして転送" in sent[0][2].get_content()


def test_a_mail_that_is_too_large_is_told_so(sent):
    assert take(wrapped(suspicious()) + b"x" * 8 * 1024 * 1024) == "answered"
    assert "大きすぎ" in sent[0][2].get_content()


def test_a_day_has_so_many_answers_and_one_that_says_so(sent):
    outcomes = [take(wrapped(suspicious()), answers_a_day=2) for _ in range(5)]
    assert outcomes == ["answered"] * 3 + ["limit"] * 2
    assert "2 件" in sent[2][2].get_content()
    assert take(wrapped(suspicious()), now=NOW + timedelta(days=1), answers_a_day=2) == "answered"
    assert DiagnosisCount.objects.count() == 1


def test_an_answer_that_could_not_leave_is_brought_again_and_not_counted(sent, monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(smtplib, "SMTP", away)
    with pytest.raises(ConnectionRefusedError):
        take(wrapped(suspicious()))
    assert DiagnosisCount.objects.get().answers == 0


def call(*words: str, given: bytes) -> tuple[int, str]:
    done = CliRunner().invoke(sekisho, ["diagnose", *words, "-"], input=given, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.output


def test_the_command_tells_a_person_and_never_makes_postfix_bounce(two_tenants, monkeypatch):
    code, said = call(given=suspicious().as_bytes())
    assert code == 0 and "127.0.0.1" in said
    assert '"verdict": "danger"' in call("--json", given=suspicious().as_bytes())[1]
    assert call("--from-mta", "--sender", BYSTANDER, given=wrapped(suspicious())) == (0, "stranger\n")

    def away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(answering, "take", away)
    assert call("--from-mta", given=b"")[0] == 75


def test_the_language_is_the_writers():
    for said, language in (("ja-JP, en-US", "ja"), ("en-US", "en"), ("", "ja"), ("de", "en")):
        head = Message()
        if said:
            head["Content-Language"] = said
        assert forwarded.language_of(head) == language
