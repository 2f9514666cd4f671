"""The tables of this room (database `default`)."""

from __future__ import annotations

from sekisho.impact.listing_models import Listing as Listing
from sekisho.impact.listing_models import ListLook as ListLook
from sekisho.impact.paper_models import Disclosure as Disclosure
from sekisho.impact.paper_models import DutySwitch as DutySwitch
from sekisho.impact.paper_models import KnownSince as KnownSince
