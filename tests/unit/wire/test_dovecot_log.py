"""Dovecot's log lines: captured from a real 2.3.19, with a forged login name, and the spellings of 2.2 and 2.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.dovecot_log import (
    ConnectionRefused,
    LoggedIn,
    LoginRefused,
    NameRefused,
    SessionClosed,
    parse_line,
)

STAMP = "Nov 24 12:46:18"
ALICE = "alice@ours.test"
HERE = "127.0.0.1"
# As Dovecot 2.3.19.1 wrote them into its own file; the second refused login typed the forged name.
LINES = {
    "imap-login: Info: Login: user=<alice@ours.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=10338, secured, "
    "session=<AdzJGAVhuLl/AAAB>": LoggedIn(STAMP, "imap", ALICE, HERE, "AdzJGAVhuLl/AAAB"),
    "imap(alice@ours.test)<10338><AdzJGAVhuLl/AAAB>: Info: Disconnected: Logged out in=155 out=1176 deleted=0 "
    "expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=2 body_bytes=43": SessionClosed(
        STAMP, "imap", ALICE, "AdzJGAVhuLl/AAAB", 1176, 2, 43
    ),
    "imap(alice@ours.test)<10340><JCnKGAVhyLl/AAAB>: Info: Disconnected: Connection closed (SELECT finished 0.000 secs "
    "ago) in=20 out=712 deleted=0 expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0": (
        SessionClosed(STAMP, "imap", ALICE, "JCnKGAVhyLl/AAAB", 712, 0, 0)
    ),
    "pop3-login: Info: Login: user=<alice@ours.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=10342, secured, "
    "session=<HV/KGAVhmp9/AAAB>": LoggedIn(STAMP, "pop3", ALICE, HERE, "HV/KGAVhmp9/AAAB"),
    "pop3(alice@ours.test)<10342><HV/KGAVhmp9/AAAB>: Info: Disconnected: Logged out top=0/0, retr=1/36, del=0/2, "
    "size=43": SessionClosed(STAMP, "pop3", ALICE, "HV/KGAVhmp9/AAAB", 36, 1, 36),
    "managesieve-login: Info: Login: user=<alice@ours.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=10344, "
    "secured, session=<0Q3PGAVhat9/AAAB>": LoggedIn(STAMP, "sieve", ALICE, HERE, "0Q3PGAVhat9/AAAB"),
    "managesieve(alice@ours.test)<10344><0Q3PGAVhat9/AAAB>: Info: Disconnected: Logged out bytes=6/41": None,
    "imap-login: Info: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 2 secs): "
    "user=<alice@ours.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, secured, session=<v2HbGAVhzLl/AAAB>": (
        LoginRefused(STAMP, "imap", ALICE, HERE, 1)
    ),
    "imap-login: Info: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 6 secs): user=<x>, "
    "method=PLAIN, rip=198.51.100.9, lip=127.0.0.1, session=<forged>>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, "
    "secured, session=<jxL6GAVh/rV/AAAB>": LoginRefused(
        STAMP, "imap", "x>, method=PLAIN, rip=198.51.100.9, lip=127.0.0.1, session=<forged>", HERE, 1
    ),
    "imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 10 secs): user=<alice@ours.test>, "
    "method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, secured, session=<1tVVGQVhDrZ/AAAB>": LoginRefused(
        STAMP, "imap", ALICE, HERE, 1
    ),
    "pop3-login: Info: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 17 secs): "
    "user=<nobody@ours.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, secured, session=<bbvuGQVhAoh/AAAB>": (
        LoginRefused(STAMP, "pop3", "nobody@ours.test", HERE, 1)
    ),
    "master: Info: Dovecot v2.3.19.1 (9b53102964) starting up for imap, pop3, sieve (core dumps disabled)": None,
}
TAIL = f"user=<{ALICE}>, method=PLAIN, rip=2001:db8::7, lip=::1, mpid=7, TLS, session=<s1>"


@pytest.mark.parametrize("text", LINES)
def test_a_captured_line_says_what_happened(text: str) -> None:
    assert parse_line(f"{STAMP} {text}") == LINES[text]


@pytest.mark.parametrize("text", LINES)
def test_syslog_and_the_journal_say_the_same(text: str) -> None:
    for head in (f"{STAMP} mx01 dovecot: ", f"{STAMP} mx01 dovecot[88]: "):
        assert parse_line(head + text.replace("Info: ", "", 1)) == LINES[text]


def test_the_spellings_of_other_versions_are_read() -> None:
    stamp = "2026-11-24T12:46:18.123456+09:00"
    head = f"{stamp} mx01 dovecot: imap-login: "
    assert parse_line(f"{head}Logged in: {TAIL}") == LoggedIn(stamp, "imap", ALICE, "2001:db8::7", "s1")
    refused = LoginRefused(stamp, "imap", ALICE, "2001:db8::7", 3)
    for reason in (
        "Aborted login (auth failed, 3 attempts in 9 secs)",
        "Login aborted: Logged out (auth failed, 3 attempts in 9 secs) (auth_failed)",
        # Dovecot 2.4.1 at a name that `deny` refuses.
        "Login aborted: Connection closed (user disabled, 3 attempts in 9 secs) (user_disabled)",
        "Disconnected (auth failed, 3 attempts)",
    ):
        assert parse_line(f"{head}{reason}: {TAIL}") == refused
    ended = parse_line(f"{STAMP} mx01 dovecot: imap({ALICE}): Logged out in=50 out=900")
    assert ended == SessionClosed(STAMP, "imap", ALICE, "", 900, 0)


@pytest.mark.parametrize(
    "text",
    [
        f"postfix/smtpd[1]: imap-login: Login: {TAIL}",
        f"sshd[1]: dovecot: imap-login: Login: {TAIL}",
        f"dovecot: auth: imap-login: Login: {TAIL}",
    ],
)
def test_another_daemons_text_is_no_login(text: str) -> None:
    assert parse_line(f"{STAMP} mx01 {text}") is None


def test_a_login_in_an_unknown_form_is_told_not_passed_over() -> None:
    for text in ("Login: alice", "Disconnected: (auth failed, many attempts): user=<a>", f"Login: user=<{ALICE}>"):
        with pytest.raises(WireError):
            parse_line(f"{STAMP} mx01 dovecot: imap-login: {text}")


@given(st.text(), st.sampled_from(["", "imap-login: ", "imap-login: Login: user=<", f"imap({ALICE})<1><s>: "]))
def test_no_text_breaks_it(text: str, begin: str) -> None:
    try:
        found = parse_line(f"{STAMP} mx01 dovecot: {begin}{text}")
    except WireError:
        return
    assert found is None or found.stamp == STAMP


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), max_size=200))
def test_a_typed_name_cannot_move_its_own_address(name: str) -> None:
    found = parse_line(
        f"{STAMP} imap-login: Info: Aborted login (auth failed, 1 attempts in 2 secs): user=<{name}>, method=PLAIN, "
        "rip=192.0.2.7, lip=192.0.2.1, TLS, session=<s>"
    )
    assert found == LoginRefused(STAMP, "imap", name, "192.0.2.7", 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "auth: Info: plain(?,198.18.40.9,<UXcHxwlh1ujGEigJ>): Username character disallowed by "
            "auth_username_chars: 0x20 (username: alice@ours.test )",
            NameRefused(STAMP, "alice@ours.test ", "198.18.40.9"),
        ),
        (
            "auth: Info: login(?,127.0.0.1): Username character disallowed by auth_username_chars: 0x28 "
            "(username: x): user=<(username: y)",
            NameRefused(STAMP, "x): user=<(username: y", "127.0.0.1"),
        ),
        (
            "imap-login: Info: Disconnected: Connection closed: SSL_accept() failed: error:0A000418:SSL routines::"
            "tlsv1 alert unknown ca: SSL alert number 48 (no auth attempts in 0 secs): user=<>, rip=127.0.0.1, "
            "lip=127.0.0.1, TLS handshaking: SSL_accept() failed: error:0A000418:SSL routines::tlsv1 alert unknown "
            "ca: SSL alert number 48, session=<M06GyAlh6rx/AAAB>",
            ConnectionRefused(STAMP, "imap", HERE, "certificate"),
        ),
        (
            "imap-login: Info: Login failed: Plaintext authentication disabled: user=<>, rip=127.0.42.1, "
            "lip=127.0.0.1, session=<2pUo/QlhKYN/ACoB>",
            ConnectionRefused(STAMP, "imap", "127.0.42.1", "no_tls"),
        ),
        # Not captured: how 2.2 says it.
        (
            "pop3-login: Info: Disconnected (tried to use disallowed plaintext auth): user=<>, rip=127.0.0.1, "
            "lip=127.0.0.1, session=<s1>",
            ConnectionRefused(STAMP, "pop3", HERE, "no_tls"),
        ),
        (
            "imap-login: Info: Disconnected: Connection closed (no auth attempts in 1 secs): user=<>, rip=127.0.0.1",
            None,
        ),
    ],
)
def test_what_keeps_a_mail_program_from_its_login_is_read(text: str, found: object) -> None:
    assert parse_line(f"{STAMP} {text}") == found
    assert parse_line(f"{STAMP} mx01 dovecot: {text.replace('Info: ', '', 1)}") == found
