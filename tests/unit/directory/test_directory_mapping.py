"""Tables of a site's own are read as PostfixAdmin's are: the examples of docs/adopt.md on SQLite."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from django.db import connections

from sekisho.config import SiteSettings, read_tables, settings
from sekisho.config.problems import problems_of
from sekisho.directory import mapping, names, provision, site_settings
from sekisho.directory.models import SiteDomain, SiteMailbox
from sekisho.directory.passwords import hash_password, verify_password

PAGE = (Path(__file__).parents[3] / "docs" / "adopt.md").read_text()
EXAMPLES = {match[1]: tomllib.loads(match[2])["site"] for match in re.finditer(
    r"<!-- ([\w-]+) -->\n```toml\n(.*?)```", PAGE, re.DOTALL)}  # fmt: skip
# The columns of each program's tables that the examples name, with their types as its own schema has them.
TABLES = {
    "modoboa": """
CREATE TABLE core_user (id INTEGER PRIMARY KEY, username varchar(255), first_name varchar(255), email varchar(254),
  password varchar(256), is_active bool, role varchar(20));
CREATE TABLE admin_domain (id INTEGER PRIMARY KEY, name varchar(100), enabled bool, type varchar(20));
CREATE TABLE admin_domainalias (id INTEGER PRIMARY KEY, name varchar(254), target_id INTEGER, enabled bool);
CREATE TABLE admin_mailbox (id INTEGER PRIMARY KEY, address varchar(252), domain_id INTEGER, user_id INTEGER);
INSERT INTO admin_domain VALUES (1, 'ours.test', 1, 'domain');
INSERT INTO admin_domainalias VALUES (1, 'alias.test', 1, 1);
INSERT INTO core_user VALUES (7, 'alice@ours.test', 'Alice', 'alice@ours.test', '{hash}', 1, 'SimpleUsers');
INSERT INTO admin_mailbox VALUES (1, 'alice', 1, 7)""",
    "mailcow": """
CREATE TABLE mail_box (username varchar(255), password varchar(255), name varchar(255), domain varchar(255),
  kind varchar(100) DEFAULT '', active tinyint(1));
CREATE TABLE mail_domain (domain varchar(255), active tinyint(1));
CREATE TABLE mail_alias_domain (alias_domain varchar(255), target_domain varchar(255), active tinyint(1));
INSERT INTO mail_domain VALUES ('ours.test', 1);
INSERT INTO mail_alias_domain VALUES ('alias.test', 'ours.test', 1);
INSERT INTO mail_box VALUES ('alice@ours.test', '{hash}', 'Alice', 'ours.test', '', 1);
INSERT INTO mail_box VALUES ('room@ours.test', 'x', 'Room', 'ours.test', 'location', 1)""",
    "iredmail": """
CREATE TABLE vmail_mailbox (username varchar(255), password varchar(255), name varchar(255), domain varchar(255),
  active tinyint(1));
CREATE TABLE vmail_domain (domain varchar(255), active tinyint(1));
CREATE TABLE vmail_alias_domain (alias_domain varchar(255), target_domain varchar(255), active tinyint(1));
INSERT INTO vmail_domain VALUES ('ours.test', 1);
INSERT INTO vmail_alias_domain VALUES ('alias.test', 'ours.test', 1);
INSERT INTO vmail_mailbox VALUES ('alice@ours.test', '{hash}', 'Alice', 'ours.test', 1)""",
}
# mailcow and iRedMail name their tables like PostfixAdmin; beside those of the tests they need others.
RENAMED = {
    "modoboa": [],
    "mailcow": [(r"\bmailcow\.mailbox\b", "mail_box"), (r"\bmailcow\.domain\b", "mail_domain"),
                (r"\bmailcow\.alias_domain\b", "mail_alias_domain")],
    "iredmail": [(r"\bvmail\.mailbox\b", "vmail_mailbox"), (r"\bvmail\.domain\b", "vmail_domain"),
                 (r"\bvmail\.alias_domain\b", "vmail_alias_domain")],
}  # fmt: skip
NEW = "hoshi-no-umi-77-akatsuki"


def with_site(monkeypatch: pytest.MonkeyPatch, site: SiteSettings) -> None:
    """Every room sees this [site]."""
    monkeypatch.setattr(mapping, "_site", lambda: site)


@pytest.fixture(params=sorted(TABLES))
def mapped(request: pytest.FixtureRequest, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteSettings]:
    name = request.param
    found = dict(EXAMPLES[name])
    for old, new in RENAMED[name]:
        found = {key: re.sub(old, new, text) for key, text in found.items()}
    site = msgspec.convert(found, SiteSettings)
    with connections["site"].cursor() as cursor:
        for statement in TABLES[name].replace("{hash}", hash_password("old one", "SHA512-CRYPT")).split(";"):
            cursor.execute(statement)
    with_site(monkeypatch, site)
    yield site


pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_mailboxes_domains_and_alias_domains_are_found(mapped: SiteSettings) -> None:
    (alice,) = SiteMailbox.objects.all()
    assert (alice.username, alice.domain, alice.active, alice.name) == ("alice@ours.test", "ours.test", True, "Alice")
    assert list(SiteDomain.objects.exclude(domain="ALL").filter(active=True).values_list("domain", flat=True)) == [
        "ours.test"
    ]
    assert names.login_names("alice@ours.test") == ["alice@ours.test", "alice@alias.test"]
    assert SiteMailbox.objects.filter(username__contains="alice").count() == 1
    assert site_settings.columns_of("alias") == frozenset()


def test_password_and_active_are_written_by_the_sites_own_updates(mapped: SiteSettings) -> None:
    former = SiteMailbox.objects.get(username="alice@ours.test").password
    new = hash_password(NEW, "SHA512-CRYPT")
    assert not mapping.write_password("alice@ours.test", "another hash", new)
    assert mapping.write_password("alice@ours.test", former, new)
    mapping.write_active("alice@ours.test", False)
    alice = SiteMailbox.objects.get(username="alice@ours.test")
    assert verify_password(NEW, alice.password) and not alice.active


def test_a_recovery_sets_the_new_password_in_the_sites_table(mapped: SiteSettings) -> None:
    from sekisho.incidents import decisions
    from sekisho.recovery import flow

    decisions.suspend("alice@ours.test", "spam", "operator")
    with pytest.raises(flow.PasswordRefused) as refusal:
        flow.reinstate("alice@ours.test", "old one", "operator")
    assert flow.OLD_PASSWORD in refusal.value.problems
    flow.reinstate("alice@ours.test", NEW, "operator")
    assert verify_password(NEW, SiteMailbox.objects.get(username="alice@ours.test").password)
    assert decisions.current_status("alice@ours.test").status == "probation"


def test_where_we_may_not_write_the_password_is_set_at_the_site_first(
    mapped: SiteSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sekisho.containment import record_keeping
    from sekisho.incidents import decisions
    from sekisho.recovery import flow

    update = mapped.set_password
    with_site(monkeypatch, msgspec.structs.replace(mapped, set_password="", set_active=""))
    assert record_keeping.read_active("alice@ours.test") is None
    decisions.suspend("alice@ours.test", "spam", "operator")
    with pytest.raises(flow.PasswordRefused) as refusal:
        flow.reinstate("alice@ours.test", NEW, "operator")
    assert refusal.value.problems == [flow.SET_AT_SITE]
    # The stolen one, which still stands there.
    with pytest.raises(flow.PasswordRefused) as refusal:
        flow.reinstate("alice@ours.test", "old one", "operator")
    assert flow.OLD_PASSWORD in refusal.value.problems
    assert decisions.current_status("alice@ours.test").status == "suspended"
    mapping._execute(update, mailbox="alice@ours.test", password=hash_password(NEW, "SHA512-CRYPT"))
    flow.reinstate("alice@ours.test", NEW, "operator")
    assert decisions.current_status("alice@ours.test").status == "probation"
    from sekisho.incidents import burned

    assert not burned.is_burned("alice@ours.test", NEW)
    assert burned.put_back() == []


def test_nothing_else_is_written_into_the_sites_tables(mapped: SiteSettings) -> None:
    for make in (
        lambda: provision.add_domain("new.test"),
        lambda: provision.add_mailbox("bob@ours.test", NEW),
        lambda: provision.add_alias("info@ours.test", ["alice@ours.test"]),
        lambda: provision.add_alias_domain("more.test", "ours.test"),
    ):
        with pytest.raises(provision.ProvisionError, match="only read"):
            make()


def test_a_percent_sign_and_a_cast_survive(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = {
        "mailboxes": "SELECT 'a%b@x.test' AS address, 'x.test' AS domain, '' AS password, 1 AS active, '' AS name",
        "domains": "SELECT 'x.test' AS domain",
    }
    with_site(monkeypatch, msgspec.convert(queries, SiteSettings))
    assert SiteMailbox.objects.filter(username="a%b@x.test").exists()
    sql, values = mapping.statement("UPDATE t SET p = :password::text WHERE a LIKE '%' AND m = :mailbox",
                                    {"password": "p", "mailbox": "m"})  # fmt: skip
    assert sql == "UPDATE t SET p = %s::text WHERE a LIKE '%%' AND m = %s"
    assert values == ["p", "m"]


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql", "mysql"])
def test_every_column_of_the_models_is_there(vendor: str) -> None:
    text = mapping.tables(SiteSettings("SELECT 1", "SELECT 2"), vendor)
    for field in SiteMailbox._meta.concrete_fields:
        assert f" AS {field.column}" in text


MAILBOXES = "SELECT address, domain, password, active, name"
DOMAINS = "SELECT domain FROM d"


@pytest.mark.parametrize(
    ("site", "told"),
    [
        ({"mailboxes": MAILBOXES}, "both"),
        ({"mailboxes": "SELECT 1", "domains": DOMAINS}, "lacks address"),
        ({"mailboxes": MAILBOXES.replace("SELECT", "DELETE"), "domains": DOMAINS}, "begin with SELECT"),
        ({"mailboxes": MAILBOXES + "; DROP TABLE x", "domains": DOMAINS}, "semicolon"),
        ({"mailboxes": MAILBOXES, "domains": DOMAINS, "set_password": "UPDATE t SET p = :pw WHERE a = :mailbox"},
         ":password"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_named(site: dict[str, str], told: str) -> None:
    (problem,) = problems_of({**read_tables(Path(settings().var) / "sekisho.toml"), "site": site})
    assert problem.startswith("site") and told in problem
