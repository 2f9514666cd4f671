"""What a grown Postfix is: its services, its lists, its maps; read by Postfix' own tools, nothing is touched."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec

from sekisho.deploy.doctor.findings import run
from sekisho.deploy.doctor.postfix_checks import SUBMISSION_LISTS, Service, words_of
from sekisho.deploy.doctor.postfix_checks import parse as parse_postfix
from sekisho.deploy.setup.edits import read_exact
from sekisho.deploy.setup.findings import Words

# Lists that Postfix goes through before smtpd_recipient_restrictions (postconf(5), smtpd_delay_reject). One of these
# words there says 550 to a mailbox that the site's own tables no longer have as active, before the barrier says 450.
EARLY_LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
)
EARLY_REFUSALS = frozenset(
    {"reject_unlisted_recipient", "check_recipient_maps", "reject_unverified_recipient", "defer_unverified_recipient"}
)
# Parameters that setup may have to define where main.cf does not: their defaults go behind ours.
MAY_DEFINE = (*SUBMISSION_LISTS, *EARLY_LISTS, "virtual_alias_maps", "transport_maps")


class PostfixFacts(msgspec.Struct, frozen=True):
    """A Postfix as it is on disk."""

    config_directory: str
    main_text: str
    master_text: str
    # main.cf, expanded.
    values: dict[str, str]
    # Postfix' own defaults of MAY_DEFINE.
    defaults: dict[str, str]
    services: tuple[Service, ...]
    table_types: frozenset[str]

    @property
    def main_file(self) -> Path:
        return Path(self.config_directory) / "main.cf"

    @property
    def master_file(self) -> Path:
        return Path(self.config_directory) / "master.cf"


def _assigned(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def read(config_directory: str) -> PostfixFacts:
    """Asks postconf; raises ToolFailed, or OSError when the files cannot be read."""
    base = ["postconf", "-c", config_directory]
    postfix = parse_postfix(run([*base, "-x"]), run([*base, "-M"]), run([*base, "-Px"]))
    return PostfixFacts(
        config_directory,
        read_exact(Path(config_directory) / "main.cf"),
        read_exact(Path(config_directory) / "master.cf"),
        postfix.main,
        _assigned(run(["postconf", "-d", *sorted(set(MAY_DEFINE))])),
        postfix.services,
        frozenset(run([*base, "-m"]).split()),
    )


def early_refusals(service: Service) -> list[str]:
    """Lists of this service that name an unknown recipient before the recipient list is reached."""
    return [name for name in EARLY_LISTS if EARLY_REFUSALS & set(words_of(service[name]))]


def problems(postfix: PostfixFacts) -> list[Words]:
    """Why this Postfix cannot be adopted."""
    found: list[Words] = []
    if "lmdb" not in postfix.table_types:
        found.append(
            ("Postfix cannot read lmdb: tables: apt install postfix-lmdb",
             "Postfix が lmdb: の表を読めません: apt install postfix-lmdb")
        )  # fmt: skip
    if not any(service.takes_outside_mail or service.logs_in for service in postfix.services):
        found.append(("master.cf has no smtpd that takes mail", "master.cf にメールを受け付ける smtpd がありません"))
    return found


def notes(postfix: PostfixFacts) -> list[Words]:
    """What was found and how setup treats it, for the person who reads the difference."""
    found: list[Words] = []
    for service in postfix.services:
        found.append(_service_note(service))
    found += _filter_notes(postfix)
    logs_in = [service for service in postfix.services if service.logs_in]
    if any(service["smtpd_sasl_type"] not in ("", "dovecot") for service in logs_in):
        found.append(
            ("SMTP AUTH is not answered by Dovecot: a suspended mailbox still logs in there and is refused at RCPT",
             "SMTP AUTH が Dovecot ではありません。停止中でも認証は通り、RCPT で拒否されます")
        )  # fmt: skip
    found.append(
        ("mail handed in by sendmail asks no list: docs/doors.md shuts that door",
         "sendmail で渡されるメールはこれらの確認を通りません。docs/doors.md を参照")
    )  # fmt: skip
    return found


def _service_note(service: Service) -> Words:
    what = "inside only, left alone" if service.stays_inside else "takes mail from outside"
    what_ja = "内部専用、変更なし" if service.stays_inside else "外部からの受信"
    if service.logs_in:
        what = "submission, and mail from outside" if service.takes_outside_mail else "submission"
        what_ja = "送信と外部からの受信" if service.takes_outside_mail else "送信"
    jail, jail_ja = (", chrooted", "、chroot") if service.chrooted else ("", "")
    policies = [word for name in SUBMISSION_LISTS for word in _policies(service[name])]
    kept = f"; kept behind ours: {', '.join(sorted(set(policies)))}" if policies else ""
    kept_ja = f"。既存の照会は後ろに残します: {', '.join(sorted(set(policies)))}" if policies else ""
    return f"smtpd {service.name}: {what}{jail}{kept}", f"smtpd {service.name}: {what_ja}{jail_ja}{kept_ja}"


def _policies(value: str) -> list[str]:
    words = words_of(value)
    return [
        after.strip("{} ").split(",")[0]
        for word, after in pairwise(words)
        if word == "check_policy_service" and "policy_context=sekisho" not in after
    ]


def _filter_notes(postfix: PostfixFacts) -> list[Words]:
    names = ("content_filter", "smtpd_proxy_filter", "smtpd_milters", "non_smtpd_milters")
    found = []
    for name in names:
        holders = {postfix.values.get(name, "")} | {service[name] for service in postfix.services}
        if used := ", ".join(sorted(holders - {""})):
            found.append((f"{name}: {used} (kept)", f"{name}: {used} (そのまま)"))
    if delimiter := postfix.values.get("recipient_delimiter", ""):
        found.append((f"recipient_delimiter: {delimiter}",) * 2)
    transport = postfix.values.get("virtual_transport", "virtual")
    found.append((f"mailboxes are delivered by {transport}", f"メールボックスへの配送: {transport}"))
    return found
