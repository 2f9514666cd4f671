"""P2, P3: every way to write a mailbox's address or login name meets the same mailbox, and no other one. A table of
forms → expected mailbox, at the MX (450 when it is the suspended one) and at submission (421 when it is). Sabotage:
tests/sabotage/t11.patch (alias domains are not resolved)."""

from __future__ import annotations

import pytest
from harness import ABROAD, ALIAS_DOMAIN, DOMAIN, OTHER_DOMAIN, SUSPENDED_421, Box, Stack, policy_answer

# Forms of an address at the MX -> whether the suspended mailbox is meant. {x} is its local part, {p} a prefix of it.
AT_MX = [
    ("{x}@" + DOMAIN, True),
    ("{X}@" + DOMAIN, True),
    ("{x}@" + DOMAIN.upper(), True),
    ("{x}+news@" + DOMAIN, True),
    ("{X}+News+more@" + DOMAIN.title(), True),
    ("{x}+a=b@" + DOMAIN, True),
    ('"{x}"@' + DOMAIN, True),
    ('"{x}+q"@' + DOMAIN, True),
    ("{x}@" + ALIAS_DOMAIN, True),
    ("{X}@" + ALIAS_DOMAIN.upper(), True),
    ("{x}+tag@" + ALIAS_DOMAIN, True),
    ('"{x}"@' + ALIAS_DOMAIN, True),
    ("{p}@" + DOMAIN, False),
    ("{x}x@" + DOMAIN, False),
    ("{x}=@" + DOMAIN, False),
    ("x{x}@" + DOMAIN, False),
    ("{p}+{x}@" + DOMAIN, False),
    ("={x}@" + DOMAIN, False),
    ("{x}@" + OTHER_DOMAIN, False),
    ("{x}=" + DOMAIN + "@" + OTHER_DOMAIN, False),
]
# Login names as Postfix reports them (sasl_username) -> whether the suspended mailbox is meant.
AT_SUBMISSION = [
    ("{x}@" + DOMAIN, True),
    ("{X}@" + DOMAIN, True),
    ("{x}@" + DOMAIN.upper(), True),
    ("{x}@" + ALIAS_DOMAIN, True),
    ("{X}@" + ALIAS_DOMAIN.upper(), True),
    ("{x}@" + DOMAIN + " ", True),
    ("{p}@" + DOMAIN, False),
    ("{x}=@" + DOMAIN, False),
    ("{x}", False),
    ("@" + DOMAIN, False),
    ("=", False),
    ("", False),
]


@pytest.fixture(scope="module")
def box(stack: Stack) -> Box:
    made = stack.new_boxes("t11=o", 1)[0]
    stack.suspend(made)
    return made


def written(form: str, box: Box) -> str:
    return form.format(x=box.local, X=box.local.upper(), p=box.local[:-1])


def test_at_least_half_of_each_table_means_the_mailbox() -> None:
    for table in (AT_MX, AT_SUBMISSION):
        assert sum(meant for _, meant in table) * 2 >= len(table)


@pytest.mark.parametrize(("form", "meant"), AT_MX)
def test_the_mx_knows_the_mailbox_in_every_form(stack: Stack, box: Box, form: str, meant: bool) -> None:
    answer = stack.mx(written(form, box))
    assert (answer.code == 450 and answer.text.startswith("4.2.1")) == meant, answer


@pytest.mark.parametrize(("name", "meant"), AT_SUBMISSION)
def test_the_guard_knows_the_login_in_every_form(stack: Stack, box: Box, name: str, meant: bool) -> None:
    asked = {"sasl_username": written(name, box), "recipient": "x=y+z@faraway.test", "client_address": ABROAD}
    answer = policy_answer(stack.places.policy, asked | {"sender": "a=b@" + DOMAIN, "instance": "t11.1"})
    assert answer is not None
    assert (SUSPENDED_421 in answer) == meant, answer
