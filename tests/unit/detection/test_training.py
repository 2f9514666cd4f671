"""Training: who wants a mailbox to grow used to his spam, day by day, does not get there (DESIGN: poisoning)."""

from __future__ import annotations

import pytest

from detection.stream import DAY, World, home, strangers


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
    world.send(home(), strangers(400), gap=60)
    assert world.status == "active"
    world.now += DAY
    world.login(home())
    assert before < world.profile.habits.most_new_day <= before * 1.25 + 5
