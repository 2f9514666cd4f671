"""A provider as PostfixAdmin's documentation makes one (t60): Postfix and Dovecot from Debian's packages ask MariaDB,
where Debian's PostfixAdmin made its tables and 200 mailboxes. Sekisho's processes run beside them as its units run
them: a user of their own, sockets held by somebody else; and somebody's server outside writes letters."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from grown_server import GROWN, Grown
from harness import ROOT, SEKISHO, wait_until
from postfixadmin import PACKAGE

from sekisho.deploy import database_server, rights
from sekisho.deploy.layout import Layout, Ports
from sekisho.deploy.stack import OUR_PARTS
from sekisho.deploy.supervisor import LOOK_EVERY, Part, Supervisor
from sekisho.rehearsal.clients import ImapSession, LoginAnswer, SmtpSession, compose
from sekisho.rehearsal.doors import try_doors
from sekisho.rehearsal.outside import Queued, list_queue
from sekisho.rehearsal.places import Places

FILES = Path(__file__).parent / "provider"
MAILBOXES = 200
DOMAIN = "kissa.example"
PASSWORD = "kaze-no-nagare-91-tsukimi"
OLD_DAYS, OLD_MAILBOXES = 30, 20
# At home in Japan, by the demo's address data.
HOME = "198.18.40.160"
WRITER = "ume@outside.example"
# A machine with many other things to do needs seconds to start a process.
PATIENCE = 60.0


class Provider(Grown):
    """All of it below one directory."""

    sources = (GROWN, FILES)
    doors = (*Grown.doors, "POP3", "SIEVE", "OUTSIDE")
    first_doors = (*Grown.first_doors, "POP3", "SIEVE", "OUTSIDE")

    def __init__(self) -> None:
        super().__init__()
        self._password = secrets.token_urlsafe(16)
        self._mysql = Layout(self.place / "mysql", Ports(), database="mariadb")
        self.outside = self.place / "outside"
        self.places = Places(
            mx=self.ports["MX"], reinjection=self.ports["FILTER"], submission=self.ports["SUBMISSION"],
            imap=self.ports["IMAP"], pop3=self.ports["POP3"], sieve=self.ports["SIEVE"],
            outside_smtp=self.ports["OUTSIDE"], outside_imap=0, policy=self.ports["POLICY"],
            auth_policy=self.ports["AUTH_POLICY"], events=self.ports["EVENTS"], panel=self.ports["PANEL"],
            var=self.place / "var",
        )  # fmt: skip
        self._strangers = 0
        # Where Sekisho's own tables are: what `setup` chooses, or a database beside the site's.
        self.engine = "mariadb" if os.environ.get("SEKISHO_DATABASE") == "mariadb" else "sqlite"

    def values(self) -> dict[str, str]:
        return super().values() | {"PASSWORD": self._password, "SOCKET": str(database_server.socket(self._mysql))}

    # --- building

    def build(self) -> None:
        super().build()
        for name in ("outside-spool", "outside-data"):
            (self.place / name).mkdir()
        shutil.chown(self.place / "outside-data", "postfix")
        for file in (self.postfix / "sql").glob("virtual_*"):
            file.unlink()
        self._postconf()
        # Of a file of its own Dovecot makes one for root alone; the guard reads it as it reads syslog's.
        log = self.place / "dovecot.log"
        log.touch()
        log.chmod(0o644)
        addresses = self.place / "address-data.csv"
        subprocess.run([sys.executable, str(ROOT / "demo" / "address_data.py"), str(addresses)], check=True, timeout=30)
        with self.config.open("a") as file:
            file.write(f'\n[guard]\naddress_data = "{addresses}"\n')
            # By the host's own Postfix, where its other programs hand their mail in.
            file.write(f'\n[notices]\nsender = "postmaster@{DOMAIN}"\nsmtp_port = {self.ports["FILTER"]}\n')

        if self.engine == "mariadb":
            self._our_database()

    def _our_database(self) -> None:
        """Beside the site's, as docs/databases.md says; the user has no other right."""
        database_server.run_script(
            self._mysql, "",
            "CREATE DATABASE sekisho CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
            f"CREATE USER sekisho@localhost IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL PRIVILEGES ON sekisho.* TO sekisho@localhost;\n",
        )  # fmt: skip
        secret = self.config.parent / "database-password"
        secret.write_text(self._password)
        secret.chmod(0o640)
        shutil.chown(secret, group=rights.USER)
        with self.config.open("a") as file:
            file.write(
                f'\n[database]\nengine = "mysql"\nhost = "{database_server.socket(self._mysql)}"\n'
                f'name = "sekisho"\nuser = "sekisho"\npassword_file = "{secret}"\n'
            )

    def damage(self) -> None:
        """Sekisho's own database loses what it knows of incidents, or is no database any more."""
        if self.engine == "mariadb":
            statements = "SET FOREIGN_KEY_CHECKS = 0;\nDROP TABLE incidents_incident;\n"
            database_server.run_script(self._mysql, "sekisho", statements)
        else:
            (self.place / "var" / "db" / "sekisho.sqlite3").write_bytes(b"no database any more" * 1000)

    def _postconf(self) -> None:
        """PostfixAdmin's DOCUMENTS/POSTFIX_CONF.txt; the last line is the story's: it plays clients' addresses."""
        maps = f"proxy:mysql:{self.postfix}/sql/mysql_virtual"
        lines = {
            "virtual_mailbox_domains": f"{maps}_domains_maps.cf",
            "virtual_alias_maps": f"{maps}_alias_maps.cf, {maps}_alias_domain_maps.cf, "
            f"{maps}_alias_domain_catchall_maps.cf",
            "virtual_mailbox_maps": f"{maps}_mailbox_maps.cf, {maps}_alias_domain_mailbox_maps.cf",
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
        }
        values = [f"{name} = {value}" for name, value in lines.items()]
        subprocess.run(["postconf", "-c", str(self.postfix), "-e", *values], check=True, timeout=30)

    def _tables(self) -> None:
        """MariaDB with the user of the documentation, and what PostfixAdmin makes in it."""
        below = self._mysql.var / "db"
        below.mkdir(parents=True)
        shutil.chown(below, rights.USER)
        database_server.make(self._mysql)
        part = database_server.part(self._mysql)
        self._processes.append(
            self._popen([*rights.prefix_for(rights.USER), *part.command], (self.place / "mariadb.log").open("ab"))
        )
        assert wait_until(lambda: database_server.answers(self._mysql), PATIENCE) is not None
        database_server.run_script(
            self._mysql, "",
            "CREATE DATABASE postfix;\n"
            f"CREATE USER postfix@localhost IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL PRIVILEGES ON postfix.* TO postfix@localhost;\n",
        )  # fmt: skip
        self._postfixadmin()

    def _postfixadmin(self) -> None:
        """Debian's package; the tables by its upgrade.php, the mailboxes by its own handlers."""
        assert (PACKAGE / "etc").exists(), "PostfixAdmin is missing: setup/prepare.sh test"
        program = self.place / "postfixadmin"
        links = shutil.ignore_patterns("config.*.php", "templates_c")
        source = PACKAGE / "usr/share/postfixadmin"
        shutil.copytree(source, program, symlinks=True, dirs_exist_ok=True, ignore=links)
        shutil.copy(PACKAGE / "etc/postfixadmin/config.inc.php", program)
        self._run(["php", "upgrade.php"], program / "public")
        self._run(["php", "fill.php", PASSWORD, str(MAILBOXES)], program)

    def _run(self, command: list[str], directory: Path) -> str:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def start(self) -> None:
        subprocess.run(["postfix", "-c", str(self.outside), "check"], check=True, capture_output=True, timeout=30)
        super().start()

    def old_log(self) -> Path:
        """The rotated log of the last thirty days: some mailboxes send a message each working day, from home."""
        path, lines = self.place / "mail.log.1", []
        for day in range(OLD_DAYS, 0, -1):
            began = time.time() - day * 86_400
            for number in range(0, OLD_MAILBOXES * 2, 2):
                stamp = time.strftime("%b %e %H:%M:%S", time.localtime(began + number * 60))
                # A long queue id is of consonants and digits, and has a z (postconf(5), enable_long_queue_ids).
                queue, owner = f"4jY{day:02d}v{number:02d}zKzKfjZ", f"user{number:03d}@{DOMAIN}"
                lines += [
                    f"{stamp} mx1 grown/submission/smtpd[900]: {queue}: client=unknown[{HOME}], sasl_method=PLAIN, "
                    f"sasl_username={owner}",
                    f"{stamp} mx1 grown/qmgr[901]: {queue}: from=<{owner}>, size=442, nrcpt=1 (queue active)",
                    f"{stamp} mx1 grown/smtp[902]: {queue}: to=<friend{number}@outside.example>, "
                    "relay=mail.outside.example[192.0.2.1]:25, delay=0.2, delays=0/0/0.1/0.1, dsn=2.0.0, "
                    "status=sent (250 Ok)",
                    f"{stamp} mx1 grown/qmgr[901]: {queue}: removed",
                ]
        path.write_text("\n".join(lines) + "\n")
        return path

    def commands(self) -> list[list[str]]:
        return [*super().commands(), ["/usr/lib/postfix/sbin/master", "-c", str(self.outside), "-s"]]

    # --- looking

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Asks the site's tables as somebody else of the provider would."""
        with database_server.connect(self._mysql, "postfix") as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def try_doors(self, address: str, password: str = PASSWORD) -> dict[str, LoginAnswer]:
        return try_doors(self.places, address, password, HOME)

    def is_open(self, address: str, password: str = PASSWORD) -> bool:
        return all(answer.accepted for answer in self.try_doors(address, password).values())

    def is_shut(self, address: str, password: str = PASSWORD) -> bool:
        return not any(answer.accepted for answer in self.try_doors(address, password).values())

    def inbox(self, address: str, password: str) -> Counter[str]:
        with ImapSession(self.places.imap, client_address=HOME) as session:
            return Counter(session.numbers()) if session.login(address, password).accepted else Counter()

    def mail_of(self, address: str) -> list[str]:
        """What lies in a mailbox, read from its files."""
        found = (self.place / "mail").glob(f"**/*{address.partition('@')[0]}*/**/new/*")
        return [path.read_text(errors="replace") for path in sorted(set(found))]

    def write(self, recipient: str, number: str) -> None:
        """A letter, handed to the server outside."""
        with smtplib.SMTP("127.0.0.1", self.places.outside_smtp, timeout=30) as door:
            door.sendmail(WRITER, [recipient], compose(number, WRITER, recipient, "Hello", "How are you?\n"))

    def waiting_outside(self) -> list[Queued]:
        return list_queue(self.outside)

    def spam(self, address: str, messages: int) -> int:
        """So many messages with three recipients each from abroad; how many recipients were accepted."""
        source, accepted = self.stranger(), 0
        with SmtpSession(self.places.submission, client_address=source) as session:
            assert session.login(address, PASSWORD).code == 235
            for count in range(messages):
                recipients = [f"victim{count}x{place}@bought-list.example" for place in range(3)]
                letter = compose(f"spam-{count}", address, recipients[0], "Win", "Now!")
                accepted += len(session.send(address, recipients, letter).accepted)
        return accepted

    def stranger(self) -> str:
        """An address abroad that nobody has used before (the harness' Hijacker asks for it, too)."""
        self._strangers += 1
        return f"198.19.{10 + self._strangers}.160"


class Units:
    """Guard, agent and worker as systemd runs them, from the sources of one commit or another."""

    def __init__(self, provider: Provider, source: Path) -> None:
        self._layout = Layout(provider.place / "units", Ports())
        for directory in (self._layout.run, self._layout.log):
            directory.mkdir(parents=True, exist_ok=True)
        ports = {"policy": "POLICY", "auth_policy": "AUTH_POLICY", "events": "EVENTS"}
        self._parts = {}
        for name in ("guard", "agent", "worker"):
            sockets = {shown: provider.ports[ports[door]] for door, shown in OUR_PARTS[name][1].items()}
            user, capabilities = ("", rights.AGENT_CAPABILITIES) if name == "agent" else (rights.USER, ())
            command = self._command(name, source)
            log = self._layout.log / f"{name}.log"
            self._parts[name] = Part(name, command, log, user, capabilities, sockets)
        self._said: list[str] = []
        environment = provider.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
        self._supervisor = Supervisor(list(self._parts.values()), self._layout, environment, self._said.append)
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _command(self, name: str, source: Path) -> list[str]:
        return ["/usr/bin/env", f"PYTHONPATH={source}", SEKISHO, name]

    def _look(self) -> None:
        while not self._supervisor.stopping:
            self._supervisor.look()
            time.sleep(LOOK_EVERY)

    def start(self) -> Units:
        self._thread.start()
        ready = wait_until(lambda: all(map(self._supervisor.is_ready, self._parts)), PATIENCE)
        assert ready is not None, self.said()
        return self

    def replace(self, name: str, source: Path) -> None:
        """The old process is told to end, a new one of these sources starts on the same sockets."""
        old = self.pid(name)
        self._parts[name].command = self._command(name, source)
        os.kill(old, signal.SIGTERM)
        new = wait_until(lambda: self.pid(name) not in (0, old) and self._supervisor.is_ready(name), PATIENCE)
        assert new is not None, self.said()

    def pid(self, name: str) -> int:
        return int(json.loads(self._layout.pids.read_text()).get(name, 0))

    def runs_from(self, name: str, tree: Path) -> bool:
        """Whether the running process has its program from there, by asking Python in that process' environment."""
        variables = Path(f"/proc/{self.pid(name)}/environ").read_bytes().split(b"\0")
        environment = dict(one.decode().split("=", 1) for one in variables if b"=" in one)
        command = [str(Path(SEKISHO).parent / "python"), "-c", "import sekisho; print(sekisho.__file__)"]
        found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, env=environment).stdout
        return Path(found.strip()).is_relative_to(tree / "src")

    def said(self) -> str:
        logs = [path.read_text(errors="replace")[-3000:] for path in sorted(self._layout.log.glob("*.log"))]
        return "\n".join([*self._said, *logs])

    def stop(self) -> None:
        self._supervisor.stopping = True
        if self._thread.is_alive():
            self._thread.join(10)
            self._supervisor.stop()
