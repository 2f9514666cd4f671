"""Feedback reports (ARF): what is read of them; nothing in them costs much or raises anything but WireError."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.feedback_report import MAX_REPORT, parse_report

OURS = frozenset({"mx01.host.test"})
# The example of RFC 5965, appendix B.2, with a Received header as Postfix writes it.
REPORT = b"""\
From: <abusedesk@example.com>
Subject: FW: Earn money
To: <abuse@example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822

Received: from mx01.host.test (mx01.host.test [192.0.2.1])
\tby mx.example.com (Postfix) with ESMTPS id 4ZZZ224PJXzJHbl
\tfor <reader@example.com>; Thu, 8 Mar 2005 14:00:00 -0400
Received: from [203.0.113.9] (unknown [203.0.113.9])
\t(Authenticated sender: alice@shop.test)
\tby MX01.host.test (Postfix) with ESMTPSA id 4jYZ224PJXzJHbl
\tfor <reader@example.com>; Thu, 8 Mar 2005 13:59:00 -0400
From: <alice@shop.test>
To: <reader@example.com>
Subject: Earn money
Message-ID: <8787KJKJ3K4J3K4J3K4J3.mail@example.net>

Spam Spam Spam
--part1_13d.2e68ed54_boundary--
"""


def test_it_reads_the_queue_id_our_host_gave_and_the_message_id() -> None:
    report = parse_report(REPORT)
    assert report.feedback_type == "abuse" and report.accuses
    assert report.user_agent == "SomeGenerator/1.0"
    assert report.message_id == "<8787KJKJ3K4J3K4J3K4J3.mail@example.net>"
    assert report.ids_given_by(OURS) == ("4jYZ224PJXzJHbl",)
    assert report.ids_given_by(frozenset({"mx.example.com"})) == ("4ZZZ224PJXzJHbl",)


def test_headers_alone_are_enough() -> None:
    headers = REPORT.replace(b"message/rfc822", b"text/rfc822-headers")
    assert parse_report(headers) == parse_report(REPORT)


def test_headers_in_base64_are_read() -> None:
    import base64

    start = REPORT.index(b"Received: from mx01")
    end = REPORT.rindex(b"--part1")
    coded = base64.encodebytes(REPORT[start:end])
    data = REPORT[:start].replace(b"message/rfc822", b"text/rfc822-headers\nContent-Transfer-Encoding: base64")
    assert parse_report(data + coded + REPORT[end:]).ids_given_by(OURS) == ("4jYZ224PJXzJHbl",)


@pytest.mark.parametrize("word", [b"not-spam", b"opt-out", b"other"])
def test_a_report_that_calls_nothing_unwanted_accuses_nobody(word: bytes) -> None:
    assert not parse_report(REPORT.replace(b"Feedback-Type: abuse", b"Feedback-Type: " + word)).accuses


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Subject: hello\n\nIs this spam?\n",
        REPORT.replace(b"report-type=feedback-report", b"report-type=delivery-status"),
        REPORT.replace(b"Feedback-Type: abuse\n", b""),
        REPORT.replace(b"multipart/report", b"multipart/mixed"),
        REPORT.replace(b'boundary="part1_13d.2e68ed54_boundary"', b"x=y"),
        REPORT.replace(b"Version: 1\n", b"Version: 1\n" * 21_000),
        REPORT.replace(b"Spam Spam", b"Content-Type: multipart/mixed; boundary=a\n" * 30),
    ],
    ids=["empty", "letter", "dsn", "no type", "mixed", "no boundary", "lines", "boundaries"],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parse_report(data)


@pytest.mark.parametrize(
    "data",
    [
        REPORT + b"x" * 50_000_000,
        REPORT.replace(b"Spam Spam", b"Content-Type: message/rfc822\n\n" * 9_000),
        REPORT.replace(b"Subject: Earn money\nMessage-ID", b"Received: by " + b"a" * 400_000 + b" id x\nMessage-ID"),
        REPORT.replace(
            b"Spam Spam",
            b"".join(b"Content-Type: multipart/x; boundary=%d\n\n--%d\n" % (n, n) for n in range(15)) + b"\n" * 19_000,
        ),
    ],
    ids=["50 MB", "deep", "long header", "boundaries x lines"],
)
def test_a_hostile_report_costs_little(data: bytes) -> None:
    began = time.process_time()
    try:
        parse_report(data)
    except WireError:
        pass
    # 2 s is what RELIABILITY allows; the machine that runs the tests may be busy.
    assert time.process_time() - began < 1.0


def test_only_the_beginning_is_read() -> None:
    assert parse_report(REPORT.replace(b"Spam Spam Spam", b"x" * MAX_REPORT)).ids_given_by(OURS) == ("4jYZ224PJXzJHbl",)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(REPORT)), st.binary(max_size=40), st.integers(0, 60))
def test_any_damage_is_read_or_refused(place: int, inserted: bytes, removed: int) -> None:
    try:
        parse_report(REPORT[:place] + inserted + REPORT[place + removed :])
    except WireError:
        pass
