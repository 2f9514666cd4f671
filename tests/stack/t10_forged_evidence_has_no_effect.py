"""P3: forged MAIL FROM and From, and forged policy and login reports by another local user, do nothing to a
mailbox. Sabotage: tests/sabotage/t10.patch (the kernel's word for the peer is not asked)."""

from __future__ import annotations

import json
import pwd
import re
import subprocess

from harness import ABROAD, Box, Hijacker, Stack, policy_answer

from sekisho.rehearsal.clients import SmtpSession, compose

# A client of the guard's TCP ports, run as another local user: prints what it got back for each request.
FORGER = r"""
import json, socket, sys
asked = json.load(sys.stdin)
for port, request in asked:
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(4096):
                got += part
    except OSError as error:
        got = b""
    print(json.dumps(got.decode("latin-1")))
"""


def test_forged_mail_and_requests_do_nothing(stack: Stack) -> None:
    box, reader = stack.new_boxes("t10", 2)
    forge_mail(stack, box, reader)
    answers = forge_requests(stack, box, "nobody", 300)
    assert set(answers) == {""}, set(answers)
    # The control: the same words from a user whom the guard trusts are answered.
    own = {"sasl_username": reader.address, "recipient": "x@faraway.test", "client_address": ABROAD}
    assert policy_answer(stack.places.policy, own) == "DUNNO"
    assert stack.status(box) == "active"
    assert stack.our_sql("SELECT COUNT(*) FROM incidents_incident WHERE mailbox = ?", box.address) == [(0,)]
    assert not stack.our_sql("SELECT 1 FROM incidents_queueidlogin WHERE mailbox = ?", box.address)
    stack.assert_open(box)
    # And the mailbox could have tripped: the same traffic with its password does it.
    assert Hijacker(stack, box).run().answer


def forge_mail(stack: Stack, box: Box, reader: Box) -> None:
    """200 messages without a login in the victim's name, a part of them to nobody."""
    for start in range(0, 200, 20):
        with SmtpSession(stack.places.mx, client_address=ABROAD) as session:
            for count in range(start, start + 20):
                recipient = reader.address if count % 4 else f"nosuch{count}@{box.address.partition('@')[2]}"
                message = compose(f"t10-forged-{count}", box.address, recipient, "Invoice", "Pay now.")
                session.send(box.address, [recipient], message)


def forge_requests(stack: Stack, box: Box, user: str, count: int) -> list[str]:
    """Policy requests and login reports that say the victim sends spam, made by `user`; what came back for each."""
    key = re.search(r"X-Sekisho-Key:(\S+)", (stack.var / "ours" / "dovecot" / "dovecot.conf").read_text())
    assert key
    asked = []
    for number in range(count):
        policy = {
            "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
            "client_address": ABROAD, "sender": box.address, "recipient": f"x{number}@bought-list.test",
            "sasl_username": box.address, "sasl_method": "PLAIN", "instance": f"forged.{number}", "queue_id": "",
        }  # fmt: skip
        asked.append((stack.places.policy, "".join(f"{name}={value}\n" for name, value in policy.items()) + "\n"))
        report = json.dumps({
            "login": box.address, "remote": f"198.19.{number % 32}.3", "protocol": "imap", "success": True,
            "policy_reject": False, "pwhash": "0a0a", "device_id": "", "session_id": f"f{number}", "tls": False,
        })  # fmt: skip
        asked.append((
            stack.places.auth_policy,
            f"POST /auth?command=report HTTP/1.1\r\nHost: x\r\nX-Sekisho-Key: {key.group(1)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(report)}\r\nConnection: close\r\n\r\n{report}",
        ))  # fmt: skip
    entry = pwd.getpwnam(user)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", FORGER], input=json.dumps(asked), capture_output=True, text=True, timeout=300,
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", check=True, env={},
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]
