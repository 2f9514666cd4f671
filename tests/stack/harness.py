"""The running local stack as the stories see it: its doors, its command, its processes, its mailboxes.

A story gets fresh mailboxes and looks at what SMTP, IMAP, POP3, ManageSieve and both queues say. The `Shell` sets
scenes (new mailboxes, rows of the site's database) in one Django process, since each `sekisho` verb costs a second;
what a story is about goes through the command.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sekisho.deploy import database_server, dovecot_root
from sekisho.deploy.layout import Layout, Ports
from sekisho.rehearsal.clients import Answer, ImapSession, LoginAnswer, SmtpSession, compose
from sekisho.rehearsal.doors import try_doors, try_imap
from sekisho.rehearsal.outside import Queued, ThirdParty, list_queue, wait_until
from sekisho.rehearsal.places import Places
from sekisho.rehearsal.sieve_client import SieveSession

ROOT = Path(__file__).resolve().parents[2]
SEKISHO = str(Path(sys.executable).with_name("sekisho"))
# Two of the demo's customers (demo/provider.toml): a new mailbox starts with their habits of 30 days from Japan.
DOMAIN, ALIAS_DOMAIN, CONTACT = "hanamaru-pan.example", "hanamaru-bakery.example", "hanamaru.kanri@tayori.example"
OTHER_DOMAIN, OTHER_CONTACT, OTHER_SERVER = (
    "aoba-shika.example",
    "aoba.jimu@hibari.example",
    "mx02.hoshizora-host.example",
)


def places_of(story: str) -> tuple[str, str]:
    """Where owners of fresh mailboxes are at home, and where hijackers come from (demo/address_data.py: JP, NG).

    Each story ("t07…") has addresses of its own: stories share a guard, and an address from which a dozen of them tried
    wrong passwords is a guesser's to it, for a day.
    """
    number = int(story[1:3]) if re.fullmatch(r"t\d\d", story[:3]) else 0
    return f"198.18.40.{100 + number}", f"198.19.18.{100 + number}"


def __getattr__(name: str) -> str:
    """`from harness import HOME, ABROAD` gives a story its own places (PEP 562)."""
    if name not in ("HOME", "ABROAD"):
        raise AttributeError(name)
    story = sys._getframe(1).f_globals.get("__name__", "")
    return places_of(story.rpartition(".")[2])[name == "ABROAD"]


INBOUND_450 = (
    "4.2.1 <{}>: Recipient address rejected: mailbox temporarily suspended by the provider, please retry later"
)
SUSPENDED_421 = "sending is suspended for this mailbox"
PASSWORD = "kaze-no-nagare-91-tsukimi"


@dataclass
class Box:
    """A mailbox of a story and its present password."""

    address: str
    password: str = PASSWORD

    @property
    def local(self) -> str:
        return self.address.partition("@")[0]

    @property
    def alias_form(self) -> str:
        """The same mailbox under the alias domain."""
        return f"{self.local}@{ALIAS_DOMAIN}"


def in_dialect(database: str, statement: str) -> str:
    """A statement as SQLite wants it, for another database."""
    if database == "sqlite":
        return statement
    statement = statement.replace("%", "%%").replace("?", "%s")
    if database == "postgresql":
        # `active` is the one column that is a number on SQLite and a truth on PostgreSQL.
        return re.sub(r"\bactive = ([01])\b", r"active = '\1'", statement)
    return re.sub(r"(\S+) \|\| (\S+)", r"CONCAT(\1, \2)", statement)


class Shell:
    """One Python process with Sekisho's Django; `run` executes code there and returns what it left in `result`."""

    SERVER = """
import json, sys, traceback
import django
django.setup()
names = {}
for line in sys.stdin:
    names["result"] = None
    try:
        exec(json.loads(line), names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer, default=str), flush=True)
"""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"DJANGO_SETTINGS_MODULE": "sekisho.web.settings"},
        )
        self._lock = threading.Lock()

    def run(self, code: str) -> Any:
        with self._lock:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps(code) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)


class Hijacker:
    """Sends spam with a mailbox's real password from abroad until the server stops him.

    Each comes from an address of his own: one that other stories guessed with or attacked from is judged more strictly.
    """

    def __init__(self, stack: Stack, box: Box, source: str = "", senders: tuple[str, ...] = ()) -> None:
        self._stack, self._box, self._source = stack, box, source or stack.stranger()
        self._senders = senders or (box.address,)
        # recipient -> queue id of the message accepted for it
        self.accepted: dict[str, str] = {}
        self.first_at: float | None = None
        self.stopped_at: float | None = None
        self.answer: Answer | None = None
        self._sessions_lost = 0

    def run(self, most: int = 800, names: str = "victim", bad_every: int = 5) -> Hijacker:
        """Sends until refused with 421 or 535; fails the story when `most` recipients were accepted."""
        session = self._open()
        count = 0
        while session and len(self.accepted) < most:
            count += 1
            if not self._send(session, count, names, bad_every):
                session.close()
                session = self._open()
            if self.answer:
                if session:
                    session.close()
                return self
            if not count % 10:
                time.sleep(0.1)
        assert self.answer, f"{len(self.accepted)} spam recipients were accepted and nothing stopped it"
        return self

    def _open(self) -> SmtpSession | None:
        session = SmtpSession(self._stack.places.submission, client_address=self._source)
        answer = session.login(self._box.address, self._box.password)
        if answer.code == 235:
            return session
        self._stop(answer)
        return None

    def _stop(self, answer: Answer) -> None:
        self.answer, self.stopped_at = answer, time.monotonic()

    def _send(self, session: SmtpSession, count: int, names: str, bad_every: int) -> bool:
        """Sends one message; False when Postfix ended the session after twenty refused recipients of a restriction."""
        run = secrets.token_hex(3)
        recipients = [f"{names}{count}x{place}.{run}@bought-list.test" for place in range(3)]
        if bad_every and count % bad_every == 0:
            recipients.append(f"nosuch{count}.{run}@bought-list.test")
        sender = self._senders[(count - 1) % len(self._senders)]
        sending = session.send(sender, recipients, compose(f"spam-{run}-{count}", sender, recipients[0], "Win", "Now!"))
        if sending.accepted and sending.end:
            self.first_at = self.first_at or time.monotonic()
            self.accepted |= dict.fromkeys(sending.accepted, sending.end.text.rpartition(" ")[2])
        refusal = sending.refusal
        if refusal and (SUSPENDED_421 in refusal.text or refusal.code == 535):
            self._stop(refusal)
        elif refusal and refusal.code == 421:
            # He comes again, as they do. A login that the guard did not hear of on a busy machine is told once more.
            self._sessions_lost += 1
            assert self._sessions_lost <= 3, f"{len(self.accepted)} accepted, restricted, not suspended: {refusal}"
            return False
        return True

    @property
    def queue_ids(self) -> set[str]:
        return set(self.accepted.values())


# Two stacks side by side: no port of one (8080, 2525 and 3525 and so on, plus the base) is one of the other's.
PORTS_APART = 600


def worker_number() -> int:
    """Which of pytest-xdist's workers this is, from 0; 0 without it. Each has a stack of its own."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


class Stack:
    """One local stack started for the stories, with its own state directory and ports."""

    def __init__(self, ports_further: int = 0, database: str = "") -> None:
        self.database = database or os.environ.get("SEKISHO_DATABASE") or "sqlite"
        # Short: a unix socket's path holds 108 bytes (deploy.layout).
        self.var = Path(os.environ.get("SEKISHO_STORIES_VAR") or tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
        # The guard, a user of its own, lives below it.
        self.var.chmod(0o755)
        self.base = int(os.environ.get("SEKISHO_PORT_BASE") or "2100") + PORTS_APART * worker_number() + ports_further
        self.failpoints = self.var / "failpoints"
        # First in the PATH of our processes; empty but for what a story puts there (spoilt_programs).
        self.programs = self.var / "programs"
        self.places = Places.with_base(self.base, self.var)
        self.outside = ThirdParty(self.places)
        # pytest-django's settings and configuration are for the tests' own process only.
        inherited = {k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "SEKISHO_CONFIG")}
        self.environment = inherited | {
            "SEKISHO_VAR": str(self.var),
            "SEKISHO_PORT_BASE": str(self.base),
            "SEKISHO_DATABASE": self.database,
            "SEKISHO_FAILPOINTS": str(self.failpoints),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "SEKISHO_DEMO": str(ROOT / "demo"),
            "DEMO": "quiet",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }
        if root := os.environ.get("SEKISHO_DOVECOT_ROOT"):
            # `make dovecot24`: the stories' own calls of doveadm must be of that Dovecot, too.
            layout = Layout(self.var, Ports().shifted(self.base), Path(root))
            dovecot_root.use(layout, os.environ)
            self.environment["PATH"] = f"{self.programs}:{os.environ['PATH']}"
        self._process: subprocess.Popen[bytes] | None = None
        self.shell: Shell = None  # type: ignore[assignment]
        self._numbers = 0
        self._strangers = 0
        # Where fresh mailboxes' owners are in the running story.
        self.home = places_of("")[0]

    # --- starting and stopping

    def start(self) -> None:
        missing = [p for p in ("/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/bin/doveadm") if not Path(p).exists()]
        assert not missing, f"the stories need real servers; missing: {', '.join(missing)}"
        self.failpoints.mkdir(parents=True, exist_ok=True)
        self.programs.mkdir(parents=True, exist_ok=True)
        self.failpoints.chmod(0o777)
        output = (self.var / "up.log").open("ab")
        self._process = subprocess.Popen(
            [SEKISHO, "up"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        ready = self.var / "run" / "ready"
        assert wait_until(lambda: ready.exists() or self._process.poll() is not None, 120) is not None, self.up_log()
        assert ready.exists(), self.up_log()
        self.shell = Shell(self.environment)

    def up_log(self) -> str:
        return (self.var / "up.log").read_text(errors="replace")[-4000:]

    def halt(self) -> None:
        """Stops everything and keeps it; `start` brings it back."""
        if self.shell:
            self.shell.close()
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)

    def stop(self) -> None:
        self.halt()
        if "SEKISHO_STORIES_KEEP" not in os.environ:
            shutil.rmtree(self.var, ignore_errors=True)

    # --- the command

    def command(self, *arguments: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [SEKISHO, *arguments], input=given, capture_output=True, text=True, timeout=120, env=self.environment
        )
        assert not check or done.returncode == 0, f"sekisho {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.command(*arguments, "--json").stdout)

    def status(self, box: Box) -> str:
        return self.ask("mailbox", "show", box.address)["status"]

    def stranger(self) -> str:
        """An address abroad that nobody has used before: another country each time, as far as there are any."""
        self._strangers += 1
        return f"198.19.{self._strangers % 32}.{200 + self._strangers // 32}"

    # --- mailboxes

    def new_box(self, word: str = "alice", domain: str = DOMAIN) -> Box:
        return self.new_boxes(word, 1, domain)[0]

    def new_boxes(self, word: str, count: int, domain: str = DOMAIN) -> list[Box]:
        boxes = [Box(f"{word}{place}-{secrets.token_hex(2)}@{domain}") for place in range(count)]
        self.shell.run(
            f"""
from sekisho.directory import provision
for address in {[box.address for box in boxes]!r}:
    provision.add_mailbox(address, {PASSWORD!r})
"""
        )
        return boxes

    def known_box(self, address: str) -> Box:
        """One of the demo's mailboxes, whose owner has a history (and a home in demo/provider.toml)."""
        passwords = json.loads(self.places.credentials_file.read_text())["mailboxes"]
        return Box(address, passwords[address])

    def new_alias(self, address: str, *targets: str) -> None:
        self.shell.run(f"from sekisho.directory import provision\nprovision.add_alias({address!r}, {list(targets)!r})")

    def site_sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs one statement on the site's mailbox database, as another program of the provider would.

        As SQLite wants it: `?` for values, 1 and 0 for yes and no, `||` between texts.
        """
        return self._sql("site", statement, values)

    def our_sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Reads Sekisho's own database."""
        return self._sql("sekisho", statement, values)

    def _sql(self, database: str, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self.connection(database) as connection:
            cursor = connection.cursor()
            cursor.execute(in_dialect(self.database, statement), values)
            rows = cursor.fetchall() if cursor.description else []
        return [tuple(int(value) if isinstance(value, bool) else value for value in row) for row in rows]

    @contextmanager
    def connection(self, database: str) -> Iterator[Any]:
        """A connection of the database's own driver; committed at the end, closed afterwards."""
        layout = Layout(self.var, Ports(), database=self.database)
        if self.database == "sqlite":
            opened: Any = sqlite3.connect(self.var / "db" / f"{database}.sqlite3", timeout=20)
        else:
            opened = database_server.connect(layout, database)
        with closing(opened):
            yield opened
            opened.commit()

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Nobody else reads or writes Sekisho's own database meanwhile."""
        with self.connection("sekisho") as connection:
            cursor = connection.cursor()
            if self.database == "sqlite":
                connection.isolation_level = None
                cursor.execute("BEGIN EXCLUSIVE")
                end = "ROLLBACK"
            else:
                where = "current_schema()" if self.database == "postgresql" else "database()"
                cursor.execute(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {where}")
                names = [name for (name,) in cursor.fetchall()]
                if self.database == "postgresql":
                    cursor.execute("BEGIN")
                    cursor.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
                    end = "ROLLBACK"
                else:
                    cursor.execute("LOCK TABLES " + ", ".join(f"{name} WRITE" for name in names))
                    end = "UNLOCK TABLES"
            try:
                yield
            finally:
                cursor.execute(end)

    @contextmanager
    def another_installation(self, name: str) -> Iterator[tuple[dict[str, str], Shell]]:
        """A place for a second installation beside this stack, nothing of it started: an empty database `name` on the
        same server, state and barrier of its own. Its environment for `sekisho`, and a shell there.

        On MariaDB it comes with a password, as somebody who may do everything in that database and nothing else.
        """
        place = self.var / name
        (place / "barrier").mkdir(parents=True)
        secret = place / "password"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe())
        with self.connection("site") as connection:
            cursor = connection.cursor()
            if self.database == "mariadb":
                cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
                cursor.execute(f"CREATE USER {name}@localhost IDENTIFIED BY '{secret.read_text()}'")
                cursor.execute(f"GRANT ALL ON {name}.* TO {name}@localhost")
                mine = f'name = "{name}"\nuser = "{name}"\npassword_file = "{secret}"'
            else:
                cursor.execute(f"CREATE DATABASE {name}")
                mine = f'name = "{name}"'
        text = (self.var / "sekisho.toml").read_text()
        for former, now in (
            (f'var = "{self.var}"', f'var = "{place}"'),
            (f'barrier = "{self.var}/barrier"', f'barrier = "{place}/barrier"'),
            ('name = "sekisho"', mine),
            # Nobody listens there: this installation's panel does not run.
            (f"port = {self.places.panel}", "port = 9"),
        ):
            assert text.count(former) == 1, (former, text)
            text = text.replace(former, now)
        (place / "sekisho.toml").write_text(text)
        environment = self.environment | {"SEKISHO_CONFIG": str(place / "sekisho.toml")}
        shell = Shell(environment)
        try:
            yield environment, shell
        finally:
            shell.close()

    # --- acts

    def suspend(self, box: Box) -> None:
        """The operator suspends; returns when every door refuses (P2: 5 s)."""
        self.command("mailbox", "suspend", box.address, "--reason", "story")
        self.assert_shut(box, within=5)

    def reinstate(self, box: Box) -> None:
        """The operator's recovery with a new password, which becomes the box's."""
        new = f"hoshi-{secrets.token_hex(4)}-umi-{secrets.token_hex(4)}"
        self.command("mailbox", "reinstate", box.address, "--password-stdin", given=new)
        box.password = new

    def incident(self, box: Box) -> dict[str, Any]:
        """The mailbox's latest incident, whole, as the command shows it."""
        number: int | None = None

        def recorded() -> bool:
            nonlocal number
            number = self.ask("mailbox", "show", box.address)["incident"]
            return number is not None

        # The doors are shut from memory and journal; the record follows.
        assert wait_until(recorded, 15, pause=0.5) is not None, f"{box.address} has no incident"
        return self.ask("incident", "show", str(number))

    def doors(self, box: Box, *, name: str = "", password: str = "", source: str = "") -> dict[str, LoginAnswer]:
        return try_doors(self.places, name or box.address, password or box.password, source or self.home)

    def assert_shut(self, box: Box, within: float, *, name: str = "", password: str = "") -> None:
        """Every door refuses within so many seconds."""
        answers: dict[str, LoginAnswer] = {}

        def shut() -> bool:
            nonlocal answers
            answers = self.doors(box, name=name, password=password)
            return not any(answer.accepted for answer in answers.values())

        # The refusals take Dovecot's own second.
        assert wait_until(shut, within + 1.5, pause=0.1) is not None, f"still open: {answers}"

    def assert_open(self, box: Box) -> None:
        answers = self.doors(box)
        assert all(answer.accepted for answer in answers.values()), answers

    def mx(self, recipient: str, sender: str = "stranger@faraway.test", source: str = "") -> Answer:
        """What our MX answers to RCPT."""
        with SmtpSession(self.places.mx, client_address=source) as session:
            session.mail(sender)
            return session.recipient(recipient)

    def session(self, box: Box, source: str = "") -> SmtpSession:
        """An authenticated submission session. A 454 is tried again, as a mail program does: Postfix gives Dovecot ten
        seconds (AUTH_TIMEOUT in its xsasl_dovecot_server.c), and a login takes five while the guard is away on a busy
        machine (measured at load 12)."""
        for _ in range(3):
            session = SmtpSession(self.places.submission, client_address=source or self.home)
            answer = session.login(box.address, box.password)
            if answer.code != 454:
                break
            session.close()
        assert answer.code == 235, answer
        return session

    def submit(self, box: Box, recipient: str, number: str, *, sender: str | None = None, source: str = "") -> str:
        """A message from an owner; returns its queue id, fails the story when it is refused."""
        sender = box.address if sender is None else sender
        with self.session(box, source) as session:
            sending = session.send(sender, [recipient], compose(number, sender, recipient, "Hello", "Good day."))
        assert sending.end and sending.end.code == 250, sending
        return sending.end.text.rpartition(" ")[2]

    def number(self, word: str) -> str:
        self._numbers += 1
        return f"{word}-{self._numbers}"

    def write(self, recipient: str, sender: str, word: str = "letter") -> str:
        """A letter from outside; returns its number."""
        number = self.number(word)
        answer = self.outside.write(number, sender, recipient, "Hello", "How are you?\n")
        assert answer.code == 250, answer
        return number

    def plant(self, box: Box, script: str, source: str = "") -> None:
        session = SieveSession(self.places.sieve, client_address=source or self.home)
        answers = [
            session.login(box.address, box.password), session.put_script("rules", script), session.set_active("rules")
        ]  # fmt: skip
        session.close()
        assert all(answer.accepted for answer in answers), answers

    # --- looking

    def inbox(self, box: Box) -> Counter[str]:
        """How often each numbered message is in the inbox."""
        with ImapSession(self.places.imap, client_address=self.home) as session:
            answer = session.login(box.address, box.password)
            assert answer.accepted, answer
            return Counter(session.numbers())

    def assert_arrives_once(self, box: Box, numbers: Iterable[str], within: float) -> None:
        """Exactly these messages are in the inbox within so many seconds, each once."""
        wanted = Counter(dict.fromkeys(numbers, 1))
        wait_until(lambda: self.inbox(box) >= wanted, within, pause=0.5)
        time.sleep(0.5)
        assert self.inbox(box) == wanted

    def outside_inbox(self, address: str) -> Counter[str]:
        return Counter(self.outside.numbers(address))

    def assert_no_return(self, *senders: str) -> None:
        """Nobody outside got a delivery status notification: the senders' mailboxes hold no message at all."""
        for sender in senders:
            with self.outside.mailbox(sender) as session:
                assert session.headers() == [], f"{sender} got mail"

    def our_queue(self) -> list[Queued]:
        return list_queue(self.places.our_postfix)

    def their_queue(self) -> list[Queued]:
        return self.outside.queue()

    def waiting_for(self, queue: list[Queued], box: Box) -> list[Queued]:
        return [message for message in queue if box.address in message.addresses]

    # --- servers and processes

    def pid(self, name: str) -> int:
        return int(json.loads((self.var / "run" / "pids.json").read_text())[name])

    def kill(self, name: str) -> int:
        """kill -9; returns the process id that was."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def restarted(self, name: str, old: int, within: float = 15) -> None:
        """Waits until the supervisor has started the part again."""

        def new() -> bool:
            try:
                return self.pid(name) != old and Path(f"/proc/{self.pid(name)}").exists()
            except (OSError, ValueError, KeyError):
                return False

        assert wait_until(new, within, pause=0.05) is not None, f"{name} was not restarted"

    def wait_until_guard_answers(self, within: float = 15) -> None:
        assert wait_until(lambda: policy_answer(self.places.policy, {}) is not None, within, pause=0.05) is not None

    def postfix(self, which: str, *arguments: str) -> None:
        configuration = self.places.our_postfix if which == "ours" else self.places.their_postfix
        subprocess.run(["/usr/sbin/postfix", "-c", str(configuration), *arguments], check=True, capture_output=True)

    def postconf(self, which: str, **values: str) -> Callable[[], None]:
        """Sets main.cf parameters of one Postfix and reloads it; returns the act that puts the old values back."""
        configuration = str(self.places.our_postfix if which == "ours" else self.places.their_postfix)
        postconf = ["/usr/sbin/postconf", "-c", configuration]
        old = {
            name: subprocess.run([*postconf, "-h", name], check=True, capture_output=True, text=True).stdout.strip()
            for name in values
        }

        def put(values: dict[str, str]) -> None:
            subprocess.run([*postconf, "-e", *(f"{name}={value}" for name, value in values.items())], check=True)
            self.postfix(which, "reload")

        put(values)
        return lambda: put(old)

    def flush(self, which: str) -> None:
        configuration = str(self.places.our_postfix if which == "ours" else self.places.their_postfix)
        subprocess.run(["/usr/sbin/postqueue", "-c", configuration, "-f"], check=True)

    def mail_log(self, which: str = "ours") -> str:
        return (self.var / "log" / f"{which}-mail.log").read_text(errors="replace")

    def log(self, name: str) -> str:
        """The log of one of our own processes."""
        return (self.var / "log" / f"{name}.log").read_text(errors="replace")

    def arm(self, failpoint: str) -> Path:
        """The next process that passes this failpoint is killed there; returns the file that then is gone."""
        path = self.failpoints / failpoint
        path.touch()
        path.chmod(0o666)
        return path


@contextmanager
def stack_of_its_own(database: str = "") -> Iterator[Stack]:
    """A stack for one story beside the one that the others share: what they made usual or suspicious is not so here."""
    kept = os.environ.pop("SEKISHO_STORIES_VAR", None)
    try:
        running = Stack(ports_further=PORTS_APART // 2, database=database)
    finally:
        if kept is not None:
            os.environ["SEKISHO_STORIES_VAR"] = kept
    try:
        running.start()
        yield running
    finally:
        running.stop()


def policy_answer(port: int, attributes: dict[str, str], timeout: float = 3.0) -> str | None:
    """The action the guard's policy service answers to one request (Postfix' SMTPD_POLICY_README); None: no answer."""
    import socket

    lines = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP"} | attributes
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
            connection.sendall("".join(f"{name}={value}\n" for name, value in lines.items()).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n\n"):
                part = connection.recv(4096)
                if not part:
                    return None
                data += part
    except OSError:
        return None
    return data.decode().strip().removeprefix("action=")


def login_ok(stack: Stack, box: Box, source: str = "") -> bool:
    return try_imap(stack.places, box.address, box.password, source or stack.home).accepted
