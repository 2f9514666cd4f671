"""Fingerprints of recipients: few false answers, two bytes each, the recent ones stay."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.limits import MAX_LISTED
from sekisho.detection.recipients import (
    FreshRecipients,
    KnownRecipients,
    ListSample,
    fingerprint,
    marks_from_bytes,
    marks_to_bytes,
)


def marks(name: str, count: int) -> list[int]:
    return [fingerprint(f"{name}{number}@x{number % 50}.test") for number in range(count)]


def test_capitals_do_not_make_another_recipient() -> None:
    assert fingerprint("Taro@X.Test") == fingerprint("taro@x.test")
    assert 0 <= fingerprint("あ@x.test") < 65_536


def test_no_known_recipient_is_taken_for_a_stranger() -> None:
    known = KnownRecipients()
    known.learn(marks("customer", 600))
    assert all(mark in known for mark in marks("customer", 600))


def test_at_most_two_percent_of_strangers_are_taken_for_known() -> None:
    known = KnownRecipients()
    known.learn(marks("customer", 5000))
    assert len(known) <= 640
    assert sum(mark in known for mark in marks("stranger", 10_000)) < 200


def test_who_is_written_to_again_is_remembered_longest() -> None:
    known = KnownRecipients()
    for number in range(10):
        known.learn([fingerprint("friend@x.test"), *marks(f"reader{number}", 200)])
    assert fingerprint("friend@x.test") in known
    assert not all(mark in known for mark in marks("reader0", 300))


def test_a_fresh_recipient_counts_once_until_the_list_is_full() -> None:
    fresh = FreshRecipients()
    assert fresh.add(5) and not fresh.add(5)
    for mark in range(2000):
        fresh.add(mark)
    assert len(fresh.marks) == 200
    assert fresh.add(1999) and fresh.add(1999)


def test_a_long_list_leaves_a_fair_sample_whatever_its_order() -> None:
    readers = marks("reader", 3000)
    forward, backward = ListSample(), ListSample()
    for one, other in zip(readers, reversed(readers), strict=True):
        forward.add(one)
        backward.add(other)
    assert forward.marks == backward.marks and len(forward.marks) == MAX_LISTED
    assert all(mark in forward for mark in readers if forward.covers(mark))
    others = [mark for mark in marks("stranger", 3000) if forward.covers(mark)]
    assert len(others) > 40
    assert sum(mark in forward for mark in others) < len(others) / 10


def test_an_empty_sample_covers_nothing_and_a_short_one_everything() -> None:
    sample = ListSample()
    assert not sample.covers(1)
    sample.add(7)
    assert sample.covers(60_000) and 60_000 not in sample and 7 in sample


@given(st.lists(st.integers(0, 65_535)))
def test_marks_survive_their_bytes(numbers: list[int]) -> None:
    assert marks_from_bytes(marks_to_bytes(array("H", numbers))) == array("H", numbers)


def test_an_odd_number_of_bytes_is_no_list() -> None:
    with pytest.raises(ValueError, match="multiple"):
        marks_from_bytes(b"abc")
