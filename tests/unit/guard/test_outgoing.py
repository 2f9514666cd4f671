"""Replies of one turn of the event loop leave together."""

import asyncio

from guard.fakes import FakeTransport
from sekisho.guard.policy_service import Outgoing


def test_replies_wait_for_the_turn_to_end_and_then_all_leave() -> None:
    async def turn() -> tuple[list[bytes], list[bytes]]:
        outgoing, fakes = Outgoing(), [FakeTransport() for _ in range(3)]
        for number, fake in enumerate(fakes):
            outgoing.put(fake, b"%d" % number)
        during = [bytes(fake.written) for fake in fakes]
        await asyncio.sleep(0)
        return during, [bytes(fake.written) for fake in fakes]

    during, after = asyncio.run(turn())
    assert during == [b"", b"", b""]
    assert after == [b"0", b"1", b"2"]


def test_two_replies_of_one_connection_keep_their_order() -> None:
    async def turn() -> bytes:
        outgoing, fake = Outgoing(), FakeTransport()
        outgoing.put(fake, b"first")
        outgoing.put(fake, b" second")
        await asyncio.sleep(0)
        return bytes(fake.written)

    assert asyncio.run(turn()) == b"first second"


def test_a_connection_that_is_closing_gets_nothing_more() -> None:
    async def turn() -> tuple[bytes, bytes]:
        outgoing, closing, open_ = Outgoing(), FakeTransport(), FakeTransport()
        outgoing.put(closing, b"lost")
        outgoing.put(open_, b"kept")
        closing.abort()
        outgoing.flush()
        return bytes(closing.written), bytes(open_.written)

    assert asyncio.run(turn()) == (b"", b"kept")
