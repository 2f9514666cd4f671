"""Reports about spam and the messages they name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sekisho.config import ComplaintSettings, RetentionSettings, Settings, settings
from sekisho.incidents import complaints, retention
from sekisho.incidents.complaints import Client, take
from sekisho.incidents.models import QueueIdLogin, ReportedMessage
from sekisho.journal import Follower, parse_complaint
from sekisho.wire.feedback_report import FeedbackReport

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, BOB = "alice@shop.test", "bob@shop.test"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SENT = NOW - timedelta(hours=5)
ID, MESSAGE_ID = "4jYZ224PJXzJHbl", "<1.2@shop.test>"
FBL, STRANGER = Client("192.0.2.7", "out.fbl.test"), Client("203.0.113.9", "unknown")


@pytest.fixture
def site(tmp_path: object) -> Settings:
    reporters = ("192.0.2.0/28", "fbl.test")
    return msgspec.structs.replace(
        settings(),
        host="mx01.host.test",
        var=str(tmp_path),
        complaints=ComplaintSettings(reporters, ("old.host.test",)),
    )


@pytest.fixture
def message() -> QueueIdLogin:
    return QueueIdLogin.objects.create(queue_id=ID, mailbox=ALICE, at=SENT, message_id=MESSAGE_ID)


def report(
    queue_id: str = ID, by: str = "mx01.host.test", message_id: str = MESSAGE_ID, kind: str = "abuse"
) -> FeedbackReport:
    return FeedbackReport(kind, "FBL/1", message_id, ((by, queue_id),))


def handed_over(site: Settings) -> list[str]:
    return [parse_complaint(line).queue_id for line in Follower(site.complaints_directory).read()]


def test_a_vouched_report_about_a_message_of_ours_goes_to_the_guard_once(site: Settings, message: QueueIdLogin) -> None:
    taken = take(report(), FBL, site, NOW)
    assert (taken.outcome, taken.mailbox, taken.queue_id) == ("counted", ALICE, ID)
    assert take(report(), FBL, site, NOW + timedelta(hours=1)).outcome == "repeated"
    assert handed_over(site) == [ID]
    row = ReportedMessage.objects.get()
    assert (row.key, row.reports, row.vouched_by, row.submitted_at) == (ID, 2, "192.0.2.0/28", SENT)
    found = complaints.tally(ALICE, SENT)
    assert (found.counted, found.forgeable) == (1, 0)


def test_a_stranger_s_report_is_kept_and_counts_nothing(site: Settings, message: QueueIdLogin) -> None:
    for _ in range(3):
        assert take(report(), STRANGER, site, NOW).outcome == "forgeable"
    assert handed_over(site) == []
    found = complaints.tally(ALICE, SENT)
    assert (found.counted, found.forgeable) == (0, 1)
    # Somebody trusted says the same later: now it counts, once.
    assert take(report(), FBL, site, NOW).outcome == "counted"
    assert handed_over(site) == [ID]


@pytest.mark.parametrize(
    "made_up",
    [
        report("4unknown1234567", message_id=""),
        report(by="mx.elsewhere.test", message_id=""),
        report(message_id="<another@message.test>"),
        FeedbackReport("abuse", "FBL/1", "", ()),
    ],
    ids=["unknown id", "another host's id", "the id is another message's", "no clue"],
)
def test_a_report_that_names_no_message_of_ours_counts_nothing(
    site: Settings, message: QueueIdLogin, made_up: FeedbackReport
) -> None:
    for _ in range(500):
        assert take(made_up, FBL, site, NOW).outcome == "untied"
    assert handed_over(site) == []
    assert [(row.key, row.mailbox, row.reports) for row in ReportedMessage.objects.all()] == [
        ("untied 2026-11-20", "", 500)
    ]


def test_the_message_id_ties_where_our_received_line_was_cut(site: Settings, message: QueueIdLogin) -> None:
    assert take(FeedbackReport("abuse", "FBL/1", MESSAGE_ID, ()), FBL, site, NOW).mailbox == ALICE


def test_a_message_id_that_two_mailboxes_used_ties_to_nobody(site: Settings, message: QueueIdLogin) -> None:
    QueueIdLogin.objects.create(queue_id="4other", mailbox=BOB, at=SENT, message_id=MESSAGE_ID)
    assert take(FeedbackReport("abuse", "FBL/1", MESSAGE_ID, ()), FBL, site, NOW).outcome == "untied"


def test_another_name_of_our_host_may_be_listed(site: Settings, message: QueueIdLogin) -> None:
    assert take(report(by="old.host.test"), FBL, site, NOW).outcome == "counted"


def test_a_report_that_calls_nothing_unwanted_leaves_no_row(site: Settings, message: QueueIdLogin) -> None:
    assert take(report(kind="not-spam"), FBL, site, NOW).outcome == "harmless"
    assert not ReportedMessage.objects.exists()


@pytest.mark.parametrize(
    ("client", "entry"),
    [
        (Client("192.0.2.7"), "192.0.2.0/28"),
        (Client("192.0.2.77"), ""),
        (Client("203.0.113.9", "fbl.test"), "fbl.test"),
        (Client("203.0.113.9", "A.FBL.test."), "fbl.test"),
        (Client("203.0.113.9", "notfbl.test"), ""),
        (Client("2001:db8::5"), "2001:db8::/32"),
        (Client("unknown", "unknown"), ""),
        (Client(), ""),
    ],
)
def test_who_vouches(client: Client, entry: str) -> None:
    assert complaints.voucher(client, ("192.0.2.0/28", "2001:db8::/32", "fbl.test", "")) == entry


def test_a_report_that_could_not_be_handed_over_is_not_taken(
    site: Settings, message: QueueIdLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(complaints, "AppendLog", refuse)
    with pytest.raises(OSError, match="No space"):
        take(report(), FBL, site, NOW)
    assert not ReportedMessage.objects.exists()


def forget(now: datetime) -> None:
    for _ in retention.batches(RetentionSettings(), now):
        pass


def test_old_reports_are_forgotten(site: Settings, message: QueueIdLogin) -> None:
    take(report(), FBL, site, NOW)
    forget(NOW + timedelta(days=89))
    assert ReportedMessage.objects.count() == 1
    forget(NOW + timedelta(days=91))
    assert not ReportedMessage.objects.exists()
