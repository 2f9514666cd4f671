"""Who is on the other end, by the kernel's word."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from sekisho.guard.peers import ask_kernel, kernel_address, owner_in_listing, peer_uid, read_listings, trusted_uids

LISTING = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:272F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:A0B2 0100007F:272F 01 00000000:00000000 00:00000000 00000000   103        0 222 1 0 20 4 30 10 -1
   2: 0100007F:A0B4 0100007F:272F 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
"""


def test_it_finds_the_owner_of_an_established_socket() -> None:
    assert owner_in_listing(LISTING, " 0100007F:A0B2 0100007F:272F ") == 103


def test_a_socket_its_owner_has_closed_belongs_to_nobody() -> None:
    assert owner_in_listing(LISTING, " 0100007F:A0B4 0100007F:272F ") is None
    assert owner_in_listing(LISTING, " 0100007F:FFFF 0100007F:272F ") is None


def test_it_writes_addresses_as_the_kernel_does() -> None:
    assert kernel_address("127.0.0.1", 10031, widen=False) == "0100007F:272F"
    assert kernel_address("127.0.0.1", 25, widen=True) == "0000000000000000FFFF00000100007F:0019"
    assert kernel_address("::1", 25, widen=True) == "00000000000000000000000001000000:0019"
    with pytest.raises(ValueError, match="::1"):
        kernel_address("::1", 25, widen=False)


def test_it_knows_our_own_end_of_a_tcp_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            accepted, _ = server.accept()
            with accepted:
                assert peer_uid(accepted) == os.getuid()


def test_a_client_that_has_gone_is_not_taken_for_root() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(b"forged")
        accepted, _ = server.accept()
        with accepted:
            assert peer_uid(accepted) is None


def test_it_knows_the_other_end_of_a_unix_socket() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()


def test_unknown_users_are_left_out_and_we_are_always_in() -> None:
    assert trusted_uids(["nobody-of-that-name"]) == {os.geteuid()}


def test_both_ways_of_asking_the_kernel_agree() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            peer, ours = client.getsockname(), client.getpeername()
            assert ask_kernel(peer, ours) == read_listings(peer, ours) == os.getuid()
        assert ask_kernel(peer, ours) is None
        assert read_listings(peer, ours) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_connection_is_his() -> None:
    program = (
        "import os,socket,sys; os.setuid(65534); s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); s.recv(1)"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = subprocess.Popen([sys.executable, "-c", program, str(server.getsockname()[1])])
        accepted, _ = server.accept()
        with accepted:
            assert peer_uid(accepted) == 65534
        other.wait()


def test_ipv6_peers_are_known_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        with socket.create_connection(server.getsockname()[:2]):
            accepted, _ = server.accept()
            with accepted:
                assert peer_uid(accepted) == os.getuid()
