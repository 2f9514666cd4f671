"""New mailboxes, one or many from a CSV file, and changed names and quotas. Never a way round a suspension.

A row is judged before anything is written, with the very check that guards the writing; each is then written by itself,
so that one refused line does not undo the others.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections import Counter
from collections.abc import Collection
from typing import Literal, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.config import settings
from sekisho.detection import password as rules
from sekisho.detection.password import PasswordProblem
from sekisho.directory import mapping, provision
from sekisho.directory.models import SiteAlias, SiteAliasDomain, SiteDomain, SiteMailbox
from sekisho.directory.passwords import is_taken_whole
from sekisho.incidents import burned
from sekisho.incidents.changes import current_status, write_audit
from sekisho.recovery import flow

# PostfixAdmin's default quota_multiplier: what it calls a MB, in bytes.
MB = 1_024_000
# Hashing a row takes up to 0.1 s on purpose: twenty seconds of a request, within the web server's patience.
MOST_ROWS = 200
# MOST_ROWS rows of 80 characters; at three bytes each still within the 64 KiB of a form of the panel.
LONGEST_TEXT = 16_000
# PostfixAdmin's column.
LONGEST_NAME = 255
COLUMNS = ("address", "name", "quota_mb", "password")

Outcome = Literal["create", "update", "same", "refuse"]
# Why a row is refused; the panel has the words.
Reason = Literal[
    "",
    "address",
    "domain",
    "alias",
    "suspended",
    "name",
    "quota",
    "too_many",
    "password",
    "password_given",
    "twice",
    "site",
]


class Row(NamedTuple):
    """One line as it was read; `quota_mb` None: not said."""

    line: int
    address: str
    name: str
    quota_mb: int | None
    password: str


class Verdict(NamedTuple):
    """What is or would be done with a row, and why not."""

    row: Row
    outcome: Outcome
    reason: Reason = ""
    problems: tuple[PasswordProblem, ...] = ()
    # Made for the row when it gave none; only after it was applied.
    generated: str = ""


class Unreadable(ValueError):
    """The text is no such table; `str()` is a word: empty, columns, long."""


def read_csv(text: str) -> list[Row]:
    """The rows of a CSV text with a line of titles: address, and name, quota_mb, password if wanted.

    Raises Unreadable.

    Other columns (those of our own export) are ignored; a ' that kept a spreadsheet from seeing a formula is removed.
    """
    if len(text) > LONGEST_TEXT:
        raise Unreadable("long")
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), restval="")
    try:
        if "address" not in [str(title).strip().lower() for title in reader.fieldnames or ()]:
            raise Unreadable("columns" if text.strip() else "empty")
        reader.fieldnames = [str(title).strip().lower() for title in reader.fieldnames or ()]
        rows = [_row(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise Unreadable("columns") from error
    if len(rows) > MOST_ROWS:
        raise Unreadable("long")
    if not rows:
        raise Unreadable("empty")
    return rows


def _row(line: int, cells: dict[str, str]) -> Row:
    name, quota = _unguarded(cells.get("name", "").strip()), cells.get("quota_mb", "").strip()
    number = None if not quota else int(quota) if quota.isdecimal() and len(quota) < 10 else -1
    return Row(line, _unguarded(cells["address"].strip()).lower(), name, number, cells.get("password", ""))


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r") else cell


def judge(row: Row, domains: Collection[str]) -> Verdict:
    """What applying the row would do; `domains`: those the asking person may change."""
    if mapping.is_mapped():
        return Verdict(row, "refuse", "site")
    site = SiteMailbox.objects.filter(username=row.address).first()
    if site is not None and site.domain in domains:
        return _judge_known(row, site)
    reason = _unfit(row, domains)
    if reason:
        return Verdict(row, "refuse", reason)
    problems = password_problems(row.address, row.password) if row.password else ()
    return Verdict(row, "refuse", "password", problems) if problems else Verdict(row, "create")


def judge_all(rows: Collection[Row], domains: Collection[str]) -> list[Verdict]:
    """`judge` for each; an address that stands in several lines is refused in all of them."""
    times = Counter(row.address for row in rows)
    return [Verdict(row, "refuse", "twice") if times[row.address] > 1 else judge(row, domains) for row in rows]


def _judge_known(row: Row, site: SiteMailbox) -> Verdict:
    """Names and quotas of present mailboxes change; their passwords and whether they are open do not."""
    if row.password:
        return Verdict(row, "refuse", "password_given")
    if len(row.name) > LONGEST_NAME:
        return Verdict(row, "refuse", "name")
    if row.quota_mb is not None and not _quota_fits(site.domain, row.quota_mb):
        return Verdict(row, "refuse", "quota")
    changed = bool(row.name and row.name != site.name) or (
        row.quota_mb is not None and row.quota_mb != site.quota // MB
    )
    return Verdict(row, "update" if changed else "same")


def _unfit(row: Row, domains: Collection[str]) -> Reason:
    try:
        local, domain = provision.checked_address(row.address)
    except provision.ProvisionError:
        return "address"
    # A domain of somebody else and one that is not there are the same to whoever asks.
    if domain not in domains or SiteAliasDomain.objects.filter(alias_domain=domain).exists():
        return "domain"
    if SiteAlias.objects.filter(address=f"{local}@{domain}").exists():
        return "alias"
    # A mailbox that was deleted while it was shut does not come back by being made anew.
    if current_status(row.address).status in ("suspended", "restricted"):
        return "suspended"
    if len(row.name) > LONGEST_NAME:
        return "name"
    if not _quota_fits(domain, row.quota_mb or 0):
        return "quota"
    most = SiteDomain.objects.get(domain=domain).mailboxes
    # PostfixAdmin: 0 is unlimited, -1 none.
    if most < 0 or (most and SiteMailbox.objects.filter(domain=domain).count() >= most):
        return "too_many"
    return ""


def _quota_fits(domain: str, quota_mb: int) -> bool:
    """PostfixAdmin's rule: a domain with a largest quota has no mailbox without one."""
    most = SiteDomain.objects.get(domain=domain).maxquota
    return quota_mb >= 0 and (most <= 0 or 0 < quota_mb <= most)


def password_problems(address: str, password: str) -> tuple[PasswordProblem, ...]:
    """What speaks against this password for a mailbox that is not there yet; burned ones stay burned."""
    found = list(rules.problems(password, address, flow.words_of(address)))
    if not is_taken_whole(password, settings().password_scheme) and flow.TOO_LONG not in found:
        found.append(flow.TOO_LONG)
    if flow.is_breached(password):
        found.append(flow.BREACHED)
    if burned.is_burned(address, password):
        found.insert(0, flow.OLD_PASSWORD)
    elif burned.looks_burned(address, password):
        found.insert(0, flow.LOOKS_OLD)
    return tuple(found)


def apply(row: Row, domains: Collection[str], actor: str, *, account: AbstractBaseUser | None = None) -> Verdict:
    """Judges the row once more and does what the verdict says. What came of it."""
    verdict = judge(row, domains)
    if verdict.outcome == "create":
        password = row.password or rules.generate(secrets.randbelow, "random")
        with transaction.atomic(using="default"):
            write_audit(actor, "mailbox_add", row.address, {"name": row.name}, account=account)
            try:
                provision.add_mailbox(row.address, password, name=row.name, quota=(row.quota_mb or 0) * MB)
            except provision.ProvisionError:
                # Somebody else has made it since it was judged.
                transaction.set_rollback(True, using="default")
                return Verdict(row, "refuse", "alias")
        return verdict._replace(generated="" if row.password else password)
    if verdict.outcome == "update":
        _update(row, actor, account)
    return verdict


def _update(row: Row, actor: str, account: AbstractBaseUser | None) -> None:
    values: dict[str, object] = {"modified": timezone.now()}
    if row.name:
        values["name"] = row.name
    if row.quota_mb is not None:
        values["quota"] = row.quota_mb * MB
    with transaction.atomic(using="default"):
        details: dict[str, object] = {key: value for key, value in values.items() if key != "modified"}
        write_audit(actor, "mailbox_edit", row.address, details, account=account)
        SiteMailbox.objects.filter(username=row.address).update(**values)
