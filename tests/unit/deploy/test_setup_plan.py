"""Setup finds what a grown host is, plans lines that stand where they must, and can take each of them back."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from sekisho.config import Settings, settings
from sekisho.deploy.doctor import dovecot_checks, postfix_checks
from sekisho.deploy.doctor.findings import Verdict
from sekisho.deploy.setup import dovecot_survey, edits, plan, postfix_survey, site_survey, toml

B = "/b"
DEFAULTS = {"virtual_alias_maps": "$virtual_maps"}
SECRETS = {"AUTH_POLICY_KEY": "the-key", "AUTH_POLICY_NONCE": "the-nonce"}
MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o smtpd_sasl_auth_enable=yes
# a comment in between
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o { smtpd_sender_restrictions = reject_sender_login_mismatch, permit }
127.0.0.1:10025 inet n - y - - smtpd
  -o smtpd_relay_restrictions=permit_mynetworks,reject
retry     unix  -       -       y       -       -       error
"""
MAIN = """\
myhostname = mx1.example.test
smtpd_recipient_restrictions =
    permit_mynetworks,
    check_policy_service inet:127.0.0.1:10023
virtual_alias_maps = hash:/etc/postfix/virtual
enable_long_queue_ids = no
"""


@pytest.fixture
def host() -> Settings:
    guard = msgspec.structs.replace(
        settings().guard,
        policy=msgspec.structs.replace(settings().guard.policy, port=10031),
        auth_policy=msgspec.structs.replace(settings().guard.auth_policy, port=10040),
    )
    return msgspec.structs.replace(settings(), barrier=B, guard=guard)


def postfix_of(main: str, master: str, sasl_in_main: str = "no") -> postfix_survey.PostfixFacts:
    """What postconf would say of these texts: expanded by hand where the texts name each other."""
    defaults = {"smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"}
    values = {"smtpd_sasl_auth_enable": sasl_in_main, **defaults}
    names = ("smtpd_sender_restrictions", "smtpd_recipient_restrictions", "smtpd_relay_restrictions",
             "smtpd_data_restrictions", "smtpd_end_of_data_restrictions", "virtual_alias_maps", "transport_maps",
             "enable_long_queue_ids", "myhostname")  # fmt: skip
    macros = {name: edits.value_of(main, name) or "" for name in set(_macros(main))}
    expanded = {**values, **{n: value for n in names if (value := edits.value_of(main, n)) is not None}}
    expanded = {name: _expand(value, macros) for name, value in expanded.items()}
    services = []
    for line in master.splitlines():
        words = line.split()
        if line[:1].isspace() or len(words) < 8 or words[7] != "smtpd":
            continue
        own = {n: v for n in edits.overrides(master, words[0], words[1]) if (v := _override(master, words, n)) != ""}
        parameters = {**expanded, **{name: _expand(value, macros) for name, value in own.items()}}
        services.append(postfix_checks.Service(words[0], parameters, words[1], words[4] == "y"))
    return postfix_survey.PostfixFacts(
        "/etc/postfix", main, master, expanded, DEFAULTS, tuple(services), frozenset({"lmdb", "hash"})
    )


def _macros(text: str) -> list[str]:
    return [line.split(" =")[0] for line in text.splitlines() if line.startswith("sekisho_")]


def _expand(value: str, macros: dict[str, str]) -> str:
    for name in sorted(macros, key=len, reverse=True):
        value = value.replace(f"${name},", f"{macros[name]},").replace(f"${name}", macros[name])
    return value


def _override(master: str, words: list[str], name: str) -> str:
    inside = False
    for line in master.splitlines():
        if line.split()[:2] == words[:2]:
            inside = True
        elif line and not line[0].isspace() and not line.startswith("#"):
            inside = False
        elif inside and name in line:
            return line.partition("=")[2].strip().rstrip("}").strip()
    return ""


def dovecot_of(text: str, whole: str) -> dovecot_survey.DovecotFacts:
    return dovecot_survey.parse("/etc/dovecot/dovecot.conf", text, whole)


DOVECOT_23 = dovecot_of(
    "protocols = imap\n", "# 2.3.19.1 (9b53102964): x\npassdb {\n  args = /d.ext\n  driver = sql\n}\n"
)
DOVECOT_24 = dovecot_of(
    "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\nssl = no\n",
    "# 2.4.1-4 (abc): x\ndovecot_config_version = 2.4.1\npassdb sql {\n  query = SELECT 1\n}\n"
    "log_path = /var/log/d.log\n",
)


def made(postfix: postfix_survey.PostfixFacts, host: Settings, dovecot=DOVECOT_23) -> dict[str, plan.FileEdit]:  # type: ignore[no-untyped-def]
    config = plan.FileEdit("/etc/sekisho/sekisho.toml", None, "")
    return {Path(edit.path).name: edit for edit in plan.make(postfix, dovecot, host, config, SECRETS).files}


def test_the_doctor_finds_what_was_planned_well_and_planning_again_changes_nothing(host: Settings) -> None:
    found = made(postfix_of(MAIN, MASTER), host)
    after = postfix_of(found["main.cf"].new, found["master.cf"].new)
    judged = postfix_checks.judge(postfix_checks.Postfix(after.values, after.services), host)
    assert [finding for finding in judged if finding.verdict is not Verdict.OK] == []
    again = made(after, host)
    assert again["main.cf"].new == found["main.cf"].new
    assert again["master.cf"].new == found["master.cf"].new


def test_port_25_with_logins_gets_both_tables_and_the_guard(host: Settings) -> None:
    master = "smtp inet n - y - - smtpd\nretry unix - - y - - error\n"
    found = made(postfix_of(MAIN, master, sasl_in_main="yes"), host)
    assert "smtpd_recipient_restrictions = $sekisho_sasl_rcpt_policy,\n" in found["main.cf"].new
    assert "  -o smtpd_data_restrictions=$sekisho_sasl\n" in found["master.cf"].new
    after = postfix_of(found["main.cf"].new, found["master.cf"].new, sasl_in_main="yes")
    judged = postfix_checks.judge(postfix_checks.Postfix(after.values, after.services), host)
    assert [finding for finding in judged if finding.verdict is not Verdict.OK] == []


def test_a_list_that_refuses_unknown_recipients_earlier_is_preceded_as_well(host: Settings) -> None:
    main = MAIN + "smtpd_sender_restrictions = reject_unlisted_recipient\n"
    assert (
        "smtpd_sender_restrictions = $sekisho_rcpt, reject_unlisted"
        in made(postfix_of(main, MASTER), host)["main.cf"].new
    )


def test_mail_from_a_filter_on_loopback_and_the_existing_policy_service_are_left_alone(host: Settings) -> None:
    found = made(postfix_of(MAIN, MASTER), host)
    assert "  -o smtpd_relay_restrictions=permit_mynetworks,reject\n" in found["master.cf"].new
    assert "    check_policy_service inet:127.0.0.1:10023\n" in found["main.cf"].new


@pytest.mark.parametrize("main", [MAIN, MAIN.rstrip("\n"), "a=b\n", MAIN.replace(" = ", "="), MAIN + "# end"])
def test_stripping_gives_back_every_byte(host: Settings, main: str) -> None:
    found = made(postfix_of(main, MASTER), host)
    assert edits.strip(found["main.cf"].new).rstrip("\n") == main.rstrip("\n")
    assert edits.strip(found["master.cf"].new) == MASTER
    assert not edits.is_marked(edits.strip(found["main.cf"].new))


def test_dovecot_gets_the_deny_table_first_and_the_guard_last(host: Settings) -> None:
    found = made(postfix_of(MAIN, MASTER), host)
    lines = [line for line in found["dovecot.conf"].new.splitlines() if not line.startswith("#")]
    assert lines == [
        "!include /etc/dovecot/sekisho-first.conf", "protocols = imap", "!include_try /etc/dovecot/sekisho-last.conf",
    ]  # fmt: skip
    first = dovecot_checks.parse("", found["sekisho-first.conf"].new)
    assert first.passdbs[0]["deny"] == "yes" and f"{B}/deny" in first.passdbs[0]["args"]
    assert f"{B}/lmtp" in first.userdbs[0]["args"]
    assert found["sekisho-last.conf"].mode == 0o600


def test_dovecot_2_4_keeps_its_version_on_the_first_lines_and_gets_its_own_words(host: Settings) -> None:
    found = made(postfix_of(MAIN, MASTER), host, DOVECOT_24)
    assert DOVECOT_24.syntax == "2.4" and DOVECOT_24.log == "/var/log/d.log"
    lines = [line for line in found["dovecot.conf"].new.splitlines() if not line.startswith("#")]
    assert lines[:3] == [
        "dovecot_config_version = 2.4.1", "dovecot_storage_version = 2.4.1", "!include /etc/dovecot/sekisho-first.conf",
    ]  # fmt: skip
    assert f"passwd_file_path = {B}/deny" in found["sekisho-first.conf"].new
    assert "args =" not in found["sekisho-first.conf"].new
    assert edits.strip(found["dovecot.conf"].new) == DOVECOT_24.text


def test_no_secret_is_shown(host: Settings) -> None:
    config = plan.FileEdit("/etc/sekisho/sekisho.toml", None, 'auth_policy_key = "the-key"\n')
    shown = plan.make(postfix_of(MAIN, MASTER), DOVECOT_23, host, config, SECRETS).difference()
    assert "the-key" not in shown and "the-nonce" not in shown
    assert "+smtpd_recipient_restrictions = $sekisho_rcpt," in shown


@pytest.mark.parametrize(
    ("whole", "word"),
    [
        ("# 2.2.13: x\npassdb {\n}\n", "2.2.13"),
        ("# 2.3.19: x\nauth_username_format = %Ln\npassdb {\n}\n", "%Ln"),
        ("# 2.3.19: x\n", "passdb"),
    ],
)
def test_it_says_why_a_dovecot_cannot_be_adopted(whole: str, word: str) -> None:
    (reason,) = dovecot_survey.problems(dovecot_of("", whole))
    assert word in reason[0]


def test_a_master_user_is_told(host: Settings) -> None:
    whole = "# 2.3.19: x\npassdb {\n  driver = passwd-file\n  master = yes\n}\n"
    assert any("master user" in words[0] for words in dovecot_survey.notes(dovecot_of("", whole), host))


def test_a_postfix_without_lmdb_is_refused() -> None:
    facts = msgspec.structs.replace(postfix_of(MAIN, MASTER), table_types=frozenset({"hash"}))
    assert "postfix-lmdb" in postfix_survey.problems(facts)[0][0]


def test_the_sites_database_is_read_from_its_maps(tmp_path: Path) -> None:
    (tmp_path / "mailboxes.cf").write_text(
        "user = postfix\npassword = s3cret\nhosts = 10.0.0.5:3307\ndbname = postfix\n"
        "query = SELECT maildir\n  FROM mailbox\n"
    )
    values = {"virtual_mailbox_maps": f"hash:/etc/x, proxy:mysql:{tmp_path}/mailboxes.cf"}
    found = site_survey.find(values, [])
    assert found is not None
    assert (found.engine, found.host, found.port, found.name) == ("mysql", "10.0.0.5", 3307, "postfix")
    assert "s3cret" not in found.told
    (tmp_path / "sql.conf.ext").write_text(
        "driver = pgsql\nconnect = host=/run/pg dbname=mail user=dovecot password=x\n"
    )
    other = site_survey.find({}, [str(tmp_path / "sql.conf.ext")])
    assert other is not None and (other.engine, other.name, other.user) == ("postgresql", "mail", "dovecot")


@pytest.mark.parametrize(
    ("extra", "version"),
    [((), "2.3"), (("phone",), "3.0 – 3.1"), (("phone", "password_expiry"), "3.2 – 3.3"), (("totp_secret",), "4.0")],
)
def test_postfixadmin_is_known_by_its_columns(extra: tuple[str, ...], version: str) -> None:
    columns = {
        "mailbox": frozenset({"username", "password", "maildir", "active", "domain", *extra}),
        "alias": frozenset({"address", "goto"}),
    }
    assert site_survey.postfixadmin_version(columns) == version
    assert site_survey.postfixadmin_version({"users": frozenset({"email"})}) == ""


def test_sekisho_toml_keeps_what_is_said_and_gets_what_is_missing() -> None:
    said = '# ours\nhost = "mx9"\n\n[guard]  # here\nreason_text = ""\n\n[guard.policy]\nport = 1\n'
    wanted = {"host": "x", "var": "/v", "guard": {"auth_policy_key": "k", "policy": {"port": 2}}, "web": {"port": 3}}
    text = toml.complete(said, wanted)
    import tomllib

    assert tomllib.loads(text) == {
        "host": "mx9", "var": "/v", "web": {"port": 3},
        "guard": {"reason_text": "", "auth_policy_key": "k", "policy": {"port": 1}},
    }  # fmt: skip
    assert toml.complete(text, wanted) == text
    assert edits.strip(text) == said


@pytest.mark.django_db(databases=["default", "site"])
def test_postfixadmins_tables_that_may_only_be_read_are_mapped(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from sekisho.config import SiteSettings
    from sekisho.directory import mapping
    from sekisho.directory.models import SiteDomain, SiteMailbox
    from sekisho.directory.provision import add_domain, add_mailbox

    add_domain("ours.test")
    add_mailbox("alice@ours.test", "first password")
    found = site_survey.read_only(site_survey.Database("sqlite", "/x", "/y"))
    monkeypatch.setattr(mapping, "_site", lambda: msgspec.convert(found, SiteSettings))
    assert [row.username for row in SiteMailbox.objects.all()] == ["alice@ours.test"]
    assert [row.domain for row in SiteDomain.objects.all()] == ["ours.test"]
    assert not mapping.may_set_password()


def test_looking_at_tables_writes_nothing(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "site.sqlite3"
    with sqlite3.connect(path) as tables:
        tables.execute("CREATE TABLE mailbox (username, password, maildir, active, domain)")
        tables.execute("CREATE TABLE alias (address, goto)")
    before = path.read_bytes()
    path.chmod(0o444)
    shape = site_survey.look(site_survey.Database("sqlite", str(path), "/map"))
    assert (shape.postfixadmin, shape.journal, shape.unread) == ("2.3", "delete", "")
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["site.sqlite3"]
    gone = site_survey.look(site_survey.Database("sqlite", str(tmp_path / "none"), "/map"))
    assert gone.unread and not (tmp_path / "none").exists()


def test_another_auth_policy_server_is_handed_to_the_guard_and_our_own_is_not(host: Settings) -> None:
    from sekisho.deploy.setup.survey import _forward

    whole = "# 2.3.19: x\nauth_policy_server_url = {}\nauth_policy_server_api_header = # hidden\npassdb {{\n}}\n"
    there = dovecot_survey.parse("/d", "", whole.format("http://127.0.0.1:8084/"), "Authorization:Basic x")
    assert dovecot_survey.problems(there) == []
    assert _forward(there, {}, "/v") == {
        "forward_policy": {"url": "http://127.0.0.1:8084/", "header_file": "/v/secrets/policy-header"}
    }
    ours = dovecot_survey.parse("/d", "", whole.format("http://127.0.0.1:10040/auth"), "X-Sekisho-Key:k")
    assert _forward(ours, {}, "/v") == {}
    assert _forward(ours, {"guard": {"auth_policy": {"port": 10041}}}, "/v") != {}


def test_dovecot_2_4_of_the_story_and_of_setup_say_the_same() -> None:
    from sekisho.deploy.render import template

    stack = template("ours/dovecot24/dovecot.conf").replace("@CHECK_BEFORE_AUTH@", "no")
    for name in ("first", "last"):
        lines = template(f"setup/dovecot-{name}-2.4.conf").splitlines()
        assert [line for line in lines if not line.startswith("#") and line not in stack.splitlines()] == []


def test_a_unix_socket_of_the_guard_is_named_as_a_chrooted_smtpd_sees_it(host: Settings) -> None:
    listener = msgspec.structs.replace(host.guard.policy, unix="/var/spool/postfix/sekisho/policy", port=0)
    there = msgspec.structs.replace(host, guard=msgspec.structs.replace(host.guard, policy=listener))
    facts = postfix_of(MAIN + "queue_directory = /var/spool/postfix\n", MASTER)
    facts = msgspec.structs.replace(facts, values={**facts.values, "queue_directory": "/var/spool/postfix"})
    assert "check_policy_service { unix:sekisho/policy, timeout=3s," in made(facts, there)["main.cf"].new


def test_secrets_of_the_package_are_left_to_it(host: Settings) -> None:
    from sekisho.deploy.setup import act
    from sekisho.deploy.setup.survey import Places, Survey

    web = msgspec.structs.replace(host.web, secret_key_file="credential:django-key")
    guard = msgspec.structs.replace(host.guard, auth_policy_key_file="credential:auth-policy-key")
    dovecot = msgspec.structs.replace(host.dovecot, policy_hash_nonce_file="/v/secrets/nonce")
    site = msgspec.structs.replace(host, web=web, guard=guard, dovecot=dovecot)
    found = Survey(Places("/p", "/d", "/s"), site, plan.Plan((), ("the-key", "the-nonce")), ())
    assert act.secret_files(found) == [(Path("/v/secrets/nonce"), "the-nonce")]


def test_localhost_of_a_mysql_map_is_the_servers_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mysqld.sock"
    monkeypatch.setattr(site_survey, "MYSQL_SOCKETS", (str(tmp_path / "none"), str(place)))
    values = {"hosts": "localhost", "dbname": "postfix", "user": "postfix"}
    assert [found.host for found in (site_survey.of_map("mysql", "/m", values),) if found] == ["localhost"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        told = [
            site_survey.of_map("mysql", "/m", values),
            site_survey.of_map("mysql", "/m", values | {"hosts": ""}),
            site_survey.of_map("mysql", "/m", values | {"hosts": "db1.example:3307"}),
            site_survey.of_map("pgsql", "/m", values),
            site_survey.of_dovecot("/d", "driver = mysql\nconnect = host=localhost dbname=postfix\n"),
        ]
    assert [found and found.host for found in told] == [str(place), str(place), "db1.example", "localhost", str(place)]
