"""Whether Dovecot refuses denied names before it looks at a password, and asks the guard after it."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from sekisho.config import Settings
from sekisho.deploy.doctor.findings import Finding, ToolFailed, Verdict, ok, run

# Every login waits for the answer; P1 asks for a second at most.
LONGEST_ANSWER_MS = 1000
ASKED = (
    "auth_policy_server_url",
    "auth_policy_server_timeout_msecs",
    "auth_policy_check_after_auth",
    "auth_policy_report_after_auth",
    "auth_policy_reject_on_fail",
    "login_trusted_networks",
)


# What 2.4 is asked for instead: `doveconf auth_policy_server_url` prints nothing there (2.4.1), the group does.
ASKED_24 = ("auth_policy", "login_trusted_networks")


# RFC 6761: nobody has a mailbox below .invalid.
NOBODY = "doctor@sekisho.invalid"


class Dovecot(msgspec.Struct, frozen=True):
    """The settings named in ASKED, and the passdb and userdb blocks in their order, in the words of 2.3."""

    values: dict[str, str]
    passdbs: tuple[dict[str, str], ...]
    userdbs: tuple[dict[str, str], ...]
    version: str = ""

    @property
    def is_24(self) -> bool:
        """Whether repairs are to be told in the words of 2.4."""
        return _number(self.version) >= (2, 4)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def version_of(whole: str) -> str:
    """The version that `doveconf -n` says first, as "2.3.19.1" or "2.4.1-4"; "" when it says none."""
    first = whole.lstrip("# ").split(maxsplit=1)
    return first[0].rstrip(":") if first else ""


def parse(values: str, whole: str) -> Dovecot:
    """From `doveconf NAME…` and `doveconf -n` of Dovecot 2.3."""
    blocks: dict[str, list[dict[str, str]]] = {"passdb": [], "userdb": []}
    inside: dict[str, str] | None = None
    for line in whole.splitlines():
        word = line.strip()
        if line.rstrip() in ("passdb {", "userdb {"):
            inside = {}
            blocks[line.split()[0]].append(inside)
        elif line.rstrip() == "}":
            inside = None
        elif inside is not None and " = " in word:
            name, _, value = word.partition(" = ")
            inside[name] = value
    pairs = (line.partition(" =") for line in values.splitlines())
    return Dovecot(
        {name.strip(): value.strip() for name, _, value in pairs},
        tuple(blocks["passdb"]),
        tuple(blocks["userdb"]),
        version_of(whole),
    )


def parse_24(values: str, whole: str) -> Dovecot:
    """From `doveconf auth_policy login_trusted_networks` and `doveconf -n` of Dovecot 2.4."""
    blocks: dict[str, list[dict[str, str]]] = {"passdb": [], "userdb": []}
    for name, settings in _blocks(whole):
        kind = name.partition(" ")[0]
        if kind in blocks:
            # Its files have settings of their own; 2.3 has them behind `args`.
            blocks[kind].append({**settings, "args": settings.get("passwd_file_path", "")})
    found = {name.strip(): value.strip() for name, sep, value in _lines(values) if sep}
    for name, settings in _blocks(values):
        if name == "auth_policy":
            found |= {f"auth_policy_{key}": value for key, value in settings.items()}
            deadline = _milliseconds(settings.get("http_client_request_absolute_timeout", ""))
            found["auth_policy_server_timeout_msecs"] = str(deadline)
    return Dovecot(found, tuple(blocks["passdb"]), tuple(blocks["userdb"]), version_of(whole))


def _lines(text: str) -> list[tuple[str, str, str]]:
    """Settings outside of every block."""
    return [line.partition(" =") for line in text.splitlines() if not line.startswith((" ", "}", "#"))]


def _blocks(text: str) -> list[tuple[str, dict[str, str]]]:
    """The outermost blocks in their order, each with its own settings (not those of blocks within it)."""
    found: list[tuple[str, dict[str, str]]] = []
    depth = 0
    for line in text.splitlines():
        word = line.strip()
        if word.endswith(" {"):
            depth += 1
            if depth == 1:
                found.append((word.removesuffix(" {"), {}))
        elif word == "}":
            depth -= 1
        elif depth == 1 and " = " in word:
            name, _, value = word.partition(" = ")
            found[-1][1][name] = value
    return found


_UNITS = {"": 1000, "s": 1000, "secs": 1000, "sec": 1000, "ms": 1, "msecs": 1, "msec": 1, "mins": 60_000, "min": 60_000}


def _milliseconds(text: str) -> int:
    """A duration in Dovecot's words; 0 for one in others."""
    found = re.fullmatch(r"(\d+) ?([a-z]*)", text.strip())
    return int(found[1]) * _UNITS.get(found[2], 0) if found else 0


def read(settings: Settings) -> Dovecot:
    """Dovecot's configuration as Dovecot itself reads it; raises ToolFailed."""
    base = ["doveconf", "-c", settings.dovecot.config_file]
    whole = run([*base, "-n"])
    if _number(version_of(whole)) >= (2, 4):
        return parse_24(run([*base, *ASKED_24]), whole)
    return parse(run([*base, *ASKED]), whole)


def check(settings: Settings) -> list[Finding]:
    """Every finding about Dovecot; one that says so when Dovecot cannot be asked."""
    try:
        dovecot = read(settings)
    except ToolFailed as failure:
        return [
            Finding(
                "dovecot", Verdict.FAIL, (str(failure), str(failure)),
                ("check dovecot.config_file in sekisho.toml", "sekisho.toml の dovecot.config_file を確認"),
            )
        ]  # fmt: skip
    return judge(dovecot, settings)


def judge(dovecot: Dovecot, settings: Settings) -> list[Finding]:
    """The findings about a configuration."""
    return [
        _deny(dovecot, f"{settings.barrier}/deny"),
        _lmtp(dovecot, f"{settings.barrier}/lmtp"),
        _guard(dovecot, settings),
        _deadline(dovecot),
        _trusted(dovecot),
    ]


def _deny(dovecot: Dovecot, path: str) -> Finding:
    first = dovecot.passdbs[0] if dovecot.passdbs else {}
    good = first.get("driver") == "passwd-file" and first.get("deny") == "yes" and path in first.get("args", "").split()
    if good:
        return ok("dovecot.deny", f"the first passdb denies by {path}", f"最初の passdb は {path} で拒否します")
    block = (
        f"passdb sekisho-deny {{ driver = passwd-file  deny = yes  passwd_file_path = {path}  "
        "auth_username_format = %{user} }"
        if dovecot.is_24
        else f"driver=passwd-file, deny=yes, args=username_format=%u {path}"
    )
    return Finding(
        "dovecot.deny", Verdict.FAIL,
        (f"the first passdb is {first.get('driver', 'none')}, not `deny` of the barrier: a suspended mailbox logs in",
         f"最初の passdb が関所の deny ではありません ({first.get('driver', 'なし')})。停止中でもログインできます"),
        (f"put a passdb first: {block}; then `doveadm reload`",
         f"passdb の先頭に {block} を置き、`doveadm reload`"),
    )  # fmt: skip


def _lmtp(dovecot: Dovecot, path: str) -> Finding:
    first = dovecot.userdbs[0] if dovecot.userdbs else {}
    if path in first.get("args", "").split():
        return ok("dovecot.lmtp", f"the first userdb is {path}", f"最初の userdb は {path} です")
    block = (
        f"userdb sekisho-lmtp {{ driver = passwd-file  passwd_file_path = {path}  "
        "auth_username_format = %{protocol}/%{user} }"
        if dovecot.is_24
        else f"driver=passwd-file, args=username_format=%s/%u {path}"
    )
    return Finding(
        "dovecot.lmtp", Verdict.WARN,
        ("mail already in our queue is delivered to a suspended mailbox",
         "キューに残っているメールは、停止中のメールボックスへ配送されます"),
        (f"put a userdb first: {block}; then `doveadm reload`",
         f"userdb の先頭に {block} を置き、`doveadm reload`"),
    )  # fmt: skip


def _guard(dovecot: Dovecot, settings: Settings) -> Finding:
    url = dovecot.values.get("auth_policy_server_url", "")
    place = settings.guard.auth_policy
    reports = dovecot.values.get("auth_policy_report_after_auth") == "yes"
    asks = dovecot.values.get("auth_policy_check_after_auth") == "yes"
    if url and (place.unix or f":{place.port}/" in url) and reports and asks:
        return ok(
            "dovecot.guard",
            f"logins are asked about and told to {url}",
            f"ログインを {url} に問い合わせ、報告しています",
        )
    return Finding(
        "dovecot.guard", Verdict.FAIL,
        (f"the guard hears of no login (auth_policy_server_url = {url or 'empty'}, report {reports}, check {asks})",
         f"guard にログインが届きません (auth_policy_server_url = {url or '空'}、報告 {reports}、照会 {asks})"),
        (f"auth_policy_server_url = http://{place.host}:{place.port}/auth, auth_policy_check_after_auth = yes",
         f"auth_policy_server_url = http://{place.host}:{place.port}/auth、auth_policy_check_after_auth = yes を設定"),
    )  # fmt: skip


def _deadline(dovecot: Dovecot) -> Finding:
    text = dovecot.values.get("auth_policy_server_timeout_msecs", "")
    milliseconds = int(text) if text.isdigit() else 0
    refuses = dovecot.values.get("auth_policy_reject_on_fail") == "yes"
    if 0 < milliseconds <= LONGEST_ANSWER_MS and not refuses:
        return ok(
            "dovecot.deadline",
            f"without the guard logins go on after {text} ms",
            f"guard がなくても {text} ms でログインできます",
        )
    wanted = (
        "auth_policy { http_client_request_absolute_timeout = 1s }"
        if dovecot.is_24
        else "auth_policy_server_timeout_msecs = 1000"
    )
    refusing = "yes" if refuses else "no"
    return Finding(
        "dovecot.deadline", Verdict.FAIL,
        (f"the guard has {text or 'no'} ms to answer, auth_policy_reject_on_fail = {refusing}",
         f"guard の回答期限 {text or '(なし)'} ms、auth_policy_reject_on_fail = {refusing}"),
        (f"set {wanted}, auth_policy_reject_on_fail = no", f"{wanted}、auth_policy_reject_on_fail = no に設定"),
    )  # fmt: skip


def _trusted(dovecot: Dovecot) -> Finding:
    wide = []
    for word in dovecot.values.get("login_trusted_networks", "").replace(",", " ").split():
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue
        if not network.is_loopback and network.num_addresses > 1:
            wide.append(word)
    if not wide:
        return ok(
            "dovecot.trusted", "no network may claim a client's address", "接続元を名乗れるネットワークはありません"
        )
    return Finding(
        "dovecot.trusted", Verdict.WARN,
        (f"everybody in {', '.join(wide)} may claim any client address",
         f"{', '.join(wide)} から任意の接続元を名乗れます"),
        ("name only the webmail's and the proxies' own addresses in login_trusted_networks",
         "login_trusted_networks にはウェブメールとプロキシのアドレスだけを書く"),
    )  # fmt: skip


def auth_cache(settings: Settings) -> Finding:
    """Whether the running Dovecot forgets a cached password when told to, in containment's own words.

    It is told about a name that is nobody's. Else an old password would open IMAP and SMTP while the cache keeps it.
    """
    try:
        told = run(["doveadm", "-c", settings.dovecot.config_file, "auth", "cache", "flush", "--", NOBODY]).strip()
    except ToolFailed as failure:
        told = str(failure)
    else:
        if "flushed" in told:
            return ok("dovecot.auth_cache", "forgets passwords when asked to", "指示すればパスワードの控えを破棄します")
    return Finding(
        "dovecot.auth_cache", Verdict.FAIL,
        (f"does not forget cached passwords: {told or 'no answer'}",
         f"パスワードの控えを破棄できません: {told or '応答なし'}"),
        ("start Dovecot with the file that dovecot.config_file in sekisho.toml names",
         "sekisho.toml の dovecot.config_file に書いた設定ファイルで Dovecot を起動"),
    )  # fmt: skip
