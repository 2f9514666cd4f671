"""Whether Postfix asks the barrier first and the guard with a short deadline, in every service that takes mail."""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise

import msgspec

from sekisho.config import Settings
from sekisho.deploy.doctor.findings import Finding, ToolFailed, Verdict, ok, run

# Postfix' own default is 100 s for each call (STACK): an owner would wait minutes for a guard that hangs.
LONGEST_POLICY_S = 3.0
# The restriction lists in which a suspended sender must be refused first; a session that is open already meets the
# later ones.
SUBMISSION_LISTS = (
    "smtpd_sender_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
)
# At RCPT recipients are counted, at the end of the message its queue id is learnt.
ASKING_LISTS = ("smtpd_recipient_restrictions", "smtpd_end_of_data_restrictions")


class Service(msgspec.Struct, frozen=True):
    """One smtpd of master.cf with the parameters that hold for it, expanded."""

    name: str
    parameters: dict[str, str]
    kind: str = "inet"
    chrooted: bool = False

    def __getitem__(self, name: str) -> str:
        return self.parameters.get(name, "")

    @property
    def logs_in(self) -> bool:
        return self["smtpd_sasl_auth_enable"] == "yes"

    @property
    def stays_inside(self) -> bool:
        """Bound to loopback and open to nothing but itself: re-injection from filters, Sieve, our notices."""
        host = self.name.rpartition(":")[0].strip("[]")
        return _is_loopback(host) and "permit_mynetworks" in self["smtpd_relay_restrictions"] and not self.logs_in

    @property
    def takes_outside_mail(self) -> bool:
        """Anybody may bring mail: there are no logins, or no list ends with `permit_sasl_authenticated, reject`."""
        lists = [f"smtpd_{stage}_restrictions" for stage in ("client", "sender", "relay", "recipient")]
        pairs = [pair for name in lists for pair in pairwise(words_of(self[name]))]
        return not self.stays_inside and not (self.logs_in and ("permit_sasl_authenticated", "reject") in pairs)


class Postfix(msgspec.Struct, frozen=True):
    """main.cf, expanded, and the smtpd services over it."""

    main: dict[str, str]
    services: tuple[Service, ...]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.split(" =", 1) for line in text.splitlines() if " =" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def parse(main: str, services: str, overrides: str) -> Postfix:
    """From the output of `postconf -x`, `postconf -M` and `postconf -Px`."""
    values = _assignments(main)
    own: dict[str, dict[str, str]] = {}
    for path, value in _assignments(overrides).items():
        service, _, parameter = path.rpartition("/")
        own.setdefault(service, {})[parameter] = value
    found = []
    for line in services.splitlines():
        words = line.split()
        if len(words) >= 8 and words[7] == "smtpd":
            own_values = own.get(f"{words[0]}/{words[1]}", {})
            # master(5): a dash is the default, "n" since Postfix 3.0.
            found.append(Service(words[0], {**values, **own_values}, words[1], words[4] == "y"))
    return Postfix(values, tuple(found))


def read(settings: Settings) -> Postfix:
    """Postfix' configuration as Postfix itself reads it; raises ToolFailed."""
    base = ["postconf", "-c", settings.postfix.config_directory]
    return parse(run([*base, "-x"]), run([*base, "-M"]), run([*base, "-Px"]))


def words_of(value: str) -> list[str]:
    """The entries of a restriction or map list; `{ … }` is one entry."""
    return [word.strip() for word in re.findall(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|[^\s,]+", value)]


def _begins_with(value: str, wanted: list[str]) -> bool:
    return words_of(value)[: len(wanted)] == wanted


def check(settings: Settings) -> list[Finding]:
    """Every finding about Postfix; one that says so when Postfix cannot be asked."""
    try:
        postfix = read(settings)
    except ToolFailed as failure:
        return [
            Finding(
                "postfix", Verdict.FAIL, (str(failure), str(failure)),
                ("check postfix.config_directory in sekisho.toml", "sekisho.toml の postfix.config_directory を確認"),
            )
        ]  # fmt: skip
    return [*judge(postfix, settings), _own_check(settings)]


def judge(postfix: Postfix, settings: Settings) -> list[Finding]:
    """The findings about a configuration."""
    barrier = f"lmdb:{settings.barrier}"
    logging_in = [service for service in postfix.services if service.logs_in]
    return [
        _inbound([s for s in postfix.services if s.takes_outside_mail], f"{barrier}/rcpt"),
        _first_map(postfix, "virtual_alias_maps", f"{barrier}/identity", "postfix.aliases"),
        _first_map(postfix, "transport_maps", f"{barrier}/transport", "postfix.transport"),
        _submission(logging_in, f"{barrier}/sasl"),
        _asks_the_guard(logging_in, settings),
        _policy_deadline(logging_in, postfix, settings),
        _queue_ids(postfix),
        _trusted(postfix),
    ]


def _inbound(services: list[Service], barrier: str) -> Finding:
    wanted = ["check_recipient_access", barrier]
    # Where logins come in as well, the barrier's other table may stand before this one.
    logins = ["check_sasl_access", barrier.replace("/rcpt", "/sasl")]
    lists = {s.name: s["smtpd_recipient_restrictions"] for s in services}
    bad = [n for n, value in lists.items() if not any(_begins_with(value, w) for w in (wanted, logins + wanted))]
    if not bad:
        names = ", ".join(s.name for s in services) or "-"
        return ok("postfix.inbound", f"the barrier is asked first: {names}", f"関所の表を最初に確認しています: {names}")
    return Finding(
        "postfix.inbound", Verdict.FAIL,
        (f"not the first of smtpd_recipient_restrictions in: {', '.join(bad)}",
         f"smtpd_recipient_restrictions の先頭にありません: {', '.join(bad)}"),
        (f"put `{' '.join(wanted)}` first in smtpd_recipient_restrictions, then `postfix reload`",
         f"smtpd_recipient_restrictions の先頭に `{' '.join(wanted)}` を置き、`postfix reload`"),
    )  # fmt: skip


def _first_map(postfix: Postfix, parameter: str, wanted: str, name: str) -> Finding:
    value = postfix.main.get(parameter, "")
    if _begins_with(value, [wanted]):
        return ok(name, f"{parameter} begins with {wanted}", f"{parameter} の先頭は {wanted} です")
    return Finding(
        name, Verdict.FAIL,
        (f"{parameter} begins with {(words_of(value) or ['nothing'])[0]}",
         f"{parameter} の先頭は {(words_of(value) or ['(空)'])[0]} です"),
        (f"put {wanted} first in {parameter}, then `postfix reload`",
         f"{parameter} の先頭に {wanted} を置き、`postfix reload`"),
    )  # fmt: skip


def _submission(services: list[Service], barrier: str) -> Finding:
    wanted = ["check_sasl_access", barrier]
    bad = [f"{s.name} {one}" for s in services for one in SUBMISSION_LISTS if not _begins_with(s[one], wanted)]
    if not services:
        return Finding(
            "postfix.submission", Verdict.WARN,
            ("no smtpd takes logins here", "ログインを受け付ける smtpd がありません"),
            ("nothing to do if this host only receives mail", "受信専用のホストであれば対応は不要です"),
        )  # fmt: skip
    if not bad:
        names = ", ".join(s.name for s in services)
        return ok("postfix.submission", f"the barrier is asked first: {names}", f"関所の表を最初に確認: {names}")
    return Finding(
        "postfix.submission", Verdict.FAIL,
        (f"the barrier is not the first in: {'; '.join(bad)}", f"関所の表が先頭にありません: {'; '.join(bad)}"),
        (f"put `{' '.join(wanted)}` first in these lists, then `postfix reload`",
         f"これらの先頭に `{' '.join(wanted)}` を置き、`postfix reload`"),
    )  # fmt: skip


def _is_guard(policy: str, settings: Settings) -> bool:
    """Whether this entry of check_policy_service asks our guard; a site may ask others as well."""
    place = settings.guard.policy
    # A chrooted smtpd names the socket by its path below the queue directory.
    return place.unix.rsplit("/", 2)[-1] in policy if place.unix else f"inet:{place.host}:{place.port}" in policy


def _policies(service: Service, one: str) -> list[str]:
    words = words_of(service[one])
    return [after for word, after in pairwise(words) if word == "check_policy_service"]


def _asks_the_guard(services: list[Service], settings: Settings) -> Finding:
    place = settings.guard.policy
    wanted = f"unix:{place.unix}" if place.unix else f"inet:{place.host}:{place.port}"
    bad = [
        f"{service.name} {one}"
        for service in services
        for one in ASKING_LISTS
        if not any(_is_guard(policy, settings) for policy in _policies(service, one))
    ]
    if not bad:
        return ok("postfix.guard", f"submission asks {wanted}", f"送信時に {wanted} へ問い合わせています")
    entry = f"check_policy_service {{ {wanted}, timeout=3s, try_limit=2, retry_delay=1s, default_action=DUNNO }}"
    return Finding(
        "postfix.guard", Verdict.FAIL,
        (f"the guard ({wanted}) is not asked in: {'; '.join(bad)}",
         f"guard ({wanted}) に問い合わせていません: {'; '.join(bad)}"),
        (f"add `{entry}`", f"`{entry}` を追加"),
    )  # fmt: skip


def _seconds(text: str) -> float:
    """Postfix' time: a number with s, m, h, d or w."""
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    return float(text[:-1]) * unit[text[-1]] if text[-1:] in unit else float(text or 0)


def _policy_deadline(services: list[Service], postfix: Postfix, settings: Settings) -> Finding:
    default = postfix.main.get("smtpd_policy_service_timeout", "100s")
    bad = []
    for service in services:
        for one in ASKING_LISTS:
            for policy in filter(lambda one: _is_guard(one, settings), _policies(service, one)):
                own = re.search(r"timeout=(\w+)", policy)
                if _seconds(own[1] if own else default) > LONGEST_POLICY_S or "default_action=DUNNO" not in policy:
                    bad.append(f"{service.name} {one}")
    if not bad:
        return ok(
            "postfix.deadline", "a guard that hangs costs 3 s at most, and mail passes",
            "guard が応答しなくても待ち時間は最長3秒で、送信はできます",
        )  # fmt: skip
    return Finding(
        "postfix.deadline", Verdict.FAIL,
        (f"owners would wait for minutes, or be refused, without the guard: {'; '.join(sorted(set(bad)))}",
         f"guard の停止中、送信が長く待たされるか拒否されます: {'; '.join(sorted(set(bad)))}"),
        ("write `timeout=3s, default_action=DUNNO` into check_policy_service { … }",
         "check_policy_service { … } に `timeout=3s, default_action=DUNNO` を指定"),
    )  # fmt: skip


def _queue_ids(postfix: Postfix) -> Finding:
    if postfix.main.get("enable_long_queue_ids") == "yes":
        return ok("postfix.queue_ids", "long queue ids are on", "長いキュー ID が有効です")
    return Finding(
        "postfix.queue_ids", Verdict.FAIL,
        ("queue ids are short and used again: a message could be taken for another's",
         "キュー ID が短く、再利用されるため、別のメールと取り違えるおそれがあります"),
        ("postconf -e enable_long_queue_ids=yes && postfix reload",) * 2,
    )  # fmt: skip


def _trusted(postfix: Postfix) -> Finding:
    outside = [
        f"{service.name}: {word}"
        for service in postfix.services
        for word in words_of(service["smtpd_authorized_xclient_hosts"])
        if not _is_loopback(word.partition("/")[0].strip("[]"))
    ]
    if not outside:
        return ok(
            "postfix.trusted", "nobody outside may say which client he is (XCLIENT)",
            "外部から接続元を偽る設定 (XCLIENT) はありません",
        )  # fmt: skip
    return Finding(
        "postfix.trusted", Verdict.WARN,
        (f"these may claim any client address: {'; '.join(outside)}",
         f"任意の接続元を名乗れます: {'; '.join(outside)}"),
        ("empty smtpd_authorized_xclient_hosts but for your own proxies",
         "自社のプロキシ以外を smtpd_authorized_xclient_hosts から削除"),
    )  # fmt: skip


def _own_check(settings: Settings) -> Finding:
    try:
        run(["postfix", "-c", settings.postfix.config_directory, "check"])
    except ToolFailed as failure:
        return Finding(
            "postfix.check", Verdict.WARN, (str(failure), str(failure)),
            ("run `postfix check` and repair what it names", "`postfix check` の指摘を修正"),
        )  # fmt: skip
    return ok("postfix.check", "`postfix check` complains of nothing", "`postfix check` の指摘はありません")
