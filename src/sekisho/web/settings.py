"""Django's settings, made from `sekisho.config`: for panel, worker, agent and command line alike."""

from __future__ import annotations

import os
import pwd
from typing import Any

from csp.constants import NONE, SELF

from sekisho.config import DatabaseSettings, read_secret, settings

_settings = settings()


def _database(database: DatabaseSettings, pragmas: str = "") -> dict[str, Any]:
    if database.engine == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": database.name,
            # A locked database must not hold anybody for long: agent and worker come back, the panel answers 503.
            "OPTIONS": {
                "timeout": 2,
                "transaction_mode": "IMMEDIATE",
                "init_command": f"{pragmas} PRAGMA synchronous=NORMAL;",
            },
        }
    return {
        "NAME": database.name,
        "USER": database.user or pwd.getpwuid(os.geteuid()).pw_name,
        "HOST": database.host,
        "PORT": database.port or "",
        "PASSWORD": read_secret(database.password_file) if database.password_file else "",
        **_SERVERS[database.engine],
    }


# As with SQLite nobody waits longer than 2 s for a lock; a statement that takes 10 s would hold up everything else.
_SERVERS: dict[str, dict[str, Any]] = {
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "OPTIONS": {"connect_timeout": 2, "options": "-c lock_timeout=2000 -c statement_timeout=10000"},
    },
    "mysql": {
        "ENGINE": "sekisho.directory.mysql",
        "OPTIONS": {
            "charset": "utf8mb4",
            "connect_timeout": 2,
            # For a server that hangs; above its own limit, which says why.
            "read_timeout": 12,
            "write_timeout": 12,
            # MySQL has no max_statement_time and skips what stands in MariaDB's comment.
            "init_command": "SET SESSION sql_mode='TRADITIONAL', innodb_lock_wait_timeout=2, lock_wait_timeout=2"
            " /*M!100101 , max_statement_time=10 */",
        },
    },
}

# Only our own database gets another journal mode: in the site's a reader without the right to write would fail by it.
DATABASES = {
    "default": _database(_settings.database, "PRAGMA journal_mode=WAL;"),
    "site": _database(_settings.site_database),
}
DATABASE_ROUTERS = ["sekisho.directory.router.SiteRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = read_secret(_settings.web.secret_key_file)
DEBUG = False
ALLOWED_HOSTS = list(_settings.web.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "sekisho.directory",
    "sekisho.incidents",
    "sekisho.recovery",
    "sekisho.impact",
    "sekisho.inbound",
    "sekisho.web",
    # Second factors, passkeys and the list of sessions. Behind our own rooms: their texts come first.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    # Before everything: probes and metrics need no session, no host name, no TLS.
    "sekisho.web.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # The request at hand, for django-allauth's forms and flows.
    "allauth.account.middleware.AccountMiddleware",
    # Every page needs a sign-in unless its view says otherwise.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sekisho.web.middleware.SecondFactorDutyMiddleware",
    "sekisho.web.middleware.ReadOnlyMiddleware",
    "sekisho.web.middleware.ViewerZoneMiddleware",
    "sekisho.web.middleware.PrivatePageMiddleware",
    "sekisho.web.middleware.AuditEntranceMiddleware",
]

if _settings.metrics.web_port:
    MIDDLEWARE.insert(0, "sekisho.web.measures.MeasureMiddleware")

ROOT_URLCONF = "sekisho.web.urls"
WSGI_APPLICATION = "sekisho.web.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sekisho.web.context.navigation",
            ],
        },
    }
]

USE_TZ = True
TIME_ZONE = "Asia/Tokyo"
# Whoever asks for a language we do not speak reads Japanese.
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"

STATIC_URL = "/static/"
# WhiteNoise serves the packages' own static directories: no collecting step, no web server before it needed.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 300

# Accounts. Argon2 first; the others only verify what an older installation wrote.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        # The same floor as for mailboxes: NIST SP 800-63B-4 §3.1.1.2 for a password used as the only factor.
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "dashboard"

# django-allauth does the steps after the password (web.signing_in); its own pages are not in web.urls.
ACCOUNT_ADAPTER = "sekisho.web.signing_in.PanelAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
# Accounts have no mail address of their own: admins make them, and nobody gets in by a mail.
ACCOUNT_EMAIL_VERIFICATION = "none"
# Between the password and the second factor: long enough to fetch a phone.
ACCOUNT_LOGIN_TIMEOUT = 600
MFA_ADAPTER = "sekisho.web.signing_in.PanelFactorAdapter"
MFA_FORMS = {
    "authenticate": "sekisho.web.signing_in.SecondFactorForm",
    "authenticate_webauthn": "sekisho.web.signing_in.PasskeyFactorForm",
    "login_webauthn": "sekisho.web.signing_in.PasskeySignInForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A clock half a minute off, or a code typed at its end. web.signing_in sees to it that a code works once all the same.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
# web.confirmation asks again, with rules of its own, before anything sensitive.
MFA_REAUTHENTICATION_REQUIRED = False
# Counts and used codes must be one for all server processes.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "sekisho_cache",
        # Entries live minutes and each takes a request that was counted; above this the expired ones go first.
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}

# A working day; the panel can suspend and reinstate mailboxes, so a forgotten window closes itself.
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "sekisho_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _settings.web.https
CSRF_COOKIE_NAME = "sekisho_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _settings.web.https
CSRF_FAILURE_VIEW = "sekisho.web.views.errors.form_expired"
LANGUAGE_COOKIE_SECURE = _settings.web.https

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _settings.web.https:
    # TLS ends in the web server before us, which must set (and overwrite) this header; see docs of `web.https`.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
# W005, W021: HSTS for every subdomain, and for ever in browsers' lists, is the domain owner's decision, not a panel's.
# models.W036: on MariaDB our own backend keeps partial uniqueness (directory.mysql.schema).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "models.W036"]

# No inline code, no inline style, nothing from other hosts. Pico draws ticks and arrows as data: images.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Forms here are a handful of short fields: 64 KiB and 50 fields are far above any of them.
# The source of a suspicious mail that is pasted has some hundred KiB; no other field comes near.
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
# Files that are uploaded (a CSV file, a suspicious mail of at most 8 MiB) stay in memory: with this handler alone a
# larger one is read past, and nothing of anybody's mail is ever written to a disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 9 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Everything to stderr, where systemd or the local stack's supervisor takes it; request bodies are never logged.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "sekisho.web.masking.MaskingFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "sekisho.web": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
