"""Measures the guard beside the cheapest possible server, in one run, and prints a table (docs/bench.md).

A guard of its own is started with a private configuration, free ports and the profiles of `--mailboxes` mailboxes with
two weeks of history; detection is on. Each number of connections gets a fresh guard. Rounds of floor and guard
alternate, so that both meet the same weather on a shared machine; figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEKISHO = Path(sys.executable).with_name("sekisho")
LEVELS = (1, 16, 64)
# The first implementation's goals: CPU of one policy request, and share of the floor's rate at 16 connections.
GOAL_CPU_US = 60.0
GOAL_RATIO = 0.35
# Two generators that differ by more than this measure themselves, not the server.
GOAL_AGREEMENT = 0.10
# More refusals than this, and the figures would show how quickly a mailbox is turned away.
MOST_REFUSED = 0.01
# A message is three recipients and one END-OF-MESSAGE, which is always learnt from.
LEAST_LEARNT = 0.25
DAY = 86_400
HISTORY_DAYS = 14


@dataclass
class Row:
    """Medians of one server at one number of connections; times in microseconds."""

    server: str
    connections: int
    rps: float
    p50: float
    p99: float
    cpu: float
    # Rate divided by the floor's of the same round.
    ratio: float
    requests: int
    refused: int


@dataclass
class Target:
    """A running server."""

    port: int
    pid: int
    status: Path | None = None

    def counted(self) -> dict[str, Any]:
        """The guard's own counters, as it last wrote them; empty for the floor."""
        if self.status is None:
            return {}
        # It writes them once a second.
        time.sleep(1.5)
        counters: dict[str, Any] = json.loads(self.status.read_bytes())
        return counters


def build(directory: Path, name: str) -> Path:
    """Compiles one of our C files; the path of the program."""
    program = directory / name
    source = HERE / f"{name}.c"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True, timeout=60)
    return program


def free_ports(number: int) -> list[int]:
    """Ports nobody listens on at this moment."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports: list[int] = [opened.getsockname()[1] for opened in held]
    for opened in held:
        opened.close()
    return ports


def history(world: list[list[str]], now: int) -> Iterator[str]:
    """Two weeks of an ordinary mailbox: a login a day from home, each recipient written to on two days (JSON lines)."""
    for day in range(HISTORY_DAYS, 0, -1):
        for number, (mailbox, address, *recipients) in enumerate(world):
            # Working hours of that day, each mailbox at its own second.
            t = (now // DAY - day) * DAY + 3600 * 9 + number % (8 * 3600)
            where = {"account": mailbox, "ip": address, "country": "JP", "asn": 64500}
            yield json.dumps({"t": t, "kind": "login", "protocol": "smtp", "success": True, "pwhash": "0b32", **where})
            for place in (2 * day, 2 * day + 1):
                recipient = recipients[place % len(recipients)]
                qid = f"{number:06X}{day:02X}{place:02X}"
                yield json.dumps({"t": t, "kind": "rcpt", "qid": qid, "instance": qid, "recipient": recipient, **where})
                yield json.dumps({"t": t, "kind": "eom", "qid": qid, "size": 5000, "nrcpt": 1, **where})


def settings_text(var: Path, ports: list[int]) -> str:
    """A configuration for a guard alone: everything it does not touch is empty."""
    policy, auth_policy, events = ports
    return f"""
host = "bench"
var = "{var}"
barrier = "{var}/barrier"
mode = "enforce"
[guard]
policy = {{ port = {policy} }}
auth_policy = {{ port = {auth_policy} }}
events = {{ port = {events} }}
auth_policy_key = "bench"
address_data = "{var}/addresses.csv"
[postfix]
config_directory = "{var}"
mail_log = "{var}/mail.log"
[dovecot]
config_file = "{var}/dovecot.conf"
[database]
[site_database]
[web]
[notices]
"""


def world_of(load: Path, mailboxes: int) -> list[list[str]]:
    """The generator's mailboxes: name, home address, recipients."""
    command = [load, "--print-world", "--mailboxes", str(mailboxes)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [line.split() for line in printed.stdout.splitlines()]


def prepare(var: Path, load: Path, mailboxes: int) -> None:
    """Learns the history of the generator's own mailboxes into `var`, with the product's own command."""
    world = world_of(load, mailboxes)
    (var / "sekisho.toml").write_text(settings_text(var, [1, 2, 3]))
    # The generator's addresses are one provider's of one country; half of the roaming ones change the network.
    (var / "addresses.csv").write_text("198.18.0.0/16,JP,64500,Provider\n")
    (var / "mail.log").touch()
    events = var / "history.jsonl"
    with events.open("w") as file:
        file.writelines(line + "\n" for line in history(world, int(time.time())))
    learnt = subprocess.run(
        [SEKISHO, "learn", events], env=environment(var), check=True, capture_output=True, text=True, timeout=600
    )
    print(f"profiles: {learnt.stdout.strip()}", file=sys.stderr)
    events.unlink()


def environment(var: Path) -> dict[str, str]:
    return {**os.environ, "SEKISHO_CONFIG": str(var / "sekisho.toml"), "SEKISHO_VAR": str(var)}


@contextmanager
def guard(template: Path, scratch: Path) -> Iterator[Target]:
    """A guard that starts from the learnt profiles, as if nothing had happened since."""
    var = Path(tempfile.mkdtemp(prefix="guard-", dir=scratch))
    shutil.copytree(template, var, dirs_exist_ok=True)
    ports = free_ports(3)
    (var / "sekisho.toml").write_text(settings_text(var, ports))
    (var / "addresses.csv").write_text((template / "addresses.csv").read_text())
    with running([str(SEKISHO), "guard"], environment(var), ports[0], var / "guard.log") as pid:
        yield Target(ports[0], pid, var / "guard" / "status.json")
    shutil.rmtree(var)


@contextmanager
def floor(program: Path, scratch: Path) -> Iterator[Target]:
    """The server that answers without looking."""
    (port,) = free_ports(1)
    with running([str(program), str(port)], dict(os.environ), port, scratch / "floor.log") as pid:
        yield Target(port, pid)


@contextmanager
def running(command: list[str], env: dict[str, str], port: int, log: Path) -> Iterator[int]:
    """A server process, from its first accepted connection to its orderly end; its pid."""
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} did not start:\n{log.read_text()}")
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def ask(load: Path, target: Target, *options: str) -> dict[str, Any]:
    """One run of our generator; its result."""
    command = [str(load), str(target.port), "--server-pid", str(target.pid), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def summary(server: str, results: list[dict[str, Any]], ratios: list[float]) -> Row:
    def middle(name: str) -> float:
        return float(statistics.median(result[name] for result in results))

    requests = sum(result["requests"] for result in results)
    refused = requests - sum(result["actions"].get("DUNNO", 0) for result in results)
    return Row(
        server,
        results[0]["connections"],
        middle("rps"),
        middle("p50_us"),
        middle("p99_us"),
        middle("server_cpu_us"),
        statistics.median(ratios),
        requests,
        refused,
    )


def measure_level(
    load: Path, floor_program: Path, template: Path, scratch: Path, wanted: argparse.Namespace, level: int
) -> list[Row]:
    """Floor and guard in alternating rounds at one number of connections; sys.exit if the guard did not do its work."""
    options = ("--connections", str(level), "--mailboxes", str(wanted.mailboxes))
    timed = (*options, "--warmup", "0.3", "--seconds", str(wanted.seconds))
    results: dict[str, list[dict[str, Any]]] = {"floor": [], "guard": []}
    with floor(floor_program, scratch) as low, guard(template, scratch) as high:
        # Each mailbox once, so that the rounds meet the memory of a guard at work, not of one just started.
        ask(load, high, *options, "--touch-all", "--warmup", "0", "--seconds", "0.1")
        before = high.counted()
        for number in range(wanted.rounds):
            seed = ("--seed", str(level * 1000 + number))
            results["floor"].append(ask(load, low, *timed, *seed))
            results["guard"].append(ask(load, high, *timed, *seed))
        after = high.counted()
    ratios = [g["rps"] / f["rps"] for f, g in zip(results["floor"], results["guard"], strict=True)]
    rows = [summary("floor", results["floor"], [1.0] * len(ratios)), summary("guard", results["guard"], ratios)]
    check_work(rows[1], before, after)
    return rows


def check_work(row: Row, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Refuses figures of a guard that did not judge what it answered, or that mostly turned mailboxes away."""
    learnt, routine = after["events"] - before["events"], after["routine"] - before["routine"]
    print(
        f"{row.connections} connections: the guard's own counters: {after['requests'] - before['requests']} requests,"
        f" {learnt} events learnt from, {routine} looked at and found routine, {after['profiles']} profiles,"
        f" {after['alerts']} alerts, {after['restrictions']} restrictions, {after['trips']} trips",
        file=sys.stderr,
    )
    if learnt + routine < 0.98 * row.requests or learnt < LEAST_LEARNT * row.requests:
        sys.exit(f"the guard learnt from {learnt} of {row.requests} requests: detection was not on")
    if row.refused > MOST_REFUSED * row.requests:
        sys.exit(f"{row.refused} of {row.requests} requests were refused: raise --mailboxes")


def compare(
    load: Path, other: str, floor_program: Path, template: Path, scratch: Path, wanted: argparse.Namespace
) -> list[tuple[str, float, float]]:
    """(server, our rate, the other generator's rate) on the same servers, alternating, both sending the same mix.

    The other one must know the options used here and print a JSON object with `rps`. It draws home addresses and
    recipients by rules of its own, so here every source roams and every recipient is new.
    """
    ours = ["--connections", "16", "--mailboxes", str(wanted.mailboxes), "--new-share", "1", "--roam-share", "1"]
    theirs = ["--connections", "16", "--users", str(wanted.mailboxes), "--dist", "uniform", "--roam", "1"]
    theirs += ["--state", "MESSAGE", "--rcpts", "3"]
    timed = ["--warmup", "0.3", "--seconds", str(wanted.seconds)]
    pairs: dict[str, list[tuple[float, float]]] = {"floor": [], "guard": []}

    def measure(name: str, target: Target, number: int) -> None:
        rates = {}
        # Who goes first changes, so that neither always finds the server rested.
        for turn in (number, number + 1):
            if turn % 2:
                rates["ours"] = ask(load, target, *ours, *timed, "--seed", str(number + 2))["rps"]
            else:
                command = [other, "--port", str(target.port), *theirs, *timed, "--seed", str(number + 2)]
                done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
                rates["theirs"] = json.loads(done.stdout)["rps"]
        pairs[name].append((rates["ours"], rates["theirs"]))

    for number in range(wanted.rounds):
        # A fresh guard each time: the other one repeats its messages, and what was judged already costs less.
        with floor(floor_program, scratch) as low, guard(template, scratch) as high:
            ask(load, high, *ours, "--touch-all", "--warmup", "0", "--seconds", "0.1")
            measure("guard", high, number)
            for _ in range(3):
                measure("floor", low, number)
    # The median of the quotients: both halves of a pair met about the same weather.
    by_quotient = {name: sorted(found, key=lambda pair: pair[0] / pair[1]) for name, found in pairs.items()}
    return [(name, *found[len(found) // 2]) for name, found in by_quotient.items()]


def print_table(rows: list[Row]) -> None:
    print(f"{'server':8}{'conns':>6}{'requests/s':>12}{'p50 µs':>9}{'p99 µs':>9}{'CPU µs/req':>12}{'of floor':>10}")
    for row in rows:
        print(
            f"{row.server:8}{row.connections:>6}{row.rps:>12,.0f}{row.p50:>9,.0f}{row.p99:>9,.0f}"
            f"{row.cpu:>12.1f}{row.ratio:>10.2f}"
        )
    at_16 = next((row for row in rows if row.server == "guard" and row.connections == 16), None)
    if at_16:
        outcome = "met" if at_16.cpu <= GOAL_CPU_US and at_16.ratio >= GOAL_RATIO else "missed"
        print(f"goal at 16 connections: <= {GOAL_CPU_US:.0f} µs and >= {GOAL_RATIO} of the floor: {outcome}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, nargs="+", default=list(LEVELS))
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds per number of connections")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured time per round and server")
    parser.add_argument("--mailboxes", type=int, default=10_000)
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--other", metavar="PATH", help="compare our generator with this one")
    return parser.parse_args()


def main() -> int:
    wanted = arguments()
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as directory:
        scratch = Path(directory)
        template = scratch / "learnt"
        template.mkdir()
        load, floor_program = build(scratch, "policyload"), build(scratch, "policyfloor")
        prepare(template, load, wanted.mailboxes)
        rows: list[Row] = []
        for level in wanted.connections:
            rows += measure_level(load, floor_program, template, scratch, wanted, level)
        print_table(rows)
        rates = compare(load, wanted.other, floor_program, template, scratch, wanted) if wanted.other else []
    disagree = False
    for server, ours, theirs in rates:
        difference = ours / theirs - 1
        disagree = disagree or abs(difference) > GOAL_AGREEMENT
        print(
            f"generators at the {server}: ours {ours:,.0f}/s, the other {theirs:,.0f}/s, difference {difference:+.1%}"
        )
    if wanted.json:
        figures = {"machine": f"{os.cpu_count()} cores, {platform.python_version()}", "rows": [asdict(r) for r in rows]}
        Path(wanted.json).write_text(json.dumps({**figures, "generators": rates}, indent=1) + "\n")
    return 1 if disagree else 0


if __name__ == "__main__":
    sys.exit(main())
