"""Mail log lines: a message's whole way, and lines that real strangers forged on a real Postfix 3.7.11."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.maillog import (
    Delivery,
    MessageIdSeen,
    QueueExpired,
    QueueSender,
    RcptDeferred,
    Requeued,
    SmtpdLogin,
    parse_line,
    seconds_of,
)

GOLDEN = Path(__file__).parents[2] / "golden"
HEAD = "Nov 24 02:27:52 mx ours/"
SMTPD = HEAD + "smtpd[1]: "
SENDER_TAIL = "mailbox temporarily suspended by the provider, please retry later"


def records(name: str) -> list[object]:
    lines = (GOLDEN / name).read_text().splitlines()
    return [record for record in map(parse_line, lines) if record is not None]


def test_it_follows_one_message_from_login_to_its_results() -> None:
    found = records("mail-log-one-message.log")
    assert found[0] == SmtpdLogin("Nov 24 02:27:52", "5FA4624816C", "127.0.0.1", "alice@ours.test")
    message_id = "<20261124022752.5FA4624816C@mx.ours.test>"
    assert found[1] == MessageIdSeen("Nov 24 02:27:52", "5FA4624816C", message_id)
    assert found[2] == QueueSender("Nov 24 02:27:52", "5FA4624816C", "alice@ours.test", 487, 5)
    results = [record for record in found if isinstance(record, Delivery) and record.queue_id == "5FA4624816C"]
    assert [(r.daemon, r.recipient, r.status, r.dsn) for r in results] == [
        ("lmtp", "bob@ours.test", "sent", "2.0.0"),
        ("smtp", "bad@internet.test", "bounced", "5.1.1"),
        ("smtp", "block@internet.test", "bounced", "5.7.1"),
        ("smtp", "grey@internet.test", "deferred", "4.7.1"),
        ("smtp", "ok@internet.test", "sent", "2.0.0"),
    ]
    assert results[4].queued_as == "7C8592481D0"
    assert results[0].queued_as == ""
    assert QueueSender("Nov 24 02:27:52", "812EB2481E7", "", 2942, 1) in found


def test_forged_addresses_helo_names_and_message_ids_stay_what_they_are() -> None:
    found = records("mail-log-forged.log")
    deferred = [record for record in found if isinstance(record, RcptDeferred)]
    assert len(deferred) == 8
    assert all(record.recipient.endswith("@ours.test") for record in deferred)
    assert all("alice" in record.recipient for record in deferred)
    assert "victim@ours.test" not in {record.recipient for record in deferred}
    assert {record.sender for record in deferred if "forge" not in record.sender} == {
        "x@sender.test",
        '"x; from=<a@b.test> to=<victim@ours.test> proto=ESMTP helo=<h>"@s.test',
        "",
        "x@y.test",
        "x@y",
    }
    results = [record for record in found if isinstance(record, Delivery)]
    assert [r.status for r in results] == ["deferred"] * 4
    assert all(r.waits_here and r.queued_as == "" for r in results)
    requeued = [record for record in found if isinstance(record, Requeued)]
    assert [(r.queue_id, r.former_queue_id) for r in requeued] == [("4jYYc44YN7zJDRK", "4jYYc338p0zJDNw")]
    senders = {record.sender for record in found if isinstance(record, QueueSender)}
    assert senders == {'"x> orig_id=AAAAAAAA1"@s.test'}


def test_a_remote_servers_words_do_not_become_a_result() -> None:
    line = HEAD + (
        "smtp[1]: 5FA4624816C: to=<bad@internet.test>, relay=127.0.0.1[127.0.0.1]:3525, delay=0.13,"
        " delays=0.01/0.01/0.05/0.05, dsn=5.1.1, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.1.1 x), relay=y,"
        " delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 7C8592481D0)"
    )
    found = parse_line(line)
    assert isinstance(found, Delivery)
    assert (found.status, found.dsn, found.queued_as) == ("bounced", "5.1.1", "")


def test_a_login_named_in_a_failure_or_a_foreign_text_is_no_login() -> None:
    for rest in (
        "warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: x, sasl_username=alice@ours.test",
        "NOQUEUE: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@ours.test",
        "warning: 5FA4624816C: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@ours.test",
        "5FA4624816C: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <x, sasl_username=alice@ours.test>: no",
    ):
        assert parse_line(SMTPD + rest) is None
    cleanup = HEAD + "cleanup[1]: 5FA4624816C: message-id=<x>, sasl_method=PLAIN, sasl_username=alice@ours.test"
    assert isinstance(parse_line(cleanup), MessageIdSeen)
    other_daemon = HEAD + "smtp[1]: 5FA4624816C: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@ours.test"
    assert parse_line(other_daemon) is None


def test_an_auth_parameter_cannot_rename_the_login() -> None:
    rest = "5FA4624816C: client=x[2001:db8::1]:40123, sasl_method=PLAIN, sasl_username=mallory@ours.test"
    found = parse_line(SMTPD + rest + ", sasl_sender=x, sasl_username=alice@ours.test")
    assert found == SmtpdLogin("Nov 24 02:27:52", "5FA4624816C", "2001:db8::1", "mallory@ours.test")


def test_only_450_4_2_1_at_rcpt_is_waiting_mail() -> None:
    reject = "NOQUEUE: reject: {state} from mail.sender.test[192.0.2.1]: {code} <alice@ours.test>: x"
    tail = "; from=<s@sender.test> to=<alice@ours.test> proto=ESMTP helo=<mail>"
    wanted = RcptDeferred("Nov 24 02:27:52", "mail.sender.test", "192.0.2.1", "s@sender.test", "alice@ours.test")
    assert parse_line(SMTPD + reject.format(state="RCPT", code="450 4.2.1") + tail) == wanted
    assert parse_line(SMTPD + reject.format(state="RCPT", code="450 4.7.1") + tail) is None
    assert parse_line(SMTPD + reject.format(state="DATA", code="450 4.2.1") + tail) is None
    assert parse_line(SMTPD + reject.format(state="RCPT", code="550 5.1.1") + tail) is None
    second = reject.format(state="RCPT", code="450 4.2.1").replace("NOQUEUE", "4jYYc338p0zJDNw")
    assert parse_line(SMTPD + second + tail) == wanted


def test_it_reads_aliases_filters_expiry_and_newer_attributes() -> None:
    common = "delay=1, delays=1/0/0/0, dsn=4.2.1, status=deferred (mailbox temporarily suspended by the provider)"
    found = parse_line(
        HEAD + f"error[1]: 4jYYc338p0zJDNw: to=<a@ours.test>, orig_to=<i@ours.test>, relay=none, {common}"
    )
    assert isinstance(found, Delivery)
    assert (found.recipient, found.original, found.waits_here) == ("a@ours.test", "i@ours.test", True)
    found = parse_line(
        HEAD + "smtp[1]: 4jYYc338p0zJDNw: to=<a@x.test>, relay=mx.x.test[192.0.2.1]:25, tls=verified, conn_use=2,"
        " delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok:"
        " queued as 4jYYc44YN7zJDRK)"
    )
    assert isinstance(found, Delivery)
    assert found.queued_as == "4jYYc44YN7zJDRK"
    found = parse_line(HEAD + "qmgr[1]: 4jYYc338p0zJDNw: from=<s@x.test>, status=expired, returned to sender")
    assert found == QueueExpired("Nov 24 02:27:52", "4jYYc338p0zJDNw", "s@x.test")
    back = "4jYYc44YN7zJDRK: client=localhost[127.0.0.1], orig_queue_id=4jYYc338p0zJDNw, orig_client=x[192.0.2.1]"
    assert parse_line(SMTPD + back) == Requeued("Nov 24 02:27:52", "4jYYc44YN7zJDRK", "4jYYc338p0zJDNw")


@pytest.mark.parametrize("stamp", ["2026-11-24T02:27:52.123456+09:00", "2026-11-24T02:27:52Z", "Nov  4 02:27:52"])
def test_it_reads_each_form_of_time_stamp(stamp: str) -> None:
    line = (
        f"{stamp} mx postfix/submission/smtpd[1]: 5FA4624816C: client=x[192.0.2.1], sasl_method=LOGIN, sasl_username=a"
    )
    found = parse_line(line)
    assert isinstance(found, SmtpdLogin)
    assert found.stamp == stamp


def test_a_line_of_another_program_says_nothing() -> None:
    rest = ": 5FA4624816C: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@ours.test"
    for tag in ("dovecot", "smtpd[1]", "postfix/smtpd", "x ours/smtpd[1]"):
        assert parse_line("Nov 24 02:27:52 mx " + tag + rest) is None


def test_stamps_without_year_belong_to_the_latest_possible_one() -> None:
    japan = timezone(timedelta(hours=9))
    now = datetime(2027, 1, 1, 0, 10, tzinfo=japan)
    assert seconds_of("Dec 31 23:59:00", now) == datetime(2026, 12, 31, 23, 59, tzinfo=japan).timestamp()
    assert seconds_of("Jan  1 00:09:59", now) == datetime(2027, 1, 1, 0, 9, 59, tzinfo=japan).timestamp()
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=japan)
    assert seconds_of("Jan  1 00:00:01", late) == datetime(2027, 1, 1, 0, 0, 1, tzinfo=japan).timestamp()
    assert seconds_of("Feb 29 00:00:00", datetime(2028, 3, 1, tzinfo=UTC)) == 1835395200.0
    assert seconds_of("2026-11-24T02:27:52.5+09:00", now) == 1795454872.5


@pytest.mark.parametrize("stamp", ["", "x", "Foo 24 02:27:52", "Nov 31 02:27:52", "9999-99-99T00:00:00Z", "Nov 24"])
def test_it_refuses_stamps_that_are_no_time(stamp: str) -> None:
    with pytest.raises(WireError):
        seconds_of(stamp, datetime(2026, 11, 24, tzinfo=UTC))


def quoted(local: str) -> str:
    """The external form of RFC 5321, as Postfix logs it with info_log_addr_form=quoted."""
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"@ours.test'


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
pieces = st.sampled_from(
    [
        "; from=<a@b> to=<",
        "> proto=ESMTP helo=<h>",
        '"',
        "\\",
        '\\"',
        ">",
        "<",
        "victim@ours.test",
        '"@e.test> to=<"',
        "a",
    ]
)
hostile = st.lists(pieces | printable, max_size=8).map("".join)
HELO = str.maketrans(' <>()\\";@', "?" * 9)


@given(hostile, hostile, hostile)
def test_no_address_or_helo_name_can_forge_a_deferred_pair(sender: str, recipient: str, helo: str) -> None:
    line = (
        f"{SMTPD}NOQUEUE: reject: RCPT from x[192.0.2.1]: 450 4.2.1 <{recipient}@ours.test>: Recipient address"
        f" rejected: {SENDER_TAIL}; from=<{quoted(sender)}> to=<{quoted(recipient)}> proto=ESMTP"
        f" helo=<{helo.translate(HELO)}>"
    )
    found = parse_line(line)
    assert found == RcptDeferred("Nov 24 02:27:52", "x", "192.0.2.1", quoted(sender), quoted(recipient))


@given(hostile, hostile, printable)
def test_no_address_or_reply_can_forge_a_result(recipient: str, original: str, reply: str) -> None:
    line = (
        f"{HEAD}smtp[1]: 5FA4624816C: to=<{quoted(recipient)}>, orig_to=<{quoted(original)}>, relay=x[192.0.2.1]:25,"
        f" delay=0, delays=0/0/0/0, dsn=5.1.1, status=bounced ({reply})"
    )
    found = parse_line(line)
    assert isinstance(found, Delivery)
    assert (found.recipient, found.original) == (quoted(recipient), quoted(original))
    assert (found.status, found.text, found.queued_as) == ("bounced", reply, "")


@given(st.text(max_size=200), st.sampled_from(["smtpd", "qmgr", "cleanup", "pickup", "smtp", "error"]))
def test_arbitrary_lines_are_read_or_not_and_raise_nothing(text: str, daemon: str) -> None:
    parse_line(text)
    parse_line(f"{HEAD}{daemon}[1]: {text}")
    parse_line(f"{HEAD}{daemon}[1]: 5FA4624816C: {text}")


def test_a_line_longer_than_postfix_writes_is_no_line() -> None:
    line = HEAD + "cleanup[1]: 5FA4624816C: message-id=<"
    assert isinstance(parse_line(line + "a" * 100), MessageIdSeen)
    assert parse_line(line + "a" * 8192) is None


def test_hostile_lines_are_dealt_with_in_milliseconds() -> None:
    evil = "; from=<" * 900
    lines = [
        SMTPD + "NOQUEUE: reject: RCPT from x[192.0.2.1]: 450 4.2.1 " + evil,
        SMTPD + "NOQUEUE: reject: RCPT from x[192.0.2.1]: 450 4.2.1 " + "; from=<a> to=<" * 500,
        HEAD + "smtp[1]: 5FA4624816C: to=<a@b>, relay=x," + " dsn=2.0.0," * 600,
        HEAD + "smtp[1]: 5FA4624816C: to=<" + '"\\\\' * 2000,
        HEAD + "qmgr[1]: 5FA4624816C: from=<" + '""' * 3500,
    ]
    for line in lines:
        assert timeit.timeit(partial(parse_line, line), number=1) < 0.25
