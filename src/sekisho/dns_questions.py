"""Questions to the DNS with deadlines, and what a blocklist's answer means (RFC 5782). Asks nobody but the resolver.

What the resolver does not answer is told as unanswered, never as missing; what a list says about the question itself
(asked too often, by an open resolver, without a contract) is no listing.
"""

from __future__ import annotations

import ipaddress
from typing import Literal, NamedTuple

import dns.exception
import dns.rcode
import dns.resolver

# One question; RFC 1035 leaves it open, stub resolvers wait 5 s.
QUESTION_S = 3.0
# Lists answer within 127.0.0.0/8 (RFC 5782, section 2.1); anything else is a parked domain that answers every name.
CODES = ipaddress.ip_network("127.0.0.0/8")
# Answers about the question: it came by an open resolver, too often, or was malformed (Spamhaus' 127.255.255.252-255,
# used by others as well).
NO_LISTING = ipaddress.ip_network("127.255.255.0/24")
# 127.0.0.1 never lists anything (RFC 5782, section 5); SURBL and URIBL refuse with it. Spamhaus' DBL says 127.0.1.255
# to a question about an address.
REFUSALS = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("127.0.1.255"))

# "broken": an answer that no list gives.
Verdict = Literal["clean", "listed", "refused", "unanswered", "broken"]


class Answer(NamedTuple):
    """What came back: records of the kind asked for (none is an answer, too), a refusal, or nothing in time."""

    kind: Literal["records", "refused", "unanswered"]
    records: tuple[str, ...] = ()


def make_resolver(nameserver: str = "", port: int = 53) -> dns.resolver.Resolver:
    """The system's resolver, or one of the operator's, with our deadline; raises what dnspython raises without."""
    found = dns.resolver.Resolver(configure=not nameserver)
    if nameserver:
        found.nameservers = [nameserver]
        found.port = port
    found.lifetime = QUESTION_S
    return found


def ask(resolver: dns.resolver.Resolver, name: str, kind: str) -> Answer:
    """The records of a name and type as texts; takes `resolver.lifetime` at most and raises nothing."""
    try:
        found = resolver.resolve(name, kind, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Answer("records")
    except dns.resolver.NoNameservers as failure:
        return Answer("refused" if _was_refused(failure) else "unanswered")
    except (dns.exception.DNSException, OSError, UnicodeError):
        return Answer("unanswered")
    return Answer("records", tuple(_plain(record) for record in found))


def _was_refused(failure: dns.resolver.NoNameservers) -> bool:
    """Whether a server said REFUSED: it will not be better in a minute, as a timeout may be."""
    errors = failure.kwargs.get("errors") or ()
    return any(error[-1] is not None and error[-1].rcode() == dns.rcode.REFUSED for error in errors)


def _plain(record: object) -> str:
    """A record's text; the pieces of a TXT record put together (RFC 7208, section 3.3)."""
    pieces = getattr(record, "strings", None)
    return b"".join(pieces).decode("utf-8", "replace") if pieces else str(record)


def list_name(subject: str, zone: str) -> str:
    """The name to ask a list's zone for: an address reversed (RFC 5782, sections 2.1 and 2.4), a domain as it is."""
    try:
        address = ipaddress.ip_address(subject)
    except ValueError:
        return f"{subject}.{zone}"
    pointer = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{pointer}.{zone}"


def judge(answer: Answer) -> Verdict:
    """What an answer to such a name (type A) says about it."""
    if answer.kind != "records":
        return answer.kind
    if not answer.records:
        return "clean"
    codes = [ipaddress.ip_address(text) for text in answer.records]
    if any(code not in CODES for code in codes):
        return "broken"
    if any(code in NO_LISTING or code in REFUSALS for code in codes):
        return "refused"
    return "listed"
