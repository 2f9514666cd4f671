"""The memory of a password's slips: shared between processes, bounded, over after its time."""

from __future__ import annotations

import os

from sekisho.web.slips_memory import MOST_ENTRIES, SLOT_BYTES, SlipsMemory

ALICE = "alice@shop.test"
KNOWN = {("own", "0abc"): "right", ("own", "0fff"): "caps", ("local_part", "0000"): "blank_before"}


def test_what_is_remembered_is_known_until_its_time_is_over() -> None:
    memory = SlipsMemory()
    memory.remember(ALICE, KNOWN, 100.0, 50.0)
    assert memory.known(ALICE, 99.0) == KNOWN
    assert memory.known("bob@shop.test", 99.0) == {}
    assert memory.known(ALICE, 100.0) == {}
    # Wiped, not only hidden.
    assert memory.known(ALICE, 60.0) == {}
    assert not any(memory._memory[:])


def test_a_newer_password_replaces_what_was_known() -> None:
    memory = SlipsMemory()
    memory.remember(ALICE, KNOWN, 100.0, 50.0)
    memory.remember(ALICE, {("own", "0123"): "right"}, 120.0, 60.0)
    assert memory.known(ALICE, 70.0) == {("own", "0123"): "right"}
    memory.wipe_ended(121.0)
    assert not any(memory._memory[:])


def test_another_process_of_the_panel_knows_it_too() -> None:
    memory = SlipsMemory()
    child = os.fork()
    if child == 0:
        memory.remember(ALICE, KNOWN, 100.0, 50.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert memory.known(ALICE, 60.0) == KNOWN


def test_a_torn_entry_says_nothing() -> None:
    memory = SlipsMemory(slots=1)
    memory.remember(ALICE, KNOWN, 100.0, 50.0)
    at = SLOT_BYTES // 20
    memory._memory[at] ^= 1
    assert memory.known(ALICE, 60.0) == {}


def test_the_soonest_to_end_makes_room_and_nothing_grows() -> None:
    memory = SlipsMemory(slots=4)
    for number in range(100):
        memory.remember(f"box{number}@shop.test", KNOWN, 1000.0 + number, 0.0)
    known = [number for number in range(100) if memory.known(f"box{number}@shop.test", 10.0)]
    assert known == [96, 97, 98, 99]
    many = {("own", f"{number:04x}"): "caps" for number in range(4 * MOST_ENTRIES)}
    memory.remember(ALICE, many, 2000.0, 10.0)
    assert len(memory.known(ALICE, 20.0)) == MOST_ENTRIES
