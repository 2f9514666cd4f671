r"""Lines of Dovecot's log about logins, refused logins and ended sessions, for reading old logs again.

Read: Dovecot 2.2 to 2.4, through syslog (`Nov 24 12:46:18 mx01 dovecot: imap-login: Login: ...`) or its own file
(`Nov 24 12:46:18 imap-login: Info: Login: ...`, also with log_timestamp `%Y-%m-%d %H:%M:%S`), login_log_format_elements
as shipped. Attacker-controlled is the typed login name of a refused login: it stands between `user=<` and the *last*
`>, method=..., rip=...` of the line, because nothing behind that is the client's text. A name in a `Login:` line was
let in. The service's name stands before any of it. Known weak point, as in maillog: logger(1) where syslog collects.
"""

from __future__ import annotations

import re

import msgspec

from sekisho.wire.errors import WireError

# Dovecot cuts names at 1 KiB and its lines at 8 KiB (LOG_MAX_TEXT_LEN); the rest is no log.
MAX_LINE = 8 * 1024

# How events name the services (detection.Login.protocol).
_PROTOCOLS = {"managesieve": "sieve", "submission": "smtp"}


class LoggedIn(msgspec.Struct, frozen=True):
    """Somebody was let in."""

    stamp: str
    # imap, pop3, sieve, smtp.
    protocol: str
    # As Dovecot knows it; not canonical.
    user: str
    ip: str
    # "" where the site's log format leaves it out.
    session: str


class LoginRefused(msgspec.Struct, frozen=True):
    """A connection ended after wrong passwords; one line for all of its attempts."""

    stamp: str
    protocol: str
    # As typed, by anybody.
    user: str
    ip: str
    attempts: int


class SessionClosed(msgspec.Struct, frozen=True):
    """An IMAP or POP3 session ended: octets to the client, texts of messages that it fetched, and their octets."""

    stamp: str
    protocol: str
    user: str
    session: str
    bytes_out: int
    fetched: int
    # None where the site's log format leaves it out.
    fetched_octets: int | None = None


class NameRefused(msgspec.Struct, frozen=True):
    """A login name held a character that auth_username_chars forbids. Written with auth_verbose, for every service."""

    stamp: str
    # As typed, by anybody.
    user: str
    ip: str


class ConnectionRefused(msgspec.Struct, frozen=True):
    """A connection that came to no login: "certificate" (the client did not accept ours) or "no_tls" (it wanted to say
    its password unencrypted, and disable_plaintext_auth forbids that). Nobody knows whose it was."""

    stamp: str
    protocol: str
    ip: str
    why: str


LogLine = LoggedIn | LoginRefused | SessionClosed | NameRefused | ConnectionRefused

_STAMP = (
    r"([A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) (?:\S+ dovecot[\w.-]*(?:\[\d+\])?: )?"
)
_head = re.compile(
    _STAMP + r"(?:(imap|pop3|managesieve|submission)-login: "
    # mail_log_prefix: "%s(%u)<%{pid}><%{session}>: ", up to 2.2 "%s(%u): ". A name that got in has no blanks.
    r"|(imap|pop3)\(([^\s()]{1,1024})\)(?:<\d+><([^<>\s]{0,128})>)?: )"
    r"(?:Info: )?(.*)"
).fullmatch
# Greedy on purpose, see the module's head.
_let_in = re.compile(r"(?:Login|Logged in): user=<(.*)>, method=[\w.+-]+, rip=([0-9A-Fa-f.:]+)(, .*|)").fullmatch
# "user disabled": 2.4's word for a name that `deny` refuses, whatever the password.
_refused = re.compile(
    r"(?:Aborted login|Login aborted|Disconnected)\b[^<>]*?\((?:auth failed|user disabled), (\d{1,6}) attempts"
    r"[^()]*\)(?: \([a-z_]+\))?: "
    r"user=<(.*)>,(?: method=[\w.+-]+,)? rip=([0-9A-Fa-f.:]+)(?:, .*|)"
).fullmatch
_session = re.compile(r".* session=<([A-Za-z0-9+/=_.:-]{1,128})>.*").fullmatch
_tells_attempts = re.compile(r"\((?:auth failed|user disabled), ").search
# Greedy: the typed name is the last thing in the line.
_name_refused = re.compile(
    _STAMP + r"auth: (?:Info: )?"
    r"[a-z0-9-]{1,20}\(\?,([0-9A-Fa-f.:]+)(?:,<[^<>]{0,128}>)?\): "
    r"Username character disallowed by auth_username_chars: 0x[0-9a-f]{2} \(username: (.*)\)"
).fullmatch
# TLS alerts by which a client says that it does not take our certificate (RFC 8446, section 6.2): 42 bad_certificate,
# 43 unsupported, 44 revoked, 45 expired, 46 certificate_unknown, 48 unknown_ca. Another name than ours is 42 or 46.
_no_login = re.compile(
    r"(?:(?:Aborted login|Login aborted|Disconnected)\b[^<>]*?"
    r"(?:(SSL alert number (?:4[2-6]|48)\b)|\(tried to use disallowed (?:plain|clear)text auth\))[^<>]*"
    r"|Login failed: (?:Plain|Clear)text authentication disabled): "
    r"user=<>,(?: method=[\w.+-]+,)? rip=([0-9A-Fa-f.:]+)(?:, .*|)"
).fullmatch
# imap_logout_format has eight counters; the bound keeps a long line of them from costing its square.
_imap_end = re.compile(r".* in=\d{1,18} out=(\d{1,18})((?: [a-z_]{1,32}=\d{1,18}){0,20})").fullmatch
_bodies = re.compile(r" body_count=(\d+)").search
_body_octets = re.compile(r" body_bytes=(\d+)").search
# "top=0/0, retr=1/36, del=0/2, size=43": messages/octets.
_pop3_end = re.compile(r".* top=\d{1,18}/(\d{1,18}), retr=(\d{1,18})/(\d{1,18})(?:, .*|)").fullmatch


def parse_line(line: str) -> LogLine | None:
    """What a line (without its end) says; None for lines that say nothing we use or that are not Dovecot's.

    Raises WireError for a line that ought to say something but is not in a form known here.
    """
    if len(line) > MAX_LINE:
        return None
    head = _head(line)
    if head is None:
        return _refused_name(line) if "disallowed by auth_username_chars" in line else None
    stamp, login_service, service, user, session, rest = head.groups()
    if login_service is None:
        return _ended(stamp, service, user, session or "", rest)
    protocol = _PROTOCOLS.get(login_service, login_service)
    if rest.startswith(("Login: ", "Logged in: ")):
        if found := _let_in(rest):
            named = _session(found[3])
            return LoggedIn(stamp, protocol, found[1], found[2], named[1] if named else "")
        raise WireError("Dovecot log: login line cannot be read")
    if rest.startswith(("Aborted login", "Login aborted", "Disconnected")) and _tells_attempts(rest):
        if found := _refused(rest):
            return LoginRefused(stamp, protocol, found[2], found[3], int(found[1]))
        raise WireError("Dovecot log: refused login cannot be read")
    if found := _no_login(rest):
        why = "certificate" if found[1] else "no_tls"
        return ConnectionRefused(stamp, protocol, found[2], why)
    return None


def _refused_name(line: str) -> NameRefused:
    found = _name_refused(line)
    if found is None:
        raise WireError("Dovecot log: refused name cannot be read")
    return NameRefused(found[1], found[3], found[2])


def _ended(stamp: str, service: str, user: str, session: str, rest: str) -> SessionClosed | None:
    if service == "imap" and (found := _imap_end(rest)):
        bodies, octets = _bodies(found[2]), _body_octets(found[2])
        fetched, read = int(bodies[1]) if bodies else 0, int(octets[1]) if octets else None
        return SessionClosed(stamp, service, user, session, int(found[1]), fetched, read)
    if service == "pop3" and (found := _pop3_end(rest)):
        read = int(found[1]) + int(found[3])
        return SessionClosed(stamp, service, user, session, read, int(found[2]), read)
    if rest.startswith(("Disconnected: Logged out", "Logged out")):
        raise WireError("Dovecot log: end of a session cannot be read")
    return None
