"""One event is one line, whatever is in it, and no secret of ours is."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sekisho.config import read_settings
from sekisho.config.known_secrets import known_secrets
from sekisho.log_lines import JsonLines, Lines

SECRET = "hoshi-kagi-0123456789"
NASTY = [
    "user\n2026-01-01T00:00:00.000Z INFO sekisho: all is well",
    "carriage\rreturn",
    "\x1b[2J\x1b[31mred",
    "line\u2028separator\x85next",
    "right\u202eto left",
    "null\0 and bell\a",
]


@pytest.fixture(params=[Lines, JsonLines])
def kind(request: pytest.FixtureRequest) -> type[Lines]:
    found: type[Lines] = request.param
    return found


def written(kind: type[Lines], message: str, *values: object, error: bool = False, **how: bool) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(kind("guard", [SECRET, "short"], **how))
    log = logging.Logger("sekisho.test")
    log.addHandler(handler)
    if error:
        try:
            raise ValueError(message)
        except ValueError:
            log.exception("it failed: %s", *values)
    else:
        log.warning(message, *values)
    return stream.getvalue()


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_an_event_is_one_line_of_printable_text(kind: type[Lines], text: str) -> None:
    line = written(kind, "login of %s refused", text)
    assert line.endswith("\n") and line[:-1].isprintable()


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_json_gives_back_exactly_what_was_said(text: str) -> None:
    found = json.loads(written(JsonLines, "login of %s refused", text))
    assert found["message"] == f"login of {text} refused"
    assert (found["level"], found["process"], found["logger"]) == ("warning", "guard", "sekisho.test")
    assert found["at"].endswith("Z") and len(found["at"]) == len("2026-11-24T21:00:00.000Z")


def test_japanese_is_readable_in_json() -> None:
    assert "停止中" in written(JsonLines, "停止中")


def test_a_traceback_is_in_the_object_and_in_text_cannot_look_like_an_event() -> None:
    text = "2026-01-01T00:00:00.000Z INFO forged"
    lines = written(Lines, f"x\n{text}", "y", error=True).splitlines()
    assert len(lines) > 3 and all(line.startswith("  | ") for line in lines[1:])
    found = json.loads(written(JsonLines, f"x\n{text}", "y", error=True))
    assert "ValueError" in found["trace"] and found["message"] == "it failed: y"


def test_a_secret_or_a_links_token_never_appears(kind: type[Lines]) -> None:
    assert SECRET not in written(kind, "key %s", SECRET)
    assert SECRET not in written(kind, f"key {SECRET}", "y", error=True)
    line = written(kind, "GET %s", "/recover/link/abc-DEF_123?x=1")
    assert "abc-DEF_123" not in line and "/recover/link/" in line
    # Too short to be a secret of ours: it would be cut out of innocent words.
    assert "short" in written(kind, "a short word")


def test_a_message_without_end_is_cut(kind: type[Lines]) -> None:
    assert len(written(kind, "%s", "x" * 100_000)) < 10_000


def test_the_journal_is_told_the_level(kind: type[Lines]) -> None:
    assert written(kind, "x", in_journal=True).startswith("<4>")
    assert written(kind, "x", "y", error=True, in_journal=True).startswith("<3>")


SITE = """
host = "mx01.host.test"
var = "/var/lib/sekisho"
barrier = "/var/lib/sekisho/barrier"
guard = {{ auth_policy_key = "policy-key-abcdef", policy = {{}}, auth_policy = {{}}, events = {{}} }}
postfix = {{ config_directory = "/etc/postfix", mail_log = "/var/log/mail.log" }}
dovecot = {{ config_file = "/etc/dovecot/dovecot.conf", policy_hash_nonce_file = "{0}/missing" }}
database = {{ engine = "postgresql", name = "s", password_file = "{0}/database" }}
site_database = {{}}
web = {{ secret_key_file = "{0}/django" }}
notices = {{}}
[[channels]]
kind = "apprise"
name = "chat"
url_file = "{0}/chat"
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Iterator[Path]:
    for name, text in {
        "database": "pw-of-the-record",
        "django": "django-key-xyz",
        "chat": "slack://a-token\nx://b",
    }.items():
        path = tmp_path / name
        path.write_text(text + "\n")
        path.chmod(0o600)
    path = tmp_path / "sekisho.toml"
    path.write_text(SITE.format(tmp_path))
    yield path


def test_the_secrets_are_all_that_the_settings_name(configuration: Path) -> None:
    found = known_secrets(read_settings(configuration))
    wanted = {"policy-key-abcdef", "pw-of-the-record", "django-key-xyz", "slack://a-token", "x://b"}
    assert wanted <= set(found)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_process_logs_in_the_form_of_its_settings(configuration: Path, form: str) -> None:
    with configuration.open("a") as file:
        file.write(f'[log]\nformat = "{form}"\n')
    code = (
        "from sekisho.cli.processes import _begin_log; import logging; _begin_log('guard');"
        "logging.getLogger('sekisho.guard').error('key %s and %s', 'policy-key-abcdef', 'django-key-xyz')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"SEKISHO_CONFIG": str(configuration)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr.count("\n") == 1 and "key … and …" in done.stderr
    if form == "json":
        assert msgspec.json.decode(done.stderr)["process"] == "guard"
