"""Which name is which mailbox: the table that t11 plays over real servers, and what must stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.names import canonical_mailbox

ALIASES = {"alias.example": "shop.example"}
HANAKO = "hanako@shop.example"


@pytest.mark.parametrize(
    "name",
    [
        "hanako@shop.example",
        "HANAKO@shop.example",
        "Hanako@Shop.Example",
        '"hanako"@shop.example',
        '"Han\\ako"@shop.example',
        "hanako+news@shop.example",
        "hanako+a+b@shop.example",
        "hanako+@shop.example",
        '"hanako+news"@shop.example',
        "hanako@alias.example",
        "HANAKO+x@ALIAS.example",
        "hanako@shop.example.",
        " hanako@shop.example",
        "hanako@shop.example ",
        "\thanako@shop.example\r\n",
    ],
)
def test_it_takes_every_form_of_a_mailbox_for_that_mailbox(name: str) -> None:
    assert canonical_mailbox(name, ALIASES) == HANAKO


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hanako=x@shop.example", "hanako=x@shop.example"),
        ("=hanako@shop.example", "=hanako@shop.example"),
        ("+hanako@shop.example", "+hanako@shop.example"),
        ("+hanako+x@shop.example", "+hanako+x@shop.example"),
        ("hanako.@shop.example", "hanako.@shop.example"),
        ("han..ako@shop.example", "han..ako@shop.example"),
        ("o'brien@shop.example", "o'brien@shop.example"),
        ("hanako@sub.alias.example", "hanako@sub.alias.example"),
        ('"han ako"@shop.example', '"han ako"@shop.example'),
        ('" hanako"@shop.example', '" hanako"@shop.example'),
        ('"hanako@shop.example"@alias.example', '"hanako@shop.example"@shop.example'),
        ('"a\\"b\\\\c"@shop.example', '"a\\"b\\\\c"@shop.example'),
        # Look-alikes: full-width letters, a Cyrillic a, KELVIN SIGN (whose lower case is an ASCII k), sharp s.
        ("ｈanako@shop.example", "ｈanako@shop.example"),
        ("h\u0430nako@shop.example", "h\u0430nako@shop.example"),
        ("hana\u212ao@shop.example", "hana\u212ao@shop.example"),
        ("stra\u00dfe@shop.example", "stra\u00dfe@shop.example"),
    ],
)
def test_it_keeps_another_mailbox_apart(name: str, expected: str) -> None:
    assert canonical_mailbox(name, ALIASES) == expected
    assert expected != HANAKO


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "@",
        "hanako",
        "hanako@",
        "@shop.example",
        "+@",
        "han ako@shop.example",
        "<hanako@shop.example>",
        "hanako@shop.example@shop.example",
        "hanako@shop..example",
        "hanako@shop.example..",
        "hanako@.example",
        "hanako@shop_example/x",
        "hana\x00ko@shop.example",
        "hana\nko@shop.example",
        "hana\udc80ko@shop.example",
        '"hanako@shop.example',
        'hanako"@shop.example',
        '""@shop.example',
        "a" * 65 + "@shop.example",
        "\u3042" * 22 + "@shop.example",
        "hanako@" + "a" * 250 + ".example",
        "x" * 8192,
    ],
)
def test_it_refuses_what_cannot_name_a_mailbox(name: str) -> None:
    assert canonical_mailbox(name, ALIASES) is None


def test_it_completes_a_bare_login_name_with_the_default_domain() -> None:
    assert canonical_mailbox("Hanako+x", ALIASES, default_domain="alias.example") == HANAKO


def test_it_ends_the_name_at_the_first_of_several_delimiters() -> None:
    assert canonical_mailbox("hanako-b+a@shop.example", {}, "+-") == "hanako@shop.example"
    assert canonical_mailbox("hanako-a@shop-x.example", {}, "+-") == "hanako@shop-x.example"


def test_it_keeps_extensions_when_there_is_no_delimiter() -> None:
    assert canonical_mailbox("hanako+x@shop.example", {}, "") == "hanako+x@shop.example"


@given(st.text(max_size=80) | st.from_regex(r'["a-zA-Z+=. @\\]{1,20}@[a-zA-Z.]{1,15}', fullmatch=True))
def test_a_canonical_name_is_its_own_canonical_name(name: str) -> None:
    canonical = canonical_mailbox(name, ALIASES)
    if canonical is not None:
        assert canonical_mailbox(canonical, ALIASES) == canonical
