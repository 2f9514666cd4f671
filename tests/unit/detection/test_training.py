"""Training: who wants a mailbox to grow used to his spam, day by day, does not get there (DESIGN: poisoning)."""

from __future__ import annotations

import pytest

from detection.stream import DAY, World, abroad, home, strangers
from sekisho.detection import HostTables


@pytest.fixture
def world() -> World:
    """A mailbox with thirty quiet days at home."""
    return World().live()


def test_ten_per_cent_more_spam_each_day_for_a_month_still_trips(world: World) -> None:
    source = home()
    for day in range(30):
        world.send(source, strangers(int(10 * 1.1**day), f"ramp{day}x"), bounce_every=5, gap=120)
        if world.status != "active":
            break
        world.now += DAY - 120 * int(10 * 1.1**day)
    assert world.status == "restricted"
    assert world.profile.habits.most_new_day < 200


def test_a_habit_of_volume_grows_by_a_quarter_and_five_a_day_at_most(world: World) -> None:
    before = world.profile.habits.most_new_day
    world.send(home(), strangers(60), gap=600)
    assert world.actions == []
    world.now += DAY / 2
    world.login(home())
    assert before < world.profile.habits.most_new_day <= before * 1.25 + 5


def test_a_new_host_only_learns_but_keeps_its_caps() -> None:
    world = World(host=HostTables())
    for number in range(6):
        world.login(abroad(number))
    world.send(abroad(1), strangers(400), bounce_every=3)
    assert world.decisions == []
    world.send(abroad(1), strangers(1700, "more"))
    assert world.actions == ["restrict"]
    assert "hard_cap" in {indicator.name for indicator in world.decisions[0].indicators}


def test_a_host_has_learnt_after_five_days_and_remembers_it() -> None:
    host = HostTables()
    for day in range(4):
        host.note_day(100 + day)
        host.note_day(100 + day)
    assert HostTables.from_bytes(host.to_bytes()).is_learning
    host.note_day(110)
    assert not HostTables.from_bytes(host.to_bytes()).is_learning
