"""What a grown Dovecot is: version, password and user databases in their order, who else decides about logins.

`doveconf -n` prints what differs from the defaults, 2.3 (`passdb {`, `args =`) and 2.4 (`passdb NAME {`) alike: blocks
by braces, settings by " = ".
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sekisho.config import Settings
from sekisho.deploy.doctor.findings import run
from sekisho.deploy.setup.edits import read_exact
from sekisho.deploy.setup.findings import Words

# What a login name may go through without losing its domain: `deny` compares whole addresses.
WHOLE_NAMES = frozenset({"", "%u", "%Lu", "%{user}", "%{user|lower}", "%{user | lower}"})
VERSIONS = ("2.3", "2.4")


class Block(msgspec.Struct, frozen=True):
    """A block of the configuration: its words before the brace, its settings (not those of blocks inside it)."""

    words: tuple[str, ...]
    values: dict[str, str]


class DovecotFacts(msgspec.Struct, frozen=True):
    """A Dovecot as it is on disk."""

    config_file: str
    text: str
    version: str
    # Settings outside blocks.
    values: dict[str, str]
    # Blocks that stand in no other, in their order.
    blocks: tuple[Block, ...]
    # What auth_policy_server_api_header holds, which doveconf shows on request only.
    policy_header: str = ""

    def of_kind(self, kind: str) -> list[Block]:
        """Every block of this kind, such as "passdb"."""
        return [block for block in self.blocks if block.words[0] == kind]

    @property
    def syntax(self) -> str:
        """ "2.3" or "2.4"; "" for another version."""
        return next((version for version in VERSIONS if self.version.startswith(version)), "")

    @property
    def log(self) -> str:
        """The file that Dovecot writes its log to; "" for syslog."""
        path = self.values.get("info_log_path") or self.values.get("log_path", "")
        return path if path.startswith("/") else ""


def parse(config_file: str, text: str, whole: str, policy_header: str = "") -> DovecotFacts:
    """From dovecot.conf's text, `doveconf -n` and the hidden header."""
    first = re.search(r"^# (\d+\.\d+\S*)", whole, re.MULTILINE)
    values: dict[str, str] = {}
    blocks: list[Block] = []
    depth = 0
    for line in whole.splitlines():
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if word.endswith("{"):
            depth += 1
            if depth == 1:
                blocks.append(Block(tuple(word[:-1].split()), {}))
        elif word == "}":
            depth -= 1
        elif " = " in f"{word} " and depth <= 1:
            name, _, value = f"{word} ".partition(" = ")
            (blocks[-1].values if depth else values)[name.strip()] = value.strip()
    return DovecotFacts(config_file, text, first[1].rstrip(":") if first else "", values, tuple(blocks), policy_header)


def read(config_file: str) -> DovecotFacts:
    """Asks doveconf; raises ToolFailed, or OSError when the file cannot be read."""
    text = read_exact(Path(config_file))
    whole = run(["doveconf", "-c", config_file, "-n"])
    asked = "auth_policy_server_api_header" in whole
    header = run(["doveconf", "-c", config_file, "-Ph", "auth_policy_server_api_header"]).strip() if asked else ""
    return parse(config_file, text, whole, header)


def other_policy_server(dovecot: DovecotFacts, port: int) -> str:
    """The auth policy server that Dovecot asks and that is not our guard on this port; "" for none."""
    url = dovecot.values.get("auth_policy_server_url", "")
    return "" if f":{port}/auth" in url else url


def problems(dovecot: DovecotFacts) -> list[Words]:
    """Why this Dovecot cannot be adopted."""
    found: list[Words] = []
    if not dovecot.syntax:
        told = dovecot.version or "?"
        found.append((f"Dovecot {told}: only 2.3 and 2.4 are known", f"Dovecot {told}: 対応は 2.3 と 2.4 です"))
    form = dovecot.values.get("auth_username_format", "")
    if form not in WHOLE_NAMES:
        found.append(
            (f"auth_username_format = {form}: login names lose their domain, so nobody could be denied by his address",
             f"auth_username_format = {form}: ログイン名からドメインが失われ、アドレス単位で拒否できません")
        )  # fmt: skip
    if not dovecot.of_kind("passdb"):
        found.append(("no passdb in Dovecot's configuration", "Dovecot の設定に passdb がありません"))
    return found


def notes(dovecot: DovecotFacts, settings: Settings) -> list[Words]:
    """What was found, for the person who reads the difference."""
    drivers = [block.values.get("driver") or block.words[-1] for block in dovecot.of_kind("passdb")]
    found: list[Words] = [(f"Dovecot {dovecot.version}: passdb {', '.join(drivers)}",) * 2]
    if any(block.values.get("master") == "yes" for block in dovecot.of_kind("passdb")):
        found.append(
            ("a master user opens every mailbox with his own password, suspended ones as well",
             "マスターユーザーは、停止中のメールボックスも開けます")
        )  # fmt: skip
    if url := settings.guard.forward_policy.url:
        found.append(
            (f"the auth policy server {url} is asked by the guard now (docs/neighbours.md)",
             f"認証ポリシーサーバー {url} には、guard から問い合わせます (docs/neighbours.md)")
        )  # fmt: skip
    return found
