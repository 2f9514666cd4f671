"""P2, P3, P4: a real Roundcube before the stack. The hijacker is logged in; after the trip his next click is the login
page, he cannot send, not set a password, not come in again; after recovery the owner does with the new one. Printed:
every door before the trip, after it, after recovery. Sabotage: tests/sabotage/t35.patch (no webmail session is ended).
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from harness import ABROAD, HOME, Box, Hijacker, Stack
from roundcube import SAFE_QUERY, UNSAFE_QUERY, Browser, Roundcube

from sekisho.rehearsal.clients import compose
from sekisho.rehearsal.outside import wait_until

NEW_BY_HIJACKER = "yami-no-kobune-58-higashi"


@pytest.fixture(scope="module")
def webmail(stack: Stack) -> Iterator[Roundcube]:
    """Roundcube, and an agent that knows its database."""
    running = Roundcube(stack)
    running.start()
    configuration = stack.var / "sekisho.toml"
    before = configuration.read_text()
    configuration.write_text(f'{before}\n[[webmail]]\nkind = "roundcube"\nname = "{running.database}"\n')
    stack.restarted("agent", stack.kill("agent"))
    yield running
    configuration.write_text(before)
    running.stop()
    stack.restarted("agent", stack.kill("agent"))


@pytest.fixture(scope="module")
def local_check(stack: Stack) -> Iterator[None]:
    """sendmail(1) by way of a small smtpd that asks the barrier for the sender, as docs/doors.md tells it."""
    directory, port = stack.places.our_postfix, stack.places.reinjection + 2
    main, master = (directory / "main.cf").read_text(), (directory / "master.cf").read_text()
    check = "check_sender_access pipemap:{$barrier/sasl, static:{450 4.7.1 sending is suspended for this mailbox}}"
    (directory / "main.cf").write_text(f"{main}\nlocal_sender_check = {check}\n")
    lines = [
        f"127.0.0.1:{port} inet n - n - 10 smtpd", "  -o syslog_name=ours/local", "  -o mynetworks=127.0.0.1/32",
        "  -o smtpd_authorized_xclient_hosts=", "  -o smtpd_recipient_restrictions=$local_sender_check,permit",
        "  -o smtpd_relay_restrictions=permit_mynetworks,reject",
    ]  # fmt: skip
    (directory / "master.cf").write_text("\n".join([master.rstrip("\n"), *lines, ""]))
    filtered = f"pickup/unix/content_filter=smtp:[127.0.0.1]:{port}"
    subprocess.run(["/usr/sbin/postconf", "-c", str(directory), "-P", filtered], check=True)
    stack.postfix("ours", "reload")
    yield
    (directory / "main.cf").write_text(main)
    (directory / "master.cf").write_text(master)
    stack.postfix("ours", "reload")


def send_locally(stack: Stack, sender: str, recipient: str, number: str) -> None:
    """What a web application of the provider's does: sendmail(1) with an envelope sender of its choice, no login."""
    command = ["/usr/sbin/sendmail", "-C", str(stack.places.our_postfix), "-i", "-f", sender, recipient]
    subprocess.run(command, input=compose(number, sender, recipient, "Form", "Sent."), check=True, timeout=20)


def local_mail(stack: Stack, recipient: str, number: str) -> str:
    """Where that message is: "open" (outside), or why it waits in our queue."""
    found = ""

    def settled() -> bool:
        nonlocal found
        if stack.outside_inbox(recipient)[number]:
            found = "open"
        for message in stack.our_queue():
            reasons = [r.delay_reason for r in message.recipients if r.address == recipient]
            if any("450 4.7.1" in reason for reason in reasons):
                found = "waits, 450 4.7.1"
        return bool(found)

    assert wait_until(settled, 20, pause=0.5) is not None, stack.our_queue()
    return found


def subjects(stack: Stack, address: str) -> list[str]:
    with stack.outside.mailbox(address) as session:
        return re.findall(r"(?im)^subject: (.+?)\r?$", "\n".join(session.headers()))


def step(stack: Stack, box: Box, name: str) -> tuple[str, str]:
    """A step of the suspension: how it stands, and what was read back."""
    found = [s for s in stack.incident(box)["steps"] if (s["plan"], s["name"]) == ("contain", name)]
    return (found[-1]["state"], found[-1]["outcome"]) if found else ("", "")


def stored(stack: Stack, box: Box) -> str:
    [(password,)] = stack.site_sql("SELECT password FROM mailbox WHERE username = ?", box.address)
    return str(password)


def ask_lmtp(stack: Stack, box: Box) -> str:
    """What Dovecot's LMTP answers to a letter in flight: "open" or its refusal."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(stack.var / "ours/spool/private/dovecot-lmtp"))
        lines = connection.makefile("rwb", buffering=0)

        def say(text: str) -> str:
            lines.write(text.encode() + b"\r\n")
            while (answer := lines.readline().decode())[3:4] == "-":
                pass
            return answer.strip()

        lines.readline()
        for text in ("LHLO story.test", "MAIL FROM:<stranger@faraway.test>"):
            assert say(text).startswith("250"), text
        answer = say(f"RCPT TO:<{box.address}>")
        say("QUIT")
    return "open" if answer.startswith("250") else answer[:9]


class Table:
    """Which door answers what, before the trip, after it, after recovery."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = {}

    def note(self, stack: Stack, webmail: Roundcube, box: Box) -> dict[str, str]:
        """Tries every door with the password of the hour, and adds a column."""
        seen = {door: "open" if answer.accepted else "refused" for door, answer in stack.doors(box).items()}
        seen["lmtp"] = ask_lmtp(stack, box)
        seen["webmail"] = "open" if Browser(webmail, HOME).log_in(box.address, box.password) else "refused"
        place = len(next(iter(self.rows.values()), []))
        recipient, number = f"local{place}@t35-shop.test", stack.number("t35-local")
        send_locally(stack, box.address, recipient, number)
        seen["sendmail"] = local_mail(stack, recipient, number)
        answer = stack.mx(box.address)
        seen["mail to it (MX)"] = "open" if answer.code == 250 else f"{answer.code} {answer.text[:5]}"
        for door, what in seen.items():
            self.rows.setdefault(door, []).append(what)
        return seen

    def __str__(self) -> str:
        head = ("door", "before the trip", "after the trip", "after recovery")
        lines = [head, *((door, *whats) for door, whats in self.rows.items())]
        return "\n".join("".join(f"{cell:18}" for cell in line) for line in lines)


def test_the_hijackers_webmail_is_over_with_the_trip_and_the_owners_works_after_it(
    stack: Stack, webmail: Roundcube, local_check: None
) -> None:
    box, friend = stack.new_box("t35"), "friend@t35-shop.test"
    table = Table()
    assert set(table.note(stack, webmail, box).values()) == {"open"}
    intruder = Browser(webmail, ABROAD)
    assert intruder.log_in(box.address, box.password)
    assert not intruder.click().is_login
    assert intruder.send(box.address, friend, "before"), webmail.errors()
    assert wait_until(lambda: subjects(stack, friend) == ["before"], 20, pause=0.5) is not None
    hash_before = stored(stack, box)

    assert Hijacker(stack, box).run().stopped_at
    stack.assert_shut(box, within=5)
    assert wait_until(lambda: intruder.click().is_login, 5, pause=0.3) is not None, "the webmail session goes on"
    assert wait_until(lambda: step(stack, box, "end_webmail_sessions")[0] == "done", 10) is not None
    assert "webmail session" in step(stack, box, "end_webmail_sessions")[1]
    assert not intruder.send(box.address, friend, "after")
    assert intruder.change_password(box.password, NEW_BY_HIJACKER).is_login
    assert not Browser(webmail, ABROAD).log_in(box.address, box.password)
    assert stored(stack, box) == hash_before
    shut = table.note(stack, webmail, box)
    assert "open" not in shut.values(), shut

    old = box.password
    stack.reinstate(box)
    owner = Browser(webmail, HOME)
    assert owner.log_in(box.address, box.password)
    assert owner.send(box.address, friend, "recovered"), webmail.errors()
    assert not Browser(webmail, ABROAD).log_in(box.address, old)
    assert intruder.click().is_login
    after = table.note(stack, webmail, box)
    assert set(after.values()) == {"open"}, after
    stack.flush("ours")
    assert wait_until(lambda: bool(stack.outside_inbox("local1@t35-shop.test")), 20, pause=0.5) is not None
    assert wait_until(lambda: sorted(subjects(stack, friend)) == ["before", "recovered"], 20, pause=0.5) is not None
    # Shown by `pytest -s`, and copied to docs/doors.md.
    sys.stdout.write(f"\n{table}\n")


def test_a_new_password_with_open_doors_ends_the_webmail_sessions_of_the_old_one(
    stack: Stack, webmail: Roundcube
) -> None:
    box, other = stack.new_box("t35"), stack.new_box("t35")
    with_old, neighbour = Browser(webmail, ABROAD), Browser(webmail, HOME)
    assert with_old.log_in(box.address, box.password) and neighbour.log_in(other.address, other.password)
    stack.command("mailbox", "password", box.address, "--password-stdin", given="hoshi-91b2c3-umi-77de-kaze")
    assert wait_until(lambda: with_old.click().is_login, 5, pause=0.3) is not None
    assert not neighbour.click().is_login


@pytest.mark.parametrize("query", [SAFE_QUERY, UNSAFE_QUERY])
def test_a_form_that_was_open_sets_no_password(stack: Stack, webmail: Roundcube, query: str) -> None:
    """The worst case: a page that was under way has written its session again, so the form is there."""
    box = stack.new_box("t35")
    intruder = Browser(webmail, ABROAD)
    assert intruder.log_in(box.address, box.password)
    webmail.configure(query)
    sessions = webmail.copy_sessions()
    try:
        stack.suspend(box)
        assert wait_until(lambda: step(stack, box, "mirror_active")[0] == "done", 20) is not None
        before = stored(stack, box)
        for _ in range(5):
            # A look of the agent's may end it meanwhile.
            webmail.put_back(sessions)
            page = intruder.change_password(box.password, NEW_BY_HIJACKER)
            if not page.is_login:
                break
        assert page.messages == ["Could not save new password."], page.text[-2000:]
        assert stored(stack, box) == before
        # The looks after 5 and 30 s end what was written again.
        assert wait_until(lambda: intruder.click().is_login, 60, pause=1.0) is not None
    finally:
        webmail.configure(SAFE_QUERY)


def test_a_password_set_behind_our_back_opens_nothing_and_is_told(stack: Stack, webmail: Roundcube) -> None:
    box = stack.new_box("t35")
    stack.suspend(box)
    assert wait_until(lambda: step(stack, box, "mirror_active")[0] == "done", 20) is not None
    new = stack.shell.run(
        f"""
from sekisho.directory.passwords import form_like, hash_in_form
result = hash_in_form({NEW_BY_HIJACKER!r}, form_like("$6$", "SHA512-CRYPT"))
"""
    )
    # Another program of the provider's, or somebody in his database: the row as it would open every door.
    stack.site_sql("UPDATE mailbox SET password = ?, active = 1 WHERE username = ?", new, box.address)
    stack.assert_shut(box, within=0, password=NEW_BY_HIJACKER)
    assert not Browser(webmail, ABROAD).log_in(box.address, NEW_BY_HIJACKER)
    told = "the password in the site's table was changed; it opens nothing"
    assert wait_until(lambda: step(stack, box, "watch_password") == ("failed", told), 40, pause=1.0) is not None
    assert wait_until(lambda: f"{box.address} is suspended: {told}" in status(stack), 15, pause=1.0) is not None
    stack.assert_shut(box, within=0, password=NEW_BY_HIJACKER)
    # A recovery is the end of it.
    stack.reinstate(box)
    stack.assert_open(box)
    assert wait_until(lambda: box.address not in status(stack), 15, pause=1.0) is not None


def status(stack: Stack) -> str:
    return stack.command("status", check=False).stdout


def test_the_web_server_is_nobodys_home_and_the_browsers_address_is_known(stack: Stack, webmail: Roundcube) -> None:
    traveller, owner = stack.new_box("t35"), stack.new_box("t35")
    assert Browser(webmail, ABROAD).log_in(traveller.address, traveller.password)
    # Nothing says where this browser is: the login comes from Roundcube itself, on loopback.
    assert Browser(webmail).log_in(owner.address, owner.password)
    rows = "SELECT ip, country, asn FROM incidents_signin WHERE mailbox = ? AND success"

    def seen(box: Box) -> set[tuple[str, str, int]]:
        return set(stack.our_sql(rows, box.address))

    assert wait_until(lambda: bool(seen(traveller)) and bool(seen(owner)), 15, pause=0.3) is not None
    assert {(ip, country) for ip, country, _ in seen(traveller)} == {(ABROAD, "NG")}
    # Told for people to see, it is no place: no habit comes of it, and no sign.
    assert {(country, asn) for _, country, asn in seen(owner)} == {("", 0)}
    assert stack.status(owner) == "active"


def test_local_mail_in_its_name_is_held_against_no_mailbox(stack: Stack, webmail: Roundcube) -> None:
    """Anybody who may run sendmail can write any sender: it is no sign of the mailbox, and it is nobody's to hold."""
    box = stack.new_box("t35")
    for count in range(40):
        send_locally(stack, box.address, f"list{count}@t35-bought.test", stack.number("t35-forged"))
    assert wait_until(lambda: bool(stack.outside_inbox("list39@t35-bought.test")), 30, pause=0.5) is not None
    assert stack.status(box) == "active"
    stack.assert_open(box)
