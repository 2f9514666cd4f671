"""The steps on Postfix' queue: hold exactly the hijacker's mail, keep the mail that waits for him, let it go again.

Whose message it is, is decided by queue id and login (the guard's END-OF-MESSAGE records, the log, the queue file
itself), never by the envelope sender. `postsuper` exits 0 whatever happened, and a message that is being delivered
leaves although it was put on hold; so the queue is read again and the difference is said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sekisho.containment.commands import CommandError
from sekisho.containment.held_mail import move
from sekisho.containment.ledger import Entry
from sekisho.containment.postfix import is_queue_id
from sekisho.containment.work import StepFailed, Tools, Work, counted
from sekisho.wire.postqueue import QueuedMessage

log = logging.getLogger(__name__)

# Queue files read for their login in one run, 6 ms each (measured): 3 s; the rest in the next run.
MOST_FILES_READ = 500
# Files that could not be read in one run; then postcat itself is the trouble, and each try may take its 5 s.
MOST_FILES_FAILED = 3
# qmgr remembers the last resolved address 30 s, so until then a released mailbox may still resolve to `retry:`.
RESOLVER_MEMORY_S = 31.0
# With a lifetime below this a message let go at once could be returned while qmgr still remembers (RESOLVER_MEMORY_S
# twice, rounded): it stays on hold until then.
SHORT_LIFETIME_S = 60.0


def hold_queue(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    queue = tools.postfix.queue()
    # What a person let go or deleted is decided.
    decided = {*entry.requeued, *entry.purged}
    mine = [message for message in _messages_of(work, queue) if message.queue_id not in decided]
    with tools.ledger.lock:
        # Durable before the hold: whatever of these is gone afterwards has escaped, and is counted.
        known = set(entry.held) | set(entry.escaped)
        entry.held += [message.queue_id for message in mine if message.queue_id not in known]
        work.save()
    tools.held.saw(mine)
    loose = [message.queue_id for message in mine if message.queue_name != "hold"]
    tools.postfix.hold(loose)
    return bool(loose)


def _messages_of(work: Work, queue: Iterable[QueuedMessage]) -> list[QueuedMessage]:
    """What this mailbox's login has submitted since the first risky event and is still queued."""
    entry, tools = work.entry, work.tools
    # Whole seconds are all a queue file knows.
    recent = [m for m in queue if m.arrival_time >= int(entry.hold_since) and is_queue_id(m.queue_id)]
    named = set(entry.queue_ids)
    unknown = [m for m in recent if m.queue_id not in named and not tools.pairs.knows(m.queue_id)]
    work.notes["unread"] = max(0, len(unknown) - MOST_FILES_READ)
    skipped = {m.queue_id for m in unknown[MOST_FILES_READ:]}

    def login_in_file(queue_id: str) -> str:
        return tools.names.canonical(tools.postfix.login_of(queue_id))

    failed: list[str] = []

    def is_mine(queue_id: str) -> bool:
        if queue_id in named or queue_id in skipped:
            return queue_id in named
        if len(failed) >= MOST_FILES_FAILED and not tools.pairs.knows(queue_id):
            work.notes["unread"] += 1
            return False
        try:
            return tools.pairs.mailbox_of(queue_id, login_in_file) == entry.mailbox
        except CommandError as error:
            # One file that cannot be read must not keep the others from being held; the step is not done before it is.
            log.warning("queue file %s cannot be read: %s", queue_id, error)
            failed.append(queue_id)
            work.notes["unread"] += 1
            return False

    return [m for m in recent if is_mine(m.queue_id)]


def queue_held(work: Work) -> str:
    entry, tools = work.entry, work.tools
    queue = {message.queue_id: message for message in tools.postfix.queue()}
    present = {i: queue[i] for i in entry.held if i in queue}
    empty = [i for i, m in present.items() if not m.recipients]
    loose = [i for i, m in present.items() if m.recipients and m.queue_name != "hold"]
    gone = [i for i in entry.held if i not in queue]
    with tools.ledger.lock:
        entry.escaped += [*gone, *empty]
        entry.held = [i for i in present if i not in empty]
        work.save()
    # A file whose recipients were all served while it was put on hold: qmgr clears it away.
    tools.postfix.unhold(empty)
    tools.held.tell(entry, queue)
    if loose:
        raise StepFailed(f"{counted(len(loose), 'message')} not on hold")
    if work.notes.get("unread"):
        raise StepFailed(f"{counted(work.notes['unread'], 'queue file')} not looked at yet")
    return f"{counted(len(entry.held), 'message')} held, {len(entry.escaped)} escaped in flight"


def release_held(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    queue = {message.queue_id: message for message in tools.postfix.queue()}
    on_hold = [queue[i] for i in entry.held if i in queue and queue[i].queue_name == "hold"]
    work.notes["released"] = len(on_hold)
    send_on(tools, on_hold)
    return bool(on_hold)


def send_on(tools: Tools, on_hold: Iterable[QueuedMessage]) -> None:
    """Takes messages off hold and has them delivered now."""
    # Mail that was held for a good part of its lifetime would be returned at the first failure: it starts anew.
    young: list[str] = []
    old: list[str] = []
    half = lifetime(tools) / 2
    for message in on_hold:
        (old if tools.now() - message.arrival_time > half else young).append(message.queue_id)
    tools.postfix.requeue(old)
    tools.postfix.unhold(young)
    for queue_id in young:
        # Else it waits for the next queue run, 5 minutes by default.
        tools.postfix.retry(queue_id)


def held_released(work: Work) -> str:
    entry, tools = work.entry, work.tools
    queue = {message.queue_id: message for message in tools.postfix.queue()}
    still = {i for i in entry.held if i in queue and queue[i].queue_name == "hold"}
    with tools.ledger.lock:
        move(entry.held, entry.requeued, [i for i in entry.held if i not in still])
        work.save()
    tools.held.tell(entry, queue)
    if still:
        raise StepFailed(f"{counted(len(still), 'message')} still on hold")
    return f"{counted(work.notes.get('released', 0), 'message')} released"


def lifetime(tools: Tools) -> float:
    """Seconds after which our queue returns mail, the shorter of messages' and bounces' lifetimes."""
    return min(tools.postfix.seconds("maximal_queue_lifetime"), tools.postfix.seconds("bounce_queue_lifetime"))


# --- mail that waits for the mailbox


def waiting_messages(queue: Iterable[QueuedMessage], entry: Entry, tools: Tools) -> list[QueuedMessage]:
    """Messages in our queue for this mailbox, under any of its addresses; the hijackers' held ones are not waiting."""
    addresses = set(entry.addresses)
    hijacked = tools.ledger.held_ids()
    return [
        m
        for m in queue
        if m.queue_id not in hijacked
        and any(r.address in addresses or tools.names.canonical(r.address) == entry.mailbox for r in m.recipients)
    ]


def retry_waiting(work: Work) -> bool:
    """Lets waiting mail go at once; with a very short queue lifetime it is kept until qmgr has forgotten."""
    entry, tools = work.entry, work.tools
    with tools.waiting_lock:
        waiting = waiting_messages(tools.postfix.queue(), entry, tools)
        if lifetime(tools) >= SHORT_LIFETIME_S:
            return _let_go(work, waiting)
        loose = [m.queue_id for m in waiting if m.queue_name in ("deferred", "incoming", "active")]
        keep(work.tools, entry, loose)
        work.notes["kept"] = len([m for m in waiting if m.queue_id in entry.kept])
        return bool(loose)


def retry_waiting_again(work: Work) -> bool:
    """Once more after 31 s: what was deferred by qmgr's memory, and everything that was kept until now."""
    with work.tools.waiting_lock:
        with work.tools.ledger.lock:
            work.plan.let_go = True
            work.save()
        return _let_go(work, waiting_messages(work.tools.postfix.queue(), work.entry, work.tools))


def _let_go(work: Work, waiting: list[QueuedMessage]) -> bool:
    kept = [m.queue_id for m in waiting if m.queue_name == "hold" and m.queue_id in work.entry.kept]
    deferred = [m.queue_id for m in waiting if m.queue_name == "deferred"]
    work.tools.postfix.requeue(kept)
    for queue_id in deferred:
        work.tools.postfix.retry(queue_id)
    work.notes["let_go"] = len(kept) + len(deferred)
    return bool(kept or deferred)


def waiting_let_go(work: Work) -> str:
    if "kept" in work.notes:
        return f"{counted(work.notes['kept'], 'message')} kept until the queue manager forgets the address"
    queue = work.tools.postfix.queue()
    delivered = clear_delivered(work.tools, queue, [work.entry])
    still = [m for m in queue if m.queue_name == "hold" and m.queue_id in work.entry.kept]
    if len(still) > len(delivered):
        raise StepFailed(f"{counted(len(still) - len(delivered), 'waiting message')} still on hold")
    return f"{counted(work.notes.get('let_go', 0), 'waiting message')} sent on"


def clear_delivered(tools: Tools, queue: Iterable[QueuedMessage], entries: Iterable[Entry]) -> list[str]:
    """Kept files that have no recipient left: they were being delivered when the hold came. qmgr clears them away."""
    kept = {i for entry in entries for i in entry.kept}
    delivered = [m.queue_id for m in queue if m.queue_name == "hold" and m.queue_id in kept and not m.recipients]
    tools.postfix.unhold(delivered)
    return delivered


def keep(tools: Tools, entry: Entry, queue_ids: list[str]) -> None:
    """Puts waiting messages on hold, which stops their clock, and remembers them durably before."""
    if not queue_ids:
        return
    with tools.ledger.lock:
        entry.kept += [i for i in queue_ids if i not in entry.kept]
        tools.ledger.save(entry)
    tools.postfix.hold(queue_ids)
