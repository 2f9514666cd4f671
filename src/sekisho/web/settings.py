"""Django's settings, made from `sekisho.config`: for panel, worker, agent and command line alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sekisho.config import DatabaseSettings, settings

_settings = settings()


def _database(database: DatabaseSettings) -> dict[str, Any]:
    if database.engine == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": database.name,
            # A locked database must not hold anybody for long: agent and worker come back, the panel answers 503.
            "OPTIONS": {
                "timeout": 2,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    password = Path(database.password_file).read_text().strip() if database.password_file else ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.name,
        "USER": database.user,
        "HOST": database.host,
        "PORT": database.port or "",
        "PASSWORD": password,
        "OPTIONS": {"connect_timeout": 2, "options": "-c lock_timeout=2000 -c statement_timeout=10000"},
    }


DATABASES = {"default": _database(_settings.database), "site": _database(_settings.site_database)}
DATABASE_ROUTERS = ["sekisho.directory.router.SiteRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = Path(_settings.web.secret_key_file).read_text().strip()
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
    "sekisho.web",
]

USE_TZ = True
TIME_ZONE = "Asia/Tokyo"
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
