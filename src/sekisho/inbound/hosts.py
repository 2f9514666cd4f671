"""Host names: whose they are, and whose they want to be taken for. Pure.

No list of public suffixes is needed: a brand's domains are known, so "is it this one or below it" decides what is
genuine, and look-alikes are sought in every label but the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sekisho.inbound.brands import Brand, Catalogue, Label
from sekisho.inbound.fold import looks, plain_character

# Labels under which registries sell names (co.jp, com.cn …): nobody's spelling.
_REGISTRY = {"co", "ne", "or", "ac", "go", "gr", "ad", "ed", "lg", "com", "net", "org", "gov", "edu"}
# Shortest spelling in which one changed letter is still seen as the same word.
_SHORTEST_NEAR = 6
# A host name is at most 253 octets (RFC 1035, 2.3.4); what is longer is cut before it is looked at.
LONGEST_HOST = 253


class Likeness(NamedTuple):
    """A host that resembles a brand's. kind: "disguised" (letters that look alike), "domain" (the brand's whole domain
    as labels of another), "label" (its spelling as a label or part of one), "near" (one letter changed); `sure`:
    enough by itself."""

    brand: str
    kind: str
    sure: bool


def unicode_host(host: str) -> str:
    """Lower case, punycode labels decoded; a label that cannot be decoded stays as it is."""
    return ".".join(map(_unicode_label, host[:LONGEST_HOST].lower().rstrip(".").split(".")))


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").lower()
    except (UnicodeError, ValueError, OverflowError):
        return label


def below(host: str, domain: str) -> bool:
    """Whether a host is the domain or lies in it."""
    return host == domain or host.endswith("." + domain)


def in_any(host: str, domains: Iterable[str]) -> bool:
    return any(below(host, domain) for domain in domains)


def owner(host: str, catalogue: Catalogue) -> Brand | None:
    """The brand a host belongs to, by its longest domain."""
    best: tuple[int, Brand | None] = (0, None)
    for brand in catalogue.brands:
        for domain in (*brand.domains, *brand.shared):
            if below(host, domain) and len(domain) > best[0]:
                best = (len(domain), brand)
    return best[1]


def related(one: str, other: str) -> bool:
    """Whether two domains lie on one line (RFC 7489's relaxed alignment, as far as it goes without a list of
    suffixes)."""
    return below(one, other) or below(other, one)


def likeness(host: str, catalogue: Catalogue) -> Likeness | None:
    """Whom a host wants to be taken for; None: nobody, or it is the brand's or another known one's own."""
    decoded = unicode_host(host)
    if owner(host.lower(), catalogue) is not None or owner(decoded, catalogue) is not None:
        return None
    labels = decoded.split(".")
    spelt = [_spelt(label) for label in labels]
    # The last label is never a spelling; of the others those that registries sell under are none either.
    named = [label for label in spelt[:-1] if label not in _REGISTRY]
    found: list[Likeness] = []
    for brand in catalogue.brands:
        if kind := _whole_domain(spelt, brand) or _likest(named, brand, catalogue):
            found.append(kind)
    return max(found, key=lambda one: (one.sure, one.kind != "near"), default=None)


def _spelt(label: str) -> str:
    """A label in plain form, with its hyphens."""
    return "".join("-" if letter == "-" else plain_character(letter) for letter in label).replace(" ", "")


def _whole_domain(labels: list[str], brand: Brand) -> Likeness | None:
    """rakuten.co.jp.example.cn, rakuten-co-jp.example: all labels of a domain where they mean nothing."""
    text, dashed = f".{'.'.join(labels)}.", f"-{'-'.join(labels[:-1])}-"
    for domain in brand.domains:
        if f".{domain}." in text or f"-{domain.replace('.', '-')}-" in dashed:
            return Likeness(brand.key, "domain", True)
    return None


def _likest(labels: list[str], brand: Brand, catalogue: Catalogue) -> Likeness | None:
    found = [
        kind
        for label in labels
        for spelling in brand.labels
        if (kind := _label_kind(label, spelling, brand, catalogue))
    ]
    return max(found, key=lambda one: (one.sure, one.kind != "near"), default=None)


def _label_kind(label: str, spelling: Label, brand: Brand, catalogue: Catalogue) -> Likeness | None:
    """How one label of a host resembles one spelling of a brand."""
    shape = looks(label)
    if not spelling.vague and label != spelling.plain and shape == spelling.looks:
        return Likeness(brand.key, "disguised", True)
    rest = _rest(shape, spelling.looks)
    if rest is not None:
        disguised = _rest(label, spelling.plain) is None
        fitting = all(part in catalogue.companions or not part for part in rest)
        if disguised and not spelling.vague:
            return Likeness(brand.key, "disguised", True)
        if rest and fitting and not disguised:
            return Likeness(brand.key, "label", True)
        if not spelling.vague and not disguised:
            return Likeness(brand.key, "label", False)
    if not spelling.vague and len(shape) >= _SHORTEST_NEAR and _one_apart(shape, spelling.looks):
        return Likeness(brand.key, "near", False)
    return None


def _rest(label: str, spelling: str) -> list[str] | None:
    """The other parts of a hyphenated label that holds the spelling; None where it does not, [] where it is all."""
    before, found, after = f"-{label}-".partition(f"-{spelling}-")
    return [part for part in f"{before}-{after}".split("-") if part] if found else None


def _one_apart(one: str, other: str) -> bool:
    """Whether exactly one letter was changed, added, left out, or two neighbours were swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    swapped = len(left) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped
