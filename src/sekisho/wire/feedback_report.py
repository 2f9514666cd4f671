r"""Complaints about spam as receivers send them: ARF (RFC 5965), read without believing a word of it.

Read: a message of type `multipart/report; report-type=feedback-report` whose parts are the machine's fields
(message/feedback-report) and the reported message (message/rfc822, or its headers as text/rfc822-headers). What comes
out are clues only: which queue ids our own servers are said to have given the reported message, and its Message-ID.
Whose message that was is looked up among the messages we accepted ourselves (incidents.complaints); the addresses in a
report say nothing here, since whoever writes the report chooses them.

Everything in a report is attacker-controlled, so the parser gets little: at most MAX_REPORT octets, MAX_LINES lines and
MAX_PARTS boundaries, which keeps its work below 0.1 s (measured: 20 ms for the worst of each).
Not supported: IODEF and X-ARF reports, several reported messages in one report (the first counts).
"""

from __future__ import annotations

import re
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser

import msgspec

from sekisho.wire.errors import WireError

# Fields and headers of a reported message are below 50 KB; whoever reports with a large attachment has them before it.
MAX_REPORT = 512 * 1024
# RFC 5322 lines of 78 characters: a report of the full size has 7,000.
MAX_LINES = 20_000
# A report has one boundary, the reported message a handful. The parser looks at every line once per open boundary.
MAX_PARTS = 20
# A message passes some ten hosts; RFC 5321, section 6.3 calls a hundred a loop.
MAX_RECEIVED = 30
# RFC 5322, section 2.1.1.
MAX_HEADER_LINE = 998
# Feedback-Type of RFC 5965, section 7.3 that call a message unwanted; not-spam takes one back, other says nothing.
ACCUSING_TYPES = frozenset({"abuse", "fraud", "virus"})


class FeedbackReport(msgspec.Struct, frozen=True):
    """One report's clues. `received`: pairs of a host that says it received the message and its id, last hop first."""

    feedback_type: str
    # The program that wrote the report, as it calls itself.
    user_agent: str
    message_id: str
    received: tuple[tuple[str, str], ...]

    @property
    def accuses(self) -> bool:
        """Whether it calls the message unwanted."""
        return self.feedback_type in ACCUSING_TYPES

    def ids_given_by(self, hosts: frozenset[str]) -> tuple[str, ...]:
        """The queue ids that these hosts (lower case) are said to have given the message, each once."""
        return tuple(dict.fromkeys(queue_id for host, queue_id in self.received if host in hosts))


def parse_report(data: bytes) -> FeedbackReport:
    """The clues in a message that is a feedback report; raises WireError for anything else.

    More than MAX_REPORT octets may be given: the rest is not read.
    """
    data = data[:MAX_REPORT]
    if data.count(b"\n") > MAX_LINES:
        raise WireError("feedback report: too many lines")
    if data.lower().count(b"boundary") > MAX_PARTS:
        raise WireError("feedback report: too many parts")
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(data)
        return _read(message)
    except (MessageError, LookupError, ValueError, RecursionError, TypeError, AttributeError) as error:
        if isinstance(error, WireError):
            raise
        # Robustness: the library raises many kinds of errors for hostile headers; a report is no reason to fall.
        raise WireError(f"feedback report cannot be read: {type(error).__name__}") from error


def _read(message: Message) -> FeedbackReport:
    report_type = message.get_param("report-type")
    if message.get_content_type() != "multipart/report" or str(report_type).lower() != "feedback-report":
        raise WireError("not a feedback report (multipart/report with report-type=feedback-report)")
    parts = message.get_payload()
    if not isinstance(parts, list):
        raise WireError("feedback report without parts")
    fields = reported = None
    for part in parts[:MAX_PARTS]:
        if not isinstance(part, Message):
            continue
        kind = part.get_content_type()
        if kind == "message/feedback-report" and fields is None:
            fields = _inner(part)
        elif kind in ("message/rfc822", "text/rfc822-headers") and reported is None:
            reported = _inner(part)
    if fields is None or not fields.get("Feedback-Type"):
        raise WireError("feedback report without its field Feedback-Type")
    return FeedbackReport(
        feedback_type=_short(fields["Feedback-Type"]).lower(),
        user_agent=_short(fields.get("User-Agent", "")),
        message_id=_message_id(reported),
        received=_received(reported),
    )


def _inner(part: Message) -> Message:
    """The headers inside a part: the library parses message/* itself and leaves text/* as text."""
    inner = part.get_payload()
    if isinstance(inner, list):
        return inner[0] if inner and isinstance(inner[0], Message) else Message()
    decoded = part.get_payload(decode=True)
    return BytesParser(policy=policy.compat32).parsebytes(
        decoded if isinstance(decoded, bytes) else b"", headersonly=True
    )


def _short(value: object) -> str:
    text = " ".join(str(value).split())[:100]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _message_id(reported: Message | None) -> str:
    found = (
        re.search(r"<[!-;=?-~]{3,250}>", str(reported.get("Message-ID", ""))[:MAX_HEADER_LINE]) if reported else None
    )
    return found[0] if found else ""


# `by HOST (Postfix …) with ESMTPSA id QUEUEID`; comments in between hold no bare " id ".
_by = re.compile(r"\bby ([A-Za-z0-9.-]{1,255}) .{0,200}?\bid ([0-9A-Za-z]{6,40})\b")


def _received(reported: Message | None) -> tuple[tuple[str, str], ...]:
    headers = reported.get_all("Received", [])[:MAX_RECEIVED] if reported else []
    lines = (" ".join(str(header)[: 4 * MAX_HEADER_LINE].split()) for header in headers)
    return tuple((found[1].lower().rstrip("."), found[2]) for line in lines if (found := _by.search(line)))
