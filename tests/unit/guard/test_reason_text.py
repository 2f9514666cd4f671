"""A reason for clients is shown only where fail2ban does not count it against the owner."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sekisho.cli.sparing import JAIL
from sekisho.config import settings
from sekisho.guard.reason_text import told_reason


def told(directory: Path, text: str = "Suspended, case {case}") -> tuple[str, str]:
    guard = settings().guard
    return told_reason(msgspec.structs.replace(guard, reason_text=text, fail2ban_directory=str(directory)))


def test_without_fail2ban_and_with_our_snippet_it_is_shown(tmp_path: Path) -> None:
    assert told(tmp_path / "missing") == ("Suspended, case {case}", "")
    (tmp_path / "jail.d").mkdir()
    (tmp_path / "jail.d" / "sekisho.local").write_text(JAIL.format(command="sekisho"))
    assert told(tmp_path) == ("Suspended, case {case}", "")


def test_a_fail2ban_that_does_not_know_us_is_an_alarm_and_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "jail.d").mkdir()
    (tmp_path / "jail.d" / "defaults-debian.conf").write_text("[sshd]\nenabled = true\n")
    text, alarm = told(tmp_path)
    assert text == "" and "fail2ban" in alarm


@pytest.mark.parametrize("directory", ["missing", "."])
def test_off_is_off_without_an_alarm(tmp_path: Path, directory: str) -> None:
    assert told(tmp_path / directory, "") == ("", "")
