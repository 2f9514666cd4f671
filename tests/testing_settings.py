"""Django's settings for the tests' own process and for mypy: the real ones, over a configuration of their own.

That configuration is the local stack's template in a temporary directory, so that it cannot drift from what
`sekisho up` writes. It is put into the cache of `sekisho.config.settings` and not into the environment: child
processes (the stories' stack) find their own.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import sekisho.config
from sekisho.deploy.layout import Layout, Ports
from sekisho.deploy.render import fill, stack_values, template

VAR = Path(tempfile.mkdtemp(prefix="sekisho-tests-"))
HOST = "mx01.provider.example"


def _prime() -> None:
    # Ports 1 to 12: nothing listens there, a test that tries is refused at once.
    layout = Layout(var=VAR, ports=Ports(*range(1, 13)))
    values = stack_values(layout, HOST, "sekisho@provider.example", "key-of-the-tests", "nonce")
    for name in ("secrets", "db", "barrier", "log", "run"):
        (VAR / name).mkdir()
    (VAR / "secrets" / "django").write_text("a key for tests only, long enough for Django's own check")
    (VAR / "secrets" / "nonce").write_text("nonce\n")
    for secret in ("django", "nonce"):
        (VAR / "secrets" / secret).chmod(0o640)
    (VAR / "sekisho.toml").write_text(fill(template("sekisho.toml"), values))
    before = os.environ.get("SEKISHO_CONFIG")
    os.environ["SEKISHO_CONFIG"] = str(VAR / "sekisho.toml")
    sekisho.config.settings.cache_clear()
    sekisho.config.settings()
    del os.environ["SEKISHO_CONFIG"]
    if before is not None:
        os.environ["SEKISHO_CONFIG"] = before


atexit.register(shutil.rmtree, VAR, ignore_errors=True)
_prime()

from sekisho.web.settings import *  # noqa: E402,F403

# Two independent databases: the site's is not made by us, ours never waits for it. Both are files, as in production: of
# a database in memory that threads share, SQLite gives out table locks without ever waiting (SQLITE_LOCKED, not
# SQLITE_BUSY), so eight racing writers may starve each other for minutes on a slow machine.
DATABASES["default"]["TEST"] = {"NAME": str(VAR / "tests-default.sqlite3")}  # noqa: F405
DATABASES["site"]["TEST"] = {"NAME": str(VAR / "tests-site.sqlite3"), "DEPENDENCIES": []}  # noqa: F405
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
# Panel accounts: the real hash costs 0.3 s each on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
