"""The ways a notice goes besides mail: signed webhooks, and whatever Apprise speaks (Slack, Teams, LINE …).

A notice for a channel is a row of the outbox whose recipient is "channel:NAME"; no mail address looks like that.
"""

from __future__ import annotations

import functools
import logging
from types import ModuleType

from sekisho.config import AppriseChannel, Channel, settings
from sekisho.incidents import webhook
from sekisho.incidents.channel_failures import ChannelFailed, ChannelMisconfigured
from sekisho.incidents.channel_texts import ChannelMessage

PREFIX = "channel:"


def recipient_of(channel: Channel) -> str:
    """What stands in the outbox for the channel."""
    return f"{PREFIX}{channel.name}"


def name_in(recipient: str) -> str:
    """The channel's name of a notice's recipient; "" for a mail address."""
    return recipient.removeprefix(PREFIX) if recipient.startswith(PREFIX) else ""


def for_domain(domain: str) -> list[Channel]:
    """The channels that hear of incidents of a domain."""
    return [channel for channel in settings().channels if not channel.domains or domain in channel.domains]


def for_operator() -> list[Channel]:
    """The channels of the operator: calls are none of a domain's business."""
    return [channel for channel in settings().channels if not channel.domains]


def is_of_domain(recipient: str, domain: str) -> bool:
    """Whether a domain's admins may know of this recipient: a mail address, or a channel of the domain's own."""
    name = name_in(recipient)
    return not name or any(domain in channel.domains for channel in settings().channels if channel.name == name)


def deliver(channel: Channel, message: ChannelMessage) -> None:
    """Hands the message over; raises ChannelFailed. Touches no database: it runs in a thread of its own."""
    if isinstance(channel, AppriseChannel):
        _deliver_by_apprise(channel, message)
    else:
        webhook.send(channel, message)


@functools.cache
def _apprise() -> ModuleType:
    """Apprise, imported when first needed (half a second), its log silenced: addresses with their tokens are in it."""
    import apprise

    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    return apprise


def _deliver_by_apprise(channel: AppriseChannel, message: ChannelMessage) -> None:
    addresses = webhook.read_private(channel.url_file).split()
    if not addresses:
        raise ChannelMisconfigured(f"{channel.url_file} is empty")
    library = _apprise()
    # Nothing is guessed: redirects stay unfollowed, texts are texts, and no file of this machine is read.
    asset = library.AppriseAsset(async_mode=False, http_redirects=False, secure_logging=True)
    service = library.Apprise(asset=asset)
    if not all(service.add(address) for address in addresses):
        raise ChannelMisconfigured(f"{channel.url_file} holds an address that Apprise does not know")
    try:
        told = service.notify(
            title=message.title,
            body=message.text,
            body_format=library.NotifyFormat.TEXT,
            notify_type=library.NotifyType.WARNING,
            interpret_escapes=False,
        )
    # Robustness: a hundred plug-ins by many hands; whatever one raises is a failed try, and its text may hold a token.
    except Exception as error:
        raise ChannelFailed(type(error).__name__) from None
    if not told:
        raise ChannelFailed("the service refused it or did not answer")
