"""A site whose mailboxes stand in tables of its own: three queries and two updates of `[site]` in sekisho.toml.

Every question to the site's database is a SELECT of PostfixAdmin's tables; in front of it goes a WITH clause that makes
these tables of the site's queries. So nothing else in this program knows, the site's database gets no object of ours,
and a user who may only read is enough. Nothing but the two updates is ever written; without them passwords are set, and
`active` is shown, by the site's own tools (docs/adopt.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from sekisho.config import SiteSettings, settings
from sekisho.directory.models import SiteMailbox

# PostfixAdmin's default for every time it has not set, as each database writes it.
_PAST = {
    "sqlite": "'2000-01-01 00:00:00'",
    "postgresql": "TIMESTAMP WITH TIME ZONE '2000-01-01 00:00:00+00'",
    "mysql": "CAST('2000-01-01 00:00:00' AS DATETIME)",
}
_TRUE = {"postgresql": "TRUE"}
_FALSE = {"postgresql": "FALSE"}
# ":mailbox", and not PostgreSQL's "::text".
_PARAMETER = re.compile(r"(?<!:):(mailbox|password|active)\b")
# What a query for alias domains gives where there are none.
_NO_ALIAS_DOMAINS = "SELECT '' AS alias_domain, '' AS target_domain WHERE 1 = 0"


def _site() -> SiteSettings:
    return settings().site


def is_mapped() -> bool:
    """Whether the site's tables are its own and only read here, but for the two updates."""
    return bool(_site().mailboxes)


def may_set_password() -> bool:
    """Whether we can write a mailbox' password; else it is set by the site's own tools."""
    return not is_mapped() or bool(_site().set_password)


def may_set_active() -> bool:
    """Whether we can write a mailbox' `active`, which is for display only."""
    return not is_mapped() or bool(_site().set_active)


def tables(site: SiteSettings, vendor: str) -> str:
    """The WITH clause that stands for PostfixAdmin's `mailbox`, `domain` and `alias_domain`."""
    past, true, false = _PAST[vendor], _TRUE.get(vendor, "1"), _FALSE.get(vendor, "0")
    dates = f"{past} AS created, {past} AS modified"
    mailbox = (
        "q.address AS username, q.password AS password, q.name AS name, '' AS maildir, 0 AS quota, "
        "'' AS local_part, q.domain AS domain, q.active AS active, '' AS phone, '' AS email_other, '' AS token, "
        f"{dates}, {past} AS token_validity, {past} AS password_expiry"
    )
    domain = (
        "q.domain AS domain, '' AS description, 0 AS aliases, 0 AS mailboxes, 0 AS maxquota, 0 AS quota, "
        f"'virtual' AS transport, {false} AS backupmx, {true} AS active, 0 AS password_expiry, {dates}"
    )
    alias_domain = f"q.alias_domain AS alias_domain, q.target_domain AS target_domain, {true} AS active, {dates}"
    parts = (
        _part("mailbox", mailbox, site.mailboxes),
        _part("domain", domain, site.domains),
        _part("alias_domain", alias_domain, site.alias_domains or _NO_ALIAS_DOMAINS),
    )
    return f"WITH {', '.join(parts)} "


def _part(name: str, columns: str, query: str) -> str:
    # SECURITY: the query is root's own, from sekisho.toml; nothing of a request is ever put into it.
    return f"{name} AS (SELECT {columns} FROM ({query}) q)"  # noqa: S608


def with_tables(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Django's execution wrapper: the clause in front of every SELECT."""
    if is_mapped() and sql.lstrip()[:6].upper() == "SELECT":
        clause = tables(_site(), context["connection"].vendor)
        # Only with parameters is "%" Django's own sign.
        sql = (clause if params is None else clause.replace("%", "%%")) + sql
    return execute(sql, params, many, context)


def watch(connection: Any, **_: object) -> None:
    """Django's signal `connection_created`: every connection to the site's database gets the wrapper, once."""
    if connection.alias == "site" and with_tables not in connection.execute_wrappers:
        connection.execute_wrappers.append(with_tables)


def statement(text: str, values: dict[str, str | bool]) -> tuple[str, list[str | bool]]:
    """An update of the site's with Django's placeholders, and their values in order."""
    names = [match[1] for match in _PARAMETER.finditer(text)]
    return _PARAMETER.sub("%s", text.replace("%", "%%")), [values[name] for name in names]


def _execute(text: str, **values: str | bool) -> None:
    sql, parameters = statement(text, values)
    with connections["site"].cursor() as cursor:
        cursor.execute(sql, parameters)


def write_password(mailbox: str, former: str, new: str) -> bool:
    """Replaces the stored hash; False when another one than `former` stood there. The caller reads it back."""
    if not is_mapped():
        rows = SiteMailbox.objects.filter(username=mailbox, password=former)
        return rows.update(password=new, modified=timezone.now()) == 1
    with transaction.atomic(using="site"):
        present = SiteMailbox.objects.filter(username=mailbox).values_list("password", flat=True).first()
        if present != former:
            return False
        _execute(_site().set_password, mailbox=mailbox, password=new)
    return True


def write_active(mailbox: str, active: bool) -> None:
    """Writes `active`, for display; nothing where that is the site's own affair."""
    if not is_mapped():
        SiteMailbox.objects.filter(username=mailbox).update(active=active)
    elif may_set_active():
        _execute(_site().set_active, mailbox=mailbox, active=active)
