"""All checks in the order in which a mail passes: Postfix, Dovecot, the host, the DNS."""

from __future__ import annotations

from collections.abc import Sequence

from sekisho.config import Settings
from sekisho.deploy.doctor import dns_checks, dovecot_checks, host_checks, postfix_checks
from sekisho.deploy.doctor.findings import Finding


def examine(
    settings: Settings, domains: Sequence[str], servers: Sequence[str], *, ask_dns: bool = True
) -> list[Finding]:
    """Every finding about this host and these mail domains; `servers` are the names their MX may lead to."""
    found = [*postfix_checks.check(settings), *dovecot_checks.check(settings), dovecot_checks.auth_cache(settings)]
    found += host_checks.check(settings)
    if ask_dns:
        found += dns_checks.check(settings, domains, servers)
    return found
