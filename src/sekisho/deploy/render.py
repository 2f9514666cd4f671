"""Templates in, configuration files out: `@NAME@` is replaced, an unknown name is an error.

Python's own `$name` templates cannot be used: `$` belongs to Postfix and Dovecot.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from sekisho.deploy.layout import Layout

PLACEHOLDER = re.compile(r"@([A-Z][A-Z_0-9]*)@")
# Owner of all mail in the local stack; it needs no name. Dovecot's documentation uses this number in its examples.
MAIL_UID = 5000

# Template -> file below `var`; the agent's doveadm and people's `postqueue -c` know these places.
STACK_FILES = {
    **{
        f"ours/postfix/sql/{name}.cf": f"ours/postfix/sql/{name}.cf"
        for name in (
            "alias",
            "alias_domain",
            "alias_domain_catchall",
            "alias_domain_mailbox",
            "domains",
            "mailbox",
            "sender_login",
            "sender_login_alias_domain",
        )
    },
    "ours/postfix/main.cf": "ours/postfix/main.cf",
    "ours/postfix/master.cf": "ours/postfix/master.cf",
    "theirs/postfix/main.cf": "theirs/postfix/main.cf",
    "theirs/postfix/master.cf": "theirs/postfix/master.cf",
    "theirs/postfix/outside_recipients": "theirs/postfix/outside_recipients",
    "theirs/postfix/provider_route.cf": "theirs/postfix/provider_route.cf",
    "theirs/postfix/provider_recipient.cf": "theirs/postfix/provider_recipient.cf",
    "theirs/dovecot/dovecot.conf": "theirs/dovecot/dovecot.conf",
}
# These hold the key that the guard demands from Dovecot: for root and the guard's group only.
SECRET_FILES = {
    "ours/dovecot/dovecot.conf": "ours/dovecot/dovecot.conf",
    "sekisho.toml": "sekisho.toml",
}
# Dovecot 2.3 keeps the site's queries in a file of their own. 2.4 has other words for everything.
DOVECOT_23 = {"ours/dovecot/sql.conf.ext": "ours/dovecot/sql.conf.ext"}
DOVECOT_24 = {"ours/dovecot24/dovecot.conf": "ours/dovecot/dovecot.conf"}


def template(name: str) -> str:
    """The text of a template; raises FileNotFoundError."""
    return files("sekisho.deploy").joinpath("templates", name).read_text(encoding="utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every `@NAME@` replaced; raises KeyError for a name without a value."""
    return PLACEHOLDER.sub(lambda match: values[match.group(1)], text)


def stack_values(
    layout: Layout,
    host_name: str,
    notice_sender: str,
    key: str,
    nonce: str,
    reporters: Sequence[str] = (),
    reason_text: str = "",
) -> dict[str, str]:
    """The values of every placeholder in the stack's templates.

    `reporters` are those whose feedback reports count; `reason_text` is told to the client of a suspended mailbox, for
    which Dovecot must ask the guard before it looks at the password.
    """
    ports = {name.upper(): str(port) for name, port in vars(layout.ports).items()}
    ports |= database_values(layout)
    return ports | {
        "VAR": str(layout.var),
        "BARRIER": str(layout.barrier),
        "HOST_NAME": host_name,
        "NOTICE_SENDER": notice_sender,
        "AUTH_POLICY_KEY": key,
        "AUTH_POLICY_NONCE": nonce,
        "MAIL_UID": str(MAIL_UID),
        "SEKISHO": str(Path(sys.executable).with_name("sekisho")),
        # A stack of another source tree (make soak) runs that tree's program here, too.
        "SOURCE": f"PYTHONPATH={path} " if (path := os.environ.get("PYTHONPATH", "")) else "",
        # A list of TOML is written as one of JSON.
        "REPORTERS": json.dumps(list(reporters)),
        "REASON_TEXT": json.dumps(reason_text),
        "CHECK_BEFORE_AUTH": "yes" if reason_text else "no",
        "SERVICES": template("postfix-services.cf").rstrip("\n"),
    }


def database_values(layout: Layout) -> dict[str, str]:
    """How Postfix, Dovecot and we reach the two databases; PostgreSQL and MariaDB by socket, as the system's users."""
    db = layout.var / "db"
    if layout.database == "sqlite":
        return {
            "MAP_TYPE": "sqlite",
            "MAP_CONNECTION": f"dbpath = {layout.site_database}",
            "DOVECOT_DATABASE": f"driver = sqlite\nconnect = {layout.site_database}",
            "OUR_DATABASE": f'name = "{layout.our_database}"',
            "SITE_DATABASE": f'name = "{layout.site_database}"',
            "AUTH_WORKER_USER": "root",
        }
    kind, host = {"postgresql": ("pgsql", str(db)), "mariadb": ("mysql", f"{db}/mariadb.sock")}[layout.database]
    engine = "mysql" if kind == "mysql" else "postgresql"
    return {
        "MAP_TYPE": kind,
        "MAP_CONNECTION": f"hosts = unix:{host}\nuser = postfix\ndbname = site",
        "DOVECOT_DATABASE": f"driver = {kind}\nconnect = host={host} dbname=site user=dovecot",
        # MariaDB is asked by the auth process and by its workers, and must see the same user.
        "AUTH_WORKER_USER": "dovecot",
        "OUR_DATABASE": f'engine = "{engine}"\nhost = "{host}"\nname = "sekisho"',
        "SITE_DATABASE": f'engine = "{engine}"\nhost = "{host}"\nname = "site"',
    }


_JOINED = re.compile(r"(?:'[^']*'|[a-z_.]+)(?: \|\| (?:'[^']*'|[a-z_.]+))+")


def in_mysql(text: str) -> str:
    """Queries with `a || b`, which is "or" to MySQL and MariaDB, as they want them: CONCAT(a, b)."""
    return _JOINED.sub(lambda found: f"CONCAT({found[0].replace(' || ', ', ')})", text)


def write_stack(layout: Layout, values: Mapping[str, str], group: int, dovecot: tuple[int, int] = (2, 3)) -> None:
    """Writes every configuration file of the stack below `var`; secret ones get mode 0640 and `group`.

    `dovecot` is the version of our side's.
    """
    plain, secret = dict(STACK_FILES), dict(SECRET_FILES)
    if dovecot >= (2, 4):
        del secret["ours/dovecot/dovecot.conf"]
        secret |= DOVECOT_24
    else:
        plain |= DOVECOT_23
    for source, place in plain.items():
        text = template(source)
        if layout.database == "mariadb" and "query = " in text:
            text = in_mysql(text)
        _write(layout.var / place, fill(text, values), 0o644, None)
    for source, place in secret.items():
        _write(layout.var / place, fill(template(source), values), 0o640, group)


def _write(path: Path, text: str, mode: int, group: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(mode)
    if group is not None:
        os.chown(draft, -1, group)
    draft.replace(path)
