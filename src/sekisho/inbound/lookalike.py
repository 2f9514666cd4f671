"""Is this message from whom it names? Pure: a `Sender` and a `Catalogue` in, a `Verdict` out.

Nothing here looks at the outside: what is authenticated was found out by who received the message (rspamd, or the
headers our own server wrote). rspamd's Lua (`sekisho_impersonation.lua`) judges by the same rules; a test gives both
the same cases. A verdict warns on one sure finding or on two different ones that are each not enough: a shop may name
its market place in its name, and a person may be called みずほ.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.inbound.brands import OWN, Brand, Catalogue, Name
from sekisho.inbound.fold import looks, pieces, plain
from sekisho.inbound.hosts import Likeness, below, in_any, likeness, owner, related, unicode_host

# Result of DMARC: "pass"; the policy that was broken; "none" also where there is no record.
Dmarc = Literal["pass", "reject", "quarantine", "none"]
# What can be found; `inbound.reasons` has the words. They stand in a header: ASCII, stable.
Code = Literal[
    "display-name",  # the name says a brand, the proof says another sender
    "display-mention",  # a brand's name among other words, or a person's name that is a brand, too
    "disguised-name",  # a brand's name in letters that only look like it
    "address-name",  # a brand's name before the @
    "forged-sender",  # the address is a brand's or the tenant's own, and nothing proves it
    "lookalike-sender",  # the domain of From or Reply-To resembles a brand's
    "lookalike-link",  # that of a link
    "link-text",  # a link's text names one host and leads to another
    "mailbox-lure",  # "your mailbox is full", "your password expires", from outside
    "account-lure",  # "your account was stopped", "confirm who you are"
]

# Bounds of what is looked at: longer names and more links tell nothing more, and both are chosen by the sender.
LONGEST_TEXT = 500
MOST_LINKS = 100


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of its sender, and what is proven.

    Texts are decoded (RFC 2047); domains and hosts as they stand there. `proven`: domains with a valid DKIM signature
    (d=) and, where SPF passed, the envelope sender's.
    """

    display: str = ""
    local: str = ""
    domain: str
    reply_domains: tuple[str, ...] = ()
    subject: str = ""
    proven: tuple[str, ...] = ()
    dmarc: Dmarc = "none"
    links: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One thing that does not fit. `brand`: the key of whom it is about, "" for nobody; `seen`: what the reason shows,
    such as a host; `sure`: enough for a warning by itself."""

    code: Code
    brand: str
    seen: str
    sure: bool


class Verdict(msgspec.Struct, frozen=True):
    """`findings` in the order in which people should read them; `genuine`: the brand whose proof the message has, ""
    for none."""

    findings: tuple[Finding, ...]
    genuine: str = ""

    @property
    def warns(self) -> bool:
        """Whether people are warned: something sure, or two different things that are not."""
        return any(one.sure for one in self.findings) or len({one.code for one in self.findings}) >= 2


def examine(sender: Sender, catalogue: Catalogue) -> Verdict:
    """What does not fit in a message. One that is proven to come from a known brand or from the tenant is genuine,
    whatever it says and wherever its links lead: brands use other people's link counters."""
    proof = _proof(sender, catalogue)
    if proof is not None:
        return Verdict((), proof.key)
    found = [*_forged(sender, catalogue), *_named(sender, catalogue), *_hosts(sender, catalogue)]
    return Verdict((*found, *_lures(sender, catalogue)))


def _aligned(sender: Sender) -> bool:
    domain = sender.domain.lower()
    return sender.dmarc == "pass" or any(related(domain, proven.lower()) for proven in sender.proven)


def _proof(sender: Sender, catalogue: Catalogue) -> Brand | None:
    """The brand whose own domain is proven: by DKIM or SPF for any of its domains, or by DMARC for its From. An
    address that it gave to a customer proves the customer."""
    domains = [proven.lower() for proven in sender.proven]
    if sender.dmarc == "pass":
        domains.append(sender.domain.lower())
    for domain in domains:
        brand = owner(domain, catalogue)
        if brand is not None and _sends_itself(domain, brand) and not _customers(sender.domain.lower(), brand):
            return brand
    return None


def _sends_itself(domain: str, brand: Brand) -> bool:
    """Whether the longest of the brand's rows that fits is one of its own, not one shared with customers."""
    own = max((len(row) for row in brand.domains if below(domain, row)), default=0)
    return own > max((len(row) for row in brand.shared if below(domain, row)), default=0)


def _customers(domain: str, brand: Brand) -> bool:
    return in_any(domain, brand.shared) and not _sends_itself(domain, brand)


def _forged(sender: Sender, catalogue: Catalogue) -> list[Finding]:
    """An address of a brand without proof. Sure only where the domain itself asks receivers to refuse such mail:
    forwarding breaks SPF, mailing lists break DKIM."""
    domain = unicode_host(sender.domain)
    brand = owner(domain, catalogue)
    if brand is None or _aligned(sender):
        return []
    return [Finding("forged-sender", brand.key, domain, sender.dmarc in ("reject", "quarantine"))]


# --- names ------------------------------------------------------------------------------------------------------


class _Match(msgspec.Struct, frozen=True):
    """A name found in a text: the brand, the words beside it, and how much of the text it is (to prefer the
    longest)."""

    brand: Brand
    name: Name
    rest: tuple[str, ...]
    length: int


def _cut(words: tuple[str, ...], at: int, name: tuple[str, ...]) -> tuple[str, ...] | None:
    """The other words if `name` stands at `at`, else None. A Japanese word may hold the name's first or last as its
    end or beginning (or the name's only one anywhere), since Japanese has no blanks."""
    if at + len(name) > len(words):
        return None
    first, last = words[at], words[at + len(name) - 1]
    if len(name) == 1:
        if first == name[0]:
            return words[:at] + words[at + 1 :]
        if first.isascii() or name[0] not in first:
            return None
        left, _, right = first.partition(name[0])
        return (*words[:at], *filter(None, (left, right)), *words[at + 1 :])
    if words[at + 1 : at + len(name) - 1] != name[1:-1]:
        return None
    before, after = _left_over(first, name[0], True), _left_over(last, name[-1], False)
    if before is None or after is None:
        return None
    return (*words[:at], *filter(None, (before, after)), *words[at + len(name) :])


def _left_over(word: str, part: str, at_end: bool) -> str | None:
    """What remains of a word beside a part at its end or beginning; ASCII words only fit whole."""
    if word == part:
        return ""
    if word.isascii():
        return None
    if at_end:
        return word.removesuffix(part) if word.endswith(part) else None
    return word.removeprefix(part) if word.startswith(part) else None


def _matches(words: tuple[str, ...], catalogue: Catalogue) -> list[_Match]:
    found, text = [], " ".join(words)
    for brand in catalogue.brands:
        for name in brand.names:
            # Most names share nothing with the text.
            if not all(part in text for part in name.looks):
                continue
            for at in range(len(words)):
                rest = _cut(words, at, name.looks)
                if rest is not None:
                    found.append(_Match(brand, name, rest, sum(map(len, name.looks))))
                    break
    return found


def _fits(rest: tuple[str, ...], catalogue: Catalogue) -> bool:
    """Whether all words beside a name are of the kind a brand's own sender name has."""
    return all(_is_companion(word, catalogue) for word in rest)


def _is_companion(word: str, catalogue: Catalogue) -> bool:
    if word.isascii():
        return word in catalogue.companions or word.strip("0123456789ol") == ""
    while word:
        phrase = next((phrase for phrase in catalogue.phrases if word.startswith(phrase)), "")
        if not phrase:
            return False
        word = word[len(phrase) :]
    return True


def _named(sender: Sender, catalogue: Catalogue) -> list[Finding]:
    """Brands in the display name and before the @. An address that the brand gave to a customer, or its own without
    proof, is told elsewhere or tells nothing."""
    domain = unicode_host(sender.domain)
    written = plain(sender.display[:LONGEST_TEXT])
    match = _best(pieces(looks(written)), catalogue)
    found: list[Finding] = []
    if match is not None and not in_any(domain, match.brand.domains):
        if code := _name_code(match, pieces(written), catalogue):
            sure = code != "display-mention" and not _customers(domain, match.brand)
            found.append(Finding(code, match.brand.key, sender.display[:LONGEST_TEXT], sure))
    before = _best(pieces(looks(plain(sender.local[:LONGEST_TEXT]))), catalogue)
    if before is not None and owner(domain, catalogue) is None:
        if before.name.sure and before.brand.key != OWN and _fits(before.rest, catalogue):
            found.append(Finding("address-name", before.brand.key, sender.local[:LONGEST_TEXT], False))
    return found


# How mailing lists write whom they pass on: "Amazon via users", "楽天 経由 掲示板".
_VIA = looks("via")


def _best(words: tuple[str, ...], catalogue: Catalogue) -> _Match | None:
    """The match that says most: all other words fit it, then the longest name, then the first in the catalogue."""
    found = _matches(words, catalogue)
    return max(found, key=lambda match: (_fits(match.rest, catalogue), match.name.sure, match.length), default=None)


def _name_code(match: _Match, written: tuple[str, ...], catalogue: Catalogue) -> Code | None:
    fits = _fits(match.rest, catalogue)
    if not any(_cut(written, at, match.name.plain) is not None for at in range(len(written))):
        # Only its look is there. Of an everyday word that is too little, unless nothing else is in the name.
        return "disguised-name" if match.name.sure or fits else None
    if fits and (match.name.sure or match.rest or match.brand.bare):
        return "display-name"
    if any(word == _VIA or "経由" in word for word in match.rest):
        return None
    return "display-mention" if match.name.sure or fits else None


# --- hosts and lures --------------------------------------------------------------------------------------------


def _hosts(sender: Sender, catalogue: Catalogue) -> list[Finding]:
    found: list[Finding] = []
    for host in (sender.domain, *sender.reply_domains):
        like = likeness(host, catalogue)
        if like is not None:
            found.append(Finding("lookalike-sender", like.brand, unicode_host(host), like.sure))
            break
    for host in sender.links[:MOST_LINKS]:
        like = likeness(host, catalogue)
        if like is not None and _telling(like):
            found.append(Finding("lookalike-link", like.brand, unicode_host(host), like.sure))
            break
    if sender.mismatched:
        found.append(Finding("link-text", "", unicode_host(sender.mismatched[0]), False))
    return found


def _telling(like: Likeness) -> bool:
    """Links of newsletters hold brands' spellings in many harmless ways; only imitation counts."""
    return like.kind in ("disguised", "domain") or (like.kind == "label" and like.sure)


def _lures(sender: Sender, catalogue: Catalogue) -> list[Finding]:
    subject = plain(sender.subject[:LONGEST_TEXT]).replace(" ", "")
    own = next((brand for brand in catalogue.brands if brand.key == OWN), None)
    if _holds(subject, catalogue.mailbox_lures):
        foreign = [host for host in _link_hosts(sender) if own is None or not in_any(host, own.domains)]
        # A provider writes of a mailbox it really has, in its own name, and links to itself.
        elsewhere = any(not related(host, unicode_host(sender.domain)) for host in foreign)
        nameless = _fits(pieces(looks(plain(sender.display[:LONGEST_TEXT]))), catalogue)
        sure = bool(foreign) and (elsewhere or nameless)
        return [Finding("mailbox-lure", "", sender.subject[:LONGEST_TEXT], sure)]
    if _holds(subject, catalogue.account_lures):
        return [Finding("account-lure", "", sender.subject[:LONGEST_TEXT], False)]
    return []


def _link_hosts(sender: Sender) -> list[str]:
    return [unicode_host(host) for host in sender.links[:MOST_LINKS]]


def _holds(subject: str, lures: tuple[tuple[str, ...], ...]) -> bool:
    return any(all(part in subject for part in row) for row in lures)
