"""packaging/systemd against the code: what the units start exists, and each may do what docs/privileges.md says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sekisho.cli import _PLACES
from sekisho.deploy.layout import Ports
from sekisho.deploy.rights import AGENT_CAPABILITIES
from sekisho.deploy.stack import OUR_PARTS
from sekisho.guard.doors import MAX_CONNECTIONS
from sekisho.guard.main import OPEN_FILES
from sekisho.guard.servers import SOCKET_NAMES

ROOT = Path(__file__).resolve().parents[3]
UNITS = ROOT / "packaging" / "systemd"
PARTS = ("guard", "worker", "web", "agent")
PRIVILEGES = (ROOT / "docs" / "privileges.md").read_text(encoding="utf-8")

# What no unit may lack. ProtectSystem and the like differ; they are looked at below.
HARDENED = {
    "NoNewPrivileges": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectClock": "yes",
    "ProtectHostname": "yes", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes", "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
    "AmbientCapabilities": "", "Type": "notify", "Restart": "always", "StartLimitIntervalSec": "0",
}  # fmt: skip


def lines(name: str) -> list[tuple[str, str]]:
    text = (UNITS / name).read_text(encoding="utf-8")
    return [(key, value) for key, _, value in (line.partition("=") for line in text.splitlines() if "=" in line)]


def values(name: str, key: str) -> list[str]:
    return [value for known, value in lines(name) if known == key]


@pytest.mark.parametrize("part", PARTS)
def test_a_unit_starts_a_verb_that_exists_and_is_hardened(part: str) -> None:
    unit = f"sekisho-{part}.service"
    assert values(unit, "ExecStart") == [f"/opt/sekisho/bin/sekisho {part}"]
    assert part in _PLACES
    for key, value in HARDENED.items():
        assert values(unit, key) == [value], key
    assert values(unit, "SystemCallFilter")[0] == "@system-service"
    assert len(values(unit, "WatchdogSec")) == 1


@pytest.mark.parametrize("part", ["guard", "worker", "web"])
def test_only_the_agent_has_any_right_of_root(part: str) -> None:
    unit = f"sekisho-{part}.service"
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert values(unit, "User") == ["sekisho"]
    assert values(unit, "ProtectSystem") == ["strict"] and values(unit, "ProtectHome") == ["yes"]
    assert "~@privileged @resources" in values(unit, "SystemCallFilter")
    written = {path for value in values(unit, "ReadWritePaths") for path in value.split()}
    assert written and all(path.startswith("/var/lib/sekisho/") for path in written)
    assert not written & {"/var/lib/sekisho/agent", "/var/lib/sekisho/barrier"}


def test_the_agent_has_the_capabilities_that_are_explained_and_no_others() -> None:
    (line,) = values("sekisho-agent.service", "CapabilityBoundingSet")
    explained = re.findall(r"^\| `(CAP_\w+)` \|", PRIVILEGES, re.MULTILINE)
    assert line.split() == explained == [f"CAP_{name.upper()}" for name in AGENT_CAPABILITIES]


def test_the_sockets_are_those_the_code_asks_for() -> None:
    for part, (_, doors) in OUR_PARTS.items():
        service = f"sekisho-{part}.service"
        units = " ".join(values(service, "Sockets")).split()
        found = {}
        for unit in units:
            assert values(unit, "Service") == [service]
            (name,) = values(unit, "FileDescriptorName")
            found[name] = values(unit, "ListenStream")
        # The ports are those of the local stack, the documentation and `sekisho setup`.
        wanted = {socket: [f"127.0.0.1:{getattr(Ports(), door)}"] for door, socket in doors.items()}
        assert found == wanted
    assert set(SOCKET_NAMES.values()) == set(OUR_PARTS["guard"][1].values())


def test_the_guard_may_keep_all_its_connections_over_an_upgrade() -> None:
    kept = MAX_CONNECTIONS * len(SOCKET_NAMES)
    assert values("sekisho-guard.service", "FileDescriptorStoreMax") == [str(kept)]
    # Setting a limit is one of the calls it may not make: the unit must give it enough.
    assert int(values("sekisho-guard.service", "LimitNOFILE")[0]) >= OPEN_FILES + kept


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's own judge is not installed here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    system = tmp_path / "usr/lib/systemd/system"
    system.mkdir(parents=True)
    program = tmp_path / "opt/sekisho/bin/sekisho"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    manual = tmp_path / "usr/share/doc/sekisho/run.md"
    manual.parent.mkdir(parents=True)
    manual.touch()
    for unit in UNITS.iterdir():
        shutil.copy(unit, system)
    for target in ("sysinit", "basic", "sockets", "shutdown", "multi-user", "network"):
        (system / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    units = [str(system / unit.name) for unit in UNITS.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", *units],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "sekisho" in line]
    assert complaints == [] and done.returncode == 0, done.stderr
