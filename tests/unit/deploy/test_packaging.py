"""The package's control files, examples and configuration against the code; `make package-test` builds it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from sekisho.cli import _PLACES
from sekisho.cli.sparing import JAIL
from sekisho.config.reading import settings_of
from sekisho.deploy.layout import Ports
from sekisho.deploy.setup.toml import complete
from sekisho.web.health import PREFIX

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "packaging"
DEB = PACKAGING / "deb"
SCRIPTS = ("postinst", "prerm", "postrm")
# What `sekisho setup` adds, in short.
REST = {
    "host": "mx01", "var": "/var/lib/sekisho", "barrier": "/var/lib/sekisho/barrier",
    "guard": {"auth_policy_key_file": "x", "policy": {"port": 1}, "auth_policy": {"port": 2}, "events": {"port": 3}},
    "postfix": {"config_directory": "/etc/postfix", "mail_log": "/var/log/mail.log"},
    "dovecot": {"config_file": "/etc/dovecot/dovecot.conf"},
    "database": {"name": "a"}, "site_database": {"name": "b"}, "notices": {"sender": ""},
    "web": {"secret_key_file": "x"},
}  # fmt: skip


@pytest.mark.parametrize("name", [*SCRIPTS, "sekisho", "build.sh", "test.sh"])
def test_the_scripts_are_scripts(name: str) -> None:
    path = DEB / name
    assert os.access(path, os.X_OK)
    shell = path.read_text().splitlines()[0].removeprefix("#!")
    assert subprocess.run([shell, "-n", path], capture_output=True, timeout=20, check=False).returncode == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_maintainer_scripts_stop_at_the_first_error_and_start_nothing_unasked(name: str) -> None:
    text = (DEB / name).read_text()
    assert "\nset -e\n" in text
    commands = re.findall(r"systemctl [^|;&\n)]+", text)
    assert not [
        one for one in commands if re.search(r"\b(start|restart|enable|reenable)\b", one.replace("try-restart", ""))
    ]


def test_state_goes_with_a_purge_only() -> None:
    assert "rm -rf" not in (DEB / "prerm").read_text() + (DEB / "postinst").read_text()
    before_purge, _, purge = (DEB / "postrm").read_text().partition('if [ "$1" = purge ]')
    assert "rm " not in before_purge
    # What Postfix still reads must not vanish under it: 451 for everybody.
    assert "/var/lib/sekisho/barrier /etc/postfix /etc/dovecot" in purge


def test_conffiles_are_what_an_operator_edits() -> None:
    assert (DEB / "conffiles").read_text().split() == ["/etc/logrotate.d/sekisho", "/etc/sekisho/sekisho.toml"]
    build = (DEB / "build.sh").read_text()
    assert "etc/sekisho/sekisho.toml" in build and "etc/logrotate.d/sekisho" in build


def test_the_control_file_has_what_dpkg_needs() -> None:
    text = (DEB / "control").read_text()
    fields = dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"[A-Z][\w-]+: ", line))
    assert {"Package", "Version", "Architecture", "Maintainer", "Depends", "Description"} <= set(fields)
    assert fields["Version"] == "@VERSION@"
    # The environment rests on Debian's own interpreter: its packages are for this one minor version.
    assert "python3 (>= 3.11), python3 (<< 3.12)" in fields["Depends"]


def test_the_configuration_that_comes_along_fits_the_units_and_leaves_the_rest_to_setup() -> None:
    said = tomllib.loads((DEB / "sekisho.toml").read_text(encoding="utf-8"))
    found = tomllib.loads(complete((DEB / "sekisho.toml").read_text(encoding="utf-8"), REST))
    settings = settings_of(found, DEB / "sekisho.toml")
    assert set(said) == {"guard", "web"}
    units = "".join(path.read_text() for path in (PACKAGING / "systemd").glob("*.service"))
    for named in (settings.guard.auth_policy_key_file, settings.web.secret_key_file):
        credential = named.removeprefix("credential:")
        assert credential != named and f"LoadCredential={credential}:/etc/sekisho/secrets/{credential}\n" in units
        assert f"secret {credential}\n" in (DEB / "postinst").read_text()


def test_fail2bans_snippet_is_the_one_the_program_prints() -> None:
    assert (PACKAGING / "fail2ban" / "sekisho.local").read_text() == JAIL.format(command="/usr/bin/sekisho")


def test_a_verb_named_in_the_packaging_exists() -> None:
    text = "".join(path.read_text() for path in PACKAGING.rglob("*") if path.is_file() and path.suffix != ".json")
    verbs = set(re.findall(r"\bbin/sekisho ([a-z][a-z0-9-]+)", text)) | set(
        re.findall(r"`sekisho ([a-z][a-z0-9-]+)", text)
    )
    assert {"guard", "agent", "worker", "web", "migrate"} <= verbs and verbs <= set(_PLACES) | {"setup"}


def test_the_containers_run_without_root_or_rights() -> None:
    compose = yaml.safe_load((PACKAGING / "container" / "compose.yaml").read_text())
    panel = compose["services"]["panel"]
    assert panel["cap_drop"] == ["ALL"] and panel["read_only"] is True
    assert panel["security_opt"] == ["no-new-privileges:true"]
    # Plain HTTP: never the world.
    assert all(port.startswith("127.0.0.1:") for port in panel["ports"])
    assert (ROOT / panel["build"]["dockerfile"]).exists() and set(panel["secrets"]) == set(compose["secrets"])
    steps = (PACKAGING / "container" / "Containerfile").read_text()
    assert re.findall(r"(?m)^USER (\w+)$", steps) == ["sekisho"] and f"{PREFIX}ready" in steps
    for source in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", steps):
        assert all((ROOT / name).exists() for name in source.split()), source


@pytest.mark.parametrize("name", ["nginx", "apache"])
def test_the_web_servers_overwrite_what_the_panel_believes(name: str) -> None:
    text = (PACKAGING / name / "sekisho.conf").read_text()
    assert f"127.0.0.1:{Ports().panel}" in text and PREFIX in text
    wanted = {
        "nginx": ["proxy_set_header X-Forwarded-For $remote_addr;", "proxy_set_header X-Forwarded-Proto $scheme;"],
        "apache": ["RequestHeader unset X-Forwarded-For early", 'RequestHeader set X-Forwarded-Proto "https"'],
    }
    assert all(line in text for line in wanted[name])
