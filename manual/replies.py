"""docs/reference/replies.md: what neighbours are told because of us. Texts and RFC sentences: wire.replies."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

from manual.words import made, table
from sekisho.wire import replies

HEAD = """# Replies

What a client or another server can be told because of Sekisho, word for word. All of them are temporary except a
refused login; none is a bounce. Each is ASCII, at most 512 octets (RFC 5321, section 4.5.3.1.5) and holds no phrase
that fail2ban's stock filters count as an attack. `inbound_text` in [the settings](settings.md) puts the first one in
your own words.

A sender's server that is told 450 keeps the message in its own queue and tries again, at first every few minutes. How
long is its own matter: Exchange two days, Exim four, Postfix five by default. Only when that time is over does *that
server* tell its own user; nothing of ours returns the message. [Rescue](../rescue.md) accepts the mail before that.
"""


@dataclass(frozen=True)
class Meaning:
    """Who says a reply, to whom, and what the other side does then."""

    said_by: str
    told: str
    then: str


MEANINGS = {
    "INBOUND_SUSPENDED": Meaning(
        "Postfix' MX at RCPT, from the barrier's `rcpt.lmdb`; no process of ours is asked",
        "servers and clients that bring mail for a suspended mailbox, under any of its addresses",
        "keeps the mail and tries again for days; it arrives after recovery",
    ),
    "QUEUE_SUSPENDED": Meaning(
        "Postfix' `retry` transport, from the barrier's `transport.lmdb`",
        "our own queue: mail by alias, catch-all, local submission or a Sieve redirect to a suspended mailbox",
        "Postfix tries again; well before its queue's lifetime ends the message is put on hold",
    ),
    "SUBMISSION_SUSPENDED": Meaning(
        "Postfix' submission at sender, recipient, data and end of data, from `sasl.lmdb`; the guard says the same",
        "a session opened with a password before the suspension",
        "the session is closed; the next one finds its login refused",
    ),
    "SUBMISSION_RESTRICTED": Meaning(
        "the guard, at RCPT",
        "the mail program of a restricted mailbox, or one on probation, with no new recipients left in its budget",
        "keeps the message in its outbox and tries again; known recipients go on",
    ),
    "SUBMISSION_STOPPED": Meaning(
        "Postfix' submission, from `sasl.lmdb`; the guard says the same",
        "the mail program of a mailbox restricted to 0 new recipients",
        "keeps the message in its outbox",
    ),
    "SUBMISSION_ELSEWHERE": Meaning(
        "the guard, at RCPT",
        "a mail program in a country to which its owner has closed the mailbox (`sekisho mailbox countries`)",
        "keeps the message in its outbox",
    ),
    "SUBMISSION_RENEW": Meaning(
        "the guard, at RCPT",
        "the mail program of a mailbox whose password renewal is overdue (docs/passwords.md), for a new recipient",
        "keeps the message in its outbox until the password is new; known recipients go on",
    ),
    "AUTH_UNAVAILABLE": Meaning(
        "Postfix' submission, when Dovecot's auth process does not answer",
        "any mail program that logs in",
        "tries again later and does not ask for another password",
    ),
    "IMAP_UNAVAILABLE": Meaning(
        "Dovecot, when its auth process or a database of the site's does not answer",
        "any mail program that logs in",
        "tries again later and does not ask for another password",
    ),
    "AUTH_SUSPENDED": Meaning(
        "Postfix' submission, as Dovecot's first passdb (`deny`) refuses",
        "whoever logs in at a suspended mailbox, with a right or a wrong password alike",
        "asks for the password; the new one works after recovery",
    ),
    "IMAP_SUSPENDED": Meaning(
        "Dovecot's IMAP, as its first passdb (`deny`) refuses",
        "whoever logs in at a suspended mailbox, with a right or a wrong password alike",
        "asks for the password; the new one works after recovery",
    ),
    "POP3_SUSPENDED": Meaning(
        "Dovecot's POP3, as its first passdb (`deny`) refuses",
        "whoever logs in at a suspended mailbox, with a right or a wrong password alike",
        "asks for the password; the new one works after recovery",
    ),
    "GO_ON": Meaning(
        "the guard, to Postfix",
        "Postfix, not the client: most questions are answered so",
        "Postfix goes on to its own next restriction",
    ),
}


def constants() -> dict[str, tuple[str, str]]:
    """Each reply's name with its text and the comment above it, in the order of the source."""
    source = Path(inspect.getfile(replies)).read_text(encoding="utf-8")
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            name = node.targets[0]
            if isinstance(name, ast.Name):
                found[name.id] = (node.value.value, _above(lines, node.lineno - 1))
    return found


def _above(lines: list[str], index: int) -> str:
    words: list[str] = []
    while index and lines[index - 1].startswith("#"):
        words.insert(0, lines[index - 1].lstrip("# "))
        index -= 1
    return " ".join(words).removeprefix(
        "The next three are said by Dovecot for its deny passdb and by Postfix for SMTP AUTH; probes look for them. "
    )


def page() -> str:
    """The page's text."""
    found = constants()
    rows = [[f"`{text}`", MEANINGS[name].said_by, MEANINGS[name].told, MEANINGS[name].then]
            for name, (text, _) in found.items()]  # fmt: skip
    parts = [made(HEAD), "\n", table(["reply", "said by", "told to", "what happens then"], rows)]
    parts.append("\n## The RFC sentences they rest on\n")
    parts += [f"\n`{text}`: {why}\n" for text, why in found.values()]
    return "".join(parts)
