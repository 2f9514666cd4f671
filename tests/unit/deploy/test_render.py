"""Templates become configuration: every placeholder is known, and what the barrier needs stands where it must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sekisho.config import read_settings
from sekisho.deploy.layout import Layout, LayoutError, Ports, layout_from_environment
from sekisho.deploy.render import SECRET_FILES, STACK_FILES, fill, in_mysql, stack_values, template, write_stack


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(var=tmp_path, ports=Ports().shifted(100))


@pytest.fixture
def written(layout: Layout) -> Path:
    write_stack(layout, stack_values(layout, "mx01.host.test", "sekisho@host.test", "the-key", "nonce"), 0)
    return layout.var


def parameters(path: Path) -> dict[str, str]:
    """main.cf as Postfix reads it: comments gone, continuation lines joined."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    text = re.sub(r"\n\s+", " ", "\n".join(lines))
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in text.splitlines())}


def test_an_unknown_placeholder_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("port = @NO_SUCH_PORT@", {})


def test_addresses_are_not_mistaken_for_placeholders() -> None:
    text = "postmaster@@HOST_NAME@ '@' || x alice@example.test"
    assert fill(text, {"HOST_NAME": "h"}) == "postmaster@h '@' || x alice@example.test"


def test_every_template_is_filled_completely(written: Path) -> None:
    for place in (*STACK_FILES.values(), *SECRET_FILES.values()):
        assert not re.search(r"@[A-Z_]+@", (written / place).read_text()), place


@pytest.fixture
def written_24(layout: Layout) -> str:
    values = stack_values(layout, "mx01.host.test", "sekisho@host.test", "the-key", "nonce")
    write_stack(layout, values, 0, dovecot=(2, 4))
    return (layout.var / "ours/dovecot/dovecot.conf").read_text()


def test_dovecot_2_4_gets_a_configuration_in_its_own_words(written_24: str, layout: Layout) -> None:
    # The first setting must be the version, else it does not start.
    assert written_24.startswith("dovecot_config_version = 2.4")
    assert not re.search(r"@[A-Z_]+@", written_24)
    blocks = re.findall(r"^(?:passdb|userdb) (\S+) \{", written_24, re.M)
    assert blocks == ["sekisho-deny", "sekisho-probe", "sekisho-app-passwords", "site", "sekisho-lmtp", "site"]
    assert (layout.var / "ours/dovecot/dovecot.conf").stat().st_mode & 0o777 == 0o640


def test_setup_writes_for_2_4_what_the_stack_of_2_4_has_run() -> None:
    """Both are checked by a real Dovecot in `make dovecot24` only: what it took there must be what a site gets."""
    ran = template("ours/dovecot24/dovecot.conf")
    first, last = template("setup/dovecot-first-2.4.conf"), template("setup/dovecot-last-2.4.conf")

    def inside(text: str, head: str) -> set[str]:
        found = re.search(rf"^{head} \{{\n(.*?)^\}}", text, re.M | re.S)
        assert found, head
        return {line.strip() for line in found[1].splitlines() if not line.strip().startswith("#")}

    for kind, word in (("passdb", "deny"), ("passdb", "probe"), ("passdb", "app-passwords"), ("userdb", "lmtp")):
        assert inside(first, f"{kind} sekisho-{word}") == inside(ran, f"{kind} sekisho-{word}")
    for head in ("auth_policy", "auth_policy_request_attributes"):
        assert inside(last, head) == inside(ran, head)
    plain = re.compile(r"^(auth_policy_\w+|imap_id_retain) = (.*)$", re.M)
    same = dict(plain.findall(ran)) | {"auth_policy_check_before_auth": "no"}
    assert dict(plain.findall(last)) == same


def test_both_versions_tell_the_guard_the_same(written_24: str) -> None:
    """What it reads of a login (wire.dovecot_policy) has the same names; 2.4 says why a login failed, too."""
    old = re.search(r"^auth_policy_request_attributes = (.*)$", template("ours/dovecot/dovecot.conf"), re.M)
    new = re.search(r"^auth_policy_request_attributes \{\n(.*?)^\}", written_24, re.M | re.S)
    assert old and new
    names = {word.partition("=")[0] for word in old[1].split()}
    assert {line.split(" = ")[0].strip() for line in new[1].splitlines()} == names | {"fail_type"}


def test_files_with_the_guards_key_are_not_for_everybody(written: Path) -> None:
    for place in SECRET_FILES.values():
        assert (written / place).stat().st_mode & 0o777 == 0o640
    for place in STACK_FILES.values():
        assert "the-key" not in (written / place).read_text()


def test_the_generated_settings_are_read_back(written: Path) -> None:
    settings = read_settings(written / "sekisho.toml")
    assert settings.mode == "enforce"
    assert settings.web.port == 8180
    assert settings.guard.policy.port == 10131
    assert settings.barrier == str(written / "barrier")


def test_the_barrier_comes_first_on_the_mx(written: Path) -> None:
    main = parameters(written / "ours/postfix/main.cf")
    assert main["smtpd_recipient_restrictions"].startswith("check_recipient_access $barrier/rcpt,")
    assert main["virtual_alias_maps"].startswith("$barrier/identity,")
    assert main["transport_maps"].startswith("$barrier/transport,")


def test_the_barrier_comes_before_the_permanent_answer_on_submission(written: Path) -> None:
    main = parameters(written / "ours/postfix/main.cf")
    master = (written / "ours/postfix/master.cf").read_text()
    for stage in ("sender", "recipient", "data", "eod"):
        assert main[f"submission_{stage}_restrictions"].startswith("$submission_barrier")
    for name in ("sender", "recipient", "data", "end_of_data"):
        short = name.replace("end_of_data", "eod")
        assert f"-o smtpd_{name}_restrictions=$submission_{short}_restrictions" in master


def test_the_policy_service_fails_open_and_asks_a_restarted_guard_again(written: Path) -> None:
    policy = parameters(written / "ours/postfix/main.cf")["sekisho_policy"]
    assert "default_action=DUNNO" in policy
    assert "timeout=3s" in policy
    assert "try_limit=2" in policy


def test_the_deny_list_is_dovecots_first_passdb_and_probe_and_app_passwords_stand_behind_it(written: Path) -> None:
    blocks = re.findall(r"^passdb \{.*?^\}", (written / "ours/dovecot/dovecot.conf").read_text(), re.M | re.S)
    assert "deny = yes" in blocks[0]
    assert "/barrier/deny" in blocks[0]
    assert "/barrier/probe" in blocks[1]
    assert "/barrier/app-passwords" in blocks[2]
    assert "sql" in blocks[3]


def test_the_site_queries_touch_no_table_of_ours() -> None:
    for name in STACK_FILES:
        if (name.endswith(".cf") and "/sql/" in name) or name.endswith(".ext"):
            assert "sekisho" not in template(name).replace("sekisho.sqlite3", "x"), name


def test_the_port_base_moves_every_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEKISHO_VAR", "/tmp/v")
    monkeypatch.setenv("SEKISHO_PORT_BASE", "700")
    moved, plain = vars(layout_from_environment().ports), vars(Ports())
    assert {name: port - plain[name] for name, port in moved.items()} == dict.fromkeys(plain, 700)


@pytest.mark.parametrize("base", ["many", "-1", "60000"])
def test_it_refuses_a_port_base_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("SEKISHO_PORT_BASE", base)
    with pytest.raises(LayoutError, match="SEKISHO_PORT_BASE"):
        layout_from_environment()


def test_no_other_local_user_writes_dovecots_events() -> None:
    """Forged there, events would reach the guard over Dovecot's own connection (P3)."""
    assert "stats-writer {" not in template("ours/dovecot/dovecot.conf")


def test_dovecot_asks_the_guard_before_the_password_only_where_a_reason_is_told(layout: Layout) -> None:
    for text, asked in (("", "no"), ('Suspended, case "{case}"', "yes")):
        write_stack(layout, stack_values(layout, "mx01.host.test", "s@host.test", "key", "nonce", (), text), 0)
        dovecot = (layout.var / "ours/dovecot/dovecot.conf").read_text()
        assert f"auth_policy_check_before_auth = {asked}\n" in dovecot
        assert read_settings(layout.var / "sekisho.toml").guard.reason_text == text


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_another_database_is_told_to_postfix_dovecot_and_us(tmp_path: Path, database: str) -> None:
    layout = Layout(tmp_path, Ports(), database=database)
    write_stack(layout, stack_values(layout, "mx01.host.test", "sekisho@host.test", "the-key", "nonce"), 0)
    kind = {"postgresql": "pgsql", "mariadb": "mysql"}[database]
    assert parameters(tmp_path / "ours/postfix/main.cf")["site"].startswith(f"{kind}:")
    assert f"driver = {kind}" in (tmp_path / "ours/dovecot/sql.conf.ext").read_text()
    read = read_settings(tmp_path / "sekisho.toml")
    assert {read.database.engine, read.site_database.engine} == {"mysql" if kind == "mysql" else "postgresql"}
    for path in (*(tmp_path / "ours/postfix/sql").iterdir(), tmp_path / "ours/dovecot/sql.conf.ext"):
        text = path.read_text()
        assert "sqlite" not in text.lower().replace("dialect of sqlite", "")
        # "or" to MariaDB, and then any address is everybody's.
        assert ("||" in text) <= (database == "postgresql"), path


def test_texts_are_joined_as_mariadb_wants_it() -> None:
    assert (
        in_mysql("WHERE a.b = '%u' || '@' || d.target AND x='1'") == "WHERE a.b = CONCAT('%u', '@', d.target) AND x='1'"
    )
