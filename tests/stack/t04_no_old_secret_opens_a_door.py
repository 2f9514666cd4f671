"""P2: suspended, no door takes the old password, under no login name, with Dovecot's auth cache on and warm, with
the guard and without; the answer does not tell a right password from a wrong one. Sabotage:
tests/sabotage/t04.patch (no deny row for alias- domain logins)."""

from __future__ import annotations

import os
import signal
import subprocess

from harness import Box, Stack

ANSWERS = {
    "imap": "[AUTHENTICATIONFAILED] Authentication failed.",
    "pop3": "-ERR [AUTH] Authentication failed.",
    "smtp": "535 5.7.8 Error: authentication failed",
    "sieve": "NO ",
}


def test_every_door_refuses_the_old_password_under_every_name(stack: Stack) -> None:
    configuration = str(stack.var / "ours" / "dovecot" / "dovecot.conf")
    cache = subprocess.run(
        ["doveconf", "-c", configuration, "-h", "auth_cache_size"], capture_output=True, text=True, check=True
    ).stdout
    assert cache.strip() not in ("", "0"), "this story needs the auth cache"
    box, neighbour = stack.new_boxes("t04", 2)
    names = (box.address, box.alias_form, box.address.upper(), box.alias_form.title())
    for name in names:
        # Twice: the second one comes from the cache.
        for _ in range(2):
            answers = stack.doors(box, name=name)
            assert all(answer.accepted for answer in answers.values()), (name, answers)

    stack.suspend(box)
    assert_refused_everywhere(stack, box, names)
    # The guard knows the mailbox under every name, too. The barrier must hold without it: here it hangs.
    guard = stack.pid("guard")
    os.kill(guard, signal.SIGSTOP)
    try:
        assert_refused_everywhere(stack, box, names)
    finally:
        os.kill(guard, signal.SIGCONT)
    stack.assert_open(Box(neighbour.address))


def assert_refused_everywhere(stack: Stack, box: Box, names: tuple[str, ...]) -> None:
    for name in names:
        right, wrong = stack.doors(box, name=name), stack.doors(box, name=name, password="not-the-password")
        for door, text in ANSWERS.items():
            assert not right[door].accepted, (name, door)
            assert right[door].text.startswith(text), right[door]
            assert masked(right[door].text) == masked(wrong[door].text)


def masked(text: str) -> str:
    """A reply without what differs from session to session."""
    return text.split(":")[0] if text.startswith("535") else text
