"""P1, P2: with smtpd chrooted, as Debian has it, two submission services (587, and 465 with TLS from the first byte)
and two recipient delimiters, the barrier is what it is without: 450 for every way to write the address, 421 in
sessions that were open before, and a neighbour's mail goes out. Sabotage: tests/sabotage/t50.patch (the barrier's maps
are replaced by rename, so running daemons keep the old ones)."""

from __future__ import annotations

import secrets
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import ALIAS_DOMAIN, DOMAIN, INBOUND_450, PASSWORD, SUSPENDED_421, Box, Stack

from sekisho.rehearsal.outside import wait_until

# The barrier's map has spoken, not the guard, whose refusal begins otherwise.
BY_THE_MAP = f"SASL login name rejected: {SUSPENDED_421}"
# Beside the stack's own submission (2587).
IMPLICIT_TLS = 2589


@pytest.fixture(scope="module")
def chrooted(stack: Stack) -> Iterator[None]:
    """Our Postfix as on a Debian host; undone afterwards."""
    directory, dovecot = stack.places.our_postfix, stack.var / "ours" / "dovecot" / "dovecot.conf"
    before = {path: path.read_text() for path in (directory / "main.cf", directory / "master.cf", dovecot)}

    def postconf(*words: str) -> str:
        command = ["/usr/sbin/postconf", "-c", str(directory), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    mx, submission = f"127.0.0.1:{stack.places.mx}/inet", f"127.0.0.1:{stack.places.submission}/inet"
    try:
        # A copy of the submission service on a port of its own.
        options = [line.partition(" = ") for line in postconf("-P").splitlines() if line.startswith(f"{submission}/")]
        second = f"127.0.0.1:{stack.base + IMPLICIT_TLS}/inet"
        postconf("-M", f"{second}={second.removesuffix('/inet')} inet n - n - 50 smtpd")
        wanted = {second + name.removeprefix(submission): value for name, _, value in options}
        wanted[f"{second}/smtpd_tls_wrappermode"] = "yes"
        postconf("-P", *(f"{name}={value}" for name, value in wanted.items()))
        postconf("-F", *(f"{name}/chroot=y" for name in (mx, submission, second)))
        # SQLite opens its file at each start of a daemon, inside the chroot; a map of Sekisho's is opened before it.
        readable = postconf("-d", "-h", "proxy_read_maps")
        login_maps = "$site/sender_login.cf $site/sender_login_alias_domain.cf"
        postconf(
            "-e",
            f"site=proxy:{postconf('-h', 'site')}",
            f"proxy_read_maps={readable} {login_maps}",
            "recipient_delimiter=+-",
        )
        # LMTP is told the address with its extension, and cuts it by a setting of its own.
        dovecot.write_text(before[dovecot] + "recipient_delimiter = +-\n")
        reload(stack)
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)
        reload(stack)


def reload(stack: Stack) -> None:
    command = ["doveadm", "-c", str(stack.var / "ours" / "dovecot" / "dovecot.conf"), "reload"]
    subprocess.run(command, check=True, timeout=30)
    stack.postfix("ours", "reload")


@pytest.fixture
def box(stack: Stack) -> Box:
    """A mailbox without "-" in its name: that is a delimiter here."""
    made = Box(f"chroot{secrets.token_hex(3)}@{DOMAIN}")
    stack.shell.run(f"from sekisho.directory import provision\nprovision.add_mailbox({made.address!r}, {PASSWORD!r})")
    return made


def implicit_tls(stack: Stack, box: Box) -> smtplib.SMTP_SSL:
    """A session on the port with TLS from the first byte, logged in."""
    context = ssl.create_default_context(cafile=str(stack.var / "tls" / "cert.pem"))
    session = smtplib.SMTP_SSL("127.0.0.1", stack.base + IMPLICIT_TLS, timeout=30, context=context)
    session.login(box.address, box.password)
    return session


def is_chrooted(stack: Stack) -> bool:
    """Whether a running smtpd of ours has the spool as its root."""
    spool = (stack.var / "ours" / "spool").resolve()
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            found += [process.joinpath("root").readlink()] if process.joinpath("comm").read_text() == "smtpd\n" else []
        except OSError:
            continue
    return spool in found


def test_the_barrier_holds_for_chrooted_smtpd_on_every_port(stack: Stack, box: Box, chrooted: None) -> None:
    free = stack.new_box("t50")
    plain, encrypted = stack.session(box), implicit_tls(stack, box)
    assert encrypted.mail(box.address)[0] == 250
    stack.outside.write("t50-before", "friend@t50-shop.test", box.address, "Hello", "Good day.\n")
    assert is_chrooted(stack), "no smtpd runs in a chroot"

    stack.suspend(box)
    local, _, domain = box.address.partition("@")
    for form in (
        box.address, box.address.upper(), f"{local}+tag@{domain}", f"{local}-tag@{domain}", f"{local}-a+b@{domain}",
        f"{local}@{ALIAS_DOMAIN}", f"{local}-tag@{ALIAS_DOMAIN}",
    ):  # fmt: skip
        answer = stack.mx(form)
        assert (answer.code, answer.text) == (450, INBOUND_450.format(form)), form
    # Sessions that were open before, each in a daemon that has been in its chroot all the time.
    plain.mail(box.address)
    refused = plain.recipient("somebody@t50-shop.test")
    assert refused.code == 421 and BY_THE_MAP in refused.text
    code, text = encrypted.rcpt("somebody@t50-shop.test")
    assert code == 421 and BY_THE_MAP in text.decode()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        implicit_tls(stack, box)

    number = stack.number("t50")
    stack.submit(free, "friend@t50-shop.test", number)
    assert wait_until(lambda: stack.outside_inbox("friend@t50-shop.test")[number], 30, pause=0.5) is not None
    waiting = stack.write(f"{local}-tag@{domain}", "sakura@t50-shop.test", "t50")

    stack.reinstate(box)
    stack.assert_open(box)
    implicit_tls(stack, box).quit()
    stack.flush("theirs")
    assert wait_until(lambda: stack.inbox(box)[waiting], 60, pause=1) is not None, stack.inbox(box)
    assert stack.inbox(box)[waiting] == 1
    stack.assert_no_return("sakura@t50-shop.test")
