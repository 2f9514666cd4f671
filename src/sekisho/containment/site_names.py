"""The site's names as the agent knows them without its database: alias domains, domains, canonical mailboxes.

Filled from the last state file at start, refreshed by the database thread. A name learnt later only adds rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from sekisho.detection.names import canonical_mailbox
from sekisho.journal import RecordError, StateFile, read_state, replace_file

log = logging.getLogger(__name__)


class SiteNames:
    """Names in memory; replaced as a whole, so threads read it without a lock."""

    def __init__(self, delimiter: str, domains_file: Path) -> None:
        self._delimiter = delimiter
        self._domains_file = domains_file
        self.alias_domains: Mapping[str, str] = {}
        self._domains: frozenset[str] = frozenset()

    def load(self, state_file: Path) -> StateFile | None:
        """Takes what was known when the agent last ran; the state file it came from, or None."""
        try:
            state = read_state(state_file)
        except (RecordError, OSError) as error:
            log.error("state file cannot be read: %s", error)
            state = None
        try:
            domains = json.loads(self._domains_file.read_bytes())
        except (OSError, ValueError):
            domains = []
        self._domains = frozenset(str(domain) for domain in domains)
        if state is not None:
            self.alias_domains = state.alias_domains
        return state

    def take(self, alias_domains: Mapping[str, str], domains: frozenset[str]) -> bool:
        """Takes the database's word, durably; whether it was news."""
        if alias_domains == self.alias_domains and domains == self._domains:
            return False
        if domains != self._domains:
            replace_file(self._domains_file, json.dumps(sorted(domains)).encode())
        self.alias_domains, self._domains = dict(alias_domains), domains
        return True

    def canonical(self, login: str) -> str:
        """The mailbox a login name or address means, "" for none."""
        return canonical_mailbox(login, self.alias_domains, self._delimiter) or ""

    def our_domains(self) -> frozenset[str]:
        """All mail domains hosted here, alias domains too."""
        return self._domains | self.alias_domains.keys()

    def forms_of(self, mailbox: str) -> list[str]:
        """Every address and login name of a mailbox: itself first, then its form in each alias domain, sorted."""
        local, _, domain = mailbox.rpartition("@")
        others = sorted(alias for alias, target in self.alias_domains.items() if target == domain)
        return [mailbox, *(f"{local}@{alias}" for alias in others)]
