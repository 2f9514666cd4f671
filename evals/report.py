"""`python -m evals report`: companies never used for calibration, judged by the guard's own code, as tables."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from evals import score, world

# Seeds whose streams were looked at while numbers were chosen; they never appear in the report.
CALIBRATION_SEEDS = (1, 77)
# Enough mailbox-months for a bound of about 10 in 10,000 within five minutes on two cores.
REPORT_SEEDS = (201, 202)
MAILBOXES, DAYS = 800, 60
SEKISHO = Path(sys.executable).with_name("sekisho")

_HEAD = f"""# Evaluation

Made by `make eval`; nothing here was measured on real people's mail. The simulator (`evals/`) plays a hosting company
from the literature and from assumptions named beside each constant; the engine is run through `sekisho evaluate`, the
guard's own code path. Seeds {REPORT_SEEDS} are reported, seeds {CALIBRATION_SEEDS} were looked at while numbers were
chosen. World *hard*: clean spam lists, most hijackers behind home-country addresses, twice the travellers. Bounds are
one-sided at 95 %. Rare traits are oversampled, so rates per 10,000 mailbox-months over
all mailboxes are higher than a host of ordinary people would see.
"""


def decide(directory: Path) -> Path:
    """Runs the engine over a directory's events; the file of its decisions. Raises CalledProcessError."""
    decisions = directory / "decisions.jsonl"
    with decisions.open("wb") as out:
        subprocess.run([str(SEKISHO), "evaluate", str(directory / "events.jsonl")], stdout=out, check=True, timeout=600)
    return decisions


def tables_of(name: str) -> str:
    """Simulates, judges and scores one world; its tables as Markdown."""
    runs = []
    for seed in REPORT_SEEDS:
        with tempfile.TemporaryDirectory() as place:
            directory = Path(place)
            world.write(world.build(seed, MAILBOXES, DAYS, name), directory)
            runs.append(score.Run.read(directory, decide(directory)))
    return "\n".join(score.tables(score.score(runs)))


def write(page: Path) -> None:
    """Writes the page with the tables of every world."""
    parts = [_HEAD, *(f"## World: {name}\n\n{tables_of(name)}\n" for name in sorted(world.WORLDS))]
    page.write_text("\n".join(parts), encoding="utf-8")
