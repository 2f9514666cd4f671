"""`sekisho doctor`: is this mail host as it must be? Each check with its evidence and what repairs it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from sekisho.cli.output import Refused, databases, in_japanese, print_json, say
from sekisho.config import settings

if TYPE_CHECKING:
    from sekisho.deploy.doctor import Finding

SIGNS = {0: ("ok", "正常"), 1: ("WARN", "注意"), 2: ("FAIL", "異常")}


def _domains() -> tuple[list[str], list[str], str]:
    """Mail domains, the servers their MX may lead to, and what keeps the database from answering ("")."""
    configuration = settings()
    servers = [configuration.host, configuration.mail_server.name]
    try:
        with databases():
            from sekisho.directory.models import MailHost, SiteDomain

            names = SiteDomain.objects.exclude(domain="ALL").filter(active=True, backupmx=False).order_by("domain")
            servers += MailHost.objects.values_list("server_name", flat=True)
            return list(names.values_list("domain", flat=True)), servers, ""
    except Refused as refusal:
        return [], servers, str(refusal)


def _last_backup() -> float | None:
    """When the newest backup was begun, by the audit trail; None for none."""
    with databases():
        from sekisho.incidents.audit_models import Audit

        row = Audit.objects.filter(verb="backup_made").order_by("-number").first()
        return row.at.timestamp() if row else None


@click.command()
@click.option("--no-dns", is_flag=True, help="Ask no resolver.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(no_dns: bool, as_json: bool) -> int:
    """Check Postfix, Dovecot, the barrier, the log, notices and DNS. Exit code: 0 well, 1 warnings, 2 failures."""
    from sekisho.deploy.doctor import Finding, Verdict, backups, examine, worst

    domains, servers, away = _domains()
    found = examine(settings(), domains, servers, ask_dns=not no_dns)
    if away:
        found.append(Finding("database", Verdict.FAIL, (away, away), ("sekisho status", "sekisho status")))
    else:
        found.append(backups(_last_backup(), time.time()))
    if as_json:
        print_json([as_json_finding(finding) for finding in found])
        return int(worst(found))
    language = int(in_japanese())
    for finding in found:
        click.echo(f"{SIGNS[finding.verdict][language]:5} {finding.name}: {finding.evidence[language]}")
        if finding.repair[language] and finding.verdict:
            click.echo(f"      -> {finding.repair[language]}")
    counts = [sum(finding.verdict == verdict for finding in found) for verdict in Verdict]
    click.echo(say("{} well, {} warnings, {} failures", "正常 {}、注意 {}、異常 {}").format(*counts))
    return int(worst(found))


def as_json_finding(finding: Finding) -> dict[str, object]:
    """A finding as plain data, in the terminal's language."""
    language = int(in_japanese())
    return {
        "name": finding.name,
        "result": SIGNS[finding.verdict][0].lower(),
        "evidence": finding.evidence[language],
        "repair": finding.repair[language] if finding.verdict else "",
    }
