"""The exact edits that make a grown mail host ask the barrier and the guard, as data: each file's old and new text.

Pure: from what the surveys found to texts. Planned anew on an adopted host the texts come out as they are, so that a
second run has nothing to do. Why each line stands where it does: docs/adopt.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sekisho.config import Settings
from sekisho.deploy.doctor.postfix_checks import ASKING_LISTS, SUBMISSION_LISTS, Service
from sekisho.deploy.render import fill, template
from sekisho.deploy.setup import edits
from sekisho.deploy.setup.dovecot_survey import DovecotFacts
from sekisho.deploy.setup.postfix_survey import PostfixFacts, early_refusals

RECIPIENT_LIST = "smtpd_recipient_restrictions"
# What a list may begin with, in this order: who sends, whom it is for, the guard.
PIECES = ("sasl", "rcpt", "policy")
# Dovecot 2.4 wants its version first.
_FIRST_LINES = re.compile(r"dovecot_(config|storage)_version\s*=")
# Holds the guard's key and the nonce; root reads it for Dovecot.
PRIVATE, PUBLIC = 0o600, 0o644
RESCUE = "sekisho-rescue"


class FileEdit(msgspec.Struct, frozen=True):
    """One file before and after; `old` is None for a file that is not there, `mode` is for a new file."""

    path: str
    old: str | None
    new: str
    mode: int = PUBLIC
    # The new file belongs to Sekisho's group.
    shared: bool = False

    @property
    def changes(self) -> bool:
        return self.old != self.new


class Plan(msgspec.Struct, frozen=True):
    """Every file that setup looks after, those without a change as well, in the order of writing."""

    files: tuple[FileEdit, ...]
    # Never shown: the guard's key and the nonce.
    secrets: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[FileEdit, ...]:
        return tuple(file for file in self.files if file.changes)

    def difference(self) -> str:
        """A unified diff of all changed files, secrets replaced by dots."""
        text = "".join(difference(file.path, file.old, file.new) for file in self.changed)
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


def difference(path: str, old: str | None, new: str | None) -> str:
    """A unified diff of one file; None stands for a file that is not there."""
    names = ("/dev/null" if old is None else path), ("/dev/null" if new is None else path)
    lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), *names, lineterm="")
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(line: str) -> str:
    """A site's file may hold bytes that are no UTF-8 (read as surrogates); a terminal must not see them."""
    return line.encode("utf-8", "replace").decode()


def make(
    postfix: PostfixFacts, dovecot: DovecotFacts, settings: Settings, config: FileEdit, secrets: Mapping[str, str]
) -> Plan:
    """The edits for these facts; `secrets` are AUTH_POLICY_KEY and AUTH_POLICY_NONCE, `config` is sekisho.toml's.

    Raises KeyError for a master.cf that postconf and we read differently.
    """
    values = {
        "BARRIER": settings.barrier,
        "AUTH_POLICY": str(settings.guard.auth_policy.port),
        "EVENTS": str(settings.guard.events.port),
        **secrets,
    }
    # Postfix last: it is what asks the others.
    return Plan((config, *_dovecot(dovecot, values), *_postfix(postfix, settings)), tuple(secrets.values()))


# --- Dovecot


def include_files(config_file: str) -> tuple[str, str]:
    """Our two files beside dovecot.conf: the one included first and the one included last."""
    place = Path(config_file).parent
    return str(place / "sekisho-first.conf"), str(place / "sekisho-last.conf")


def _dovecot(dovecot: DovecotFacts, values: Mapping[str, str]) -> list[FileEdit]:
    first, last = include_files(dovecot.config_file)
    plain = edits.strip(dovecot.text)
    whole = edits.insert(plain, [f"!include {first}"], _FIRST_LINES if dovecot.syntax == "2.4" else None)
    # A program that runs as somebody else may not read the key and goes on; see the file's first lines.
    whole = edits.append(whole, [f"!include_try {last}"])
    return [
        FileEdit(first, _there(first), fill(template(f"setup/dovecot-first-{dovecot.syntax}.conf"), values)),
        FileEdit(last, _there(last), fill(template(f"setup/dovecot-last-{dovecot.syntax}.conf"), values), PRIVATE),
        FileEdit(dovecot.config_file, dovecot.text, whole),
    ]


def _there(path: str) -> str | None:
    try:
        return edits.read_exact(Path(path))
    except FileNotFoundError:
        return None


# --- Postfix


def wanted_pieces(service: Service) -> dict[str, frozenset[str]]:
    """For each list of an smtpd what must stand first in it."""
    wanted: dict[str, set[str]] = {}
    if service.logs_in:
        for name in SUBMISSION_LISTS:
            wanted.setdefault(name, set()).add("sasl")
        for name in ASKING_LISTS:
            wanted[name].add("policy")
    if service.takes_outside_mail:
        for name in (RECIPIENT_LIST, *early_refusals(service)):
            wanted.setdefault(name, set()).add("rcpt")
    return {name: frozenset(pieces) for name, pieces in wanted.items()}


def macro(pieces: frozenset[str]) -> str:
    """The name of the main.cf parameter that stands for these pieces."""
    return "sekisho_" + "_".join(piece for piece in PIECES if piece in pieces)


def _policy_place(settings: Settings, queue: str) -> str:
    """Where Postfix asks the guard; a socket below the queue directory by its path there, as a chrooted smtpd does."""
    place = settings.guard.policy
    return f"unix:{place.unix.removeprefix(f'{queue}/')}" if place.unix else f"inet:{place.host}:{place.port}"


def _macro_line(pieces: frozenset[str], settings: Settings, queue: str) -> str:
    texts = {
        "sasl": f"check_sasl_access lmdb:{settings.barrier}/sasl",
        "rcpt": f"check_recipient_access lmdb:{settings.barrier}/rcpt",
        # 3 s and fail open; try_limit 2, because with 1 an open session never asks a restarted guard again.
        "policy": f"check_policy_service {{ {_policy_place(settings, queue)}, timeout=3s, try_limit=2, "
        "retry_delay=1s, default_action=DUNNO, policy_context=sekisho }",
    }
    return f"{macro(pieces)} = " + ", ".join(texts[piece] for piece in PIECES if piece in pieces)


def _postfix(postfix: PostfixFacts, settings: Settings) -> list[FileEdit]:
    main = edits.strip(postfix.main_text)
    master, inherited, used = _services_lists(postfix, main)
    queue = postfix.values.get("queue_directory", "")
    lines = [_macro_line(pieces, settings, queue) for pieces in sorted(used, key=macro)]
    lines += [f"sekisho_{name} = lmdb:{settings.barrier}/{name}" for name in ("identity", "transport")]
    firsts = {name: macro(pieces) for name, pieces in inherited.items()}
    firsts |= {"virtual_alias_maps": "sekisho_identity", "transport_maps": "sekisho_transport"}
    for name, ours in firsts.items():
        if edits.value_of(main, name) is None:
            default = postfix.defaults.get(name, "")
            lines.append(f"{name} = ${ours}, {default}" if default else f"{name} = ${ours}")
        else:
            main = edits.put_first(main, name, ours)
    if edits.value_of(main, "enable_long_queue_ids") != "yes":
        main = edits.switch_off(main, "enable_long_queue_ids")
        # The log is the index from queue id to login, so an id must not come again.
        lines.append("enable_long_queue_ids = yes")
    return [
        FileEdit(str(postfix.master_file), postfix.master_text, edits.append(master, _services(master, settings))),
        FileEdit(str(postfix.main_file), postfix.main_text, edits.append(main, lines)),
    ]


def _services_lists(postfix: PostfixFacts, main: str) -> tuple[str, dict[str, frozenset[str]], set[frozenset[str]]]:
    """master.cf with its services' own lists, what is left for the lists of main.cf, and every combination used."""
    master = edits.strip(postfix.master_text)
    inherited: dict[str, frozenset[str]] = {}
    used: set[frozenset[str]] = set()
    for service in postfix.services:
        own, missing = edits.overrides(master, service.name, service.kind), []
        for name, pieces in wanted_pieces(service).items():
            if name in own:
                master = edits.put_first_in_service(master, service.name, service.kind, name, macro(pieces))
            elif service.logs_in and edits.value_of(main, name) is None and not postfix.defaults.get(name):
                # A list of its own costs nothing here, and mail from outside does not ask the guard.
                missing.append(f"  -o {name}=${macro(pieces)}")
            else:
                # A list of main.cf holds for every service that does not set it itself.
                inherited[name] = inherited.get(name, frozenset()) | pieces
                continue
            used.add(pieces)
        if missing:
            master = edits.insert_in_service(master, service.name, service.kind, missing)
    return master, inherited, used | set(inherited.values())


def _services(master: str, settings: Settings) -> list[str]:
    """Services of master.cf that the barrier's tables name."""
    lines = []
    if not edits.has_service(master, "retry", "unix"):
        lines.append("retry unix - - - - - error")
    if settings.postfix.rescue_transport.startswith(f"{RESCUE}:") and not edits.has_service(master, RESCUE, "unix"):
        # Whatever Dovecot says to the mail of a suspended mailbox that accepts and keeps it, nothing is bounced.
        lines += [f"{RESCUE} unix - - - - - lmtp", "  -o soft_bounce=yes"]
    return lines


def rescue_transport(virtual_transport: str) -> str:
    """What [postfix] rescue_transport is on this host; "" where mailboxes are not delivered by LMTP."""
    name, _, hop = virtual_transport.partition(":")
    return f"{RESCUE}:{hop}" if name == "lmtp" and hop else ""
