"""Tables of older and newer PostfixAdmins: what is missing reads as empty and is not written, more is left alone.

The columns are those that upgrade.php of 3.3.13 leaves at version 1284 (2.3.6 to 2.3.8, run on MariaDB 10.11) and at
1824 (the first on SQLite): both lack the same ones of ours. 4.0 (version 1849) adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from sekisho.directory import provision
from sekisho.directory.models import PAST, SiteAdmin, SiteDomain, SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.directory.site_rows import forget_columns, missing_fields
from sekisho.incidents import decisions
from sekisho.recovery import contacts, flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, DAVE, NEW = "alice@ours.test", "dave@ours.test", "kT9-vmQ4-xuZ7-rpL2-hdW8"
YOUNGER = {
    "mailbox": ("phone", "email_other", "token", "token_validity", "password_expiry"),
    "admin": ("phone", "email_other", "token", "token_validity"),
    "domain": ("password_expiry",),
    "fetchmail": ("src_port",),
}


def alter(*statements: str) -> None:
    with connections["site"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    forget_columns()


@pytest.fixture
def old(two_tenants: None) -> Iterator[None]:
    alter(*(f"ALTER TABLE {table} DROP COLUMN {name}" for table, names in YOUNGER.items() for name in names))
    yield
    forget_columns()


@pytest.fixture
def new(two_tenants: None) -> Iterator[None]:
    alter(*(f"ALTER TABLE {table} ADD totp_secret varchar(255) DEFAULT NULL" for table in ("mailbox", "admin")))
    yield
    forget_columns()


def recover_by_panel(mailbox: str) -> None:
    decisions.suspend(mailbox, "spam complaints", "operator")
    assert [order.kind for order in flow.reinstate(mailbox, NEW, "operator")] == ["release"]
    assert verify_password(NEW, SiteMailbox.objects.get(username=mailbox).password)


def test_rows_of_2_3_are_read_written_and_recovered(old: None) -> None:
    assert missing_fields(SiteMailbox) == set(YOUNGER["mailbox"])
    alice = SiteMailbox.objects.get(username=ALICE)
    assert (alice.phone, alice.email_other, alice.password_expiry) == ("", "", PAST)
    assert SiteDomain.objects.get(domain="ours.test").password_expiry == 0
    provision.add_mailbox(DAVE, "a first password of dave", name="Dave", contact="dave@elsewhere.test")
    dave = SiteMailbox.objects.get(username=DAVE)
    dave.name = "David"
    dave.save()
    assert SiteMailbox.objects.get(username=DAVE).name == "David"
    provision.add_admin("boss@ours.test", "a long password of the boss", domains=["ours.test"])
    assert SiteAdmin.objects.get(username="boss@ours.test").active
    assert contacts.adopt_site_contacts(timezone.now() + timedelta(days=1)) == 0
    recover_by_panel(ALICE)


def test_rows_of_4_0_keep_what_we_do_not_know(new: None) -> None:
    assert missing_fields(SiteMailbox) == frozenset()
    alter(f"UPDATE mailbox SET totp_secret = 'theirs' WHERE username = '{ALICE}'")
    provision.add_mailbox(DAVE, "a first password of dave")
    recover_by_panel(ALICE)
    with connections["site"].cursor() as cursor:
        cursor.execute("SELECT username, totp_secret FROM mailbox WHERE username IN (%s, %s) ORDER BY 1", [ALICE, DAVE])
        assert cursor.fetchall() == [(ALICE, "theirs"), (DAVE, None)]
