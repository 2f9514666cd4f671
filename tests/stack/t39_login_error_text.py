"""P2: where the site wants it, the mail program of a suspended mailbox shows why in its own error box: the same for the
right and a wrong password, at IMAP, POP3 and SMTP; only where fail2ban would ban nobody for it; nobody else is told
anything. It is no part of the barrier: with the guard hanging, `deny` refuses as ever.
Sabotage: tests/sabotage/t39.patch (Dovecot is not told to ask the guard before the password)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import HOME, Stack

from sekisho.cli.sparing import JAIL
from sekisho.deploy.layout import Layout, Ports
from sekisho.deploy.render import SECRET_FILES, fill, stack_values, template
from sekisho.rehearsal.doors import try_imap
from sekisho.rehearsal.outside import wait_until

REASON = "This mailbox is suspended. Case {case}, see panel.example/case"


def restart(stack: Stack, *names: str) -> None:
    for name in names:
        stack.restarted(name, stack.kill(name))
    stack.wait_until_guard_answers()


@dataclass
class Site:
    """The stack with the option on; its files as `sekisho up` renders them for a provider who wants it."""

    stack: Stack
    jails: Path

    def files(self) -> dict[Path, str]:
        layout = Layout(self.stack.var, Ports().shifted(self.stack.base))
        secrets = {name: (layout.secrets / name).read_text().strip() for name in ("auth-policy", "nonce")}
        values = stack_values(
            layout, "mx01.hoshizora-host.example", "sekisho@hoshizora-host.example",
            secrets["auth-policy"], secrets["nonce"], ["198.18.250.0/28"], REASON,
        )  # fmt: skip
        texts = {layout.var / place: fill(template(name), values) for name, place in SECRET_FILES.items()}
        toml = layout.var / "sekisho.toml"
        texts[toml] = texts[toml].replace("[guard]\n", f'[guard]\nfail2ban_directory = "{self.jails.parent}"\n', 1)
        return texts

    def put(self, texts: dict[Path, str]) -> None:
        for path, text in texts.items():
            path.write_text(text)
        dovecot = str(self.stack.var / "ours/dovecot/dovecot.conf")
        subprocess.run(["/usr/bin/doveadm", "-c", dovecot, "reload"], check=True, timeout=30)
        restart(self.stack, "guard", "agent")


@pytest.fixture
def site(stack: Stack, tmp_path: Path) -> Iterator[Site]:
    """A fail2ban that does not know us yet, and the option on; undone afterwards."""
    # The guard has a user of its own.
    jails = stack.var / f"fail2ban-{tmp_path.name}" / "jail.d"
    jails.mkdir(parents=True)
    found = Site(stack, jails)
    texts = found.files()
    before = {path: path.read_text() for path in texts}
    found.put(texts)
    try:
        yield found
    finally:
        found.put(before)


def test_the_reason_is_shown_for_any_password_and_only_beside_a_fail2ban_that_knows_us(
    stack: Stack, site: Site
) -> None:
    box = stack.new_box("t39")
    stack.suspend(box)
    # Without our snippet fail2ban would ban the owner: an alarm, and Dovecot's own words.
    assert "suspended" not in try_imap(stack.places, box.address, box.password, HOME).text
    (site.jails / "sekisho.local").write_text(JAIL.format(command="sekisho"))
    restart(stack, "guard")

    told = REASON.format(case=stack.incident(box)["case"])

    shown = wait_until(lambda: told in try_imap(stack.places, box.address, box.password, HOME).text, 10, pause=0.3)
    assert shown is not None
    right, wrong = stack.doors(box), stack.doors(box, password="no password of this mailbox")
    assert right == wrong and not any(answer.accepted for answer in right.values()), (right, wrong)
    assert right["imap"].text == f"[ALERT] {told}"
    assert right["pop3"].text == f"-ERR [AUTH] {told}"
    assert told in right["sieve"].text
    assert right["smtp"].text == f"535 5.7.8 Error: authentication failed: {told}"

    other = stack.new_box("t39")
    assert try_imap(stack.places, other.address, other.password, HOME).accepted
    for name in (other.address, f"nobody-{other.address}"):
        answer = try_imap(stack.places, name, "no password of this mailbox", HOME)
        assert not answer.accepted and "suspended" not in answer.text, answer

    guard = stack.pid("guard")
    os.kill(guard, signal.SIGSTOP)
    try:
        shut = stack.doors(box)
        assert not any(answer.accepted or told in answer.text for answer in shut.values()), shut
    finally:
        os.kill(guard, signal.SIGCONT)
