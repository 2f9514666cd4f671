"""The barrier's files, the log, the processes, the clock, address data and the way notices leave."""

from __future__ import annotations

import ctypes
import grp
import json
import os
import pwd
import smtplib
import stat
import time
from contextlib import suppress
from pathlib import Path

from sekisho.config import Settings
from sekisho.deploy.doctor.findings import Finding, Verdict, ok
from sekisho.deploy.rights import USER
from sekisho.wire import maillog

# Read by Postfix and Dovecot; without `deny` at its start Dovecot opens logins (STACK §m).
BARRIER_FILES = ("rcpt.lmdb", "identity.lmdb", "transport.lmdb", "sasl.lmdb", "deny", "lmtp")
# The last part of a log: some 300 lines, of which a mail server writes a dozen for each message.
LOG_TAIL_BYTES = 64 * 1024
# Debian's group for who may read logs; the guard's unit has it (packaging/systemd/sekisho-guard.service).
LOG_GROUP = "adm"
# A host that sends or receives nothing for a day has its log somewhere else.
LOG_AGE_S = 24 * 3600.0
# A backup is made daily; one that failed may be made up for the next day.
BACKUP_HOURS = 48
# Every process gives a sign of life each 5 s.
SILENT_AFTER_S = 20.0
# Networks change owners: Debian's location database comes monthly, tor-geoipdb as often.
ADDRESS_DATA_DAYS = 90
# A notice waits in the worker's outbox meanwhile; a relay on the same host answers at once.
SMTP_DEADLINE_S = 5.0
# adjtimex(2): the clock is not synchronised.
TIME_ERROR = 5


def barrier(settings: Settings) -> Finding:
    """Whether each file of the barrier is there, readable for Postfix and Dovecot, and written by root alone."""
    problems = []
    for name in BARRIER_FILES:
        path = Path(settings.barrier) / name
        try:
            found = path.stat()
        except OSError as error:
            problems.append(f"{name}: {error.strerror}")
            continue
        if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            problems.append(f"{name}: not root's alone to write")
        if not found.st_mode & stat.S_IROTH:
            problems.append(f"{name}: not readable for Postfix and Dovecot")
    closed = [str(p) for p in (Path(settings.barrier), *Path(settings.barrier).parents) if _shut(p)]
    problems += [f"{path}: nobody may pass" for path in closed]
    if not problems:
        return ok(
            "barrier",
            f"{len(BARRIER_FILES)} files, root's alone to write",
            f"{len(BARRIER_FILES)} ファイル、書き込みは root のみ",
        )
    listed = "; ".join(problems)
    return Finding(
        "barrier", Verdict.FAIL, (listed, listed),
        ("start `sekisho agent`: it makes and repairs the barrier's files; chmod a+x closed directories",
         "`sekisho agent` を起動すると作成・修復されます。閉じたディレクトリは chmod a+x"),
    )  # fmt: skip


def _shut(directory: Path) -> bool:
    try:
        return not directory.stat().st_mode & stat.S_IXOTH
    except OSError:
        return False


def mail_log(settings: Settings, now: float) -> Finding:
    """Whether Postfix' log is where we look, alive, and in a form we can read."""
    path = Path(settings.postfix.mail_log)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_TAIL_BYTES))
            lines = (
                file.read(LOG_TAIL_BYTES).decode("utf-8", "replace").splitlines()[1 if size > LOG_TAIL_BYTES else 0 :]
            )
        age = now - path.stat().st_mtime
    except OSError as error:
        return _no_log(f"{path}: {error.strerror}", f"{path}: {error.strerror}")
    postfix = [line for line in lines if maillog.is_postfix(line)]
    read = sum(maillog.parse_line(line) is not None for line in postfix)
    if lines and not postfix:
        return _no_log(
            f"{path}: no line of Postfix among the last {len(lines)}",
            f"{path}: 末尾 {len(lines)} 行に Postfix の行がありません",
        )
    if age > LOG_AGE_S:
        return _no_log(
            f"{path}: silent for {age / 3600:.0f} hours", f"{path}: {age / 3600:.0f} 時間書き込みがありません"
        )
    told = f"{path}: {len(postfix)} of the last {len(lines)} lines are Postfix', {read} say something we use"
    return ok("mail_log", told, f"{path}: 末尾 {len(lines)} 行中 Postfix {len(postfix)} 行、うち利用 {read} 行")


def _no_log(english: str, japanese: str) -> Finding:
    return Finding(
        "mail_log", Verdict.FAIL, (english, japanese),
        ("set postfix.mail_log in sekisho.toml to the file that `postconf maillog_file` or syslog names",
         "sekisho.toml の postfix.mail_log を、maillog_file または syslog の出力先に合わせる"),
    )  # fmt: skip


def dovecot_log(settings: Settings) -> Finding:
    """Whether the guard may read Dovecot's log: a `log_path` of its own Dovecot makes for root alone (mode 0600)."""
    path = Path(settings.dovecot.log)
    try:
        there = path.stat()
    except OSError as error:
        return Finding(
            "dovecot_log", Verdict.WARN, (f"{path}: {error.strerror}", f"{path}: {error.strerror}"),
            ("set dovecot.log in sekisho.toml to the file that `doveadm log find` names",
             "sekisho.toml の dovecot.log を、`doveadm log find` が示すファイルに合わせる"),
        )  # fmt: skip
    if there.st_mode & stat.S_IROTH or (there.st_mode & stat.S_IRGRP and there.st_gid in _guards_groups()):
        return ok("dovecot_log", f"{path}: the guard may read it", f"{path}: guard から読み取れます")
    return Finding(
        "dovecot_log", Verdict.FAIL,
        (f"{path}: the guard may not read it, and hears of logins from Dovecot's events only",
         f"{path}: guard が読み取れません。ログインは Dovecot のイベントからしか分かりません"),
        (f"chgrp {LOG_GROUP} {path} && chmod 640 {path}, and the same in its logrotate file",) * 2,
    )  # fmt: skip


def _guards_groups() -> set[int]:
    """Groups of the guard's process: those of our user, and the one that its unit adds."""
    found: set[int] = set()
    with suppress(KeyError):
        user = pwd.getpwnam(USER)
        found.update(os.getgrouplist(USER, user.pw_gid))
    with suppress(KeyError):
        found.add(grp.getgrnam(LOG_GROUP).gr_gid)
    return found


def processes(settings: Settings, now: float) -> list[Finding]:
    """Whether guard, agent and worker of this host have told of themselves just now, and what alarms they raise."""
    return [_process(settings, name, now) for name in ("guard", "agent", "worker")]


def _process(settings: Settings, name: str, now: float) -> Finding:
    path = Path(settings.var) / name / "status.json"
    try:
        told = json.loads(path.read_bytes())
        age = now - path.stat().st_mtime
    except (OSError, ValueError) as error:
        return _silent(name, f"{path}: {error}", f"{path}: {error}")
    if age > SILENT_AFTER_S:
        return _silent(name, f"no sign of life for {age:.0f} s", f"{age:.0f} 秒間応答がありません")
    alarms = told.get("alarms") or ()
    alarms = [alarms] if isinstance(alarms, str) else [str(alarm) for alarm in alarms]
    if told.get("database") == "away":
        alarms.append("waits for the database")
    if alarms:
        listed = "; ".join(alarms)
        return Finding(f"process.{name}", Verdict.FAIL, (listed, listed), ("sekisho status", "sekisho status"))
    return ok(f"process.{name}", f"alive, last sign {age:.0f} s ago", f"動作中、{age:.0f} 秒前に応答")


def _silent(name: str, english: str, japanese: str) -> Finding:
    return Finding(
        f"process.{name}", Verdict.FAIL, (english, japanese),
        (f"start `sekisho {name}` and look into its log", f"`sekisho {name}` を起動し、ログを確認"),
    )  # fmt: skip


class _Timex(ctypes.Structure):
    # struct timex is 208 bytes on 64-bit Linux; `modes` 0 only reads, so its other fields do not matter here.
    _fields_ = [("modes", ctypes.c_uint), ("rest", ctypes.c_byte * 256)]


def clock() -> Finding:
    """Whether the kernel's clock is kept by somebody: times of other servers' mail and ours are compared."""
    state = -1
    with suppress(OSError, AttributeError):
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(_Timex()))
    if 0 <= state < TIME_ERROR:
        return ok("clock", "synchronised (adjtimex)", "同期しています (adjtimex)")
    return Finding(
        "clock", Verdict.WARN,
        ("the kernel does not know its clock to be right", "時計の同期を確認できません"),
        ("apt install systemd-timesyncd (or chrony), then timedatectl",
         "systemd-timesyncd または chrony を導入し、timedatectl で確認"),
    )  # fmt: skip


def address_data(settings: Settings, now: float) -> Finding:
    """How old the data on networks and countries is that the guard uses."""
    sources: list[dict[str, object]] = []
    with suppress(OSError, ValueError):
        told = json.loads((Path(settings.var) / "guard" / "status.json").read_bytes())
        sources = told.get("address_sources") or []
    if not sources:
        return Finding(
            "address_data", Verdict.WARN,
            ("none: takeovers are told by less (no country, no network owner)",
             "なし: 国や回線事業者による判定ができません"),
            ("apt install tor-geoipdb location, or set guard.address_data (docs/address-data.md)",
             "apt install tor-geoipdb location、または guard.address_data を設定 (docs/address-data.md)"),
        )  # fmt: skip
    oldest = max(int((now - float(str(source["made_at"]))) // 86_400) for source in sources)
    names = ", ".join(str(source["path"]) for source in sources)
    if oldest <= ADDRESS_DATA_DAYS:
        return ok("address_data", f"{oldest} days old: {names}", f"{oldest} 日経過: {names}")
    return Finding(
        "address_data", Verdict.WARN, (f"{oldest} days old: {names}", f"{oldest} 日経過: {names}"),
        ("bring newer data; Debian's: `location update`, `apt upgrade`",
         "新しいデータに更新 (Debian: `location update`、`apt upgrade`)"),
    )  # fmt: skip


def notices(settings: Settings) -> Finding:
    """Whether the relay for notices takes our sender; nothing is sent."""
    place = f"{settings.notices.smtp_host}:{settings.notices.smtp_port}"
    try:
        with smtplib.SMTP(settings.notices.smtp_host, settings.notices.smtp_port, timeout=SMTP_DEADLINE_S) as relay:
            relay.ehlo()
            code, words = relay.mail(settings.notices.sender)
            relay.rset()
    except (OSError, smtplib.SMTPException) as error:
        code, words = 0, str(error).encode()
    if code == 250:
        return ok(
            "notices",
            f"{place} takes mail from {settings.notices.sender}",
            f"{place} は {settings.notices.sender} からの送信を受け付けます",
        )
    told = f"{place}: {words.decode(errors='replace')[:200]}"
    return Finding(
        "notices", Verdict.FAIL, (told, told),
        ("set notices.smtp_host, smtp_port and sender in sekisho.toml; then `sekisho notify test`",
         "sekisho.toml の notices.smtp_host、smtp_port、sender を設定し、`sekisho notify test`"),
    )  # fmt: skip


def backups(last: float | None, now: float) -> Finding:
    """How old the newest backup is, by the record itself: `last` in epoch seconds, None for none."""
    command = ("sekisho backup FILE, each day by cron (docs/backup.md)",
               "sekisho backup ファイル を cron で毎日実行 (docs/backup.md)")  # fmt: skip
    if last is None:
        return Finding("backups", Verdict.WARN, ("none was ever made", "一度も作成されていません"), command)
    hours = max(0, int(now - last)) // 3600
    told = (f"the newest was made {hours} hours ago", f"最新のバックアップは {hours} 時間前です")
    return Finding("backups", Verdict.WARN, told, command) if hours > BACKUP_HOURS else ok("backups", *told)


def check(settings: Settings) -> list[Finding]:
    """Every finding about this host."""
    now = time.time()
    return [
        barrier(settings),
        mail_log(settings, now),
        *([dovecot_log(settings)] if settings.dovecot.log else []),
        *processes(settings, now),
        clock(),
        address_data(settings, now),
        notices(settings),
    ]
