"""The three listeners with real sockets: one guard, asked as Postfix and Dovecot ask."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import uvloop

from guard.test_memory import site
from sekisho import service
from sekisho.config import GuardSettings, Listener
from sekisho.guard.memory import Memory, restore
from sekisho.guard.servers import Servers, open_socket

REQUEST = b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=b@x.test\nsasl_username=a@x.test\n\n"
QUESTION = b'{"login":"a@shop.test"}'


def post(path: bytes, body: bytes) -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: h\r\nX-Sekisho-Key: key\r\nContent-Length: %d\r\n\r\n" % (path, len(body))
    return head + body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def serve(tmp_path: Path, listeners: list[Listener], ask: Callable[[Memory, Servers], Awaitable[None]]) -> None:
    async def run() -> None:
        settings = msgspec.structs.replace(site(tmp_path), guard=GuardSettings(*listeners, "key", ()))
        memory = restore(settings, time.time())
        servers = Servers(settings.guard, memory.checkpoint, memory.auth_policy, memory.intake, memory.trusted)
        await servers.open()
        try:
            await asyncio.wait_for(ask(memory, servers), 10)
        finally:
            servers.close()
            memory.close()

    asyncio.run(run())


async def talk(path: Path | int, data: bytes, size: int) -> bytes:
    """Sends data and reads `size` bytes of the answer, fewer when the other end closes."""
    if isinstance(path, int):
        reader, writer = await asyncio.open_connection("127.0.0.1", path)
    else:
        reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def test_what_is_read_is_told_at_the_port_of_the_auth_policy_without_its_key(tmp_path: Path) -> None:
    listeners = [Listener(port=free_port()) for _ in range(3)]
    opened = (
        b'{"event":"mail_opened","end_time":"2026-11-24T02:25:52Z","categories":["service:imap"],"fields":{"user":'
        b'"a@shop.test","session":"s1","remote_ip":"203.0.113.9","mailbox":"INBOX","uid":1,"reason_code":["imap:fetch_body"]}}'
    )
    head = b"POST /reads HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(opened)

    async def ask(memory: Memory, servers: Servers) -> None:
        told: list[object] = []
        memory.intake.reads.take = lambda act, now: told.append(act)  # type: ignore[method-assign]
        assert await talk(listeners[1].port, head + opened, 15) == b"HTTP/1.1 200 OK"
        assert len(told) == 1
        # Everything else there needs the key.
        bare = b"POST /auth?command=allow HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(QUESTION)
        assert b"401" in await talk(listeners[1].port, bare + QUESTION, 15)

    serve(tmp_path, listeners, ask)


def test_all_three_answer_on_unix_sockets_of_mode_0660(tmp_path: Path) -> None:
    paths = [tmp_path / "run" / name for name in ("policy", "auth", "events")]

    async def ask(memory: Memory, servers: Servers) -> None:
        assert await talk(paths[0], REQUEST * 2, 28) == b"action=DUNNO\n\n" * 2
        assert await talk(paths[1], post(b"/auth?command=allow", QUESTION), 15) == b"HTTP/1.1 200 OK"
        assert await talk(paths[2], post(b"/events", b'{"event":"unknown"}'), 15) == b"HTTP/1.1 200 OK"
        assert memory.checkpoint.counters.requests == 2
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o660 for path in paths)

    serve(tmp_path, [Listener(unix=str(path)) for path in paths], ask)


def test_a_socket_left_by_a_kill_is_replaced(tmp_path: Path) -> None:
    listener = Listener(unix=str(tmp_path / "policy"))
    open_socket(listener).close()
    open_socket(listener).close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_local_user_is_not_listened_to(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    program = (
        "import os, socket, sys; os.setuid(65534)\n"
        "for port in sys.argv[1:]:\n"
        "    s = socket.create_connection(('127.0.0.1', int(port))); s.settimeout(5)\n"
        f"    try: s.sendall({REQUEST!r}); got = s.recv(100)\n"
        "    except OSError: got = b''\n"
        "    print(len(got))\n"
    )

    async def ask(memory: Memory, servers: Servers) -> None:
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, *map(str, ports), stdout=subprocess.PIPE
        )
        said, _ = await other.communicate()
        assert said.split() == [b"0"] * 3
        assert memory.checkpoint.counters.requests == 0
        assert sum(door.turned_away for door in servers.doors.values()) == 3
        assert await talk(ports[0], REQUEST, 14) == b"action=DUNNO\n\n"

    serve(tmp_path, [Listener(port=port) for port in ports], ask)


def test_more_than_the_limit_are_turned_away_and_the_others_served(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]

    async def ask(memory: Memory, servers: Servers) -> None:
        servers.doors["policy"]._limit = 2
        held = [await asyncio.open_connection("127.0.0.1", ports[0]) for _ in range(2)]
        for reader, writer in held:
            writer.write(REQUEST)
            assert await reader.readexactly(14) == b"action=DUNNO\n\n"
        assert await talk(ports[0], REQUEST, 14) == b""
        for _, writer in held:
            writer.close()

    serve(tmp_path, [Listener(port=port) for port in ports], ask)


async def _ask_on(connection: socket.socket, data: bytes, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, data)
    got = b""
    while len(got) < size and (part := await loop.sock_recv(connection, size)):
        got += part
    return got


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("unix", [True, False])
def test_an_upgrade_keeps_connections_and_what_was_asked_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: Callable[[], asyncio.AbstractEventLoop], unix: bool
) -> None:
    listener = Listener(unix=str(tmp_path / "policy")) if unix else Listener(port=free_port())
    others = [Listener(port=free_port()), Listener(port=free_port())]
    where = listener.unix or ("127.0.0.1", listener.port)
    # What the service manager holds.
    listening = open_socket(listener)
    kept: dict[str, list[int]] = {}

    def hold(name: str, descriptors: list[int]) -> bool:
        kept.setdefault(name, []).extend(os.dup(one) for one in descriptors)
        return True

    monkeypatch.setattr(service, "store", hold)
    settings = msgspec.structs.replace(site(tmp_path), guard=GuardSettings(listener, *others, "key", ()))

    async def one_guard(work: Callable[[Memory, Servers], Awaitable[None]]) -> None:
        handed = {"policy": [listening.dup()]} | {
            name: [socket.socket(fileno=one) for one in kept.pop(name)] for name in list(kept)
        }
        monkeypatch.setattr(service, "inherited", lambda: handed)
        memory = restore(settings, time.time())
        servers = Servers(settings.guard, memory.checkpoint, memory.auth_policy, memory.intake, memory.trusted)
        await servers.open()
        await work(memory, servers)
        await servers.end()
        memory.close()

    async def run() -> None:
        old, idle, partial, late = (socket.socket(listening.family, socket.SOCK_STREAM) for _ in range(4))
        for connection in (old, idle, partial, late):
            connection.setblocking(False)
        loop = asyncio.get_running_loop()

        async def first(memory: Memory, servers: Servers) -> None:
            await loop.sock_connect(old, where)
            await loop.sock_connect(idle, where)
            await loop.sock_connect(partial, where)
            assert await _ask_on(old, REQUEST, 14) == b"action=DUNNO\n\n"
            # Asked and not yet read; half a request.
            await loop.sock_sendall(idle, REQUEST)
            await loop.sock_sendall(partial, REQUEST[:20])

        async def second(memory: Memory, servers: Servers) -> None:
            assert await _ask_on(old, b"", 14) == b"action=DUNNO\n\n"
            assert await _ask_on(idle, REQUEST, 28) == b"action=DUNNO\n\n" * 2
            assert await _ask_on(late, b"", 14) == b"action=DUNNO\n\n"
            # Half a request cannot be handed on; its client asks again, as Postfix does.
            assert await loop.sock_recv(partial, 10) == b""
            assert memory.checkpoint.counters.requests == 3
            assert servers.doors["policy"].turned_away == 0

        await one_guard(first)
        # Nobody is there now: an open connection asks, a new one comes.
        await loop.sock_sendall(old, REQUEST)
        await loop.sock_connect(late, where)
        await loop.sock_sendall(late, REQUEST)
        await asyncio.wait_for(one_guard(second), 10)
        for connection in (old, idle, partial, late):
            connection.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())
    listening.close()


def test_a_guard_alone_ends_its_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ports = [free_port() for _ in range(3)]

    async def ask(memory: Memory, servers: Servers) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.write(REQUEST)
        assert await reader.readexactly(14) == b"action=DUNNO\n\n"
        await servers.end()
        assert await reader.read() == b""
        writer.close()

    serve(tmp_path, [Listener(port=port) for port in ports], ask)
