from __future__ import annotations

import pytest

from sekisho.incidents import decisions
from sekisho.incidents.case_numbers import case_number, find_case

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_number_is_found_again_however_it_is_typed(two_tenants: None) -> None:
    incident = decisions.suspend("alice@ours.test", "x", "operator")
    number = case_number(incident)
    assert number.startswith(f"SK-{incident.pk}-") and number == case_number(incident)
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in number)
    for typed in (number, number.lower(), f"  {number} ", number.replace("-", " - "), full_width):
        assert find_case(typed) == incident, typed
    misread = number[:-6] + number[-6:].replace("0", "O").replace("1", "l")
    assert find_case(misread) == incident


def test_nobody_finds_one_by_counting(two_tenants: None) -> None:
    first = case_number(decisions.suspend("alice@ours.test", "x", "operator"))
    other = decisions.suspend("carol@theirs.test", "x", "operator")
    check = first.rpartition("-")[2]
    assert find_case(f"SK-{other.pk}-{check}") is None
    assert find_case(f"SK-{other.pk}") is None
    changed = "Z" if check[0] != "Z" else "Y"
    assert find_case(first.replace(check, changed + check[1:])) is None
    for nonsense in ("", "SK-1-", "1", "SK-999999999999999999-000000", "SK-١-ABCDEF", "'; --", "SK-1-ABCDEF" * 9):
        assert find_case(nonsense) is None
