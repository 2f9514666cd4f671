"""Who really handed a mail in, by what our own server wrote into it. Everything else in a mail is its sender's claim.

Ours are: the Received lines at the top that our hosts wrote, down to the one that names a client that is not ours (the
border: what stands below it came in with the mail); and the first Authentication-Results with one of our authserv-ids
above the next Received line. RFC 8601, section 5 has a border server remove results that claim its name; only a site
that does so may list its authserv-id (config: diagnosis.authserv_ids), and without the list no result is believed.
"""

from __future__ import annotations

import ipaddress
import re

import msgspec

from sekisho.inbound.links import registrable
from sekisho.inbound.mail_reading import Mail

# A mail passes some ten hosts; RFC 5321, section 6.3 calls a hundred a loop.
MOST_RECEIVED = 100


class Ours(msgspec.Struct, frozen=True):
    """Our own names, lower case: hosts in `by …` of Received, authserv-ids, and the reader's own mail domains."""

    hosts: frozenset[str] = frozenset()
    authserv_ids: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()


class Checked(msgspec.Struct, frozen=True):
    """What our server says of a mail. `state`: proved (the From domain is authenticated), failed (DMARC says no),
    unproved (checked, nothing passed for that domain), unchecked (no result of ours). `domains`: what did pass."""

    state: str
    domains: tuple[str, ...] = ()
    # Who handed it to our border: name as our server verified it ("" for none) and address; both "" where unknown.
    client_name: str = ""
    client_address: str = ""
    # Results in the mail that are nobody's of ours.
    claims: int = 0


_by = re.compile(r"\bby ([A-Za-z0-9.-]{1,255})")
_client = re.compile(r"^from (\S{1,255})(?: \(([^()\[\]\s]{0,255}) ?\[(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\]\))?")
_result = re.compile(r"\b(dkim|spf|dmarc)\s{0,3}=\s{0,3}([a-z]{2,12})", re.IGNORECASE)
_property = re.compile(
    r"\b(header\.d|header\.i|header\.from|smtp\.mailfrom|smtp\.mail)\s{0,3}=\s{0,3}([^\s;()\"]{1,255})", re.IGNORECASE
)
_comment = re.compile(r"\([^()]{0,500}\)")


def check(mail: Mail, from_domain: str, ours: Ours) -> Checked:
    """What can be known about the sender of this mail whose From header names this domain (lower case)."""
    (name, address), _ = _border(mail, ours)
    trusted = own_results(mail, ours)
    claims = sum(header == "authentication-results" for header, _ in mail.raw) - (trusted is not None)
    if trusted is None:
        return Checked("unchecked", (), name, address, claims)
    passed, dmarc = _passed(trusted)
    own = registrable(from_domain)
    if own and (dmarc == "pass" or own in {registrable(domain) for domain in passed}):
        state = "proved"
    else:
        state = "failed" if dmarc == "fail" else "unproved"
    return Checked(state, tuple(sorted(passed)), name, address, claims)


def own_results(mail: Mail, ours: Ours) -> str | None:
    """The Authentication-Results that our own server wrote, None for none."""
    _, ends = _border(mail, ours)
    for header, value in mail.raw[: max(0, ends)]:
        if header == "authentication-results" and _authserv_id(value) in ours.authserv_ids:
            return value
    return None


def _border(mail: Mail, ours: Ours) -> tuple[tuple[str, str], int]:
    """Who handed the mail to us, and the place among the headers down to which results can be ours."""
    received = [(place, value) for place, (name, value) in enumerate(mail.raw) if name == "received"][:MOST_RECEIVED]
    client, border = ("", ""), -1
    for number, (_, value) in enumerate(received):
        writer = _by.search(value)
        if writer is None or writer[1].lower().rstrip(".") not in ours.hosts:
            break
        border = number
        name, address, inside = _handed_in(value, ours)
        if not inside:
            client = (name, address)
            break
    if border < 0:
        return client, -1
    after = received[border + 1][0] if border + 1 < len(received) else len(mail.raw)
    return client, after


def _handed_in(value: str, ours: Ours) -> tuple[str, str, bool]:
    found = _client.match(value)
    if found is None:
        # No "from": a program of this machine (Postfix' pickup).
        return "", "", True
    helo, name, address = found[1].lower().strip("[]"), (found[2] or "").lower().rstrip("."), found[3] or ""
    try:
        inside = ipaddress.ip_address(address).is_loopback
    except ValueError:
        inside = not address and helo.rstrip(".") in ours.hosts
    return ("" if name == "unknown" else name), address, inside or name in ours.hosts


def _authserv_id(value: str) -> str:
    return value.partition(";")[0].split(" ")[0].strip().lower()


def _passed(value: str) -> tuple[set[str], str]:
    """The domains for which something passed, and DMARC's result ("" for none)."""
    passed: set[str] = set()
    dmarc = ""
    for one in _comment.sub(" ", value).split(";")[1:21]:
        found = _result.search(one)
        if found is None:
            continue
        method, result = found[1].lower(), found[2].lower()
        if method == "dmarc":
            dmarc = dmarc or result
        elif result == "pass":
            for which in _property.finditer(one):
                wanted = ("header.d", "header.i") if method == "dkim" else ("smtp.mailfrom", "smtp.mail")
                if which[1].lower() in wanted:
                    passed.add(which[2].lower().rpartition("@")[2].strip("<>."))
    return passed, dmarc
