"""Writes rspamd's configuration: for an rspamd of its own, or as additions to one that the site has
(docs/inbound.md)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sekisho.config.inbound import InboundSettings
from sekisho.inbound.rspamd_data import catalogue_data, program

LUA = ("sekisho_judge.lua", "sekisho_impersonation.lua")
# Debian's rspamd has the public suffixes here.
SUFFIXES = "/usr/share/rspamd/effective_tld_names.dat"
_PLACEHOLDER = re.compile(r"@([A-Z]+)@")


def write_plugin(directory: Path) -> list[Path]:
    """The plugin and its data; tenants.json is the agent's, and only made empty where there is none."""
    directory.mkdir(parents=True, exist_ok=True)
    written = [_write(directory / name, program(name)) for name in LUA]
    written.append(_write(directory / "catalogue.json", json.dumps(catalogue_data(), ensure_ascii=False)))
    tenants = directory / "tenants.json"
    if not tenants.exists():
        written.append(_write(tenants, '{"tenants": []}\n'))
    return written


def write_own(site: InboundSettings, directory: Path, suffixes: str = SUFFIXES) -> list[Path]:
    """Everything for an rspamd of its own, started with `rspamd -c DIRECTORY/rspamd.conf`: files written."""
    written = write_plugin(directory)
    (directory / "state").mkdir(exist_ok=True)
    resolver = f'nameserver = "{site.resolver}:{site.resolver_port}";' if site.resolver else ""
    values = {
        "STATE": str(directory / "state"),
        "LOG": str(directory / "state" / "rspamd.log"),
        "PORT": str(site.port),
        "DIRECTORY": str(directory),
        "NAMESERVER": resolver,
        "TLD": suffixes,
        "ANTIVIRUS": _antivirus(site),
    }
    return [*written, _write(directory / "rspamd.conf", _fill(program("rspamd.conf"), values))]


def write_additions(site: InboundSettings, directory: Path) -> list[Path]:
    """What goes below the site's own /etc/rspamd: local.d/antivirus.conf, rspamd.conf.local and plugins.d; the plugin's
    data stays in [inbound] directory."""
    data = Path(site.directory)
    written = write_plugin(data)
    (directory / "local.d").mkdir(parents=True, exist_ok=True)
    (directory / "plugins.d").mkdir(exist_ok=True)
    if site.clamd:
        # An included file holds the section's inside.
        inside = _antivirus(site).partition("{")[2].rpartition("}")[0]
        written.append(_write(directory / "local.d" / "antivirus.conf", inside.strip() + "\n"))
    written.append(_write(directory / "plugins.d" / LUA[1], program(LUA[1])))
    section = f'sekisho_impersonation {{ directory = "{data}"; }}\n'
    return [*written, _write(directory / "rspamd.conf.local", section)]


def _antivirus(site: InboundSettings) -> str:
    return _fill(program("antivirus.conf"), {"CLAMD": site.clamd}) if site.clamd else ""


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path
