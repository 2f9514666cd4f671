"""One frozen Settings, read once per process from `sekisho.toml`; every value with its unit and reason.

The file is found in this order: `$SEKISHO_CONFIG`; `$SEKISHO_VAR/sekisho.toml`; `./var/sekisho.toml` (the local
stack of `make run`); `/etc/sekisho/sekisho.toml`. Rules that operators change in the panel live in the database,
connection facts live here. A typo in the file is an error that names the field.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

# Countries, owners, and one of each for a region; more is a mistake.
AddressDataFiles = Annotated[tuple[str, ...], msgspec.Meta(max_length=4)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class ConfigError(Exception):
    """The configuration file is missing or wrong; the text says where and what to do."""


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the guard listens: a unix socket (mode 0660) or, in the local stack only, TCP on loopback."""

    unix: str = ""
    host: str = "127.0.0.1"
    port: int = 0


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    policy: Listener
    auth_policy: Listener
    events: Listener
    # Shared secret that Dovecot sends in the header X-Sekisho-Key; without it a request is answered 401.
    auth_policy_key: str
    # System users whose processes may ask (checked by the kernel's word for the peer, never by what it says).
    trusted_users: tuple[str, ...] = ("root", "postfix", "dovecot")
    # Shown by the mail program of a suspended mailbox, "{case}" standing for the case number (docs/notices.md). Off:
    # Dovecot logs such a refusal as a failed login, which fail2ban counts.
    reason_text: str = ""
    # Where fail2ban is configured; without our snippet in its jail.d (docs/fail2ban.md) no reason is shown.
    fail2ban_directory: str = "/etc/fail2ban"
    # Client address data (docs/address-data.md): a file or a list of files. Empty: those of Debian's packages are used;
    # "none": indicators of place are off.
    address_data: str | AddressDataFiles = ""
    # Networks of our own webmail and proxies: a login from there says nothing about the place.
    own_networks: tuple[str, ...] = ()


class PostfixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    config_directory: str
    mail_log: str
    # Transport and next hop of a delivery agent with soft_bounce, for the mail of a suspended mailbox that accepts and
    # keeps it (docs/rescue.md), such as "sekisho-rescue:unix:private/dovecot-lmtp". Empty: nobody can switch that on.
    rescue_transport: str = ""


class DovecotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    config_file: str
    # Its info_log_path, readable for the guard; the same as Postfix' mail_log where syslog collects both. Dovecot 2.3
    # says only there how much a session read. Empty: not followed.
    log: str = ""
    # auth_policy_hash_nonce (in a file, readable for panel and command line), _mech and _truncate, as Dovecot has them:
    # a burned password that is back is known at its login (docs/passwords.md), and the settings test names a new one
    # with a blank before it (docs/settings-test.md). Empty: the one only by its stored hash, the other not at all.
    policy_hash_nonce_file: str = ""
    policy_hash_mech: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    policy_hash_bits: Annotated[int, msgspec.Meta(ge=0, le=160)] = 12
    # Directory of Dovecot's `sieve_before` = DIRECTORY/%u.sieve (docs/complaints.md); empty: returned mail is unsorted.
    returned_mail_scripts: str = ""
    # Where mail that comes back for a hijacker's messages goes. One level: "/" separates folders on some servers only.
    returned_mail_folder: str = "不正送信の不達通知"


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    engine: Literal["sqlite", "postgresql"] = "sqlite"
    name: str = ""
    user: str = ""
    host: str = ""
    port: int = 0
    password_file: str = ""


# The words after "iss"; a name that is a host's address, usually.
IssuerName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class SignOnIssuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hoster's own panel that may sign its customers in (docs/single-sign-on.md)."""

    issuer: IssuerName
    # The one algorithm its statements are signed with; what they say about themselves counts nothing.
    algorithm: Literal["EdDSA", "ES256", "RS256"]
    # The public key in PEM; readable for the web process.
    public_key_file: Annotated[str, msgspec.Meta(min_length=1)]
    # Mail domains it may speak for; "*" for all of them.
    domains: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8080
    secret_key_file: str = ""
    # Names under which the panel is reached; Django refuses other Host headers.
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    # Behind TLS: secure cookies and HSTS. The local stack speaks plain HTTP on loopback.
    https: bool = True
    # An operator without a second factor is led to setting one up before anything else (docs/accounts.md).
    operators_need_second_factor: bool = True
    # [[web.single_sign_on]], one for each hoster's panel; a handful at most.
    single_sign_on: Annotated[tuple[SignOnIssuer, ...], msgspec.Meta(max_length=20)] = ()
    # Where people reach the panel, as "https://panel.example". Empty: made of the first allowed host.
    url: str = ""

    @property
    def panel_url(self) -> str:
        """What links in mails begin with, without a slash at the end; never taken from a request's Host header."""
        if self.url:
            return self.url.rstrip("/")
        name = next(iter(self.allowed_hosts), self.host)
        return f"https://{name}" if self.https else f"http://{name}:{self.port}"


class MailServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What owners type into their mail program, where no domain says otherwise (directory.MailHost does)."""

    name: str = ""
    imap_port: Port = 993
    pop3_port: Port = 995
    smtp_port: Port = 465
    tls: bool = True
    # What mail programs call these accounts: the provider's name. Empty: the server's name.
    provider: str = ""
    # PEM files that sign Apple's configuration profiles: certificate with its issuers, and its key, readable for the
    # panel. Empty: profiles are unsigned, and the device says so (docs/mail-programs.md).
    profile_certificate: str = ""
    profile_key: str = ""


class NoticeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sender: str = ""
    smtp_host: str = "127.0.0.1"
    smtp_port: Port = 25


# Short and plain: it stands in commands, in logs and on the incident's page.
ChannelName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]


class WebhookChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"):
    """A program of the site's that takes notices as signed JSON (docs/notices.md)."""

    name: ChannelName
    # Files with one line, readable for the worker alone: the https address, and the secret of the signature.
    url_file: str
    secret_file: str
    language: Literal["ja", "en"] = "ja"
    # Mail domains whose incidents go there, and nothing else. Empty: all domains, and calls to the operator.
    domains: tuple[str, ...] = ()
    # The address may be one of our own networks; then plain http is allowed as well.
    allow_private: bool = False
    # The certificate authority of a receiver of our own; empty: those of the system.
    ca_file: str = ""


class AppriseChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="apprise"):
    """A chat or push service in Apprise's words (docs/notices.md)."""

    name: ChannelName
    # One address in Apprise's form a line; it holds the service's token, so only the worker may read it.
    url_file: str
    language: Literal["ja", "en"] = "ja"
    domains: tuple[str, ...] = ()


Channel = WebhookChannel | AppriseChannel
# One sending thread each; more is a mistake.
Channels = Annotated[tuple[Channel, ...], msgspec.Meta(max_length=16)]


class ComplaintSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Feedback reports about spam (docs/complaints.md)."""

    # Clients whose reports count: addresses, networks, or host names with all their subdomains. Empty: nobody's do.
    reporters: tuple[str, ...] = ()
    # Names in `by …` of our Received lines, where they are neither `host` nor `mail_server.name`.
    own_hosts: tuple[str, ...] = ()


class PasswordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules of new mailbox passwords that are a matter of this host (docs/passwords.md)."""

    # What `sekisho pwned build` made. Empty: passwords.filter in `var`. Without the file the rule is off.
    breached_list: str = ""


class DoctorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `sekisho doctor` asks the DNS about (docs/doctor.md)."""

    # Addresses from which this host's mail leaves; a hundred are more than one host has.
    addresses: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    # Blocklists to ask, as "zen.spamhaus.org": each has terms of its own, so none is asked unbidden.
    blocklists: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    # Selectors of the domains' DKIM keys; empty: not looked for.
    dkim_selectors: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    # Address of a resolver; empty: the system's. Blocklists refuse questions that come by a public resolver.
    resolver: str = ""
    resolver_port: Port = 53


class WebmailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webmail whose sessions end with a suspension: where its own database is (docs/webmail.md)."""

    kind: Literal["roundcube"]
    engine: Literal["sqlite", "postgresql", "mysql"] = "sqlite"
    # The database's name; with SQLite the file.
    name: str = ""
    user: str = ""
    host: str = ""
    port: int = 0
    password_file: str = ""
    # Roundcube's `db_prefix`.
    table_prefix: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_]{0,40}$")] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a Sekisho process must know before it starts."""

    # This mail host's name in incidents, orders and the journal.
    host: str
    # State of this installation: journal, spool, profiles, state file, ledger.
    var: str
    # The barrier's directory (DESIGN §5), written by the agent only.
    barrier: str
    guard: GuardSettings
    postfix: PostfixSettings
    dovecot: DovecotSettings
    database: DatabaseSettings
    site_database: DatabaseSettings
    web: WebSettings
    notices: NoticeSettings
    mail_server: MailServerSettings = MailServerSettings()
    complaints: ComplaintSettings = ComplaintSettings()
    passwords: PasswordSettings = PasswordSettings()
    doctor: DoctorSettings = DoctorSettings()
    # Where notices go besides mail.
    channels: Channels = ()
    # [[webmail]], one for each installation; a dozen is more than any site has, and each is asked in turn.
    webmail: Annotated[tuple[WebmailSettings, ...], msgspec.Meta(max_length=12)] = ()
    # "observe" records what would be done; "enforce" does it. A new host observes first.
    mode: Literal["observe", "enforce"] = "observe"
    # Seconds after which the doors of a suspended mailbox are tried again. An hour: a look is a dozen short processes.
    probe_every_s: Annotated[float, msgspec.Meta(ge=5)] = 3600.0
    # Scheme of new mailboxes, and of rows whose own is too weak: PostfixAdmin's php_crypt:SHA512, Dovecot's default
    # on such sites.
    password_scheme: Literal["SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID"] = "SHA512-CRYPT"  # noqa: S105
    # What a sender's server is told at RCPT of a suspended mailbox, after `450 4.2.1 `; people read it in notices of
    # delay. Empty: the text of wire.replies.
    inbound_text: str = ""
    # Separates the extension from the local part, as in Postfix' recipient_delimiter.
    recipient_delimiter: str = "+"
    # Postfix reserves it for the operator's contact; never suspended automatically, as is abuse@ (RFC 2142).
    protected_local_parts: tuple[str, ...] = ("postmaster", "abuse")

    @property
    def journal_directory(self) -> Path:
        """Decisions of the guard, fsynced (sekisho.journal)."""
        return Path(self.var) / "guard" / "journal"

    @property
    def spool_directory(self) -> Path:
        """Events for the worker, bounded."""
        return Path(self.var) / "guard" / "spool"

    @property
    def profiles_file(self) -> Path:
        return Path(self.var) / "guard" / "profiles"

    @property
    def spared_file(self) -> Path:
        """Networks whose failed logins are a locked-out owner's, for `sekisho fail2ban-ignore`."""
        return Path(self.var) / "guard" / "spared.json"

    @property
    def state_file(self) -> Path:
        """Non-active mailboxes, written by the agent, read by the guard."""
        return Path(self.var) / "agent" / "state.json"

    @property
    def complaints_directory(self) -> Path:
        """Complaints that count, from `sekisho complaint` to the guard."""
        return Path(self.var) / "complaints"

    @property
    def breached_list_file(self) -> Path:
        """Passwords known from breaches (recovery.breached)."""
        return Path(self.passwords.breached_list or Path(self.var) / "passwords.filter")

    @property
    def ledger_directory(self) -> Path:
        """The agent's own record of what it holds shut and which steps are done."""
        return Path(self.var) / "agent" / "ledger"


def configuration_path() -> Path:
    """The file this process must read; raises ConfigError when there is none."""
    if named := os.environ.get("SEKISHO_CONFIG"):
        return Path(named)
    candidates = [Path(os.environ.get("SEKISHO_VAR", "var")) / "sekisho.toml", Path("/etc/sekisho/sekisho.toml")]
    for path in candidates:
        if path.exists():
            return path
    raise ConfigError(f"no configuration at {' or '.join(map(str, candidates))}; `make run` makes one")


def read_settings(path: Path) -> Settings:
    """The settings in a TOML file; raises ConfigError naming the file and the field."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Settings)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if problem := inbound_text_problem(found.inbound_text):
        raise ConfigError(f"{path}: inbound_text {problem}")
    if problem := reason_text_problem(found.guard.reason_text):
        raise ConfigError(f"{path}: guard.reason_text {problem}")
    issuers = [one.issuer for one in found.web.single_sign_on]
    if len(set(issuers)) != len(issuers):
        raise ConfigError(f"{path}: web.single_sign_on: an issuer is named twice")
    names = [channel.name for channel in found.channels]
    if doubled := {name for name in names if names.count(name) > 1 or name == "mail"}:
        raise ConfigError(f"{path}: channels: the name {min(doubled)} is taken")
    return found


# A reply line may have 512 octets (RFC 5321, section 4.5.3.1.5), an address in it 256; and a delay notice wraps.
MOST_INBOUND_TEXT = 200
# fail2ban's stock filters (1.0.2, postfix and dovecot) count lines with these: a host that honestly retries would be
# banned for our answer.
ATTACK_PHRASES = (
    "access denied",
    "relay access denied",
    "service unavailable",
    "user unknown",
    "undeliverable",
    "authentication failed",
    "blocked using",
    "host not found",
    "need fully-qualified",
    "unverified address",
    "improper command pipelining",
    "auth failed",
    "too many errors",
)


def inbound_text_problem(text: str) -> str:
    """Why this text cannot be said in a 450; "" for one that can."""
    if not (text.isascii() and (text.isprintable() or not text)):
        return "must be printable ASCII: other servers show it as it is"
    if len(text) > MOST_INBOUND_TEXT:
        return f"has more than {MOST_INBOUND_TEXT} characters"
    if text != text.strip() or ";" in text:
        return "must have no blank at its ends and no semicolon: programs that read mail logs stop there"
    if text[:1].isdigit():
        return "must not begin with a digit: it would be taken for a reply code"
    found = [phrase for phrase in ATTACK_PHRASES if phrase in text.lower()]
    return f'holds "{found[0]}", for which fail2ban bans the servers that wait' if found else ""


# Postfix puts it behind "535 5.7.8 Error: authentication failed: " in a line of 512 octets, and mail programs show it
# in a small box.
MOST_REASON_TEXT = 200


def reason_text_problem(text: str) -> str:
    """Why this text cannot be told to a client whose login is refused; "" for one that can."""
    if not (text.isascii() and (text.isprintable() or not text)):
        return "must be printable ASCII: IMAP allows nothing else (RFC 3501, section 7.1)"
    if len(text) > MOST_REASON_TEXT:
        return f"has more than {MOST_REASON_TEXT} characters"
    if set("{}") & set(text.replace("{case}", "")):
        return "knows one placeholder, {case}"
    return ""


@cache
def settings() -> Settings:
    """This process's settings, read at the first call."""
    return read_settings(configuration_path())
