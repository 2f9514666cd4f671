"""A DNS server on loopback that answers what a test tells it: records, a refusal, or nothing at all."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

# In place of records: the server keeps silent, or says REFUSED or SERVFAIL.
SILENT, REFUSED, FAILED = "silent", "refused", "failed"


@dataclass
class Nameserver:
    """`records` may be changed while it runs: (name with its last dot, type) -> texts, or one of the words above.

    A name below one that is SILENT, REFUSED or FAILED is answered like it.
    """

    port: int
    records: dict[tuple[str, str], list[str] | str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def reply(self, question: bytes) -> bytes | None:
        query = dns.message.from_wire(question)
        asked = query.question[0]
        name, kind = str(asked.name).lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked[name.rstrip(".")] += 1
        found = self._look(name, kind)
        if found == SILENT:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if found == REFUSED:
            reply.set_rcode(dns.rcode.REFUSED)
        elif found == FAILED:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif isinstance(found, list):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
        elif not any(known == name for known, _ in list(self.records)):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    def _look(self, name: str, kind: str) -> list[str] | str | None:
        labels = name.split(".")
        for start in range(len(labels) - 1):
            found = self.records.get((".".join(labels[start:]), kind))
            if found is not None and (start == 0 or isinstance(found, str)):
                return found
        return None


@contextmanager
def answering(records: dict[tuple[str, str], list[str] | str] | None = None) -> Iterator[Nameserver]:
    """A running server; it ends with the block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        found = Nameserver(door.getsockname()[1], records if records is not None else {})

        def serve() -> None:
            while True:
                question, client = door.recvfrom(4096)
                if question == b"end":
                    return
                if (reply := found.reply(question)) is not None:
                    door.sendto(reply, client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield found
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ("127.0.0.1", found.port))
        thread.join(timeout=5)


def list_of(
    zone: str, *listed: str, kinds: tuple[str, ...] = ("ipv4", "ipv6", "domain")
) -> dict[tuple[str, str], list[str] | str]:
    """Records of a blocklist that works: its test entries, and these names (as they stand in the zone) listed."""
    tests = {
        "ipv4": "2.0.0.127",
        "ipv6": "2.0.0.0.0.0.f.7.f.f.f.f." + "0." * 19 + "0",
        "domain": "test",
    }
    names = [*(tests[kind] for kind in kinds), *listed]
    return {(f"{name}.{zone}.", "A"): ["127.0.0.2"] for name in names}
