"""Lengths of time and distances to now, as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext


def spell_duration(length: timedelta) -> str:
    """A length of time in its largest unit, as people say it: "3 hours"; under a minute in seconds."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 3600:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    # Up to two days in hours: "26 hours" says more than "1 day" to somebody who waits.
    if seconds < 48 * 3600:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day", "%(n)d days", seconds // 86400) % {"n": seconds // 86400}


def relative(moment: datetime, now: datetime) -> str:
    """ "3 minutes ago", "in about 46 hours", "just now"."""
    if abs(moment - now) < timedelta(seconds=5):
        return gettext("just now")
    if moment <= now:
        return gettext("%(duration)s ago") % {"duration": spell_duration(now - moment)}
    return gettext("in about %(duration)s") % {"duration": spell_duration(moment - now)}
