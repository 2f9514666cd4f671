"""What PostfixAdmin's own log says: who, by its pages, edited a mailbox as an administrator.

A row of it names the administrator with his address ("admin@host.test (192.0.2.7)"), the act and the mailbox, and not
what was changed: switching アクティブ writes the same `edit_mailbox` as a new password. A person who changes his own
password there is named by his mailbox. Read in the sources of 2.3.7, 3.3.13 and 4.0: `db_log`, `logname`,
`authentication_get_username`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sekisho.directory.models import SiteAdmin, SiteDomainAdmin, SiteLog
from sekisho.directory.site_rows import columns_of

# 2.3 writes "edit_mailbox" for the form and "edit_mailbox_state" for the link of the list.
_FORM = "edit_mailbox"
# A person's change of his own password; an administrator's is an edit of the form.
_OWN = "edit_password"
_ASKED = frozenset({"username", "domain", "action", "data"})
# Names in one question: SQLite takes 999 parameters at least.
AT_ONCE = 500


class Edits(NamedTuple):
    """An address's rows by administrators: how many, and who they are; and how many changes of its own password."""

    number: int
    editors: frozenset[str]
    own_changes: int = 0


NO_EDITS = Edits(0, frozenset())


def edits_by_admins(mailboxes: Collection[str], suspects: Collection[str] = ()) -> dict[str, Edits]:
    """For each of these mailboxes with such rows: the edits by accounts that administer its domain.

    `suspects`: names that do not count though they administer, such as those of suspended mailboxes; the mailbox' own
    never does. A site without such a log, or with an older one that lacks a column, has none. Raises django.db.Error.
    """
    if not mailboxes or not columns_of("log") >= _ASKED or not columns_of("admin"):
        return {}
    superadmins, admins = _administrators()
    names, found = sorted(mailboxes), dict.fromkeys(mailboxes, NO_EDITS)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        # The log has an index of its domains.
        domains = {name.rpartition("@")[2] for name in some}
        rows = SiteLog.objects.filter(domain__in=domains, action__in=[_FORM, _OWN], data__in=some)
        for who, what, action in rows.values_list("username", "data", "action"):
            editor, mailbox = who.partition(" (")[0].lower(), what.lower()
            before = found.get(mailbox, NO_EDITS)
            if action == _OWN:
                found[mailbox] = before._replace(own_changes=before.own_changes + 1)
                continue
            allowed = editor in superadmins or mailbox.rpartition("@")[2] in admins.get(editor, ())
            if allowed and mailbox in found and editor != mailbox and editor not in suspects:
                found[mailbox] = before._replace(number=before.number + 1, editors=before.editors | {editor})
    return {mailbox: edits for mailbox, edits in found.items() if edits != NO_EDITS}


def _administrators() -> tuple[frozenset[str], dict[str, set[str]]]:
    """Those of everything, and by name the domains of the others; only accounts that are switched on."""
    active = {name.lower() for name in SiteAdmin.objects.filter(active=True).values_list("username", flat=True)}
    everything = set()
    if "superadmin" in columns_of("admin"):
        everything = {
            name.lower() for name in SiteAdmin.objects.filter(superadmin=True).values_list("username", flat=True)
        }
    domains: dict[str, set[str]] = {}
    rows = SiteDomainAdmin.objects.filter(active=True).values_list("username", "domain")
    for name, domain in rows if columns_of("domain_admins") else ():
        if name.lower() in active:
            domains.setdefault(name.lower(), set()).add(domain.lower())
    # 'ALL' was the superadmin's mark before there was a column for it.
    everything |= {name for name, of in domains.items() if "all" in of}
    return frozenset(everything & active), domains
