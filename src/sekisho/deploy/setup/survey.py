"""Puts the three surveys together: what was found, what stands against an adoption, and sekisho.toml for this host."""

from __future__ import annotations

import secrets
import socket
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from sekisho.config import ConfigError, Settings, read_secret, settings_of
from sekisho.deploy.doctor.findings import ToolFailed
from sekisho.deploy.setup import dovecot_survey, plan, postfix_survey, site_survey, toml
from sekisho.deploy.setup.edits import read_exact
from sekisho.deploy.setup.findings import SetupRefused, Words

# Where a packaged Sekisho keeps its state; another place is said in sekisho.toml before.
VAR = "/var/lib/sekisho"
# Where syslog writes what mail programs say, on Debian.
SYSLOG_MAIL = "/var/log/mail.log"
# As long as the hash they are used with.
SECRET_BYTES = 32
POLICY_PORT, AUTH_POLICY_PORT, EVENTS_PORT, PANEL_PORT = 10031, 10040, 10041, 8080


class Places(msgspec.Struct, frozen=True):
    """Where the configurations are, all absolute."""

    postfix_config: str
    dovecot_config: str
    sekisho_config: str


class Survey(msgspec.Struct, frozen=True):
    """Everything known about a host before anything is changed."""

    places: Places
    settings: Settings
    plan: plan.Plan
    notes: tuple[Words, ...]
    # Its password goes into a file of its own; "" without one.
    site_password: str = ""
    # What the auth policy server that was there before is sent; "" without one.
    policy_header: str = ""


def survey(places: Places) -> Survey:
    """Looks at a host and plans; raises SetupRefused with every reason. Reads only."""
    try:
        postfix = postfix_survey.read(places.postfix_config)
        dovecot = dovecot_survey.read(places.dovecot_config)
    except (ToolFailed, OSError) as error:
        raise SetupRefused((str(error), str(error))) from error
    files = [args for block in dovecot.of_kind("passdb") if (args := block.values.get("args", "").split(" ")[-1])]
    database = site_survey.find(postfix.values, files)
    shape = site_survey.look(database) if database else site_survey.Shape()
    config, settings = _config(places, _wanted(places, postfix, dovecot, database, shape))
    against = [*postfix_survey.problems(postfix), *dovecot_survey.problems(dovecot)]
    if database is None and not settings.site_database.name:
        against.append(
            ("no SQL map in Postfix, no SQL file in Dovecot: say where mailboxes are, [site_database] in sekisho.toml",
             "メールボックスの SQL が見つかりません。sekisho.toml の [site_database] に指定してください")
        )  # fmt: skip
    if database is not None and not (shape.unread or shape.postfixadmin or settings.site.mailboxes):
        against.append(
            (f"{database.told}: not PostfixAdmin's tables; write [site] into {places.sekisho_config} (docs/adopt.md)",
             f"{database.told}: PostfixAdmin の表ではありません。[site] を {places.sekisho_config} に書いてください")
        )  # fmt: skip
    if against:
        raise SetupRefused(*against)
    values = {
        "AUTH_POLICY_KEY": settings.guard.auth_policy_key or _kept(settings.guard.auth_policy_key_file),
        "AUTH_POLICY_NONCE": _kept(settings.dovecot.policy_hash_nonce_file),
    }
    header = dovecot.policy_header if settings.guard.forward_policy.header_file else ""
    notes = (
        *postfix_survey.notes(postfix),
        *dovecot_survey.notes(dovecot, settings),
        *site_survey.notes(database, shape),
        *_delimiter_notes(postfix.values.get("recipient_delimiter", "")),
    )
    made = plan.make(postfix, dovecot, settings, config, values)
    return Survey(places, settings, made, notes, database.password if database else "", header)


def _kept(file: str) -> str:
    """The secret in this file, or the one that will be written there; raises SetupRefused for one we may not read."""
    if file and not file.startswith("credential:") and not Path(file).exists():
        return secrets.token_urlsafe(SECRET_BYTES)
    try:
        return read_secret(file)
    except ConfigError as error:
        raise SetupRefused((str(error), str(error))) from error


def _delimiter_notes(delimiter: str) -> list[Words]:
    if len(delimiter) < 2:
        return []
    return [(f"of several delimiters ({delimiter}) Sekisho knows the first only",
             f"区切り文字が複数 ({delimiter}) ありますが、Sekisho が使うのは先頭の1文字だけです")]  # fmt: skip


def _config(places: Places, wanted: dict[str, Any]) -> tuple[plan.FileEdit, Settings]:
    """sekisho.toml's edit, and the settings that it makes; raises SetupRefused for a file that cannot be used."""
    path = Path(places.sekisho_config)
    try:
        old = read_exact(path) if path.exists() else None
        new = toml.complete(old or "", wanted)
        settings = settings_of(tomllib.loads(new), path)
    except (OSError, tomllib.TOMLDecodeError, ConfigError, UnicodeDecodeError) as error:
        raise SetupRefused((f"{path}: {error}".replace(f"{path}: {path}", str(path)),) * 2) from error
    return plan.FileEdit(str(path), old, new, 0o640, shared=True), settings


def _wanted(
    places: Places,
    postfix: postfix_survey.PostfixFacts,
    dovecot: dovecot_survey.DovecotFacts,
    database: site_survey.Database | None,
    shape: site_survey.Shape,
) -> dict[str, Any]:
    """sekisho.toml for this host, where nobody said otherwise."""
    name = postfix.values.get("myhostname") or socket.getfqdn()
    said = _said(places)
    var = said.get("var", VAR)
    key = {} if "auth_policy_key" in said.get("guard", {}) else {"auth_policy_key_file": f"{var}/secrets/auth-policy"}
    wanted: dict[str, Any] = {
        "host": name,
        "var": var,
        "barrier": f"{var}/barrier",
        # Records what it would do until a person says `sekisho domain mode DOMAIN enforce`.
        "mode": "observe",
        "recipient_delimiter": postfix.values.get("recipient_delimiter", "")[:1],
        "guard": {
            **key,
            "policy": {"port": POLICY_PORT},
            "auth_policy": {"port": AUTH_POLICY_PORT},
            "events": {"port": EVENTS_PORT},
            **_forward(dovecot, said, var),
        },
        "postfix": {
            "config_directory": places.postfix_config,
            "mail_log": postfix.values.get("maillog_file") or SYSLOG_MAIL,
            "rescue_transport": plan.rescue_transport(postfix.values.get("virtual_transport", "")),
        },
        "dovecot": {
            "config_file": places.dovecot_config,
            "log": dovecot.log or postfix.values.get("maillog_file") or SYSLOG_MAIL,
            "policy_hash_nonce_file": f"{var}/secrets/nonce",
        },
        "database": {"name": f"{var}/db/sekisho.sqlite3"},
        "site_database": _site_database(database, var),
        "web": {"port": PANEL_PORT, "secret_key_file": f"{var}/secrets/django"},
        "notices": {"sender": f"sekisho@{postfix.values.get('mydomain') or name}"},
        "mail_server": {"name": name},
    }
    if database is not None and shape.postfixadmin and shape.writable is False:
        wanted["site"] = site_survey.read_only(database)
    return wanted


def _forward(dovecot: dovecot_survey.DovecotFacts, said: dict[str, Any], var: str) -> dict[str, Any]:
    """[guard.forward_policy] for an auth policy server that was there before us: Dovecot can ask one only."""
    port = said.get("guard", {}).get("auth_policy", {}).get("port", AUTH_POLICY_PORT)
    url = dovecot_survey.other_policy_server(dovecot, port)
    if not url:
        return {}
    header = {"header_file": f"{var}/secrets/policy-header"} if dovecot.policy_header else {}
    return {"forward_policy": {"url": url, **header}}


def _said(places: Places) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(places.sekisho_config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _site_database(database: site_survey.Database | None, var: str) -> dict[str, Any]:
    if database is None:
        return {"name": ""}
    if database.engine == "sqlite":
        return {"engine": "sqlite", "name": database.name}
    found = {"engine": database.engine, "name": database.name, "user": database.user, "host": database.host}
    password = {"password_file": f"{var}/secrets/site-database"} if database.password else {}
    return {**found, "port": database.port, **password}
