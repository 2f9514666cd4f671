"""A set of UIDs in few numbers is the same set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sekisho.guard.uid_set import UidSet


def members(text: str) -> list[int]:
    found: list[int] = []
    for one in filter(None, text.split(",")):
        first, _, last = one.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


@given(st.lists(st.integers(1, 40), max_size=80))
def test_it_holds_what_was_put_in_whatever_the_order(uids: list[int]) -> None:
    held = UidSet(100)
    assert all(held.add(uid) for uid in uids)
    assert members(str(held)) == sorted(set(uids))


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 5))
def test_it_says_what_found_no_room_and_keeps_within_its_bound(uids: list[int], most: int) -> None:
    held = UidSet(most)
    taken = {uid for uid in uids if held.add(uid)}
    assert set(members(str(held))) == taken
    assert str(held).count(",") < most


def test_a_whole_mailbox_is_one_run() -> None:
    held = UidSet(1)
    assert all(held.add(uid) for uid in range(1, 10_001))
    assert str(held) == "1:10000"
