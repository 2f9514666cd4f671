"""A mistake in sekisho.toml is named with its exact path and what to write instead, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import ConfigError, Settings, read_settings

SMALLEST = {
    "": 'host = "mx01.provider.test"\nvar = "/var/lib/sekisho"\nbarrier = "/var/lib/sekisho/barrier"\n',
    "guard": 'auth_policy_key = "k"\npolicy = {}\nauth_policy = {}\nevents = {}\n',
    "postfix": 'config_directory = "/etc/postfix"\nmail_log = "/var/log/mail.log"\n',
    "dovecot": 'config_file = "/etc/dovecot/dovecot.conf"\n',
    "database": "",
    "site_database": "",
    "web": "",
    "notices": "",
}


def text_of(more: dict[str, str] | None = None, without: str = "") -> str:
    """The smallest right file with more lines in some tables, and without one line."""
    tables = SMALLEST | {name: SMALLEST.get(name, "") + lines + "\n" for name, lines in (more or {}).items()}
    parts = [f"[{name}]\n{lines}" if name else lines for name, lines in tables.items()]
    text = "\n".join(parts)
    assert without in text
    return text.replace(without, "")


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "sekisho.toml"
    path.write_text(text)
    return read_settings(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as found:
        read(tmp_path, text)
    return [line.removeprefix(f"{tmp_path}/sekisho.toml: ") for line in str(found.value).splitlines()]


def test_the_smallest_file_is_right(tmp_path: Path) -> None:
    assert read(tmp_path, text_of()).web.port == 8080


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("guard", "polcy = {}", "guard.polcy: unknown; did you mean guard.policy?"),
        ("guard", 'own_network = ["192.0.2.0/24"]', "guard.own_network: unknown; did you mean guard.own_networks?"),
        ("web", 'mail_log = "/x"', "web.mail_log: unknown; did you mean postfix.mail_log?"),
        ("web", "zzzz = 1", "web.zzzz: unknown"),
        ("", 'mod = "observe"', "mod: unknown; did you mean mode?"),
        ("", 'mode = "enforced"', 'mode: "enforced" is not one of "enforce", "observe"; did you mean "enforce"?'),
        ("", "probe_every_s = 4", "probe_every_s: 4 is not a number of seconds, 5 to 604800"),
        ("web", "port = 70000", "web.port: 70000 is not a port, 1 to 65535"),
        ("web", "port = 80.5", "web.port: 80.5 is not a port, 1 to 65535"),
        ("web", 'https = "yes"', 'web.https: "yes" is not true or false'),
        ("dovecot", "policy_hash_bits = 161", "dovecot.policy_hash_bits: 161 is not a whole number of bits, 0 to 160"),
        ("database", 'port = "5432"', 'database.port: "5432" is not a port, 0 to 65535'),
        ("web", "allowed_hosts = [1]", "web.allowed_hosts: [1] is not a list of texts"),
        ("doctor", "addresses = 3", "doctor.addresses: 3 is not a list of texts, at most 100"),
        ("guard.policy", "prot = 3", "guard.policy.prot: unknown; did you mean guard.policy.port?"),
        ("", "complaints = 3", "complaints: must be a table, [complaints]"),
        ("webmail", 'kind = "roundcube"', "webmail: must be an array of tables, [[webmail]]"),
    ],
)
def test_a_mistake_is_named_with_its_path(table: str, line: str, said: str, tmp_path: Path) -> None:
    text = text_of({table: line}, without="\npolicy = {}" if table == "guard.policy" else "")
    assert problems(tmp_path, text) == [said]


def test_a_mistake_in_an_array_of_tables_is_named_with_its_number(tmp_path: Path) -> None:
    tables = """
[[channels]]
name = "ops"
kind = "apprise"
url_file = "/x"

[[channels]]
name = "siem"
kind = "webhook"
url_file = "/x"
secret_file = "/y"
langauge = "ja"

[[channels]]
name = "third"
kind = "pigeon"
"""
    assert problems(tmp_path, text_of() + tables) == [
        "channels[1].langauge: unknown; did you mean channels[1].language?",
        'channels[2].kind: "pigeon" is not one of "webhook", "apprise"',
    ]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, text_of({"web": "port = 0\nhots = 1"}, without='host = "mx01.provider.test"\n'))
    assert [one.partition(":")[0] for one in found] == ["web.port", "web.hots", "host"]
    assert found[2].startswith("host: missing; it must be a text. This mail host's name")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, text_of(without="\npolicy = {}")) == [
        "guard.policy: missing; the table [guard.policy] must be there"
    ]


def test_a_secret_that_is_wrong_is_not_repeated(tmp_path: Path) -> None:
    text = text_of({"guard": "auth_policy_key = 918273"}, without='auth_policy_key = "k"\n')
    assert problems(tmp_path, text) == ["guard.auth_policy_key: what stands there is not a text"]


def test_a_syntax_error_has_its_line(tmp_path: Path) -> None:
    assert "line 1" in problems(tmp_path, "host = \n" + text_of())[0]


def test_the_key_is_given_once_as_text_or_as_file(tmp_path: Path) -> None:
    both = problems(tmp_path, text_of({"guard": 'auth_policy_key_file = "/run/key"'}))
    assert both == ["guard.auth_policy_key: given, and guard.auth_policy_key_file as well; keep one of them"]
    neither = problems(tmp_path, text_of(without='auth_policy_key = "k"\n'))
    assert neither == ["guard.auth_policy_key: missing; it or guard.auth_policy_key_file must be given"]


def test_the_key_in_a_file_is_read_by_who_asks_for_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    text = text_of({"guard": f'auth_policy_key_file = "{key}"'}, without='auth_policy_key = "k"\n')
    found = read(tmp_path, text)  # the panel may not read the file, and does not have to
    with pytest.raises(ConfigError, match="cannot be read"):
        _ = found.guard.shared_key
    key.write_text("a shared secret\n")
    key.chmod(0o640)
    assert found.guard.shared_key == "a shared secret"
