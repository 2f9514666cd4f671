"""Mail as strangers really send it: a name server with their SPF, DKIM and DMARC records, messages signed by DKIM."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SELECTOR = "t56"


class Key:
    """A domain's DKIM key."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        # The shortest that receivers accept (RFC 8301, 3.2), since it is made anew in each run.
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    @property
    def record(self) -> str:
        """The text of SELECTOR._domainkey.DOMAIN."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        public = self._key.public_key().public_bytes(serialization.Encoding.DER, kind)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"

    def sign(self, message: bytes) -> bytes:
        """The message with a DKIM-Signature (RFC 6376, simple/simple) over From, To, Subject and its body."""
        head, _, body = message.partition(b"\r\n\r\n")
        body = body.rstrip(b"\r\n") + b"\r\n"
        fields = [line.decode() for line in head.split(b"\r\n")]
        signed = [next(line for line in fields if line.startswith(f"{name}:")) for name in ("From", "To", "Subject")]
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        start = (
            f"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d={self.domain}; s={SELECTOR};"
            f" h=From:To:Subject; bh={digest}; b="
        )
        text = "".join(f"{line}\r\n" for line in signed) + start
        signature = base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        return f"{start}{signature}\r\n".encode() + head + b"\r\n\r\n" + body


def letter(sender: str, recipient: str, subject: str, number: str, *, attachment: bytes = b"", **more: str) -> bytes:
    """A message in wire form whose header fields stand on one line each, as `Key.sign` needs them."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = "Wed, 25 Nov 2026 09:00:00 +0900"
    message["Message-ID"], message["X-Rehearsal"] = f"<{number}@t56.test>", number
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content("Good day.\n")
    if attachment:
        message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="invoice.bin")
    return message.as_bytes()


@contextmanager
def name_server(texts: dict[str, str]) -> Iterator[int]:
    """Answers TXT questions about these names on a UDP port of its own (the value); everything else does not exist."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                question, client = server.recvfrom(4096)
            except OSError:
                return
            server.sendto(_answer(question, texts), client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def _answer(question: bytes, texts: dict[str, str]) -> bytes:
    query = dns.message.from_wire(question)
    asked = query.question[0]
    name = str(asked.name).rstrip(".").lower()
    reply = dns.message.make_response(query)
    if asked.rdtype == dns.rdatatype.TXT and name in texts:
        # A text holds strings of 255 octets at most (RFC 1035, 3.3).
        parts = [texts[name][start : start + 250] for start in range(0, len(texts[name]), 250)]
        reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "TXT", " ".join(f'"{part}"' for part in parts)))
    elif name not in texts:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()
