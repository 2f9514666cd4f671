"""`sekisho config`: what is in effect, where from, and what is amiss. No secret is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import ConfigError

SMALL = """
host = "mx01.provider.test"
var = "/var/lib/sekisho"
barrier = "/var/lib/sekisho/barrier"
postfix = {{ config_directory = "/etc/postfix", mail_log = "/var/log/mail.log" }}
dovecot = {{ config_file = "/etc/dovecot/dovecot.conf" }}
database = {{}}
site_database = {{}}
notices = {{}}

[web]
secret_key_file = "{secrets}/django"

[guard]
auth_policy_key = "the shared one"
policy = {{}}
auth_policy = {{}}
events = {{}}

[[channels]]
name = "ops"
kind = "apprise"
url_file = "{secrets}/chat"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("django", "chat"):
        (tmp_path / name).write_text(f"the secret of {name}")
        (tmp_path / name).chmod(0o640)
    path = tmp_path / "sekisho.toml"
    path.write_text(SMALL.format(secrets=tmp_path))
    path.chmod(0o640)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(sekisho, ["config", *words], env={"LC_ALL": "C.UTF-8"})


def test_a_right_file_passes(file: Path) -> None:
    result = run("check", str(file))
    assert result.exit_code == 0, result.output
    assert "is right: 11 settings given" in result.output


def test_a_wrong_one_is_refused_with_every_mistake(file: Path) -> None:
    file.write_text(file.read_text().replace("[web]", "[web]\nprot = 1\nport = 0"))
    result = run("check", str(file))
    assert isinstance(result.exception, ConfigError)
    assert "web.prot: unknown; did you mean web.port?" in str(result.exception)
    assert "web.port: 0 is not a port" in str(result.exception)


def test_secrets_that_others_may_read_are_named(file: Path) -> None:
    file.chmod(0o644)
    (file.parent / "chat").chmod(0o644)
    (file.parent / "django").unlink()
    result = run("check", str(file))
    assert isinstance(result.exception, Refused)
    said = str(result.exception).splitlines()
    assert len(said) == 3
    assert "holds a secret and is open to everybody" in said[0]
    assert said[1].startswith("web.secret_key_file: ") and "cannot be read" in said[1]
    assert said[2].startswith("channels[0].url_file: ") and "open to everybody" in said[2]


def test_every_setting_is_shown_with_where_it_comes_from(file: Path) -> None:
    result = run("show", str(file), "--json")
    entries = {one["path"]: one for one in json.loads(result.output)["settings"]}
    assert entries["web.port"] == {"path": "web.port", "value": 8080, "from": "default"}
    assert entries["channels[0].name"] == {"path": "channels[0].name", "value": "ops", "from": "file"}
    assert entries["channels[0].kind"]["value"] == "apprise"
    assert entries["guard.auth_policy_key"] == {"path": "guard.auth_policy_key", "value": "(hidden)", "from": "file"}
    table = run("show", str(file), "--given").output
    assert "web.secret_key_file" in table and "web.port" not in table
    assert "the shared one" not in result.output + table + run("show", str(file)).output
