"""`python -m evals simulate|score|report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evals import report, score, world


def main() -> int:
    """Runs one command; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="evals", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    simulate = commands.add_parser("simulate", help="write events.jsonl and labels.json")
    simulate.add_argument("--seed", type=int, required=True)
    simulate.add_argument("--mailboxes", type=int, default=800)
    simulate.add_argument("--days", type=int, default=60)
    simulate.add_argument("--world", choices=sorted(world.WORLDS), default="base")
    simulate.add_argument("--out", type=Path, required=True)
    scoring = commands.add_parser("score", help="compare decisions with the truth")
    scoring.add_argument("directory", type=Path)
    scoring.add_argument("decisions", type=Path)
    reporting = commands.add_parser("report", help="write docs/evaluation.md with its pictures")
    reporting.add_argument("--page", type=Path, default=Path("docs/evaluation.md"))
    reporting.add_argument("--seeds", type=int, nargs="+", default=report.REPORT_SEEDS)
    reporting.add_argument("--mailboxes", type=int, default=report.MAILBOXES)
    reporting.add_argument("--days", type=int, default=report.DAYS)
    asked = parser.parse_args()
    if asked.command == "simulate":
        count = world.write(world.build(asked.seed, asked.mailboxes, asked.days, asked.world), asked.out)
        sys.stdout.write(f"{count} events\n")
    elif asked.command == "report":
        sys.stdout.write(report.write(asked.page, tuple(asked.seeds), asked.mailboxes, asked.days))
    else:
        found = score.score([score.Run.read(asked.directory, asked.decisions)])
        sys.stdout.write("\n".join(score.tables(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
