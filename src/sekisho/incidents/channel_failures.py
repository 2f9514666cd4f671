"""What can go wrong with a channel. The texts go into logs and onto the panel: no address and no secret is in them."""

from __future__ import annotations


class ChannelFailed(Exception):
    """This try got nowhere; `for_good`: no further try will."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class ChannelMisconfigured(ChannelFailed):
    """A file of the channel is missing or wrong; tried again, for somebody will mend it."""
