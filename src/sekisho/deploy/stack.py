"""`sekisho up`: the local stack of two Postfix, two Dovecot, guard, agent, worker and panel, supervised.

1. ground: directories, secrets, certificate, configuration, barrier files (never overwritten), databases
2. a fresh `var`: the demo's provider, address data and 30 days of history
3. servers and parts start; `var/run/ready` appears when every port answers
4. on the first start the one-time passwords are printed and a rehearsal plays (unless DEMO=quiet)
5. Ctrl-C or SIGTERM stops everything
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from sekisho.config import settings
from sekisho.deploy import database, dovecot_root, ground, provider, render, rights, telling
from sekisho.deploy.layout import Layout, LayoutError, Ports, layout_from_environment
from sekisho.deploy.place import settle
from sekisho.deploy.supervisor import Part, Supervisor, program

POSTFIX_MASTER = "/usr/lib/postfix/sbin/master"
# Our parts: name, module that carries it, ports it answers on with the names of their sockets (packaging/systemd).
OUR_PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "guard": ("sekisho.guard.main", {"policy": "policy", "auth_policy": "auth-policy", "events": "events"}),
    "agent": ("sekisho.containment.agent", {}),
    "worker": ("sekisho.incidents.worker", {}),
    "web": ("sekisho.web.server", {"panel": "panel"}),
}
MAIL_PORTS = ("mx", "reinject", "submission", "imap", "pop3", "sieve", "theirs_smtp", "theirs_imap")
# A healthy cold start takes a few seconds; after a minute something is broken and a person should look.
START_DEADLINE = 60.0
# The parts of a supervisor that was killed a moment ago need some seconds to leave (the panel ends its requests first).
PORT_PATIENCE = 8.0
# A rehearsal takes one to two minutes, most of it waiting for queues' retries.
REHEARSAL_DEADLINE = 300.0


@dataclass(frozen=True)
class UpOptions:
    """How to bring the stack up. `quiet`: print little and play no rehearsal (DEMO=quiet)."""

    quiet: bool = False
    # Scenario played on the first start.
    rehearsal: str = "blast"


def options_from_environment() -> UpOptions:
    """Options as `make run` gives them: DEMO=quiet, or DEMO=SCENARIO to play another rehearsal."""
    demo = os.environ.get("DEMO", "")
    return UpOptions(quiet=demo == "quiet", rehearsal=demo if demo not in ("", "quiet") else "blast")


def up(options: UpOptions | None = None) -> int:
    """Runs the stack until it is told to stop; without options those of the environment.

    Returns 0 after a clean stop, 1 when it could not start.
    """
    options = options or options_from_environment()
    try:
        if os.geteuid() != 0:
            raise ground.GroundError("Postfix and Dovecot start as root only: use sudo")
        asked = layout_from_environment()
        layout = settle(asked)
        if layout != asked:
            _say(f"Postfix and Dovecot cannot reach {asked.var}; it is a link to {layout.var} now")
        layout.run.mkdir(parents=True, exist_ok=True)
        with (layout.run / "lock").open("w") as lock:
            if not _lock(lock):
                _say(f"a stack runs in {layout.var} already; stop it, or set SEKISHO_VAR and SEKISHO_PORT_BASE")
                return 1
            return _run(layout, options)
    except (LayoutError, ground.GroundError, provider.ProviderError) as error:
        _say(str(error))
        return 1


def _run(layout: Layout, options: UpOptions) -> int:
    began = time.monotonic()
    layout.ready.unlink(missing_ok=True)
    # Taken before Django starts in this process: Django sets TZ, and all logs shall carry the machine's time.
    dovecot_root.use(layout, os.environ)
    environment = _environment(layout)
    first = _prepare(layout)
    supervisor = Supervisor([], layout, environment, _say)
    supervisor.handle_signals()
    supervisor.start_watcher()
    try:
        if not database.start_server(layout, supervisor):
            return 0
        credentials = _fill_databases(layout, first)
        user = _unprivileged_user(layout, environment)
        _learn(layout, environment, user)
        supervisor.add(_parts(layout, user))
        if not supervisor.run_until(lambda: not _silent(layout.ports, supervisor), START_DEADLINE):
            if not supervisor.stopping:
                silent = ", ".join(_silent(layout.ports, supervisor))
                _say(f"no answer from {silent} after {START_DEADLINE:.0f} s; the logs are in {layout.log}")
                return 1
            return 0
        layout.ready.touch()
        _say(telling.is_up(telling.language_of(os.environ), layout, time.monotonic() - began))
        if credentials is not None:
            _first_start(layout, credentials, options, supervisor)
        supervisor.run_until(lambda: False, float("inf"))
        return 0
    finally:
        layout.ready.unlink(missing_ok=True)
        _say("stopping")
        supervisor.stop()


def _prepare(layout: Layout) -> database.FirstLoad:
    """Everything before the first process."""
    demo = provider.demo_directory()
    entry = provider.read_provider(demo)
    _refuse_taken_ports(layout.ports)
    ground.make_directories(layout)
    key = ground.secret(layout, "auth-policy")
    ground.secret(layout, "django")
    nonce = ground.secret(layout, "nonce")
    values = render.stack_values(
        layout, entry.host_name, entry.notice_sender, key, nonce, entry.feedback_reporters, entry.reason_text
    )
    render.write_stack(layout, values, ground.group_id(), dovecot_root.version(layout))
    dovecot_root.install(layout)
    ground.make_certificate(layout, [entry.host_name, *{domain.mail_server for domain in entry.domain}])
    ground.make_profile_certificate(layout, entry.host_name)
    os.environ["SEKISHO_CONFIG"] = str(layout.var / "sekisho.toml")
    settings.cache_clear()
    first = database.FirstLoad(layout)
    first.begin()
    return first


def _fill_databases(layout: Layout, first: database.FirstLoad) -> provider.Credentials | None:
    """Both databases, then what the servers read at their start; the credentials when the stack is new."""
    from sekisho.directory.start import start_django

    start_django()
    demo = provider.demo_directory()
    credentials = None
    if first.is_first:
        database.make_site_database(layout)
    database.share_site_database(layout)
    database.make_our_database(layout.our_database if layout.database == "sqlite" else None)
    if first.is_first:
        credentials = provider.load_provider(layout, provider.read_provider(demo))
        _write_demo_data(layout, demo)
    first.end()
    # This process asks nothing more, and an open connection would keep a server from stopping.
    from django.db import connections

    connections.close_all()
    _complete_barrier(layout)
    for side in ("ours", "theirs"):
        ground.run(["postfix", "-c", str(layout.var / side / "postfix"), "check"])
    return credentials


def _complete_barrier(layout: Layout) -> None:
    """Every barrier file there and every row of the agent's ledger in it, before a server can read them.

    In a process of its own: this room may not import the privileged one.
    """
    ground.make_barrier(layout.barrier, str(layout.var / "ours/postfix"))
    if settings().ledger_directory.exists():
        code = "from sekisho.config import settings; from sekisho.containment.barrier import ensure; ensure(settings())"
        ground.run([sys.executable, "-c", code])


def _write_demo_data(layout: Layout, demo: Path) -> None:
    ground.run([sys.executable, str(demo / "address_data.py"), str(layout.var / "address-data.csv")])
    ground.run(
        [sys.executable, str(demo / "history.py"), str(demo / "provider.toml"), str(layout.var / "history.jsonl")]
    )


def _unprivileged_user(layout: Layout, environment: dict[str, str]) -> str:
    user = rights.unprivileged_user(layout, environment)
    if not user:
        _say(f"the user {rights.USER} cannot read {Path(sys.prefix)}: guard, worker and panel run as root here")
    rights.share_state(layout.var, user, environment.get("SEKISHO_FAILPOINTS", ""))
    return user


def _learn(layout: Layout, environment: dict[str, str], user: str) -> None:
    """Feeds the history to the guard's profiles, once, before the guard's first start."""
    history = layout.var / "history.jsonl"
    if settings().profiles_file.exists() or not history.exists():
        return
    if find_spec("sekisho.guard.learn") is None:
        _say("learn: its module is not there; the mailboxes start without a history")
        return
    try:
        ground.run([*rights.prefix_for(user), program("sekisho"), "learn", str(history)], environment)
    except ground.GroundError as error:
        # The stack is of use without it: hard caps and the domain's habits hold from the first minute.
        _say(f"learn: {error}; the mailboxes start without a history")


def _environment(layout: Layout) -> dict[str, str]:
    return os.environ | {
        "SEKISHO_VAR": str(layout.var),
        "SEKISHO_CONFIG": str(layout.var / "sekisho.toml"),
        "PYTHONUNBUFFERED": "1",
    }


def _parts(layout: Layout, user: str) -> list[Part]:
    parts = []
    for side in ("theirs", "ours"):
        postfix, dovecot = str(layout.var / side / "postfix"), str(layout.var / side / "dovecot" / "dovecot.conf")
        # master itself instead of `postfix start-fg`: the script would stand between us and the process we must stop.
        parts.append(Part(f"postfix-{side}", [POSTFIX_MASTER, "-c", postfix, "-s"], layout.log / f"postfix-{side}.log"))
        server = dovecot_root.dovecot_of(layout, side)
        parts.append(Part(f"dovecot-{side}", [server, "-F", "-c", dovecot], layout.log / f"dovecot-{side}.log"))
    for name, (module, doors) in OUR_PARTS.items():
        log, rank = layout.log / f"{name}.log", "" if name == "agent" else user
        sockets = {socket: getattr(layout.ports, door) for door, socket in doors.items()}
        # Where the unprivileged user cannot be used (rights), what takes its place keeps root's.
        agent = rights.AGENT_CAPABILITIES + dovecot_root.capabilities(layout)
        rest = agent if name == "agent" else () if user else None
        command = [program("sekisho"), name]
        parts.append(Part(name, command, log, rank, rest, sockets, available=_has(module)))
    return parts


def _has(module: str) -> Callable[[], bool]:
    def available() -> bool:
        try:
            return find_spec(module) is not None
        except ModuleNotFoundError:
            return False

    return available


def _silent(ports: Ports, supervisor: Supervisor) -> list[str]:
    """Doors that nobody listens on yet, and parts of ours with doors (whose module is there) that are not ready."""
    listening = _listening()
    parts = [name for name, (module, doors) in OUR_PARTS.items() if doors and _has(module)()]
    return [name for name in MAIL_PORTS if getattr(ports, name) not in listening] + [
        # We hold their sockets, so that a port in use says nothing.
        name
        for name in parts
        if not supervisor.is_ready(name)
    ]


def _listening() -> set[int]:
    """TCP ports somebody listens on, on 127.0.0.1 or everywhere; asking the kernel disturbs no server's log."""
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state = line.split()[:4]
        address, _, port = local.partition(":")
        # proc(5): 0A is LISTEN; the address is in host byte order.
        if state == "0A" and address in ("0100007F", "00000000"):
            ports.add(int(port, 16))
    return ports


def _refuse_taken_ports(ports: Ports) -> None:
    """Raises GroundError when another program has one of our ports, after the time our own may need to leave it."""
    wanted, end = set(vars(ports).values()), time.monotonic() + PORT_PATIENCE
    while taken := sorted(_listening() & wanted):
        if time.monotonic() > end:
            text = ", ".join(map(str, taken))
            raise ground.GroundError(f"port {text} on 127.0.0.1 is in use; set SEKISHO_PORT_BASE to move all ports")
        time.sleep(0.1)


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _first_start(layout: Layout, credentials: provider.Credentials, options: UpOptions, supervisor: Supervisor) -> None:
    """The accounts, then a rehearsal, then what to look at."""
    language = telling.language_of(os.environ)
    for line in telling.accounts(language, layout, credentials):
        print(line, flush=True)
    if options.quiet:
        return
    print(telling.before_rehearsal(language), flush=True)
    command = [program("sekisho"), "rehearse", options.rehearsal, "--lang", language]
    code = supervisor.run_once(command, REHEARSAL_DEADLINE)
    if not supervisor.stopping:
        print(telling.after_rehearsal(language, code == 0, layout), flush=True)


def _say(text: str) -> None:
    print(f"sekisho: {text}", flush=True)
