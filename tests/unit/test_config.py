"""What the configuration file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import MOST_INBOUND_TEXT, ConfigError, inbound_text_problem, read_settings


SMALLEST = """
host = "mx01.provider.test"
var = "/var/lib/sekisho"
barrier = "/var/lib/sekisho/barrier"
inbound_text = "{}"
guard = {{ auth_policy_key = "k", policy = {{}}, auth_policy = {{}}, events = {{}} }}
postfix = {{ config_directory = "/etc/postfix", mail_log = "/var/log/mail.log" }}
dovecot = {{ config_file = "/etc/dovecot/dovecot.conf" }}
database = {{}}
site_database = {{}}
web = {{}}
notices = {{}}
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("メールは保管されます", "ASCII"),
        ("a" * (MOST_INBOUND_TEXT + 1), "more than 200"),
        ("two\nlines", "ASCII"),
        (" leading blank", "blank"),
        ("this; and that", "semicolon"),
        ("550 go away", "digit"),
        ("The USER UNKNOWN to us is away", "user unknown"),
    ],
)
def test_a_text_that_cannot_go_on_the_wire_is_refused_with_its_reason(text: str, problem: str) -> None:
    assert problem in inbound_text_problem(text)


@pytest.mark.parametrize(
    "text", ["", "mailbox paused by its provider, your mail is kept and will be retried", "a" * MOST_INBOUND_TEXT]
)
def test_a_plain_text_is_allowed(text: str) -> None:
    assert inbound_text_problem(text) == ""


def test_a_process_does_not_start_with_such_a_text(tmp_path: Path) -> None:
    path = tmp_path / "sekisho.toml"
    path.write_text(SMALLEST.format("wait, it is kept"))
    assert read_settings(path).inbound_text == "wait, it is kept"
    path.write_text(SMALLEST.format("Undeliverable"))
    with pytest.raises(ConfigError, match="inbound_text holds"):
        read_settings(path)
