"""Sends what the outbox holds for channels: each channel in a thread of its own, so none holds up the others or the
worker. The threads touch no database; rows are claimed and settled in the worker's turns.

Once, with one exception: a worker killed between the receiver's answer and our note of it sends again, for nothing
like the mail log tells. The delivery's id is then the same, and a receiver that keeps ids drops it.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from sekisho.config import Channel, Settings
from sekisho.incidents import channel_texts, channels, letters
from sekisho.incidents.channel_failures import ChannelFailed
from sekisho.incidents.channel_texts import ChannelMessage
from sekisho.incidents.models import Notice
from sekisho.incidents.notices import GIVE_UP_AFTER, is_due
from sekisho.incidents.timeline import add_entry
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

# A channel that has failed for so long is told to the operator; a service restarts within minutes.
ALARM_AFTER = timedelta(minutes=10)


class Delivery:
    """One try in a thread; `done` says that `failure` is final."""

    def __init__(self, channel: Channel, notice: int, message: ChannelMessage) -> None:
        self.channel, self.notice = channel, notice
        self.failure: ChannelFailed | None = None
        self._message = message
        # A daemon: a receiver that never ends must not keep the worker from ending.
        self._thread = threading.Thread(target=self._run, name=f"channel-{channel.name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            channels.deliver(self.channel, self._message)
        except ChannelFailed as failure:
            self.failure = failure
        except Exception as error:
            log.exception("channel %s", self.channel.name)
            self.failure = ChannelFailed(type(error).__name__)

    def join(self, seconds: float) -> bool:
        """Waits at most so long; whether it has ended."""
        self._thread.join(seconds)
        return self.done


class ChannelOutbox:
    """One per worker; called at each of its turns."""

    def __init__(self, configuration: Settings, started_at: datetime) -> None:
        self._channels = {channel.name: channel for channel in configuration.channels}
        self._started_at = started_at
        self._looked_for_interrupted = False
        self._running: dict[str, Delivery] = {}
        # Since when a channel has only failed, and why.
        self._failing: dict[str, tuple[datetime, str]] = {}

    def __call__(self, now: datetime) -> int:
        """Settles what has ended and starts what is due; how many got through."""
        if not self._looked_for_interrupted:
            interrupted = Notice.objects.filter(state="sending", recipient__startswith=channels.PREFIX)
            interrupted.filter(claimed_at__lt=self._started_at).update(state="open", claimed_at=None)
            self._looked_for_interrupted = True
        through = sum(self._settle(delivery, now) for delivery in list(self._running.values()) if delivery.done)
        for notice in Notice.objects.filter(state="open", recipient__startswith=channels.PREFIX).order_by("id")[:100]:
            self._start(notice, now)
        return through

    def _start(self, notice: Notice, now: datetime) -> None:
        channel = self._channels.get(channels.name_in(notice.recipient))
        if channel is None:
            # Taken out of the settings since.
            Notice.objects.filter(pk=notice.pk, state="open").update(state="dropped")
            return
        if channel.name in self._running or not is_due(notice, now):
            return
        claimed = Notice.objects.filter(pk=notice.pk, state="open").update(
            state="sending", claimed_at=now, attempts=notice.attempts + 1
        )
        if claimed == 1:
            try:
                message = channel_texts.compose(notice, channel.language)
            except letters.Stale as reason:
                log.info("notice %s is not sent any more: %s", notice.message_id, reason)
                Notice.objects.filter(pk=notice.pk, state="sending").update(state="dropped")
                return
            self._running[channel.name] = Delivery(channel, notice.pk, message)

    def _settle(self, delivery: Delivery, now: datetime) -> bool:
        failpoint("worker.channel.after_send")
        notice = Notice.objects.get(pk=delivery.notice)
        if delivery.failure is None:
            self._mark_sent(notice)
        else:
            self._put_back(notice, delivery.failure, now)
        name = delivery.channel.name
        if delivery.failure is None:
            self._failing.pop(name, None)
        else:
            since, _ = self._failing.get(name, (now, ""))
            self._failing[name] = (since, str(delivery.failure))
        del self._running[name]
        return delivery.failure is None

    def _put_back(self, notice: Notice, failure: ChannelFailed, now: datetime) -> None:
        state = "failed" if failure.for_good or now > notice.created_at + GIVE_UP_AFTER else "open"
        log.warning("notice %s to %s not sent (%s): %s", notice.message_id, notice.recipient, state, failure)
        Notice.objects.filter(pk=notice.pk, state="sending").update(state=state)

    def _mark_sent(self, notice: Notice) -> None:
        at = timezone.now()
        with transaction.atomic(using="default"):
            Notice.objects.filter(pk=notice.pk).update(state="sent", sent_at=at)
            if notice.incident is None:
                return
            incident = notice.incident
            details: dict[str, object] = {"kind": notice.kind}
            if channels.is_of_domain(notice.recipient, incident.domain):
                details["recipient"] = channels.name_in(notice.recipient)
            add_entry(incident, at, "notice", f"notice-{notice.pk}", details)

    def alarms(self, now: datetime) -> list[str]:
        """Channels through which nothing has got for a while, and why."""
        return [
            f"channel {name}: no notice has got through since {since:%Y-%m-%d %H:%M} UTC: {why}"
            for name, (since, why) in sorted(self._failing.items())
            if now >= since + ALARM_AFTER
        ]
