"""Login attempts at the few mailboxes whose owners try their mail program just now (docs/settings-test.md).

The state file names them. What is told about an attempt goes to the page of the one who watches, and decides nothing:
lines of the log may be anybody's who can write there, and a wrong name is a guess at whose it is. So that no tenant
sees another's attempts, a name that is none of this mailbox's counts only from the address of the watching browser,
only with the same local part, and only where its domain is nobody's here.
"""

from __future__ import annotations

import ipaddress

from sekisho.detection.settings_slips import name_form, refused_name
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.recent import Recent
from sekisho.journal import AttemptSeen
from sekisho.wire import dovecot_log
from sekisho.wire.dovecot_policy import LoginReport, program_of

# A person makes one attempt in some seconds, a mail program with four folders four; a guesser's flood at a watched
# mailbox must not fill the spool.
MOST_IN_A_MINUTE = 60
MINUTE = 60.0
# Refused names whose protocol is remembered until the log's line comes.
REMEMBERED_REFUSALS = 1000
# As long as a name may be that is compared at all (RFC 5321: 64 + 1 + 255 octets).
MAX_NAME = 320


class SettingsTest:
    """Tells the attempts at watched mailboxes to the spool; with nobody watching each login costs one look."""

    def __init__(self, checkpoint: Checkpoint, delimiter: str) -> None:
        self._checkpoint = checkpoint
        self._delimiter = delimiter
        # mailbox -> (minute, attempts told in it)
        self._told: dict[str, tuple[int, int]] = {}
        self._refusals: Recent[LoginReport] = Recent(REMEMBERED_REFUSALS)

    @property
    def _watched(self) -> dict[str, tuple[str, ...]]:
        return self._checkpoint.standing.state.settings_tests

    def take_report(self, report: LoginReport, mailbox: str | None, now: float) -> None:
        """One login's result; `mailbox`: what its name means, None for a name that means none."""
        if not self._watched or not report.remote:
            return
        if not report.login:
            self._refusals.put(report.remote, report)
            return
        if mailbox is not None and mailbox in self._watched:
            self._tell(report, mailbox, now)
        elif not report.success:
            for watched in self._meant(report.login[:MAX_NAME], report.remote):
                self._tell(report, watched, now)

    def _meant(self, typed: str, ip: str) -> list[str]:
        """Watched mailboxes a wrong name may stand for: see the module's head."""
        local, at, domain = typed.rpartition("@")
        local, domain = (local, domain) if at else (typed, "")
        state = self._checkpoint.standing.state
        if domain in state.domain_mailbox_counts or domain in state.alias_domains:
            return []
        return [
            mailbox
            for mailbox, sources in self._watched.items()
            if mailbox.rpartition("@")[0] == local and _is_among(ip, sources)
        ]

    def take_refused_name(self, found: dovecot_log.NameRefused, now: float) -> None:
        """A name with a blank or the like: only the log has it, and it means its mailbox from wherever it comes."""
        if not self._watched:
            return
        state = self._checkpoint.standing.state
        mailbox, slip = refused_name(found.user[:MAX_NAME], state.alias_domains, self._delimiter)
        if mailbox is not None and mailbox in self._watched:
            report = self._refusals.get(found.ip)
            self._refusals.forget(found.ip)
            self._spool(mailbox, slip, "other", report or LoginReport(remote=found.ip), now)

    def take_refused_connection(self, found: dovecot_log.ConnectionRefused, now: float) -> None:
        """Somebody at the address of a watching browser came to no login."""
        for mailbox, sources in self._watched.items():
            if _is_among(found.ip, sources):
                report = LoginReport(remote=found.ip, protocol=found.protocol)
                self._spool(mailbox, found.why, "other", report, now, named=False)

    def _tell(self, report: LoginReport, mailbox: str, now: float) -> None:
        state = self._checkpoint.standing.state
        form, slip = name_form(report.login[:MAX_NAME], mailbox, state.alias_domains, self._delimiter)
        self._spool(mailbox, slip, form, report, now)

    def _spool(
        self, mailbox: str, slip: str, form: str, report: LoginReport, now: float, *, named: bool = True
    ) -> None:
        minute, told = self._told.get(mailbox, (0, 0))
        told = told if minute == int(now // MINUTE) else 0
        if told >= MOST_IN_A_MINUTE:
            return
        self._told = {name: count for name, count in self._told.items() if name in self._watched}
        self._told[mailbox] = (int(now // MINUTE), told + 1)
        success = report.success and not report.policy_reject
        self._checkpoint.spool(
            AttemptSeen(
                t=now,
                mailbox=mailbox,
                slip=slip,
                form=form,
                success=success,
                protocol=report.protocol[:16],
                ip=report.remote[:45],
                country=self._checkpoint.places.source(report.remote)[1].country,
                pwhash=report.pwhash[:16],
                device=program_of(report.device_id),
                tls=_is_encrypted(report) if named and report.login else None,
                server_name=report.attrs.get("sni", "").lower()[:255],
            )
        )


def _is_encrypted(report: LoginReport) -> bool | None:
    """Postfix tells by `secured` alone; a trusted local connection is "secured" to Dovecot without any TLS."""
    secured = report.attrs.get("secured")
    if report.protocol == "smtp":
        return None if secured is None else bool(secured)
    return report.tls


def _is_among(ip: str, sources: tuple[str, ...]) -> bool:
    """Whether an address is one of these, or in one of these networks."""
    try:
        address = ipaddress.ip_address(ip)
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in ipaddress.ip_network(source, strict=False) for source in sources)
    except ValueError:
        return False
