"""Network owners with whom many of a host's mailboxes are at home: a new telephone there is no wonder."""

from __future__ import annotations

from detection.stream import DAY, World, home
from sekisho.detection import HostTables
from sekisho.detection.host import MAX_POPULAR, MAX_RESIDENTS, RESIDENTS, VISIT_DAYS
from sekisho.detection.places import POPULAR_OWNER

CARRIER = 64_509


def told(mailboxes: int, day: int = 20_000) -> HostTables:
    tables = HostTables()
    for number in range(mailboxes):
        tables.note_resident(CARRIER, f"m{number}@x.test", day)
    return tables


def test_five_mailboxes_make_an_owner_popular_and_one_mailbox_never_does() -> None:
    assert not told(RESIDENTS - 1).is_popular(CARRIER, 20_001)
    assert told(RESIDENTS).is_popular(CARRIER, 20_001)
    tables = HostTables()
    for day in range(50):
        tables.note_resident(CARRIER, "one@x.test", 20_000 + day)
    assert not tables.is_popular(CARRIER, 20_050)


def test_popularity_is_forgotten_and_the_table_is_bounded() -> None:
    tables = told(RESIDENTS + MAX_RESIDENTS)
    assert not tables.is_popular(CARRIER, 20_000 + VISIT_DAYS)
    for number in range(MAX_POPULAR + 10):
        tables.note_resident(number + 1, "one@x.test", 20_001)
    assert len(tables._popular) == MAX_POPULAR
    assert all(len(marks) <= MAX_RESIDENTS for _, marks in tables._popular.values())


def test_the_table_survives_a_snapshot() -> None:
    assert HostTables.from_bytes(told(RESIDENTS).to_bytes()).is_popular(CARRIER, 20_001)


def test_days_at_home_make_residents() -> None:
    world = World().live(10)
    asn = home()[1].asn
    assert [marks for owner, (_, marks) in world.host._popular.items() if owner == asn and len(marks) == 1]


def test_a_new_network_of_a_popular_owner_weighs_no_more_than_a_new_telephone() -> None:
    strange = home(network=9, owner=9)
    assert strange[1].asn == CARRIER
    weights = []
    for residents in (0, RESIDENTS):
        world = World().live()
        for number in range(residents):
            world.host.note_resident(CARRIER, f"m{number}@x.test", int(world.now // DAY))
        world.login(strange)
        weights.append(world.profile.open_weight(world.now))
    assert weights[0] > POPULAR_OWNER >= weights[1] > 0
