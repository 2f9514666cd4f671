"""What the configuration file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import (
    MOST_INBOUND_TEXT,
    AppriseChannel,
    Channel,
    ConfigError,
    WebhookChannel,
    inbound_text_problem,
    read_settings,
    reason_text_problem,
)

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


CHANNELS = """
[[channels]]
name = "ops"
kind = "webhook"
url_file = "/etc/sekisho/secrets/ops-url"
secret_file = "/etc/sekisho/secrets/ops-secret"

[[channels]]
name = "{}"
kind = "{}"
url_file = "/etc/sekisho/secrets/chat"
domains = ["customer.test"]
{}
"""


def _read(tmp_path: Path, name: str = "chat", kind: str = "apprise", more: str = "") -> tuple[Channel, ...]:
    path = tmp_path / "sekisho.toml"
    path.write_text(SMALLEST.format("") + CHANNELS.format(name, kind, more))
    return read_settings(path).channels


def test_channels_are_read_with_their_kinds(tmp_path: Path) -> None:
    ops, chat = _read(tmp_path)
    assert isinstance(ops, WebhookChannel) and isinstance(chat, AppriseChannel)
    assert (ops.allow_private, ops.domains, chat.domains) == (False, (), ("customer.test",))


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("ops", "apprise", ""),
        ("mail", "apprise", ""),
        ("Chat Room", "apprise", ""),
        ("chat", "pigeon", ""),
        ("chat", "webhook", ""),
        ("chat", "apprise", 'secret_file = "x"'),
        ("chat", "apprise", 'language = "de"'),
    ],
)
def test_a_channel_with_a_mistake_in_it_is_refused(tmp_path: Path, name: str, kind: str, more: str) -> None:
    with pytest.raises(ConfigError):
        _read(tmp_path, name, kind, more)


@pytest.mark.parametrize("text", ["停止中", "a\nb", "a" * 201, "case {number}", "case {", "{case!r}"])
def test_a_reason_that_no_client_can_show_is_refused(text: str) -> None:
    assert reason_text_problem(text)
    assert reason_text_problem("Suspended, case {case}: https://panel.example/case") == ""
