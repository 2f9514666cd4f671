"""How others see this host, as plain data: for `--json`, the API, `status` and the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sekisho.config import settings
from sekisho.impact import listings


def reputation_facts(now: datetime) -> dict[str, Any]:
    """What blocklists say of us at `now`."""
    rows = listings.open_listings()[: listings.MOST_SHOWN]
    return {
        "at": now,
        "blocklists": {
            "asked": settings().harm_watch.blocklists,
            "listings": [listings.listing_facts(row) for row in rows],
            "lists": listings.list_facts(),
        },
    }
