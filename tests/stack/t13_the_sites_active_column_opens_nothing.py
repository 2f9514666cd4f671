"""P2: `UPDATE mailbox SET active=1`, one click in PostfixAdmin, opens no door of a suspended mailbox, also after
reconciling and restarts. Sabotage: tests/sabotage/t13.patch (the login door is left to the site's column)."""

from __future__ import annotations

import time

from harness import Stack


def test_setting_active_to_1_opens_no_door(stack: Stack) -> None:
    box = stack.new_box("t13")
    stack.suspend(box)
    for act in (lambda: None, lambda: restart(stack, "agent"), lambda: restart(stack, "worker", "guard", "agent")):
        stack.site_sql("UPDATE mailbox SET active = 1 WHERE username = ?", box.address)
        stack.site_sql("UPDATE alias SET active = 1 WHERE address = ?", box.address)
        act()
        time.sleep(2)
        stack.assert_shut(box, within=0)
        answer = stack.mx(box.address)
        assert answer.code == 450 and answer.text.startswith("4.2.1"), answer
        assert stack.status(box) == "suspended"


def restart(stack: Stack, *names: str) -> None:
    """kill -9 and the supervisor's restart."""
    killed = {name: stack.kill(name) for name in names}
    for name, old in killed.items():
        stack.restarted(name, old)
    # Time for the agent to read its ledger and the database, and to compare.
    time.sleep(3)
