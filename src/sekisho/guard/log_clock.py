"""Times of live log lines: whole seconds are all the log has, and a line just written is of this very moment."""

from __future__ import annotations

from datetime import datetime

from sekisho.wire import WireError, maillog

# A stamp this close to now is a live line: it gets the precise time.
LIVE_SECONDS = 2.0


class LineClock:
    """Reads stamps; lines in a row mostly have the same one."""

    def __init__(self) -> None:
        self._stamp = ("", 0.0)

    def read(self, stamp: str, now: float) -> float:
        """Epoch seconds of a stamp; `now` for live lines and for stamps that cannot be read."""
        if stamp != self._stamp[0]:
            try:
                self._stamp = (stamp, maillog.seconds_of(stamp, datetime.fromtimestamp(now).astimezone()))
            except WireError:
                self._stamp = (stamp, now)
        return now if now - self.logged < LIVE_SECONDS else self.logged

    @property
    def logged(self) -> float:
        """What the stamp read last says itself."""
        return self._stamp[1]
