"""What must lie in `var` before the first server starts: directories, secrets, certificate, barrier files.

Everything here may run at every start. Secrets, the certificate and above all barrier files are made once and never
overwritten: a restart must not open what is shut.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sekisho.deploy.layout import Layout
from sekisho.deploy.render import MAIL_UID

GROUP = "sekisho"
BARRIER_MAPS = ("rcpt", "identity", "transport", "sasl")
# deny and lmtp hold names only; probe holds one-time secrets and app-passwords hashes, so only root and Dovecot's auth
# process may read them.
BARRIER_LISTS = {"deny": 0o644, "lmtp": 0o644, "probe": 0o640, "app-passwords": 0o640}
# Empty map files are made in well under a second; a machine that needs 20 s is in trouble.
COMMAND_DEADLINE = 20.0


class GroundError(Exception):
    """The machine lacks something the stack needs; the text says what to do."""


def group_id() -> int:
    """The gid of Sekisho's group; raises GroundError when setup/prepare.sh has not run."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError as error:
        raise GroundError(f"the group {GROUP} is missing; run setup/prepare.sh as root") from error


def make_directories(layout: Layout) -> None:
    """Every directory of the stack with its owner and mode. Postfix makes the inside of its spools itself."""
    group, postfix = group_id(), pwd.getpwnam("postfix").pw_uid
    layout.var.mkdir(parents=True, exist_ok=True)
    for name, owner, owning_group, mode in (
        ("run", 0, group, 0o755),
        ("log", 0, group, 0o2775),
        ("secrets", 0, group, 0o750),
        ("tls", 0, 0, 0o755),
        ("barrier", 0, 0, 0o755),
        ("returned", 0, 0, 0o755),
        # SQLite in WAL mode: whoever reads must be able to make the -shm file, so Postfix' group may write here.
        ("db", 0, group, 0o2775),
        ("ours", 0, 0, 0o755),
        ("ours/spool", 0, 0, 0o755),
        ("ours/data", postfix, 0, 0o755),
        ("ours/mail", MAIL_UID, MAIL_UID, 0o750),
        ("ours/dovecot", 0, 0, 0o755),
        ("theirs", 0, 0, 0o755),
        ("theirs/spool", 0, 0, 0o755),
        ("theirs/data", postfix, 0, 0o755),
        ("theirs/mail", MAIL_UID, MAIL_UID, 0o750),
        ("theirs/dovecot", 0, 0, 0o755),
    ):
        path = layout.var / name
        path.mkdir(exist_ok=True)
        os.chown(path, owner, owning_group)
        path.chmod(mode)
    for name, owner in (("ours-mail.log", postfix), ("theirs-mail.log", postfix), ("ours-dovecot.log", 0)):
        # postlogd and Dovecot would make them readable for themselves only; the guard reads ours.
        log = layout.log / name
        log.touch()
        os.chown(log, owner, group)
        log.chmod(0o640)


def secret(layout: Layout, name: str) -> str:
    """A random secret kept in `var/secrets/NAME` (mode 0640), made at the first call."""
    return keep_secret(layout.secrets / name)


def keep_secret(path: Path, value: str = "") -> str:
    """The secret in this file (mode 0640, our group's); `value`, or a random one, where there is none yet."""
    if not path.exists():
        # 32 bytes: as long as the hash the longest of them (Django's) is used with.
        write_private(path, value or secrets.token_urlsafe(32), 0o640, group_id())
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, text: str, mode: int = 0o600, group: int = 0) -> None:
    """Writes a file that was never readable for others, not even for a moment."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.chown(draft, -1, group)
    draft.chmod(mode)
    draft.replace(path)


def make_certificate(layout: Layout, names: Sequence[str]) -> None:
    """A self-signed certificate for the mail servers' names, once."""
    key, certificate = layout.var / "tls" / "key.pem", layout.var / "tls" / "cert.pem"
    if certificate.exists():
        return
    alternatives = ",".join(["IP:127.0.0.1", "DNS:localhost", *(f"DNS:{name}" for name in names)])
    _self_signed(key, certificate, names[0], alternatives)
    key.chmod(0o600)


def make_profile_certificate(layout: Layout, name: str) -> None:
    """A self-signed certificate that the panel signs Apple's configuration profiles with, once."""
    key, certificate = layout.var / "tls" / "profile.key", layout.var / "tls" / "profile.pem"
    if certificate.exists():
        return
    _self_signed(key, certificate, name, f"DNS:{name}")
    os.chown(key, -1, group_id())
    key.chmod(0o640)


def _self_signed(key: Path, certificate: Path, name: str, alternatives: str) -> None:
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    # 825 days: the longest lifetime Apple's mail programs accept.
    request += ["-days", "825", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}"]
    run([*request, "-keyout", str(key), "-out", str(certificate)])


def make_barrier(barrier: Path, postfix_config: str) -> None:
    """Empty barrier files where there are none: a missing map is a 451 for everybody, a missing `deny` opens logins."""
    missing = [name for name in BARRIER_MAPS if not (barrier / f"{name}.lmdb").exists()]
    if missing:
        _make_maps(barrier, postfix_config, missing)
    dovecot = grp.getgrnam("dovecot").gr_gid
    for name, mode in BARRIER_LISTS.items():
        path = barrier / name
        if not path.exists():
            write_private(path, "", mode, dovecot)


def _make_maps(barrier: Path, postfix_config: str, names: Sequence[str]) -> None:
    # One empty map, copied: postmap syncs each to disk, which takes half a second.
    empty = barrier / "empty"
    empty.with_suffix(".lmdb").unlink(missing_ok=True)
    run(["postmap", "-c", postfix_config, "-i", f"lmdb:{empty}"])
    for name in names:
        draft = barrier / f"{name}.lmdb.new"
        shutil.copyfile(empty.with_suffix(".lmdb"), draft)
        draft.chmod(0o644)
        draft.replace(barrier / f"{name}.lmdb")
    empty.with_suffix(".lmdb").unlink()


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Runs one preparing command to its end; raises GroundError with its error output."""
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_DEADLINE,
            check=True,
            env=environment,
        )
    except FileNotFoundError as error:
        raise GroundError(f"{command[0]} is missing; run setup/prepare.sh as root") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.decode(errors="replace").strip().splitlines() or ["no error output"])[-1]
        raise GroundError(f"{' '.join(command)} failed with {error.returncode}: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise GroundError(f"{command[0]} did not end within {COMMAND_DEADLINE:.0f} s") from error
