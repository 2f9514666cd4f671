"""What people order for mail on hold: delete it, send it on, hold again what was sent on by mistake.

An order names queue ids; only those that the ledger's entry of that incident holds are touched, whatever it says. Each
is moved in the ledger before the command, so that a sweep or a dismissal in between leaves it alone, and is done when
the queue was read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sekisho.containment.held_mail import move
from sekisho.containment.ledger import Entry
from sekisho.containment.queue_steps import send_on
from sekisho.containment.work import StepFailed, Tools, Work, counted
from sekisho.wire.postqueue import QueuedMessage

log = logging.getLogger(__name__)


def _queue(tools: Tools) -> dict[str, QueuedMessage]:
    return {message.queue_id: message for message in tools.postfix.queue()}


def _known(entry: Entry | None) -> Entry:
    if entry is None:
        raise StepFailed("the ledger does not know this incident")
    return entry


def _change(work: Work, change: Callable[[Entry], object]) -> Entry:
    """Changes the incident's entry, which is not the order's own."""
    return _known(work.tools.held.change(work.entry.mailbox, work.plan.generation, change))


def _incident(work: Work) -> Entry:
    """The incident's entry as it is now."""
    return _known(work.tools.held.find(work.entry.mailbox, work.plan.generation))


def _take(work: Work, source: str, target: str) -> list[str]:
    """Moves the order's messages from one list of the incident to another; all of them that are in `target` now."""
    wanted = set(work.entry.queue_ids)
    entry = _change(work, lambda e: move(getattr(e, source), getattr(e, target), wanted))
    mine = [queue_id for queue_id in getattr(entry, target) if queue_id in wanted]
    work.notes["foreign"] = len(wanted) - len(mine)
    if len(mine) < len(wanted):
        log.warning("order about %s: %d messages are not its to touch", entry.mailbox, len(wanted) - len(mine))
    return mine


def _told(work: Work, entry: Entry, queue: dict[str, QueuedMessage], words: str) -> str:
    work.tools.held.tell(entry, queue, work.plan.order_ids[0])
    foreign = work.notes.get("foreign", 0)
    return words + (f", {counted(foreign, 'message')} not of this incident or decided before" if foreign else "")


def purge_held(work: Work) -> bool:
    mine = _take(work, "held", "purged")
    queue = _queue(work.tools)
    # What another hand has let go meanwhile is on its way: that was somebody's decision, too.
    on_hold = [i for i in mine if i in queue and queue[i].queue_name == "hold"]
    work.tools.postfix.purge(on_hold)
    return bool(on_hold)


def held_purged(work: Work) -> str:
    queue, wanted = _queue(work.tools), set(work.entry.queue_ids)
    mine = [i for i in _incident(work).purged if i in wanted]
    if still := [i for i in mine if i in queue and queue[i].queue_name == "hold"]:
        raise StepFailed(f"{counted(len(still), 'message')} still there")
    loose = [i for i in mine if i in queue]
    entry = _change(work, lambda e: move(e.purged, e.requeued, loose))
    return _told(work, entry, queue, f"{counted(len(mine) - len(loose), 'message')} deleted")


def requeue_held(work: Work) -> bool:
    tools = work.tools
    mine = _take(work, "held", "requeued")
    queue = _queue(tools)
    on_hold = [queue[i] for i in mine if i in queue and queue[i].queue_name == "hold"]
    send_on(tools, on_hold)
    return bool(on_hold)


def held_requeued(work: Work) -> str:
    queue, wanted = _queue(work.tools), set(work.entry.queue_ids)
    entry = _incident(work)
    mine = [i for i in entry.requeued if i in wanted]
    if still := [i for i in mine if i in queue and queue[i].queue_name == "hold"]:
        raise StepFailed(f"{counted(len(still), 'message')} still on hold")
    return _told(work, entry, queue, f"{counted(len(mine), 'message')} sent on")


def hold_again(work: Work) -> bool:
    mine = _take(work, "requeued", "held")
    queue = _queue(work.tools)
    loose = [i for i in mine if i in queue and queue[i].queue_name != "hold"]
    work.tools.postfix.hold(loose)
    return bool(loose)


def held_again(work: Work) -> str:
    tools = work.tools
    queue, wanted = _queue(tools), set(work.entry.queue_ids)
    mine = [i for i in _incident(work).held if i in wanted]
    # Delivered while the hold came: an empty file, which qmgr clears away.
    empty = [i for i in mine if i in queue and not queue[i].recipients]
    left = [i for i in mine if i not in queue or i in empty]
    tools.postfix.unhold(empty)
    entry = _change(work, lambda e: move(e.held, e.left, left))
    if loose := [i for i in mine if i not in left and queue[i].queue_name != "hold"]:
        raise StepFailed(f"{counted(len(loose), 'message')} not on hold")
    return _told(work, entry, queue, f"{counted(len(mine) - len(left), 'message')} on hold again, {len(left)} had left")
