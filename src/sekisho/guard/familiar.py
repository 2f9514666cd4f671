"""What is usual for a mailbox, told to people; and what people say was the owner, told to its profile."""

from __future__ import annotations

from collections.abc import Iterable

from sekisho.detection import MailboxProfile, Place
from sekisho.detection.limits import MAX_TODAY_SOURCES
from sekisho.detection.places import network_key
from sekisho.detection.profile_words import usual_of
from sekisho.journal import UsualSeen

# Some 80,000 autonomous systems announce networks; a host's mailboxes meet a few hundred. 1 MB at the most.
REMEMBERED_OWNERS = 10_000


class OwnerNames:
    """Names of the networks' owners met since the start: habits hold numbers only."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def note(self, place: Place) -> None:
        """Remembers the name of a place's owner."""
        if place.owner and place.asn not in self._names and len(self._names) < REMEMBERED_OWNERS:
            self._names[place.asn] = place.owner

    def of(self, numbers: Iterable[int]) -> tuple[tuple[int, str], ...]:
        """Those of these AS numbers that have a name, with it."""
        return tuple((number, self._names[number]) for number in numbers if number in self._names)


def usual_seen(mailbox: str, profile: MailboxProfile, names: OwnerNames, now: float) -> UsualSeen:
    """What is usual for the mailbox, as the worker keeps it for the pages."""
    usual = usual_of(profile.habits)
    return UsualSeen(
        now,
        mailbox,
        usual.countries,
        usual.owners,
        usual.protocols,
        usual.busiest_day,
        usual.days,
        names.of(usual.owners),
        usual.clients,
    )


def vouch(profile: MailboxProfile, places: Iterable[Place]) -> None:
    """Makes these the day's places before a confirmed generation begins, which turns the day's places into habits.

    Others of the same day stay what they were: a stranger who came after the alert was not what the person looked at.
    An alert of yesterday is answered as well as one of today.
    """
    vouched = {network_key(place.network): (place.asn, place.country) for place in places if place.network}
    profile.evidence.today = dict(list(vouched.items())[:MAX_TODAY_SOURCES])
