"""A burned password in use again: the one sign that trips by itself.

Idea: a password from before a suspension is the hijacker's as much as the owner's. Whoever puts it back opens the door
for both, and no habit tells them apart: so neither the source nor the lack of deeds weighs anything here.
Who is hurt by a false alarm: an owner whose new password looks like the old one. Who looks for it must therefore rule
that out (incidents.burned says how). Who by a miss: everybody whom the hijacker writes to on his second visit.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.detection import evidence as say
from sekisho.detection.assessment import Assessment, Indicator
from sekisho.detection.limits import Limits

NAME = "burned_password"


def with_burned_login(judged: Assessment, limits: Limits) -> Assessment:
    """The assessment of a login that succeeded with a burned password; it suspends whatever it was before."""
    return _burned(judged, limits, say.burned_login())


def burned_reset(
    mailbox: str, t: float, limits: Limits, announced: Literal["", "alert", "restrict"] = ""
) -> Assessment:
    """The assessment of a mailbox whose burned password stands in the site's table again.

    `authenticated` although the mailbox did nothing yet: the password was written by somebody who holds the site's
    database, which no stranger's mail, guess or complaint can bring about.
    """
    nothing = Assessment(mailbox, t, 0.0, authenticated=True, announced=announced)
    return _burned(nothing, limits, say.burned_reset())


def _burned(judged: Assessment, limits: Limits, sentences: tuple[str, str]) -> Assessment:
    found = Indicator(NAME, limits.suspend, *sentences)
    return msgspec.structs.replace(
        judged,
        # A floor like the hard caps': the sum of the others says how much the hijacker is back already.
        score=max(judged.score, limits.suspend),
        indicators=(found, *judged.indicators),
        first_risk_at=judged.first_risk_at or judged.t,
        burned=True,
    )
