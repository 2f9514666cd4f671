"""Dovecot's auth policy endpoint: `POST /auth?command=allow` asks, `…?command=report` tells.

The report is the login event. What counts as one: `success` with `policy_reject` false. A report with `policy_reject`
says nothing about the password (Dovecot sends it also when it was refused before the check). Logins without a client
address are the agent's probes or doveadm's and are exempt. Where the site has another policy server (forward_policy),
everything but those is handed on to it, and a login that we let go on waits for its word.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable

from sekisho.detection import Login
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.forward_policy import ForwardPolicy
from sekisho.guard.http_service import Request, Response
from sekisho.guard.sessions import Sessions
from sekisho.guard.settings_test import SettingsTest
from sekisho.journal import LoginSeen
from sekisho.wire import WireError
from sekisho.wire.dovecot_policy import REFUSE, LoginReport, format_verdict, parse_allow, parse_report, program_of

log = logging.getLogger("sekisho.guard")

GO_ON = Response(200, format_verdict(0, ""))
_REFUSED = Response(200, format_verdict(REFUSE, ""))
_REPORTED = Response(200, b'{"status":0,"msg":""}')
_UNAUTHORIZED = Response(401, b"{}")
_UNREADABLE = Response(400, b"{}")
_NOT_FOUND = Response(404, b"{}")
_WRONG_METHOD = Response(405, b"{}")


class AuthPolicy:
    """Serves the two commands; `key` is the shared secret, an empty one lets nobody in.

    `reason_text`: shown to the client of a suspended mailbox, "{case}" for its case number; "" for nothing. Dovecot
    must ask before the password, else the barrier's `deny` refuses first and nobody gets to see it (docs/notices.md).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        sessions: Sessions,
        key: str,
        reason_text: str,
        settings_test: SettingsTest | None = None,
        forward: ForwardPolicy | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._sessions = sessions
        self._key = key.strip().encode()
        self._reason_text = reason_text
        # None: nobody can watch (old logs, tests of other things).
        self._settings_test = settings_test
        self._forward = forward

    def serve(self, request: Request) -> Response | Awaitable[Response]:
        if not self._key or not hmac.compare_digest(request.key, self._key):
            log.warning("auth policy: request without the right key")
            return _UNAUTHORIZED
        if request.method != "POST":
            return _WRONG_METHOD
        try:
            if request.query.endswith("command=allow"):
                return self._allow(request.body, time.time())
            if request.query.endswith("command=report"):
                report = parse_report(request.body)
                if self._forward is not None and report.remote:
                    self._forward.tell(request.body)
                return self._report(report, time.time())
        except WireError as error:
            log.warning("auth policy: %s", error)
            return _UNREADABLE
        return _NOT_FOUND

    def _allow(self, body: bytes, now: float) -> Response | Awaitable[Response]:
        question = parse_allow(body)
        if not question.remote:
            # A probe must reach `deny`: answered from our memory, it would stay green with `deny` taken away.
            return GO_ON
        name = question.attrs.get("user") or question.login
        if not self._checkpoint.allows_login(name, question.remote, now):
            # The other server hears of it by Dovecot's report.
            return self._refusal(name)
        return GO_ON if self._forward is None else self._ask_other(self._forward, body)

    async def _ask_other(self, forward: ForwardPolicy, body: bytes) -> Response:
        """The stricter of both: ours is that it may go on."""
        verdict = await forward.ask(body)
        return GO_ON if verdict is None else Response(200, format_verdict(verdict.status, verdict.message))

    def _refusal(self, name: str) -> Response:
        """What a refused client is told. Asked before the password is looked at: a right one changes nothing in it."""
        case = self._checkpoint.suspended_case(name) if self._reason_text else None
        if case is None or ("{case}" in self._reason_text and not case):
            # Not suspended, or so lately that the record has no number yet: Dovecot's own words.
            return _REFUSED
        return Response(200, format_verdict(REFUSE, self._reason_text.replace("{case}", case)))

    def _report(self, report: LoginReport, now: float) -> Response:
        name = report.attrs.get("user") or report.login
        # Compatibility: an empty name is one with a forbidden character; nobody can be named then.
        mailbox = self._checkpoint.mailbox(name) if name else None
        if self._settings_test is not None:
            self._settings_test.take_report(report, mailbox, now)
        if mailbox is None or not report.remote:
            return _REPORTED
        self._checkpoint.counters.logins += 1
        success = report.success and not report.policy_reject
        app_password = report.attrs.get("app", "") if success else ""
        # The hash of an app password says nothing about the mailbox's own.
        pwhash = "" if app_password else report.pwhash
        ip, place = self._checkpoint.places.source(report.remote)
        if success and report.session_id:
            self._sessions.begin(report.session_id, mailbox, report.remote)
        if not report.policy_reject:
            event = Login(now, mailbox, ip, place, report.protocol, success, pwhash, program_of(report.device_id))
            self._checkpoint.observe(event, now)
        self._checkpoint.spool(
            LoginSeen(
                t=now,
                mailbox=mailbox,
                success=success,
                protocol=report.protocol,
                ip=report.remote,
                country=place.country,
                asn=place.asn,
                pwhash=pwhash,
                device=report.device_id,
                session=report.session_id,
                app_password=app_password,
                strange=self._checkpoint.is_strange(mailbox, place) if success else None,
            )
        )
        return _REPORTED
