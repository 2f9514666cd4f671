"""What strangers read from us."""

from __future__ import annotations

import inspect

import pytest

from sekisho.config.texts import ATTACK_PHRASES
from sekisho.wire import replies
from sekisho.wire.postfix_policy import format_action

CONSTANTS = {
    name: value
    for name, value in vars(replies).items()
    if name.isupper() and isinstance(value, str) and name != "GO_ON"
}


def test_every_reply_is_listed() -> None:
    assert set(CONSTANTS.values()) == set(replies.REPLIES)


@pytest.mark.parametrize(("name", "reply"), CONSTANTS.items())
def test_a_reply_is_ascii_short_and_harmless(name: str, reply: str) -> None:
    assert reply.isascii() and reply.isprintable()
    # Postfix puts "<address>: Recipient address rejected: " (an address has at most 256 octets) in between.
    assert len(reply) + 256 + len("<>: Recipient address rejected: \r\n") <= replies.MAX_REPLY_OCTETS
    assert not [phrase for phrase in ATTACK_PHRASES if phrase in reply.lower()]
    assert ";" not in reply


def test_nothing_tells_a_stranger_that_mail_is_refused_for_good() -> None:
    assert [reply for reply in replies.REPLIES if reply.startswith("5")] == [replies.AUTH_SUSPENDED]


def test_the_codes_are_those_of_the_design() -> None:
    assert replies.INBOUND_SUSPENDED.startswith("450 4.2.1 ")
    assert replies.QUEUE_SUSPENDED.startswith("4.2.1 ")
    assert replies.SUBMISSION_SUSPENDED.startswith("421 4.7.0 ")
    assert replies.SUBMISSION_RESTRICTED.startswith("450 4.7.1 ")
    assert replies.SUBMISSION_STOPPED.startswith("450 4.7.1 ")
    assert replies.AUTH_UNAVAILABLE.startswith("454 4.7.0 ")


def test_each_policy_answer_can_go_on_the_wire() -> None:
    for reply in (replies.SUBMISSION_SUSPENDED, replies.SUBMISSION_RESTRICTED, replies.GO_ON):
        assert format_action(reply).endswith(b"\n\n")


def test_each_reply_stands_below_its_source() -> None:
    lines = inspect.getsource(replies).splitlines()
    for name in CONSTANTS:
        row = next(number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
        assert lines[row - 1].startswith("#"), name


def test_the_operators_own_words_keep_both_codes() -> None:
    assert replies.inbound_suspended() == replies.INBOUND_SUSPENDED
    assert replies.inbound_suspended("Please wait, it is kept") == "450 4.2.1 Please wait, it is kept"
