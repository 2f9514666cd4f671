"""What the worker does for recovery at each of its turns."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from sekisho.recovery import contacts, requests
from sekisho.recovery.renewals import Renewals
from sekisho.recovery.site_edits import SiteEdits

# Requests and ended sessions are small; once an hour keeps both tables short.
TIDY_EVERY = timedelta(hours=1)
# A first look at a large site goes on after what else the worker has to do.
GO_ON_AFTER = timedelta(seconds=5)


class Duties:
    """Called by the worker with the time; answers at once, the rest when it is due."""

    def __init__(self) -> None:
        self._look_at_site: datetime | None = None
        self._tidy: datetime | None = None
        self._site_edits = SiteEdits()
        self._renewals = Renewals()

    def __call__(self, now: datetime) -> None:
        requests.answer(now)
        self._site_edits(now)
        self._renewals(now)
        if self._look_at_site is None or now >= self._look_at_site:
            more = contacts.adopt_site_contacts(now) == contacts.ADOPTED_AT_ONCE
            self._look_at_site = now + (GO_ON_AFTER if more else contacts.SITE_EVERY)
        if self._tidy is None or now >= self._tidy:
            requests.prune(now)
            # Recovery pages make sessions without a sign-in, so somebody has to end them.
            Session.objects.filter(expire_date__lt=now).delete()
            self._tidy = now + TIDY_EVERY
