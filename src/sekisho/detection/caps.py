"""The most each finding can weigh, in nats: what no amount of it exceeds. For people who read the rules.

Each number is worked out from those of the indicators, so that it cannot go stale; the two that stand beside the sum
(a hard cap, a burned password) lift the score to the threshold of suspending, whatever that is.
"""

from __future__ import annotations

from sekisho.detection import indicators, places, reading
from sekisho.detection.limits import Limits


def caps(limits: Limits) -> dict[str, float]:
    """Finding -> the most it can weigh, under these limits; the names are those of Indicator."""
    at_home = places.NEW_OWNER_HIGH + places.FURTHER_OWNERS_MOST
    return {
        "new_network": at_home,
        # Unfamiliar networks at home count half beside a foreign country (places.weigh_open).
        "new_country": places.NEW_COUNTRY_HIGH + at_home / 2,
        "many_countries": places.PLACES_MOST,
        "many_networks": indicators.NETWORKS_MOST,
        "password_guesser": indicators.GUESSER,
        "shared_stranger": indicators.SHARED_STRANGER,
        "new_protocol": indicators.PROTOCOL,
        "bulk_reading": reading.READ_MOST,
        "forward_rule": indicators.FORWARD,
        "discard_rule": indicators.DISCARD,
        "new_recipients": max(indicators.RUN_MOST, indicators.NEW_MOST_STRANGE, indicators.NEW_MOST_FAMILIAR),
        "message_burst": max(indicators.STRANGE_BURST_MOST, indicators.MESSAGES_MOST),
        "bounces": indicators.BOUNCES_MOST,
        "complaints": indicators.COMPLAINTS_MOST,
        "burned_password": limits.suspend,
        "hard_cap": limits.suspend,
    }
