"""Measures what detection costs: CPU per event, bytes per mailbox, old logs, address data (docs/bench.md).

The events are those of a simulated company (evals/). Times are CPU times of one process, so that other work on the
machine changes them by its caches and its share of the cores only; each part names how often it was run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import run  # noqa: E402
from evals import world  # noqa: E402
from made_log import address_lines, log_lines  # noqa: E402

from sekisho.detection import HostTables, MailboxProfile, assess, canonical_mailbox, observe  # noqa: E402
from sekisho.guard.address_sources import KNOWN_FILES, open_source  # noqa: E402
from sekisho.guard.event_stream import EventStream  # noqa: E402
from sekisho.guard.places import Places  # noqa: E402
from sekisho.guard.profile_store import ProfileStore, Saved  # noqa: E402

# A seed that neither calibration nor the report of evals uses.
SEED = 301
# As setup/prepare.sh unpacks Debian's packages for the tests.
UNPACKED = HERE.parent / ".venv" / "address-data"
ADDRESSES = 20_000
# More than a profile may have; the figures would be of something else.
MOST_BYTES = 4096

Figures = dict[str, float]


def cpu_of(command: list[str | Path]) -> tuple[float, bytes]:
    """CPU seconds of a command that must end well, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=1800)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def evaluate_cost(events: Path, count: int, scratch: Path, rounds: int) -> Figures:
    """µs an event of `sekisho evaluate`: reading, judging, writing decisions; the process' start is taken off."""
    nothing = scratch / "nothing.jsonl"
    nothing.touch()
    start = min(cpu_of([run.SEKISHO, "evaluate", nothing])[0] for _ in range(rounds))
    costs = [(cpu_of([run.SEKISHO, "evaluate", events])[0] - start) / count * 1e6 for _ in range(rounds)]
    return {"evaluate_us": statistics.median(costs)}


def engine_cost(events: Path) -> tuple[Figures, dict[str, bytes]]:
    """µs an event of `observe` and `assess` alone, over parsed events; the profiles' bytes at the end."""
    stream = EventStream(lambda name: canonical_mailbox(name, {}, "+"))
    with events.open("rb") as lines:
        parsed = [found[1] for line in lines if (found := stream.parse(line))]
    profiles: dict[str, MailboxProfile] = {}
    host, judged = HostTables(), 0
    begin = time.process_time()
    for event in parsed:
        profile = profiles.get(event.mailbox)
        if profile is None:
            profile = profiles[event.mailbox] = MailboxProfile()
        observe(profile, host, event, event.t)
        judged += assess(profile, host, event, event.t).score > host.limits.alert
    spent = time.process_time() - begin
    if not judged or len(parsed) < 0.9 * stream.read:
        sys.exit("the engine judged nothing: detection was not on")
    return {"engine_us": spent / len(parsed) * 1e6}, {name: p.to_bytes() for name, p in profiles.items()}


def profile_sizes(profiles: dict[str, bytes]) -> Figures:
    """Bytes of a stored profile: median, 90th percentile, largest."""
    sizes = sorted(map(len, profiles.values()))
    if sizes[-1] > MOST_BYTES:
        sys.exit(f"a profile of {sizes[-1]} bytes: more than {MOST_BYTES}")
    return {"bytes_p50": statistics.median(sizes), "bytes_p90": sizes[len(sizes) * 9 // 10], "bytes_max": sizes[-1]}


def resident(pid: int) -> int:
    """Bytes of memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def guard_memory(profiles: dict[str, bytes], scratch: Path, mailboxes: int) -> Figures:
    """Bytes of the guard's memory per mailbox: packed as after a start, and after every mailbox has sent something."""
    load, template = run.build(scratch, "policyload"), scratch / "guard"
    template.mkdir()
    run.prepare(template, load, 1)
    sizes = {"empty": 0, "packed": 0, "used": 0}
    options = ("--mailboxes", str(mailboxes), "--connections", "4", "--warmup", "0", "--seconds", "0.1")
    for name in ("empty", "packed"):
        (template / "guard" / "profiles").unlink()
        if name == "packed":
            names = run.world_of(load, mailboxes)
            known = list(profiles.values())
            rows = [(row[0], known[number % len(known)]) for number, row in enumerate(names)]
            ProfileStore(template / "guard" / "profiles").save(rows, b"", Saved())
        else:
            ProfileStore(template / "guard" / "profiles").save([], b"", Saved())
        with run.guard(template, scratch) as target:
            target.counted()
            sizes[name] = resident(target.pid)
            if name == "packed":
                run.ask(load, target, *options, "--touch-all")
                if target.counted()["profiles"] != mailboxes:
                    sys.exit("the guard has not met every mailbox")
                sizes["used"] = resident(target.pid)
    return {
        "guard_packed_bytes": (sizes["packed"] - sizes["empty"]) / mailboxes,
        "guard_used_bytes": (sizes["used"] - sizes["empty"]) / mailboxes,
    }


def replay_rate(events: Path, scratch: Path) -> Figures:
    """Megabytes of old log per second of CPU."""
    log = scratch / "mail.log"
    with log.open("w") as out, events.open() as lines:
        out.writelines(log_lines(lines))
    addresses = scratch / "addresses.csv"
    with addresses.open("w") as out, events.open() as lines:
        out.writelines(address_lines(lines))
    spent, printed = cpu_of([run.SEKISHO, "replay", "--json", "--address-data", addresses, log])
    summary = json.loads(printed)["summary"]
    if summary["unreadable"] or summary["telling"] < 0.3 * summary["lines"] or not summary["mailboxes"]:
        sys.exit(f"the made log was not read: {summary}")
    size = log.stat().st_size / 1e6
    return {"replay_mb_s": size / spent, "replay_lines_s": summary["lines"] / spent, "replay_mb": size}


def address_costs() -> Figures:
    """µs to look an address up that was not seen lately, by kind of data, and one that was."""
    rng = Random(SEED)
    ips = [
        f"{rng.randrange(1, 224)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
        for _ in range(ADDRESSES)
    ]
    found: Figures = {}
    for path in (KNOWN_FILES[0], KNOWN_FILES[2]):
        begin = time.process_time()
        source = open_source(f"{UNPACKED}{path}")
        word = source.kind.split()[0]
        found[f"{word} load s"] = time.process_time() - begin
        found[f"{word} µs"] = _each(source.table.place, ips)
        places = Places(source.table, (), (source,))
        _each(places.source, ips)
        found["remembered µs"] = _each(places.source, ips)
    return found


def _each(call: Callable[[str], object], ips: list[str]) -> float:
    begin = time.process_time()
    for ip in ips:
        call(ip)
    return (time.process_time() - begin) / len(ips) * 1e6


def tell(figures: Figures, count: int, mailboxes: int) -> None:
    print(f"{mailboxes} mailboxes, {count:,} events; CPU of {platform.machine()}, {os.cpu_count()} cores")
    for name, value in figures.items():
        print(f"  {name:24}{value:>14,.2f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=400, help="in the simulated company")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--guard-mailboxes", type=int, default=10_000, help="in the guard's memory")
    parser.add_argument("--rounds", type=int, default=3, help="runs of `sekisho evaluate`")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def main() -> int:
    wanted = arguments()
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as directory:
        scratch = Path(directory)
        count = world.write(world.build(SEED, wanted.mailboxes, wanted.days, "base"), scratch)
        events = scratch / "events.jsonl"
        figures = evaluate_cost(events, count, scratch, wanted.rounds)
        engine, profiles = engine_cost(events)
        figures |= engine | profile_sizes(profiles)
        figures |= guard_memory(profiles, scratch, wanted.guard_mailboxes)
        figures |= replay_rate(events, scratch) | address_costs()
    tell(figures, count, wanted.mailboxes)
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
