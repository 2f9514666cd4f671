"""Rescue: a suspended mailbox accepts and keeps its mail before the senders' servers give up. Its doors stay shut.

Idea: the barrier stands as before but for three files. `rcpt` has no row of the mailbox, so its mail is taken;
`identity` still expands every form to the mailbox alone, past forwards and catch-alls; `transport` leads to a delivery
agent of its own that bounces nothing (`soft_bounce`), and `lmtp` gives Dovecot the mailbox's home with personal Sieve
switched off, whatever the site's table says. What Dovecot refuses meanwhile stays in our queue.

`mailbox.active` stays 0, since the old password still opens the site's own web pages; so the home is asked of Dovecot
once, with the column at 1 for that moment while every other row of the barrier stands. Should the ledger be lost, the
mailbox is simply suspended again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from sekisho.config import settings
from sekisho.containment.barrier import no_scripts, rows_of, rows_to_lower, wanted_rows
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.ledger import Ledger, PlanRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.work import StepFailed, Work

log = logging.getLogger(__name__)

Kind = Literal["rescue_on", "rescue_off"]
KINDS: tuple[Kind, Kind] = ("rescue_on", "rescue_off")
# Dovecot looks at a passwd-file once a second.
DOVECOT_LOOKS_S = 2.5
# Of a passwd-file's extra fields: no blank may stand in them, and these are ours to say.
_FIELD = re.compile(r"[a-z][a-z0-9_/]*").fullmatch
_OURS = ("uid", "gid", "home", "sieve", "user", "mail_plugins", "tempfail", "reason")


def take_order(
    ledger: Ledger, order: ClaimedOrder, now: Callable[[], float], finish: Callable[[int, str], None]
) -> None:
    """Begins the plan an order asks for; one that is under way (claimed again after its lease) goes on as it is."""
    kind, other = KINDS if order.kind == "rescue_on" else KINDS[::-1]
    with ledger.lock:
        entry = ledger.get(order.mailbox, order.generation)
        if entry is None or entry.status != "suspended" or entry.opening is not None:
            log.info("order %d is overtaken: %s is not suspended", order.id, order.mailbox)
            finish(order.id, "done")
            return
        plan = entry.plans.get(order.kind)
        if plan and not plan.superseded and order.id in plan.order_ids and order.id not in plan.finished_orders:
            return
        if opposite := entry.plans.get(other):
            opposite.superseded = True
            for order_id in set(opposite.order_ids) - set(opposite.finished_orders):
                finish(order_id, "done")
        entry.plans[order.kind] = PlanRecord(kind, order.generation, now(), order_ids=[order.id])
        ledger.save(entry)


# --- where the mail goes


def find_home(work: Work) -> bool:
    """Learns what Dovecot's user database says about the mailbox, and makes it durable."""
    entry, tools = work.entry, work.tools
    if not settings().postfix.rescue_transport:
        raise StepFailed("postfix.rescue_transport is not set: no delivery agent that bounces nothing")
    if entry.home:
        _hide_again(work)
        return False
    try:
        fields = _ask(work)
    except NoSuchMailbox:
        if tools.site.read_active(entry.mailbox) is not False:
            raise
        tools.site.write_active(entry.mailbox, True)
        try:
            fields = _ask(work)
        finally:
            _hide(work)
    with tools.ledger.lock:
        entry.home = _checked(fields)
        work.save()
    return True


def _ask(work: Work) -> dict[str, str]:
    # A cached "no such user" of a moment ago must not answer.
    work.tools.dovecot.flush_auth_cache([work.entry.mailbox])
    return work.tools.dovecot.userdb(work.entry.mailbox)


def _hide_again(work: Work) -> None:
    """Puts the site's column back to 0, also for a predecessor that was killed in the middle."""
    if work.entry.former_active is not None and work.tools.site.read_active(work.entry.mailbox):
        _hide(work)


def _hide(work: Work) -> None:
    work.tools.site.write_active(work.entry.mailbox, False)
    work.tools.dovecot.flush_auth_cache([work.entry.mailbox])


def home_known(work: Work) -> str:
    if not work.entry.home:
        raise StepFailed("Dovecot has not told where the mailbox is")
    if work.entry.former_active is not None and work.tools.site.read_active(work.entry.mailbox):
        raise StepFailed("mailbox.active is still 1")
    return "Dovecot told where the mailbox is; mailbox.active is as before"


def _checked(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that a row can express; raises StepFailed for a mailbox that none can."""
    uid, gid, home = (fields.get(name, "") for name in ("uid", "gid", "home"))
    if not (uid.isdecimal() and gid.isdecimal() and home.startswith("/")) or re.search(r"[:\s]", home):
        raise StepFailed("a mailbox without uid, gid and a plain home cannot be written into the barrier")
    kept = {"uid": uid, "gid": gid, "home": home}
    for name, value in fields.items():
        if name in _OURS or not value or not _FIELD(name):
            continue
        if re.search(r"\s", value) or not value.isprintable():
            raise StepFailed(f"the field {name} of the user database cannot be written into the barrier")
        kept[name] = value
    return kept


# --- the switch


def accept_mail(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    # One lock around all of it: a look at the barrier in between would call the change a loss.
    with tools.barrier.lock:
        with tools.ledger.lock:
            # Durable before the first row falls: killed in between, the agent goes on from here.
            entry.accepts = True
            work.save()
        tools.barrier.lower(rows_to_lower(entry), wanted_rows(tools.ledger.entries()))
    # smtpd remembers a resolved address as long as it lives.
    tools.postfix.reload()
    tools.dovecot.flush_auth_cache([entry.mailbox])
    return True


def mail_accepted(work: Work) -> str:
    """Read back from the files, and from Dovecot itself: this home, no personal Sieve."""
    entry, tools = work.entry, work.tools
    with tools.barrier.lock:
        tools.barrier.verify_lowered(rows_to_lower(entry), wanted_rows(tools.ledger.entries()))
    left = DOVECOT_LOOKS_S
    while not (found := _seen_by_lmtp(work))[1] or found[0] != entry.home["home"]:
        if left <= 0:
            raise StepFailed(f"Dovecot's LMTP does not see the row yet (home {found[0] or 'unknown'})")
        tools.sleep(0.25)
        left -= 0.25
    return "mail is taken and delivered into the locked mailbox, personal filters are off (read back from Dovecot)"


def _seen_by_lmtp(work: Work) -> tuple[str, bool]:
    """The home that Dovecot's LMTP gets for the mailbox, "" for none, and whether personal Sieve is off there."""
    name, _, value = no_scripts(Path(settings().dovecot.config_file)).removeprefix("userdb_").partition("=")
    try:
        fields = work.tools.dovecot.userdb(work.entry.mailbox, "lmtp")
    except NoSuchMailbox:
        return "", False
    return fields.get("home", ""), fields.get(name) == value


def refuse_mail(work: Work) -> bool:
    entry, tools = work.entry, work.tools
    was = entry.accepts
    with tools.barrier.lock:
        with tools.ledger.lock:
            entry.accepts = False
            work.save()
        tools.barrier.raise_rows(rows_of(entry))
    tools.postfix.reload()
    tools.dovecot.flush_auth_cache([entry.mailbox])
    return was


def mail_refused(work: Work) -> str:
    work.tools.barrier.verify(rows_of(work.entry))
    return "senders wait again: every row of the barrier read back"
