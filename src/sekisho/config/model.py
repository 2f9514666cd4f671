"""The settings and their reasons.

The comment above a field is its text in docs/reference/settings.md (`make docs`; a test wants one above each): what it
is for, why the default is what it is, `Since X.Y` if it is younger than 0.1. Numbers have their unit in the annotation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from sekisho.config.inbound import InboundSettings
from sekisho.config.outward import Channels, HarmWatchSettings, MailServerSettings, NoticeSettings
from sekisho.config.secret_files import read_secret
from sekisho.config.values import (
    AddressDataFiles,
    Countries,
    Networks,
    Port,
    PortOrNone,
    PortOrUsual,
    Secret,
    SecretFile,
)


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the guard listens: a unix socket (mode 0660) or, in the local stack only, TCP on loopback."""

    # Path of the unix socket. Empty: TCP, where any local user can ask.
    unix: str = ""
    # Address for TCP; loopback, since these protocols have no encryption of their own.
    host: str = "127.0.0.1"
    # Port for TCP; 0 with a unix socket.
    port: PortOrUsual = 0


class ForwardPolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An auth policy server that was there before, such as weakforced or cPHulk (docs/neighbours.md)."""

    # What Dovecot had in auth_policy_server_url, http or https. Empty: nobody else is asked.
    url: str = ""
    # What it had in auth_policy_server_api_header, as "Name:value"; this or `header_file`, or neither.
    header: Secret = ""
    # File with that line instead, read by the guard alone.
    header_file: SecretFile = ""
    # How long a login waits for its answer before it goes on without. weakforced answers in a few milliseconds; Dovecot
    # gives us one second for both.
    timeout_ms: Annotated[int, msgspec.Meta(ge=10, le=900, extra={"unit": "milliseconds"})] = 300

    @property
    def header_line(self) -> str:
        """The header itself, "" for none; raises ConfigError where its file cannot be used."""
        return self.header or (read_secret(self.header_file) if self.header_file else "")


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What answers Postfix and Dovecot: its doors, its key, what it knows of places."""

    # Postfix' policy protocol (`check_policy_service`).
    policy: Listener
    # Dovecot's auth policy (`auth_policy_server_url`).
    auth_policy: Listener
    # Dovecot's events (`event_exporter`).
    events: Listener
    # Shared secret that Dovecot sends in the header X-Sekisho-Key; without it a request is answered 401. This or
    # `auth_policy_key_file` is needed, never both: nobody should have to guess which one counts.
    auth_policy_key: Secret = ""
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
    # File with that secret instead, read by the guard alone: the other processes need not be able to.
    auth_policy_key_file: SecretFile = ""
    forward_policy: ForwardPolicySettings = ForwardPolicySettings()

    @property
    def shared_key(self) -> str:
        """The secret itself, read when asked for; raises ConfigError where its file cannot be used."""
        return self.auth_policy_key or read_secret(self.auth_policy_key_file)


class PostfixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where Postfix has its configuration and its log."""

    # As `postconf -c` takes it, usually /etc/postfix.
    config_directory: str
    # Where Postfix logs, readable for the guard: deliveries, bounces and waiting senders are known from there only.
    mail_log: str
    # Transport and next hop of a delivery agent with soft_bounce, for the mail of a suspended mailbox that accepts and
    # keeps it (docs/rescue.md), such as "sekisho-rescue:unix:private/dovecot-lmtp". Empty: nobody can switch that on.
    rescue_transport: str = ""


class DovecotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where Dovecot has its configuration and its log, and what it is told to do beside."""

    # As `doveadm -c` takes it, usually /etc/dovecot/dovecot.conf.
    config_file: str
    # Its info_log_path, readable for the guard; the same as Postfix' mail_log where syslog collects both. Dovecot 2.3
    # says only there how much a session read. Empty: not followed.
    log: str = ""
    # File with Dovecot's `auth_policy_hash_nonce`, readable for panel, worker and command line; with it
    # a burned password that is back is known at its login (docs/passwords.md), and the settings test names a new one
    # with a blank before it (docs/settings-test.md). Empty: the one only by its stored hash, the other not at all.
    policy_hash_nonce_file: SecretFile = ""
    # Dovecot's `auth_policy_hash_mech`; the default is Dovecot's.
    policy_hash_mech: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    # Dovecot's `auth_policy_hash_truncate`, the default as well: few enough that nobody finds a password by them.
    policy_hash_bits: Annotated[int, msgspec.Meta(ge=0, le=160, extra={"unit": "bits"})] = 12
    # Directory of Dovecot's `sieve_before` = DIRECTORY/%u.sieve (docs/complaints.md); empty: returned mail is unsorted.
    returned_mail_scripts: str = ""
    # Where mail that comes back for a hijacker's messages goes. One level: "/" separates folders on some servers only.
    returned_mail_folder: str = "不正送信の不達通知"


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two databases and how to reach it (docs/databases.md)."""

    # SQLite serves one host and needs no server of its own; mysql is MariaDB, too.
    engine: Literal["sqlite", "postgresql", "mysql"] = "sqlite"
    # The database's name; with SQLite the file.
    name: str = ""
    # Whom we are there. Empty: the system user each process runs as, for servers that ask the kernel who comes.
    user: str = ""
    # Name or address of its server, or where its unix socket is: PostgreSQL's directory, MariaDB's file. Empty: the
    # driver's usual socket.
    host: str = ""
    # Port of its server; 0: the usual one.
    port: PortOrUsual = 0
    # File with the password. Empty: none is sent (the server knows the system user by its socket).
    password_file: SecretFile = ""


class SiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site whose mailboxes are not in PostfixAdmin's tables (docs/adopt.md)."""

    # SELECT that gives every mailbox: columns address (lower case, as people log in), domain, password, active, name.
    # Empty: `site_database` holds PostfixAdmin's tables.
    mailboxes: str = ""
    # SELECT that gives every mail domain: the column domain. Needed with `mailboxes`.
    domains: str = ""
    # SELECT that gives every domain whose addresses all exist in another one: the columns alias_domain, target_domain.
    # Empty: there are none.
    alias_domains: str = ""
    # UPDATE with :password and :mailbox. Empty: passwords are set by the site's own tools, and a recovery asks for the
    # one that was set there.
    set_password: str = ""
    # UPDATE with :active (true or false) and :mailbox, for display. Empty: the site does not show who is suspended.
    set_active: str = ""


# The words after "iss"; a name that is a host's address, usually.
IssuerName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class SignOnIssuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hoster's own panel that may sign its customers in (docs/single-sign-on.md)."""

    # The statement's `iss`, word for word.
    issuer: IssuerName
    # The one algorithm its statements are signed with; what they say about themselves counts nothing.
    algorithm: Literal["EdDSA", "ES256", "RS256"]
    # The public key in PEM; readable for the web process.
    public_key_file: Annotated[str, msgspec.Meta(min_length=1)]
    # Mail domains it may speak for; "*" for all of them.
    domains: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The panel, its REST API and the owners' pages."""

    # Where the panel listens; loopback, for a web server with TLS stands before it.
    host: str = "127.0.0.1"
    # The port there; above 1024, so that the panel needs no right of root's.
    port: Port = 8080
    # File with Django's SECRET_KEY (openssl rand -base64 48), readable for panel, worker and agent. Whoever replaces it
    # voids sessions, API keys, paper codes, second factors and case numbers.
    secret_key_file: SecretFile = ""
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


class ComplaintSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Feedback reports about spam (docs/complaints.md)."""

    # Clients whose reports count: addresses, networks, or host names with all their subdomains. Empty: nobody's do.
    reporters: tuple[str, ...] = ()
    # Names in `by …` of our Received lines, where they are neither `host` nor `mail_server.name`.
    own_hosts: tuple[str, ...] = ()


class DiagnosisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The diagnosis of suspicious mail (docs/diagnosis.md)."""

    # Where people forward a suspicious mail to, an address that Postfix hands to `sekisho diagnose`. Empty: only the
    # panel's page answers.
    address: str = ""
    # Names in `by …` of Received lines that are ours, besides `host` and `mail_server.name`: those of the MX and of
    # Dovecot's LMTP, where they differ. Lines by other hosts are the sender's claims.
    own_hosts: tuple[str, ...] = ()
    # The authserv-ids of our own Authentication-Results. Only names that our border removes from incoming mail
    # (RFC 8601, section 5) may stand here; empty: no result is believed, and the answer says that nobody checked.
    authserv_ids: tuple[str, ...] = ()
    # Answers by mail for a mailbox in a day: a worried person sends a handful, a program would send thousands.
    answers_a_day: Annotated[int, msgspec.Meta(ge=1, le=1000, extra={"unit": "answers a day"})] = 20


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
    # The port of `resolver`.
    resolver_port: Port = 53


class WebmailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webmail whose sessions end with a suspension: where its own database is (docs/webmail.md)."""

    # The webmail's make.
    kind: Literal["roundcube"]
    # What its database is.
    engine: Literal["sqlite", "postgresql", "mysql"] = "sqlite"
    # The database's name; with SQLite the file.
    name: str = ""
    # Whom we are there; SELECT and UPDATE on the table `session` are enough.
    user: str = ""
    # Name or address of its server, or its socket. Empty: the driver's usual one.
    host: str = ""
    # Port of its server; 0: the usual one.
    port: PortOrUsual = 0
    # File with the password, readable for the agent.
    password_file: SecretFile = ""
    # Roundcube's `db_prefix`.
    table_prefix: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_]{0,40}$")] = ""


# For rows and files about people's mail. Below a week a running incident would lose its evidence: senders and our own
# queue wait five days. A century is for ever.
FOR_EVER_DAYS = 36_500
KeptDays = Annotated[int, msgspec.Meta(ge=7, le=FOR_EVER_DAYS, extra={"unit": "days"})]


class SendingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which countries mail is sent by SMTP AUTH, where neither its domain nor its mailbox has a rule of its own
    (docs/sending-countries.md)."""

    # "observe" refuses nothing and shows whom "enforce" would refuse; look there before you switch. "off": neither.
    mode: Literal["off", "observe", "enforce"] = "observe"
    # ISO 3166-1 codes; empty: every country. Japan, where hosting providers have this rule for all their customers.
    countries: Countries = ("JP",)
    # Networks that count as there wherever the address data put them: for addresses that the data misjudge.
    exceptions: Networks = ()


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what we know about people's mail is kept (docs/retention.md); never its contents. 36500 is for ever."""

    # Logins, for the login history: a takeover that is noticed a season later can still be explained.
    sign_ins_days: KeptDays = 90
    # Failed logins, which are looked at within days; mostly strangers'.
    failed_sign_ins_days: KeptDays = 30
    # Which login submitted which queue id: twice the longest queue lifetime in the field, five days.
    submissions_days: KeptDays = 10
    # Its recipients and what became of the copies, and how much was forwarded to where: as long as the messages. What
    # an incident needs stays until 90 days after its end.
    recipients_days: KeptDays = 10
    # Who waited for a suspended mailbox, from the end of its incident on; their number stays.
    correspondents_days: KeptDays = 90
    # Messages of an incident that are off hold: sender and first recipients.
    held_messages_days: KeptDays = 90
    # Whom we wrote to about an incident or a mailbox: a year, since "nobody told me" comes late.
    notices_days: KeptDays = 365
    # Readings of the score, as long as the logins they were made of.
    scores_days: KeptDays = 90
    # Messages that somebody called spam.
    complaints_days: KeptDays = 90
    # What was read in sessions from unusual sources, most of them a traveller's: as long as the messages. What an
    # incident needs stays until 90 days after its end.
    reads_days: KeptDays = 10
    # Files of the guard's decisions, which the database has as well; half a year to look into what went wrong.
    journal_days: KeptDays = 180
    # Files of the guard's events: read within seconds, kept for two weeks in case the database must be
    # restored.
    spool_days: KeptDays = 14
    # Entries of the audit log. For ever: what somebody did with his rights may be asked years later, and it grows by
    # the acts of people, not by mail. A year at least, so that a yearly review finds all of it.
    audit_days: Annotated[int, msgspec.Meta(ge=365, le=FOR_EVER_DAYS, extra={"unit": "days"})] = FOR_EVER_DAYS


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the processes say on standard error (docs/run.md)."""

    # "text" is for people with a terminal; "json" is one object a line, for a program that collects logs.
    format: Literal["text", "json"] = "text"


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics for Prometheus and health endpoints, on 127.0.0.1 only (docs/run.md)."""

    # Port of the guard's; 0: none, since every program on the machine may ask there.
    guard_port: PortOrNone = 0
    # Port of the worker's, which tells for the agents, too; 0: none.
    worker_port: PortOrNone = 0
    # Port of the panel's; 0: none. Its health is at /health/live and /health/ready of the panel itself.
    web_port: PortOrNone = 0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a Sekisho process must know before it starts."""

    # This mail host's name in incidents, orders and the journal.
    host: str
    # State of this installation: journal, spool, profiles, state file, ledger.
    var: str
    # The barrier's directory, usually /var/lib/sekisho/barrier: written by the agent only, read by Postfix and Dovecot.
    barrier: str
    guard: GuardSettings
    postfix: PostfixSettings
    dovecot: DovecotSettings
    # The record: incidents, orders, audit log.
    database: DatabaseSettings
    # The site's own tables of mailboxes and aliases.
    site_database: DatabaseSettings
    web: WebSettings
    notices: NoticeSettings
    site: SiteSettings = SiteSettings()
    mail_server: MailServerSettings = MailServerSettings()
    complaints: ComplaintSettings = ComplaintSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    passwords: PasswordSettings = PasswordSettings()
    doctor: DoctorSettings = DoctorSettings()
    harm_watch: HarmWatchSettings = HarmWatchSettings()
    retention: RetentionSettings = RetentionSettings()
    sending: SendingSettings = SendingSettings()
    inbound: InboundSettings = InboundSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    # Where notices go besides mail.
    channels: Channels = ()
    # [[webmail]], one for each installation; a dozen is more than any site has, and each is asked in turn.
    webmail: Annotated[tuple[WebmailSettings, ...], msgspec.Meta(max_length=12)] = ()
    # "observe" records what would be done; "enforce" does it. A new host observes first.
    mode: Literal["observe", "enforce"] = "observe"
    # Seconds after which the doors of a suspended mailbox are tried again. An hour: a look is a dozen short processes.
    probe_every_s: Annotated[float, msgspec.Meta(ge=5, le=604800, extra={"unit": "seconds"})] = 3600.0
    # Days of lower thresholds after a takeover, for the mailbox and its domain: stolen addresses are sold on and tried
    # again for months. 0: none.
    close_watch_days: Annotated[int, msgspec.Meta(ge=0, le=365, extra={"unit": "days"})] = 90
    # Scheme of new mailboxes, and of rows whose own is too weak: PostfixAdmin's php_crypt:SHA512, Dovecot's default
    # on such sites.
    password_scheme: Literal["SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID"] = "SHA512-CRYPT"  # noqa: S105
    # What a sender's server is told at RCPT of a suspended mailbox, after `450 4.2.1 `; people read it in notices of
    # delay. Empty: the text of wire.replies.
    inbound_text: str = ""
    # Separates the extension from the local part, as in Postfix' recipient_delimiter.
    recipient_delimiter: str = "+"
    # Local parts that are never suspended automatically, only restricted: the operator must stay within reach
    # (RFC 5321, section 4.5.1, and RFC 2142).
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
