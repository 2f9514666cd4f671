"""Slips of a password and of a name, told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.settings_slips import PASSWORD_SLIPS, name_form, password_slips, refused_name

ALICE = "alice@shop.test"
ALIASES = {"shop-alias.test": "shop.test"}


def test_each_way_to_mistype_a_password_is_named() -> None:
    slips = password_slips("hoshi-7f3a-Umi")
    assert slips[" hoshi-7f3a-Umi"] == slips["\u3000hoshi-7f3a-Umi"] == "blank_before"
    assert slips["hoshi-7f3a-Umi "] == slips["hoshi-7f3a-Umi\t"] == "blank_behind"
    assert slips[" hoshi-7f3a-Umi "] == "blank_around"
    assert slips["ｈｏｓｈｉ－７ｆ３ａ－Ｕｍｉ"] == "wide"
    assert slips["HOSHI-7F3A-uMI"] == slips["HOSHI-7F3A-UMI"] == "caps"
    assert slips["Hoshi-7f3a-Umi"] == "first_capital"


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128))
def test_no_slip_of_a_password_is_the_password(password: str) -> None:
    slips = password_slips(password)
    assert password not in slips
    assert set(slips.values()) <= set(PASSWORD_SLIPS)


def test_a_password_without_letters_has_no_capitals_to_mistake() -> None:
    assert not {"caps", "first_capital"} & set(password_slips("4711-0815-2342-99").values())


@pytest.mark.parametrize(
    ("typed", "form", "slip"),
    [
        (ALICE, "own", ""),
        ("alice@shop-alias.test", "alias", ""),
        ("alice", "local_part", "local_part"),
        ("alice@shop.tset", "other", "domain"),
        ("alice+news@shop.test", "other", "extension"),
    ],
)
def test_a_name_is_told_from_its_slips(typed: str, form: str, slip: str) -> None:
    assert name_form(typed, ALICE, ALIASES, "+") == (form, slip)


@pytest.mark.parametrize(
    ("typed", "slip"),
    [
        ("alice@shop.test ", "name_blank"),
        ("alice @shop.test", "name_blank"),
        ("\u3000alice@shop.test", "name_blank"),
        ("ａｌｉｃｅ＠ｓｈｏｐ．ｔｅｓｔ", "name_wide"),
        ("alice@shop-alias.test ", "name_blank"),
    ],
)
def test_a_name_that_dovecot_refuses_still_means_its_mailbox(typed: str, slip: str) -> None:
    assert refused_name(typed, ALIASES, "+") == (ALICE, slip)


def test_a_name_that_means_nothing_means_nobody() -> None:
    assert refused_name("<alice>", ALIASES, "+")[0] is None
    assert refused_name("", ALIASES, "+")[0] is None
