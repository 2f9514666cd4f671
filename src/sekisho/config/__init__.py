"""One frozen Settings, read once per process from `sekisho.toml`; every value with its unit and reason.

The file is found in this order: `$SEKISHO_CONFIG`; `$SEKISHO_VAR/sekisho.toml`; `./var/sekisho.toml` (the local
stack of `make run`); `/etc/sekisho/sekisho.toml`. Rules that operators change in the panel live in the database,
connection facts live here. A typo in the file is an error that names the setting and what was probably meant.

Who may enter: everybody. What it must never do: import another room, or show a secret.
"""

from sekisho.config.model import (
    ComplaintSettings,
    DatabaseSettings,
    DoctorSettings,
    DovecotSettings,
    ForwardPolicySettings,
    GuardSettings,
    Listener,
    LogSettings,
    MetricsSettings,
    PasswordSettings,
    PostfixSettings,
    RetentionSettings,
    Settings,
    SignOnIssuer,
    SiteSettings,
    WebmailSettings,
    WebSettings,
)
from sekisho.config.outward import (
    AppriseChannel,
    Channel,
    HarmWatchSettings,
    MailServerSettings,
    NoticeSettings,
    WebhookChannel,
)
from sekisho.config.reading import (
    configuration_name,
    configuration_path,
    read_settings,
    read_tables,
    settings,
    settings_of,
)
from sekisho.config.secret_files import ConfigError, read_secret
from sekisho.config.texts import (
    MOST_INBOUND_TEXT,
    MOST_REASON_TEXT,
    forward_policy_problem,
    header_problem,
    inbound_text_problem,
    reason_text_problem,
)

__all__ = [
    "MOST_INBOUND_TEXT",
    "MOST_REASON_TEXT",
    "AppriseChannel",
    "Channel",
    "ComplaintSettings",
    "ConfigError",
    "DatabaseSettings",
    "DoctorSettings",
    "DovecotSettings",
    "ForwardPolicySettings",
    "GuardSettings",
    "HarmWatchSettings",
    "Listener",
    "LogSettings",
    "MailServerSettings",
    "MetricsSettings",
    "NoticeSettings",
    "PasswordSettings",
    "PostfixSettings",
    "RetentionSettings",
    "Settings",
    "SignOnIssuer",
    "SiteSettings",
    "WebSettings",
    "WebhookChannel",
    "WebmailSettings",
    "configuration_name",
    "configuration_path",
    "forward_policy_problem",
    "header_problem",
    "inbound_text_problem",
    "read_secret",
    "read_settings",
    "read_tables",
    "reason_text_problem",
    "settings",
    "settings_of",
]
