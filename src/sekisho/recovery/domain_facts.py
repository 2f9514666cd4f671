"""Domains as plain data: what `domain list --json` prints and the API answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sekisho.config import settings
from sekisho.directory.names import alias_domains
from sekisho.incidents import enforcement, rescue
from sekisho.recovery.mail_settings import for_domain


def domain_facts(names: Iterable[str]) -> list[dict[str, Any]]:
    """One line for each of these domains: server name, mode, and whose alias it is."""
    aliases, modes, host_mode = alias_domains(), enforcement.modes(), settings().mode
    rescue_rules = rescue.rules()
    return [
        {
            "domain": name,
            "alias_of": aliases.get(name),
            "server_name": for_domain(name).server_name,
            # An alias domain has no mailboxes: its mode is that of its target.
            "mode": modes.get(aliases.get(name) or name, host_mode),
            # Mail of suspended mailboxes is accepted so many hours before the first sender may give up.
            "rescue_hours_before": rescue_rules.get(aliases.get(name) or name),
        }
        for name in names
    ]
