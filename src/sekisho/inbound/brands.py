"""The names that are watched, made ready for comparing: brands.toml, an operator's own rows, a tenant's own names.

A `Catalogue` holds nothing but folded texts, so that the same can be written for rspamd (`inbound.rendering`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from sekisho.inbound.fold import looks, pieces, plain

# The tenant itself among the brands.
OWN = "own"


class BrandRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A brand as brands.toml writes it; its head explains the fields."""

    key: str
    ja: str
    en: str
    domains: tuple[str, ...]
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    bare: bool = False
    shared: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    vague: tuple[str, ...] = ()


class _Companions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    latin: tuple[str, ...]
    japanese: tuple[str, ...]


class _Lures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mailbox: tuple[tuple[str, ...], ...]
    account: tuple[tuple[str, ...], ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brand: tuple[BrandRow, ...]
    companions: _Companions
    lures: _Lures


class Name(msgspec.Struct, frozen=True):
    """One way to write a brand. `plain`, `looks`: its words in both forms; `sure`: it means the brand wherever it
    stands."""

    plain: tuple[str, ...]
    looks: tuple[str, ...]
    sure: bool


class Label(msgspec.Struct, frozen=True):
    """A brand's spelling in host names: plain form and skeleton; `vague`: also an everyday word."""

    plain: str
    looks: str
    vague: bool


class Brand(msgspec.Struct, frozen=True):
    """A name that is watched and the domains that prove it; domains are lower case."""

    key: str
    ja: str
    en: str
    names: tuple[Name, ...]
    bare: bool
    domains: tuple[str, ...]
    shared: tuple[str, ...]
    labels: tuple[Label, ...]


class Catalogue(msgspec.Struct, frozen=True):
    """All that a message is compared with. `companions`: ASCII words as skeletons; `phrases`: Japanese ones, longest
    first; lures: rows of fragments in plain form without blanks."""

    brands: tuple[Brand, ...]
    companions: frozenset[str]
    phrases: tuple[str, ...]
    mailbox_lures: tuple[tuple[str, ...], ...]
    account_lures: tuple[tuple[str, ...], ...]


def _name(written: str, sure: bool) -> Name:
    form = plain(written)
    return Name(pieces(form), pieces(looks(form)), sure)


def _names(row: BrandRow) -> Iterable[Name]:
    for written in row.names:
        yield _name(written, True)
        if " " in plain(written) and written.isascii():
            yield _name(plain(written).replace(" ", ""), True)
    for written in row.words:
        yield _name(written, False)


def label(written: str, vague: bool) -> Label:
    """A spelling in host names; hyphens stay."""
    return Label(written.lower(), looks(written.lower()), vague)


def brand(row: BrandRow) -> Brand:
    """A row made ready."""
    labels = [label(text, False) for text in row.labels] + [label(text, True) for text in row.vague]
    # A dict for the order: two ways to write a name may fold into one.
    names = tuple(dict.fromkeys(_names(row)))
    return Brand(row.key, row.ja, row.en, names, row.bare, row.domains, row.shared, tuple(labels))


@cache
def _stored() -> _File:
    text = resources.files("sekisho.inbound").joinpath("brands.toml").read_bytes()
    return msgspec.toml.decode(text, type=_File)


def stored_rows() -> tuple[BrandRow, ...]:
    """The rows of brands.toml."""
    return _stored().brand


def _lures(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(plain(part).replace(" ", "") for part in row) for row in rows)


@cache
def catalogue() -> Catalogue:
    """What comes with Sekisho."""
    stored = _stored()
    phrases = {looks(plain(phrase)) for phrase in stored.companions.japanese}
    return Catalogue(
        tuple(brand(row) for row in stored.brand),
        frozenset(piece for word in stored.companions.latin for piece in pieces(looks(plain(word)))),
        tuple(sorted(phrases, key=lambda phrase: (-len(phrase), phrase))),
        _lures(stored.lures.mailbox),
        _lures(stored.lures.account),
    )


def own_brand(names: Iterable[str], domains: Iterable[str]) -> Brand:
    """The tenant: the names it gave, its domains written as a name, and their look-alikes.

    A first label of fewer than six letters is too near to other words to be looked for in hosts: it is `vague`.
    """
    lower = tuple(domain.lower() for domain in domains)
    labels = [(domain.partition(".")[0], domain) for domain in lower]
    return brand(
        BrandRow(
            OWN,
            "貴社・貴団体",
            "your own organisation",
            lower,
            names=(*names, *lower),
            labels=tuple(first for first, _ in labels if len(first) >= 6),
            vague=tuple(first for first, _ in labels if len(first) < 6),
        )
    )


def with_own(base: Catalogue, own: Brand, more: Iterable[BrandRow] = ()) -> Catalogue:
    """The catalogue of one tenant: itself first, since a name that is both is its own."""
    return msgspec.structs.replace(base, brands=(own, *base.brands, *(brand(row) for row in more)))
