"""Settings of a real site: behind TLS, Django's own deployment check has nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import testing_settings


def django(arguments: list[str], configuration: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SEKISHO_CONFIG": str(configuration), "DJANGO_SETTINGS_MODULE": "sekisho.web.settings"}
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


def behind_tls(tmp_path: Path) -> Path:
    text = (testing_settings.VAR / "sekisho.toml").read_text()
    key = tmp_path / "key"
    key.write_text("".join(f"{number:x}" for number in range(60)))
    key.chmod(0o640)
    changed = text.replace("https = false", "https = true").replace(
        str(testing_settings.VAR / "secrets" / "django"), str(key)
    )
    assert changed.count("https = true") == 1 and str(key) in changed
    configuration = tmp_path / "sekisho.toml"
    configuration.write_text(changed)
    return configuration


def test_the_deployment_check_is_clean_behind_tls(tmp_path):
    done = django(["check", "--deploy", "--fail-level", "WARNING"], behind_tls(tmp_path))
    assert done.returncode == 0, done.stderr


def test_no_migration_is_missing(tmp_path):
    done = django(["makemigrations", "--check", "--dry-run"], behind_tls(tmp_path))
    assert done.returncode == 0, done.stdout


def test_argon2_comes_first(tmp_path):
    script = "from django.conf import settings; print(settings.PASSWORD_HASHERS[0])"
    assert "Argon2" in django(["shell", "--no-imports", "-c", script], behind_tls(tmp_path)).stdout
