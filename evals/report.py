"""`python -m evals report`: companies never used for calibration, judged by the guard's own code, as tables."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from evals import baselines, comparison, prevalence, score, world

# Seeds whose streams were looked at while numbers were chosen; they never appear in the report.
CALIBRATION_SEEDS = (1, 77)
# Worlds whose figures were looked at meanwhile, with those seeds; the others are for the report alone.
CALIBRATION_WORLDS = ("base", "hard")
# Enough mailbox-months for a bound of about 10 in 10,000 within ten minutes on two cores.
REPORT_SEEDS = (201, 202)
MAILBOXES, DAYS = 800, 60
SEKISHO = Path(sys.executable).with_name("sekisho")

_HEAD = """# Evaluation

Made by `make eval`; nothing here was measured on real people's mail. The simulator (`evals/`) plays a hosting company
from the literature and from assumptions named beside each constant; the engine is run through `sekisho evaluate`, the
guard's own code path. This page: {mailboxes} mailboxes over {days} days for each of the seeds {seeds}, in every world;
`make eval` as it stands takes {usual}.

Seeds {tuned} were looked at while numbers were chosen, in the worlds {worlds} only. World *hard*: clean
spam lists, most hijackers behind home-country addresses, twice the travellers. World *unseen*: another mix of people,
and nothing was ever tuned on it.

How to read it:

- *Contained*: suspended or throttled. *Reacted*: at least an alert. *Spam out*: recipients before the first stop, and
  what a throttled mailbox may still send afterwards. The mail that waits in the queue at the stop is not deducted.
- Rates are per 10,000 healthy mailbox-months; a mailbox-month counts once per action. Bounds are one-sided at 95 %:
  none in n is "at most 3/n" (the rule of three).
- Rare traits are **oversampled**, so that each is met often enough to be judged. The *ordinary mix* weighs the same
  figures by how common each trait may be; those shares are assumed (`evals/prevalence.py`), nobody published them.
- The simple rules see the same events and are scored by the same code (`evals/baselines.py`, each with its source). A
  rule's trip counts as a suspension. The world is open-loop: nobody reacts to having been stopped.
- All of it is one group's idea of people and hijackers. A host finds out its own figures by observing first.
"""


def _words(found: tuple[object, ...]) -> str:
    return " and ".join(map(str, found))


def decide(directory: Path) -> Path:
    """Runs the engine over a directory's events; the file of its decisions. Raises CalledProcessError."""
    decisions = directory / "decisions.jsonl"
    with decisions.open("wb") as out:
        subprocess.run(
            [str(SEKISHO), "evaluate", str(directory / "events.jsonl")], stdout=out, check=True, timeout=1800
        )
    return decisions


def judge_seed(name: str, seed: int, mailboxes: int, days: int) -> dict[str, score.Run]:
    """Simulates one company and has it judged by Sekisho and every simple rule: Sekisho first."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        world.write(world.build(seed, mailboxes, days, name), directory)
        run = score.Run.read(directory, decide(directory))
        with (directory / "events.jsonl").open("rb") as lines:
            rules = baselines.judge(lines)
    return {comparison.SEKISHO: run} | {rule: replace(run, decisions=found) for rule, found in rules.items()}


def judge(name: str, seeds: tuple[int, ...], mailboxes: int, days: int) -> dict[str, score.Scored]:
    """Every judge's score over the companies of one world, which are played side by side."""
    runs: dict[str, list[score.Run]] = defaultdict(list)
    with ProcessPoolExecutor(min(len(seeds), os.cpu_count() or 1)) as workers:
        for found in workers.map(judge_seed, repeat(name), seeds, repeat(mailboxes), repeat(days)):
            for judge, run in found.items():
                runs[judge].append(run)
    return {judge: score.score(found) for judge, found in runs.items()}


def section(name: str, judges: dict[str, score.Scored], images: Path) -> str:
    """One world's part of the page; its pictures are written."""
    own, mix = judges[comparison.SEKISHO], prevalence.shares(world.WORLDS[name].travellers)
    contained, spam, false = comparison.draw(name, judges, images)
    parts = [
        f"## World: {name}",
        "\n".join(comparison.table(judges)),
        "\n".join(comparison.mix_table(judges, mix)),
        contained,
        "### Against the aim",
        "\n".join(comparison.aims(own, mix)),
        "### Sekisho in detail",
        spam,
        false,
        "\n".join(score.tables(own)),
    ]
    return "\n\n".join(parts) + "\n"


def write(page: Path, seeds: tuple[int, ...] = REPORT_SEEDS, mailboxes: int = MAILBOXES, days: int = DAYS) -> str:
    """Writes the page with every world's tables, and the pictures beside it; the comparisons, for the terminal."""
    usual = f"{MAILBOXES} mailboxes, seeds {_words(REPORT_SEEDS)}"
    head = _HEAD.format(
        mailboxes=mailboxes, days=days, seeds=_words(seeds), usual=usual,
        tuned=_words(CALIBRATION_SEEDS), worlds=_words(CALIBRATION_WORLDS),
    )  # fmt: skip
    parts, said = [head], []
    for name in sorted(world.WORLDS):
        judges = judge(name, seeds, mailboxes, days)
        parts.append(section(name, judges, page.parent / "images"))
        said += [f"World: {name}", *comparison.table(judges), ""]
    page.write_text("\n".join(parts), encoding="utf-8")
    return "\n".join(said)
