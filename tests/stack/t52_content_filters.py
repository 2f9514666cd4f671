"""P2, P5: mail that goes through a content filter after the queue comes back under another queue id and without a login
(amavis: smtp on 10024, back on 10025). It is held with the rest of the hijacker's, with and without XFORWARD, and other
people's is not. Sabotage: tests/sabotage/t52.patch (the filter's answer says nothing)."""

from __future__ import annotations

import smtplib
import socketserver
import subprocess
import threading
from collections.abc import Iterator

import pytest
from harness import Hijacker, Stack

from sekisho.rehearsal.outside import Queued, wait_until

# Beside the stack's own (2587), as amavis' second port is.
BACK = 2588


class Filter(socketserver.ThreadingTCPServer):
    """amavis as Postfix sees it: takes a message, looks at it (not here), hands it back over SMTP, and answers then."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, back: int, forwards: bool) -> None:
        super().__init__(("127.0.0.1", 0), FilterSession)
        self.back = back
        # Whether it knows XFORWARD, by which Postfix tells the former queue id.
        self.forwards = forwards
        self.passed = 0


class FilterSession(socketserver.StreamRequestHandler):
    server: Filter

    def handle(self) -> None:
        self._say("220 filter ESMTP")
        envelope: list[str] = []
        for raw in self.rfile:
            line = raw.decode("latin-1").rstrip("\r\n")
            verb = line.upper().split(" ")[0]
            if verb == "EHLO":
                attributes = "250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n" if self.server.forwards else ""
                self._say(f"250-filter\r\n{attributes}250 8BITMIME")
            elif verb in ("XFORWARD", "MAIL", "RCPT"):
                envelope.append(line)
                self._say("250 2.0.0 Ok")
            elif verb == "DATA":
                self._say("354 go on")
                self._say(self._hand_back(envelope, self._message()))
                envelope = []
            elif verb == "QUIT":
                return self._say("221 bye")
            else:
                envelope = []
                self._say("250 2.0.0 Ok")
        return None

    def _message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _hand_back(self, envelope: list[str], message: bytes) -> str:
        with smtplib.SMTP("127.0.0.1", self.server.back, timeout=30) as session:
            session.ehlo("filter")
            for line in envelope:
                code, text = session.docmd(line)
                if code != 250:
                    return f"451 4.5.0 {code} {text.decode()}"
            code, text = session.data(message)
        self.server.passed += 1
        # amavisd-new's words.
        return f"250 2.0.0 from MTA(smtp:[127.0.0.1]:{self.server.back}): {code} {text.decode()}"

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture(params=["with XFORWARD", "without XFORWARD"])
def content_filter(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Filter]:
    """The filter, and submission that sends everything through it; undone afterwards."""
    back = stack.base + BACK
    server = Filter(back, request.param == "with XFORWARD")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    master = stack.places.our_postfix / "master.cf"
    before = master.read_text()
    postconf = ["/usr/sbin/postconf", "-c", str(stack.places.our_postfix)]
    loopback = "-o mynetworks=127.0.0.0/8 -o smtpd_authorized_xclient_hosts="
    services = {
        "t52-filter/unix": "t52-filter unix - - n - 10 smtp -o smtp_send_xforward_command=yes",
        f"127.0.0.1:{back}/inet": f"127.0.0.1:{back} inet n - n - 50 smtpd -o content_filter= {loopback}"
        " -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_recipient_restrictions="
        " -o smtpd_relay_restrictions=permit_mynetworks,reject -o syslog_name=ours/filtered",
    }
    submission = f"127.0.0.1:{stack.places.submission}/inet"
    try:
        for name, line in services.items():
            subprocess.run([*postconf, "-M", f"{name}={line}"], check=True)
        through = f"t52-filter:[127.0.0.1]:{server.server_address[1]}"
        subprocess.run([*postconf, "-P", f"{submission}/content_filter={through}"], check=True)
        stack.postfix("ours", "reload")
        yield server
    finally:
        master.write_text(before)
        stack.postfix("ours", "reload")
        server.shutdown()
        server.server_close()


def test_the_hijackers_mail_is_held_under_its_new_id_and_nobody_elses(stack: Stack, content_filter: Filter) -> None:
    box, innocent = stack.new_boxes("t52", 2)
    friend = f"friend-{innocent.local}@t52-shop.test"
    # Nothing leaves for outside for the moment; what comes back from the filter waits in our queue.
    resume = stack.postconf("ours", defer_transports="smtp")
    try:
        letter = stack.number("t52-innocent")
        first = stack.submit(innocent, friend, letter)
        hijacker = Hijacker(stack, box).run(names="filtered", bad_every=0)

        def spam() -> list[Queued]:
            return [m for m in stack.our_queue() if set(m.addresses) & set(hijacker.accepted)]

        def all_held() -> bool:
            found = spam()
            reached = {address for message in found for address in message.addresses}
            return reached >= set(hijacker.accepted) and all(m.queue_name == "hold" for m in found)

        assert wait_until(all_held, 45, pause=0.5) is not None, [m for m in spam() if m.queue_name != "hold"][:3]
        assert content_filter.passed > 0
        # It is the new id that is held: the filter had them all.
        assert not {m.queue_id for m in spam()} & hijacker.queue_ids
        others = [m for m in stack.our_queue() if friend in m.addresses]
        assert others and not any(m.queue_name == "hold" or m.queue_id == first for m in others), others
    finally:
        resume()
    stack.flush("ours")
    assert wait_until(lambda: stack.outside_inbox(friend), 30, pause=0.5) is not None
    assert stack.outside_inbox(friend) == {letter: 1}
    assert not [address for address in list(hijacker.accepted)[:10] if stack.outside_inbox(address)]
