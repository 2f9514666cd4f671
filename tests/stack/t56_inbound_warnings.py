"""Mail that names somebody it is not from is marked, filed, or only logged, as its domain wants it; genuine mail passes
untouched; malware is refused; without rspamd mail flows (P6). The real Postfix asks a real rspamd, which asks a real
clamd and a name server with the strangers' SPF, DKIM and DMARC records. Sabotage: tests/sabotage/t56.patch (any proven
domain counts as the brand's)."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_string, policy
from pathlib import Path

import pytest
from authenticated_mail import SELECTOR, Key, letter, name_server
from harness import DOMAIN, OTHER_DOMAIN, Box, Stack

from sekisho.config.inbound import InboundSettings
from sekisho.inbound import rendering
from sekisho.rehearsal.clients import Answer, ImapSession, SmtpSession
from sekisho.rehearsal.outside import wait_until

# Where 楽天 and a spammer send from (demo/address_data.py: nothing is known of either).
GENUINE, SPAMMER = "203.0.113.10", "203.0.113.66"
# What clamd knows here; not EICAR, which other scanners on the machine may take away.
MALWARE = b"Sekisho story t56: this file stands for malware. " + b"t56" * 20
# All labels of the domains in this story; compiling the world's 9,600 suffixes takes rspamd half a minute.
SUFFIXES = "com\njp\nco.jp\nexample\ntest\n"


def folder_name(name: str) -> str:
    """As IMAP writes it: modified UTF-7 (RFC 3501, 5.1.3)."""
    text = b64encode(name.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f'"&{text}-"'


WARNED = folder_name(InboundSettings().folder)


@contextmanager
def running(command: list[str], log: Path, port_or_socket: int | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server, until it answers and then until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:

        def answers() -> bool:
            kind = socket.AF_INET if isinstance(port_or_socket, int) else socket.AF_UNIX
            place = ("127.0.0.1", port_or_socket) if isinstance(port_or_socket, int) else str(port_or_socket)
            with socket.socket(kind, socket.SOCK_STREAM) as door:
                return process.poll() is None and door.connect_ex(place) == 0

        assert wait_until(answers, 60, pause=0.1) is not None, log.read_text(errors="replace")[-3000:]
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def clamd(place: Path) -> tuple[list[str], Path]:
    """The command of a clamd that knows one signature, and its socket."""
    database = place / "signatures"
    database.mkdir(parents=True)
    (database / "t56.hdb").write_text(f"{hashlib.md5(MALWARE).hexdigest()}:{len(MALWARE)}:Sekisho.Story.T56\n")
    settings = place / "clamd.conf"
    settings.write_text(
        f"LocalSocket {place}/clamd.sock\nLocalSocketMode 666\nDatabaseDirectory {database}\nForeground yes\n"
        f"User root\nLogFile {place}/clamd.log\n"
    )
    return ["/usr/sbin/clamd", "-c", str(settings)], place / "clamd.sock"


def records(genuine: Key) -> dict[str, str]:
    return {
        f"{SELECTOR}._domainkey.rakuten.co.jp": genuine.record,
        "rakuten.co.jp": f"v=spf1 ip4:{GENUINE} -all",
        "_dmarc.rakuten.co.jp": "v=DMARC1; p=reject",
        "xk29.test": f"v=spf1 ip4:{SPAMMER} -all",
    }


class Scene:
    """The servers of this story and what is sent through them."""

    def __init__(self, stack: Stack, key: Key, port: int, rspamd: subprocess.Popen[bytes]) -> None:
        self.stack, self.key, self.port, self.rspamd = stack, key, port, rspamd
        self.warned = stack.new_box("chuui", DOMAIN)
        self.watched = stack.new_box("kansoku", OTHER_DOMAIN)

    def send(self, message: bytes, box: Box, envelope: str, source: str) -> Answer:
        with SmtpSession(self.stack.places.mx, client_address=source) as session:
            sending = session.send(envelope, [box.address], message)
        assert sending.end is not None, sending
        return sending.end

    def arrived(self, box: Box, number: str, folder: str = "INBOX") -> str:
        """The headers of a message once it is in that folder; "" when it never came."""
        found = ""

        def there() -> bool:
            nonlocal found
            with ImapSession(self.stack.places.imap, client_address=self.stack.home) as session:
                assert session.login(box.address, box.password).accepted
                try:
                    found = next((text for text in session.headers(folder) if f"X-Rehearsal: {number}" in text), "")
                except Exception:
                    # The folder is made by the first message in it.
                    return False
            return bool(found)

        wait_until(there, 20, pause=0.3)
        return found

    def log(self) -> str:
        return (self.stack.var / "inbound/state/rspamd.log").read_text(errors="replace")


def set_milter(stack: Stack, value: str) -> None:
    """Port 25 alone asks rspamd: neither submission nor what comes back from Sieve."""
    postconf = ["/usr/sbin/postconf", "-c", str(stack.places.our_postfix)]
    service = f"127.0.0.1:{stack.places.mx}/inet"
    subprocess.run([*postconf, "-P", f"{service}/smtpd_milters={value}"], check=True)
    subprocess.run([*postconf, "-P", f"{service}/milter_default_action=accept"], check=True)
    stack.postfix("ours", "reload")


@pytest.fixture(scope="module")
def scene(stack: Stack) -> Iterator[Scene]:
    missing = [name for name in ("rspamd", "clamd") if shutil.which(name, path="/usr/bin:/usr/sbin") is None]
    assert not missing, f"this story needs the real programs; missing: {missing}"
    place, began = stack.var / "inbound", time.monotonic()
    genuine, port = Key("rakuten.co.jp"), free_port()
    with ExitStack() as open_:
        resolver = open_.enter_context(name_server(records(genuine)))
        command, door = clamd(stack.var / "clamd")
        site = InboundSettings(str(place), port=port, clamd=str(door), resolver="127.0.0.1", resolver_port=resolver)
        suffixes = stack.var / "suffixes.dat"
        suffixes.write_text(SUFFIXES)
        rendering.write_own(site, place, str(suffixes))
        shutil.chown(place / "state", "_rspamd", "_rspamd")
        open_.enter_context(running(command, stack.var / "log/clamd.log", door))
        rspamd = ["/usr/bin/rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", str(place / "rspamd.conf")]
        process = open_.enter_context(running(rspamd, stack.var / "log/rspamd.log", port))
        print(f"t56: rspamd and clamd answered after {time.monotonic() - began:.1f} s")
        set_milter(stack, f"inet:127.0.0.1:{port}")
        open_.callback(set_milter, stack, "")
        made = Scene(stack, genuine, port, process)
        stack.command(
            "domain", "inbound", DOMAIN, "--level", "warn", "--tag", "--place", "folder", "--name", "パン工房はなまる"
        )
        stack.shell.run(
            f"from sekisho.inbound import rules\nrules.set_rule({OTHER_DOMAIN!r}, rules.Rule('observe'), 'story')"
        )
        # The agent has written it, and rspamd has read it again.
        assert wait_until(lambda: DOMAIN in (place / "tenants.json").read_text(), 20) is not None
        assert wait_until(lambda: made.log().count("sekisho: 2 tenants") > 0, 30) is not None, made.log()[-2000:]
        print(f"t56: ready to send after {time.monotonic() - began:.1f} s")
        yield made


def test_a_genuine_message_passes_untouched_and_loses_only_a_forged_mark(scene: Scene) -> None:
    text = letter("楽天カード <news@rakuten.co.jp>", scene.warned.address, "【重要】ご本人確認のお願い", "t56-genuine",
                  X_Sekisho_Warning="display-name:amazon", Reply_To="info@click.example")  # fmt: skip
    assert scene.send(scene.key.sign(text), scene.warned, "bounce@rakuten.co.jp", GENUINE).code == 250
    head = scene.arrived(scene.warned, "t56-genuine")
    assert head, scene.log()[-3000:]
    assert "X-Sekisho-Warning" not in head
    assert "dkim=pass" in head and "dmarc=pass" in head, head


def test_an_impersonation_is_marked_tagged_and_filed(scene: Scene) -> None:
    text = letter(
        "楽天カード株式会社 <info@xk29.test>", scene.warned.address, "お支払い方法を更新してください", "t56-named"
    )
    assert scene.send(text, scene.warned, "info@xk29.test", SPAMMER).code == 250
    head = scene.arrived(scene.warned, "t56-named", WARNED)
    assert head, scene.log()[-3000:]
    parsed = message_from_string(head, policy=policy.default)
    assert parsed["X-Sekisho-Warning"] == "display-name:rakuten, account-lure"
    assert parsed["Subject"] == "【なりすまし注意】お支払い方法を更新してください"
    assert "t56-named" not in str(scene.stack.inbox(scene.warned))


def test_a_forged_address_and_the_tenants_own_name_from_outside_are_marked(scene: Scene) -> None:
    forged = letter("楽天 <news@rakuten.co.jp>", scene.warned.address, "Hello", "t56-forged")
    own = letter("パン工房はなまる システム管理者 <it@xk29.test>", scene.warned.address, "Hello", "t56-own")
    assert scene.send(forged, scene.warned, "x@xk29.test", SPAMMER).code == 250
    assert scene.send(own, scene.warned, "x@xk29.test", SPAMMER).code == 250
    assert "X-Sekisho-Warning: forged-sender:rakuten" in scene.arrived(scene.warned, "t56-forged", WARNED)
    assert "X-Sekisho-Warning: display-name:own" in scene.arrived(scene.warned, "t56-own", WARNED)


def test_malware_is_refused_while_the_sender_waits(scene: Scene) -> None:
    text = letter("a <a@xk29.test>", scene.warned.address, "Invoice", "t56-malware", attachment=MALWARE)
    answer = scene.send(text, scene.warned, "a@xk29.test", SPAMMER)
    assert answer.code == 554 and answer.text.startswith("5.7.1") and answer.text.isascii(), answer
    clean = letter("a <a@xk29.test>", scene.warned.address, "Invoice", "t56-clean", attachment=MALWARE[:-1])
    assert scene.send(clean, scene.warned, "a@xk29.test", SPAMMER).code == 250
    assert scene.arrived(scene.warned, "t56-clean")


def test_a_domain_that_observes_gets_everything_as_it_was(scene: Scene) -> None:
    named = letter("楽天カード株式会社 <info@xk29.test>", scene.watched.address, "お支払い", "t56-watched")
    sick = letter("a <a@xk29.test>", scene.watched.address, "Invoice", "t56-sick", attachment=MALWARE)
    assert scene.send(named, scene.watched, "info@xk29.test", SPAMMER).code == 250
    assert scene.send(sick, scene.watched, "a@xk29.test", SPAMMER).code == 250
    head = scene.arrived(scene.watched, "t56-watched")
    assert head and "X-Sekisho-Warning" not in head and "なりすまし" not in head
    assert scene.arrived(scene.watched, "t56-sick")
    assert f"{OTHER_DOMAIN} observe warning: display-name:rakuten" in scene.log()


def test_without_rspamd_mail_flows(scene: Scene) -> None:
    scene.rspamd.terminate()
    scene.rspamd.wait(timeout=20)
    text = letter("楽天カード株式会社 <info@xk29.test>", scene.warned.address, "Hello", "t56-alone")
    assert scene.send(text, scene.warned, "info@xk29.test", SPAMMER).code == 250
    assert scene.arrived(scene.warned, "t56-alone")
