"""rspamd's configuration as it is written: complete, read by the real rspamd, asking nobody outside."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from sekisho.config.inbound import InboundSettings
from sekisho.inbound import rendering


def site(place: Path, **more: object) -> InboundSettings:
    return InboundSettings(directory=str(place), clamd="/run/clamav/clamd.ctl", **more)  # type: ignore[arg-type]


def test_an_rspamd_of_its_own_gets_everything_and_the_real_one_takes_it(tmp_path: Path) -> None:
    names = {path.name for path in rendering.write_own(site(tmp_path, resolver="127.0.0.1"), tmp_path)}
    assert names == {*rendering.LUA, "catalogue.json", "tenants.json", "rspamd.conf"}
    text = (tmp_path / "rspamd.conf").read_text()
    assert "@" not in text and 'nameserver = "127.0.0.1:53"' in text and 'bind_socket = "127.0.0.1:11332"' in text
    # Nothing but the DNS is asked: no address of another host, no worker beside the one for Postfix.
    assert "://" not in text and re.findall(r'worker "(\w+)"', text) == ["rspamd_proxy"]
    command = ["rspamadm", "configtest", "-c", str(tmp_path / "rspamd.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "syntax OK" in done.stdout, (done.stdout, done.stderr)


def test_what_domains_want_is_not_lost_when_it_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "tenants.json").write_text('{"tenants": [1]}')
    rendering.write_own(site(tmp_path), tmp_path)
    assert json.loads((tmp_path / "tenants.json").read_text()) == {"tenants": [1]}


def test_an_rspamd_that_is_there_gets_additions_only(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "etc"
    rendering.write_additions(site(data), target)
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {"rspamd.conf.local", "local.d/antivirus.conf", "plugins.d/sekisho_impersonation.lua"}
    assert (target / "local.d/antivirus.conf").read_text().startswith("clamav {")
    assert f'directory = "{data}"' in (target / "rspamd.conf.local").read_text()
    assert (data / "sekisho_judge.lua").exists() and (data / "tenants.json").exists()


def test_without_clamd_nothing_is_said_of_attachments(tmp_path: Path) -> None:
    rendering.write_own(InboundSettings(directory=str(tmp_path)), tmp_path)
    assert "SEKISHO_VIRUS" not in (tmp_path / "rspamd.conf").read_text()
