"""`sekisho complaint`: for a person at the terminal, and for Postfix' pipe, which bounces at all but 0 and 75."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from django.db import OperationalError

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents import complaints
from sekisho.incidents.models import QueueIdLogin

pytestmark = pytest.mark.django_db(databases=["default", "site"])

REPORT = b"""\
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: abuse

--b
Content-Type: message/rfc822

Message-ID: <1.2@shop.test>

--b--
"""


def call(*words: str, given: bytes = REPORT) -> tuple[int, str]:
    done = CliRunner().invoke(sekisho, ["complaint", *words, "-"], input=given, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.output


@pytest.fixture
def message() -> None:
    QueueIdLogin.objects.create(
        queue_id="4id", mailbox="alice@shop.test", at=datetime.now(UTC), message_id="<1.2@shop.test>"
    )


def test_a_person_is_told_what_became_of_it(message: None) -> None:
    code, said = call()
    assert code == 0 and "alice@shop.test" in said and "counts nothing" in said
    assert '"outcome": "forgeable"' in call("--json")[1]


def test_a_person_is_told_that_it_is_no_report() -> None:
    with pytest.raises(Refused, match="not a feedback report"):
        call(given=b"Subject: hello\n\nIs this spam?\n")


def test_the_mail_server_is_never_made_to_bounce_a_report(message: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("--from-mta")[0] == 0
    assert call("--from-mta", given=b"Subject: hello\n\nIs this spam?\n")[0] == 0

    def away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(complaints, "take", away)
    assert call("--from-mta")[0] == 75
