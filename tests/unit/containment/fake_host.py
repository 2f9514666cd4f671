"""Postfix and Dovecot as far as the agent sees them, behind the one callable through which it runs commands.

Maps are files of JSON under the names Postfix would use, so deleting or corrupting one looks as it does on a host.
Dovecot reads `deny` and `probe` as they are on disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sekisho.containment.commands import CompletedCommand, is_privileged_step

OK = CompletedCommand(0, b"", b"")


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeHost:
    def _sievec(self, words: Sequence[str], stdin: str) -> CompletedCommand:
        path = Path(words[-1])
        path.with_suffix(".svbin").write_bytes(b"compiled " + path.read_bytes())
        return OK

    def __init__(self, barrier: Path, clock: Clock) -> None:
        self.barrier = barrier
        self.clock = clock
        self.calls: list[tuple[str, ...]] = []
        # queue id -> message as `postqueue -j` shows it, and its SASL login.
        self.queue: dict[str, dict[str, Any]] = {}
        self.logins: dict[str, str] = {}
        self.sessions: dict[str, int] = {}
        # login name -> the process that serves its sessions
        self.pids: dict[str, int] = {}
        self.scripts: dict[str, dict[str, str]] = {}
        self.active: dict[str, str] = {}
        self.parameters = {"maximal_queue_lifetime": "5d", "bounce_queue_lifetime": "5d"}
        # mailbox -> what the site's userdb says, and whether it shows the mailbox at all (mailbox.active).
        self.homes: dict[str, dict[str, str]] = {}
        self.shown: Callable[[str], bool] = lambda name: name in self.homes
        # First words of a command -> what happens instead.
        self.broken: dict[str, Callable[[], CompletedCommand]] = {}
        # Queue ids whose delivery is under way: they leave although they were put on hold.
        self.in_flight: set[str] = set()

    def __call__(self, argv: Sequence[str], stdin: bytes = b"", deadline: float = 5.0) -> CompletedCommand:
        assert is_privileged_step(argv), argv
        words = (argv[0], *argv[3:])
        self.calls.append(words)
        for start, instead in self.broken.items():
            if " ".join(words).startswith(start):
                return instead()
        handler = getattr(self, f"_{words[0]}")
        result: CompletedCommand = handler(words[1:], stdin.decode())
        return result

    def count(self, *start: str) -> int:
        return sum(call[: len(start)] == start for call in self.calls)

    # --- Postfix

    def _postmap(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        path = Path(words[-1].removeprefix("lmdb:") + ".lmdb")
        try:
            rows = json.loads(path.read_text()) if path.exists() else {}
        except ValueError:
            return CompletedCommand(1, b"", b"postmap: fatal: open database: MDB_INVALID")
        if words[0] == "-r":
            source = path.with_suffix("")
            path.write_text(json.dumps(dict(line.split(" ", 1) for line in source.read_text().splitlines())))
            return OK
        if words[0] == "-s":
            return CompletedCommand(0, "".join(f"{k}\t{v}\n" for k, v in rows.items()).encode(), b"")
        if words[0] == "-q":
            found = [key for key in stdin.splitlines() if key in rows]
            return CompletedCommand(0 if found else 1, "".join(f"{k}\t{rows[k]}\n" for k in found).encode(), b"")
        if words[0] == "-d" and not any(key in rows for key in stdin.splitlines()):
            return CompletedCommand(1, b"", b"")
        for line in stdin.splitlines():
            if words[0] == "-ri":
                key, _, value = line.partition(" ")
                rows[key] = value
            else:
                rows.pop(line, None)
        path.write_text(json.dumps(rows))
        return OK

    def _postfix(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        return OK

    def _postkick(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        return OK

    def _postconf(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        return CompletedCommand(0, self.parameters[words[-1]].encode() + b"\n", b"")

    def add_message(
        self, queue_id: str, *recipients: str, login: str = "", age: float = 0, queue: str = "deferred"
    ) -> None:
        self.queue[queue_id] = {
            "queue_name": queue,
            "queue_id": queue_id,
            "arrival_time": int(self.clock.now - age),
            "sender": "anybody@elsewhere.example",
            "recipients": [{"address": address} for address in recipients],
        }
        self.logins[queue_id] = login

    def _postqueue(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        if words[0] == "-i":
            return OK
        return CompletedCommand(0, "".join(json.dumps(m) + "\n" for m in self.queue.values()).encode(), b"")

    def _postcat(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        login = self.logins.get(words[-1], "")
        return CompletedCommand(0, f"named_attribute: sasl_username={login}\n".encode() if login else b"", b"")

    def _postsuper(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        for queue_id in stdin.split():
            message = self.queue.get(queue_id)
            if message is None:
                continue
            if words[0] == "-h":
                message["queue_name"] = "hold"
                if queue_id in self.in_flight:
                    message["recipients"] = []
            elif words[0] == "-H":
                message["queue_name"] = "deferred"
                if not message["recipients"]:
                    del self.queue[queue_id]
            elif words[0] == "-r":
                del self.queue[queue_id]
                self.queue[f"{queue_id}NEW"] = {
                    **message, "queue_id": f"{queue_id}NEW", "queue_name": "incoming",
                    "arrival_time": int(self.clock.now),
                }  # fmt: skip
            else:
                del self.queue[queue_id]
        return OK

    # --- Dovecot

    def _doveadm(self, words: tuple[str, ...], stdin: str) -> CompletedCommand:
        words = words[2:] if words[:2] == ("-f", "tab") else words
        if words[:2] == ("auth", "test"):
            return self._auth_test(words[-1], stdin.strip())
        if words[0] == "kick":
            return CompletedCommand(0 if self.sessions.pop(words[-1], 0) else 68, b"", b"")
        if words[0] == "who":
            number = self.sessions.get(words[-1], 0)
            row = f"{words[-1]}\t{number}\timap\t({self.pids.get(words[-1], 1)})\t(127.0.0.1)\n" if number else ""
            return CompletedCommand(0, ("username\t#\tproto\t(pids)\t(ips)\n" + row).encode(), b"")
        if words[0] == "sieve":
            return self._sieve(words[1], words[3], words[-1])
        if words[0] == "user":
            return self._user(words[-1], "service=lmtp" in words)
        return CompletedCommand(0, b"1 cache entries flushed\n", b"") if words[:3] == ("auth", "cache", "flush") else OK

    def _user(self, name: str, by_lmtp: bool) -> CompletedCommand:
        """The userdb blocks in order: the barrier's `lmtp` for that service, then the site's (which hides inactive)."""
        lines = (self.barrier / "lmtp").read_text().splitlines() if by_lmtp else []
        for line in lines:
            if line.startswith(f"lmtp/{name}:"):
                _, _, uid, gid, _, home, _, extra = line.split(":", 7)
                fields = {"uid": uid, "gid": gid, "home": home}
                fields |= {k.removeprefix("userdb_"): v for k, _, v in (word.partition("=") for word in extra.split())}
                if "tempfail" in fields:
                    return CompletedCommand(75, b"", b"userdb lookup failed")
                return self._fields(fields)
        return self._fields(self.homes[name]) if self.shown(name) else CompletedCommand(67, b"", b"doesn't exist")

    def _fields(self, fields: dict[str, str]) -> CompletedCommand:
        rows = "".join(f"{name}\t{value}\n" for name, value in fields.items())
        return CompletedCommand(0, f"field\tvalue\n{rows}".encode(), b"")

    def _auth_test(self, name: str, secret: str) -> CompletedCommand:
        if f"{name}:" in (self.barrier / "deny").read_text().splitlines():
            return CompletedCommand(77, b"", b"")
        known = f"{name}:{{PLAIN}}{secret}" in (self.barrier / "probe").read_text().splitlines()
        return CompletedCommand(0 if known else 77, b"", b"")

    def _sieve(self, verb: str, mailbox: str, script: str) -> CompletedCommand:
        scripts = self.scripts.get(mailbox)
        if scripts is None:
            return CompletedCommand(67, b"", b"User doesn't exist")
        if verb == "list":
            active = self.active.get(mailbox)
            rows = "".join(f"{name}\t{'ACTIVE' if name == active else ''}\n" for name in scripts)
            return CompletedCommand(0, ("script\tactive\n" + rows).encode(), b"")
        if verb == "get":
            found = scripts.get(script)
            return CompletedCommand(68 if found is None else 0, f"sieve script:\n{found or ''}\n".encode(), b"")
        if verb == "delete" and self.active.get(mailbox) == script:
            return CompletedCommand(65, b"", b"Cannot delete the active Sieve script")
        if verb == "delete":
            return CompletedCommand(68 if scripts.pop(script, None) is None else 0, b"", b"")
        if verb == "deactivate":
            self.active.pop(mailbox, None)
        else:
            self.active[mailbox] = script
        return OK
