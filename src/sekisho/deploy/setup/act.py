"""Carries a plan out and takes it back: copies first, each file replaced at once, checked by Postfix' and Dovecot's own
tools and the doctor, put back by itself when a check fails. Dovecot is told first: it is what Postfix asks.
"""

from __future__ import annotations

import os
import pwd
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from sekisho.config import Settings, settings
from sekisho.deploy import database, ground, rights
from sekisho.deploy.doctor import dovecot_checks, postfix_checks
from sekisho.deploy.doctor.findings import Finding, ToolFailed, Verdict, run
from sekisho.deploy.setup import edits
from sekisho.deploy.setup.backup import Backup, checksum, read, standing, write
from sekisho.deploy.setup.findings import SetupRefused, Words
from sekisho.deploy.setup.plan import FileEdit, difference, include_files
from sekisho.deploy.setup.survey import Places, Survey

# Rows that the agent keeps in every file of the barrier (RFC 6761: .invalid is nobody's).
SENTINEL = "barrier@sekisho.invalid"
# Dovecot's master reads its configuration within a second after the signal; a busy host gets another one.
SETTLE_S = 2.0


def backups(site: Settings) -> Path:
    """Where the copies are."""
    return Path(site.var) / "setup"


def lay_ground(found: Survey) -> None:
    """Directories, secrets and an empty barrier: what Postfix and Dovecot must find when they read the new lines.

    Raises SetupRefused when the machine lacks something.
    """
    site = found.settings
    try:
        group = ground.group_id()
        pwd.getpwnam(rights.USER)
        for path, owner, mode in (
            (Path(site.var), 0, 0o755),
            (Path(site.var) / "secrets", group, 0o750),
            # SQLite in WAL mode: whoever reads must be able to make the -shm file.
            (Path(site.var) / "db", group, 0o2775),
            (Path(site.barrier), 0, 0o755),
        ):
            if not path.exists():
                path.mkdir(parents=True)
                os.chown(path, 0, owner)
                path.chmod(mode)
        for file, secret in secret_files(found):
            ground.keep_secret(file, secret)
        ground.make_barrier(Path(site.barrier), found.places.postfix_config)
        rights.share_state(Path(site.var), rights.USER)
    except (ground.GroundError, OSError, KeyError) as error:
        raise SetupRefused((str(error), str(error))) from error


def secret_files(found: Survey) -> list[tuple[Path, str]]:
    """Files that hold a secret, each with its text ("": any will do); written only where they are not there yet."""
    site, (key, nonce) = found.settings, found.plan.secrets
    wanted = [
        (site.web.secret_key_file, ""),
        (site.guard.auth_policy_key_file, key),
        (site.dovecot.policy_hash_nonce_file, nonce),
    ]
    wanted += [(site.site_database.password_file, found.site_password)] if found.site_password else []
    wanted += [(site.guard.forward_policy.header_file, found.policy_header)] if found.policy_header else []
    # A credential is the package's, which made it (docs/run.md).
    return [(Path(file), text) for file, text in wanted if file and not file.startswith("credential:")]


def make_database(found: Survey) -> None:
    """Sekisho's own tables, by the configuration that was just written; starts Django."""
    os.environ["SEKISHO_CONFIG"] = found.places.sekisho_config
    settings.cache_clear()
    from sekisho.directory.start import start_django

    start_django()
    ours = found.settings.database
    database.make_our_database(Path(ours.name) if ours.engine == "sqlite" else None)


def apply(found: Survey) -> Backup:
    """Writes the plan; raises SetupRefused when a check failed and everything was put back."""
    places = found.places
    lay_ground(found)
    kept = Backup.begin(backups(found.settings), found.plan.changed, places.postfix_config, places.dovecot_config)
    try:
        for edit in found.plan.changed:
            _write_edit(edit)
        check(places)
        _judge(found.settings)
        reload(places)
    except BaseException as error:
        _put_back(kept)
        kept.save("reverted")
        _reload_quietly(places)
        if isinstance(error, SetupRefused | ToolFailed | OSError):
            reasons = error.reasons if isinstance(error, SetupRefused) else ((str(error), str(error)),)
            raise SetupRefused(*reasons, PUT_BACK) from error
        raise
    kept.save("applied")
    return kept


PUT_BACK: Words = ("every file was put back as it was", "すべてのファイルを元に戻しました")


def _write_edit(edit: FileEdit) -> None:
    path = Path(edit.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    group = ground.group_id() if edit.shared else 0
    rights_now = (edit.mode, 0, group)
    if edit.old is not None:
        there = path.stat()
        rights_now = (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid)
    write(path, edits.exact_bytes(edit.new), *rights_now)


def _put_back(kept: Backup) -> None:
    for one in reversed(kept.manifest.files):
        content = kept.before(one)
        if content is None:
            Path(one.path).unlink(missing_ok=True)
        else:
            write(Path(one.path), content, one.mode, one.uid, one.gid)


def check(places: Places) -> None:
    """Asks Postfix and Dovecot whether they can read what is there; raises ToolFailed."""
    run(["postfix", "-c", places.postfix_config, "check"])
    run(["doveconf", "-c", places.dovecot_config, "-n"])


def _judge(site: Settings) -> None:
    """The doctor's findings about both configurations; raises SetupRefused when one says FAIL."""
    found = [*postfix_checks.check(site), *dovecot_checks.check(site)]
    failed = [one for one in found if one.verdict is Verdict.FAIL]
    if failed:
        raise SetupRefused(*(_words(one) for one in failed))


def _words(finding: Finding) -> Words:
    return f"{finding.name}: {finding.evidence[0]}", f"{finding.name}: {finding.evidence[1]}"


def _postfix_runs(places: Places) -> bool:
    try:
        run(["postfix", "-c", places.postfix_config, "status"])
    except ToolFailed:
        return False
    return True


def _dovecot_runs(places: Places) -> bool:
    try:
        base = run(["doveconf", "-c", places.dovecot_config, "-h", "base_dir"]).strip()
        pid = int((Path(base) / "master.pid").read_text().strip())
        # A zombie that nobody has waited for yet is as dead as one that is gone.
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ToolFailed, OSError, ValueError):
        return False


def reload(places: Places) -> None:
    """Makes those that are running read their files again; raises ToolFailed, also when one did not survive it."""
    postfix, dovecot = _postfix_runs(places), _dovecot_runs(places)
    if dovecot:
        run(["doveadm", "-c", places.dovecot_config, "reload"])
    # Postfix even where nothing of its own has changed: its smtpd keep their connection to the old auth process.
    if postfix:
        run(["postfix", "-c", places.postfix_config, "reload"])
    # A reload is a signal: what comes of it is seen afterwards.
    time.sleep(SETTLE_S)
    ended = [name for name, was, runs in (("Postfix", postfix, _postfix_runs), ("Dovecot", dovecot, _dovecot_runs))
             if was and not runs(places)]  # fmt: skip
    if ended:
        raise ToolFailed(f"{' and '.join(ended)} ended at the reload: start it (systemctl start) and look into its log")


def _reload_quietly(places: Places) -> None:
    try:
        reload(places)
    except ToolFailed:
        # The checks' own words are the reason to tell; a server that is down reads its files at its start.
        return


def shut_names(site: Settings, postfix_config: str) -> list[str]:
    """Addresses and login names that the barrier holds shut now; raises ToolFailed."""
    found: set[str] = set()
    for name in ("rcpt", "sasl"):
        if (Path(site.barrier) / f"{name}.lmdb").exists():
            rows = run(["postmap", "-c", postfix_config, "-s", f"lmdb:{site.barrier}/{name}"])
            found |= {line.split()[0] for line in rows.splitlines() if line.split()}
    deny = Path(site.barrier) / "deny"
    if deny.exists():
        found |= {line.partition(":")[0] for line in deny.read_text().splitlines() if line}
    return sorted(found - {SENTINEL})


def revert(site: Settings, places: Places, *, dry_run: bool = False) -> tuple[str, list[Words]]:
    """Takes setup back: (the difference that it made or would make, what to know).

    A file that the site has changed since loses our lines and keeps the site's; raises SetupRefused when they cannot be
    told apart, or when a check failed and everything was put back.
    """
    kept = standing(backups(site))
    if not kept:
        raise SetupRefused(("nothing to take back: setup has not been here", "setup は実行されていません"))
    wanted, told = _wanted_content(kept)
    if dry_run:
        return _difference(wanted), told
    shown = _difference(wanted)
    before = {path: read(Path(path)) for path in wanted}
    modes = {path: Path(path).stat() for path, content in before.items() if content is not None}
    rights_of = {one.path: (one.mode, one.uid, one.gid) for backup in kept for one in backup.manifest.files}
    try:
        for path, content in wanted.items():
            there = modes.get(path)
            _set(path, content, (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) if there else rights_of[path])
        check(places)
        reload(places)
    except (ToolFailed, OSError) as error:
        for path, content in before.items():
            there = modes.get(path)
            _set(path, content, (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) if there else (0o600, 0, 0))
        _reload_quietly(places)
        raise SetupRefused((str(error), str(error)), PUT_BACK) from error
    for backup in kept:
        backup.save("reverted")
    return shown, told


def _set(path: str, content: bytes | None, rights_now: tuple[int, int, int]) -> None:
    if content is None:
        Path(path).unlink(missing_ok=True)
    else:
        write(Path(path), content, *rights_now)


def _difference(wanted: dict[str, bytes | None]) -> str:
    def text(content: bytes | None) -> str | None:
        return None if content is None else content.decode("utf-8", "surrogateescape")

    # Our own files hold secrets and go as a whole.
    parts = []
    for path, content in wanted.items():
        now = read(Path(path))
        if now == content:
            continue
        ours = content is None and now is not None
        parts.append(f"--- {path}\n+++ /dev/null\n" if ours else difference(path, text(now), text(content)))
    return "".join(parts)


def _wanted_content(kept: Sequence[Backup]) -> tuple[dict[str, bytes | None], list[Words]]:
    """Each file's content after the way back; raises SetupRefused for what cannot be told apart."""
    wanted: dict[str, bytes | None] = {}
    stripped: set[str] = set()
    told: list[Words] = []
    refused: list[Words] = []
    for backup in kept:
        for one in backup.manifest.files:
            now = wanted[one.path] if one.path in wanted else read(Path(one.path))
            if one.path in stripped or checksum(now) == one.before:
                wanted.setdefault(one.path, now)
            elif checksum(now) == one.after:
                wanted[one.path] = backup.before(one)
            else:
                stripped.add(one.path)
                try:
                    wanted[one.path] = _without_ours(backup, one.path, now, bool(one.before), backup.after(one), told)
                except SetupRefused as refusal:
                    refused += refusal.reasons
    if refused:
        raise SetupRefused(*refused)
    return wanted, told


def _without_ours(
    backup: Backup, path: str, now: bytes | None, existed: bool, after: bytes, told: list[Words]
) -> bytes | None:
    """A file that was changed since, without our lines."""
    if now is None:
        told.append((f"{path} is gone already", f"{path} はすでにありません"))
        return None
    if not existed and path in include_files(backup.manifest.dovecot_config):
        told.append((f"{path} was changed; it goes as a whole", f"{path} は変更されていますが、全体を削除します"))
        return None
    if not existed:
        told.append((f"{path} was changed and stays", f"{path} は変更されているため残します"))
        return now
    text, ours = now.decode("utf-8", "surrogateescape"), after.decode("utf-8", "surrogateescape")
    plain = edits.strip(text)
    if not set(edits.blocks(text)) <= set(edits.blocks(ours)) or edits.is_marked(plain):
        shown = difference(path, ours, text)
        raise SetupRefused(
            (f"{path}: our own lines were changed, so they cannot be taken away safely:\n{shown}",
             f"{path}: sekisho の行が変更されているため、安全に取り除けません:\n{shown}")
        )  # fmt: skip
    told.append((f"{path} was changed since: only our lines go", f"{path} は変更済み。sekisho の行だけを除きます"))
    return edits.exact_bytes(plain)
