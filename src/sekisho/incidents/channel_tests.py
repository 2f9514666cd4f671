"""A test notice through one channel, asked for in the panel and sent by the worker: only it may read the addresses."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from sekisho.config import Settings, settings
from sekisho.directory.models import Contact
from sekisho.incidents import audit, channels, notices
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.incidents.channel_outbox import Delivery
from sekisho.incidents.channel_texts import compose_test
from sekisho.incidents.models import ChannelTest, Notice

MAIL = "mail"
# A worker takes a test within a second. One that has waited so long is not sent any more: nobody looks at it now.
STALE_AFTER = timedelta(minutes=2)
_UNDER_WAY = ("waiting", "sending")


def names(configuration: Settings) -> list[str]:
    """The channels that can be tested: mail where a sender is set, and those of `[[channels]]`."""
    return ([MAIL] if configuration.notices.sender else []) + [channel.name for channel in configuration.channels]


def ask(name: str, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None) -> ChannelTest:
    """Asks the worker for a test, with an audit row. Raises NotAllowed for a channel that does not exist, Overtaken
    while an earlier test of it is under way."""
    if name not in names(settings()):
        raise NotAllowed(f"there is no channel {name}")
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        before = ChannelTest.objects.select_for_update().filter(channel=name).first()
        if before is not None and before.state in _UNDER_WAY and at - before.asked_at < STALE_AFTER:
            raise Overtaken(name)
        fresh = {"asked_at": at, "actor": actor[:255], "state": "waiting", "failure": "", "done_at": None}
        row, _ = ChannelTest.objects.update_or_create(channel=name, defaults=fresh)
        audit.record(actor, "channel_tested", name, details={"channel": name}, at=at, account=account)
    return row


def facts(configuration: Settings, now: datetime) -> list[dict[str, Any]]:
    """Every channel with what waits, what failed, when the last notice went, and its latest test; never an address."""
    tests = {row.channel: row for row in ChannelTest.objects.all()}
    kinds: list[tuple[str, str, Sequence[str]]] = [
        (channel.name, str(type(channel).__struct_config__.tag), channel.domains) for channel in configuration.channels
    ]
    if configuration.notices.sender:
        kinds.insert(0, (MAIL, MAIL, ()))
    return [
        {
            "name": name,
            "kind": kind,
            "domains": list(domains),
            "open": _notices(name).filter(state__in=["open", "sending"]).count(),
            "failed": _notices(name).filter(state="failed").count(),
            "last_sent": _notices(name).aggregate(at=Max("sent_at"))["at"],
            "test": tests.get(name),
            "under_way": name in tests and _is_under_way(tests[name], now),
        }
        for name, kind, domains in kinds
    ]


def _is_under_way(test: ChannelTest, now: datetime) -> bool:
    return test.state in _UNDER_WAY and now - test.asked_at < STALE_AFTER


def _notices(name: str) -> QuerySet[Notice]:
    if name == MAIL:
        return Notice.objects.exclude(recipient__startswith=channels.PREFIX)
    return Notice.objects.filter(recipient=f"{channels.PREFIX}{name}")


class ChannelTests:
    """One per worker; called at each of its turns."""

    def __init__(self, configuration: Settings) -> None:
        self._configuration = configuration
        self._channels = {channel.name: channel for channel in configuration.channels}
        self._running: dict[str, Delivery] = {}
        self._looked_for_interrupted = False

    def __call__(self, now: datetime) -> None:
        """Starts what was asked for, settles what has ended."""
        if not self._looked_for_interrupted:
            # Nobody knows whether it arrived; the person asks again.
            ChannelTest.objects.filter(state="sending").update(
                state="failed", failure="the worker was started again meanwhile", done_at=now
            )
            self._looked_for_interrupted = True
        for name, delivery in list(self._running.items()):
            if delivery.done:
                del self._running[name]
                _settle(name, str(delivery.failure or ""))
        for test in ChannelTest.objects.filter(state="waiting").exclude(channel__in=self._running):
            self._start(test, now)

    def _start(self, test: ChannelTest, now: datetime) -> None:
        if now - test.asked_at >= STALE_AFTER:
            _settle(test.channel, "the worker did not run when it was asked for")
            return
        channel = self._channels.get(test.channel)
        ChannelTest.objects.filter(pk=test.pk).update(state="sending")
        if test.channel == MAIL:
            _settle(MAIL, _send_mail(self._configuration))
        elif channel is None:
            _settle(test.channel, "the channel was taken out of the settings")
        else:
            message = compose_test(f"sekisho.test.{secrets.token_hex(8)}", channel.language)
            self._running[channel.name] = Delivery(channel, 0, message)


def _settle(name: str, failure: str) -> None:
    state = "failed" if failure else "sent"
    ChannelTest.objects.filter(pk=name).update(state=state, failure=failure[:300], done_at=timezone.now())


def _send_mail(configuration: Settings) -> str:
    """Why the test did not reach the operator's contacts; "" when our Postfix took it for all of them."""
    contacts = list(Contact.objects.filter(domain=notices.OPERATOR).values_list("address", "language"))
    if not contacts:
        return f"the operator has no contact (sekisho contact add {notices.OPERATOR} ADDRESS)"
    try:
        for address, language in contacts:
            notices.send_test(configuration.notices, address, language)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""
