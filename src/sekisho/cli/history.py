"""The score of a mailbox over time, as `sekisho explain` prints it: a row per reading, newest last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekisho.cli.output import local_time, print_table, say, tell
from sekisho.cli.words import ACTIONS, FINDINGS

if TYPE_CHECKING:
    from sekisho.incidents.models import ScorePoint

# A screen and a half; --json has all of them.
MOST_ROWS = 40
# Columns of a bar as high as the suspension's threshold; at most twice as many are drawn.
BAR = 12
# Eighths of a column, U+258F to U+2588 (block elements: one column in every font).
EIGHTHS = " ▏▎▍▌▋▊▉█"


def tell_history(points: list[ScorePoint]) -> None:
    """Prints the newest MOST_ROWS of the points (oldest first) under their thresholds; nothing for none."""
    if not points:
        return
    last = points[-1]
    if last.suspend is not None:
        lines = {"alert": last.alert, "restrict": last.restrict, "suspend": last.suspend}
        marks = say(", ", "、").join(f"{say(*ACTIONS[name])} {value:.1f}" for name, value in lines.items())
        tell(f"Score over time (thresholds: {marks})", f"点数の推移(基準: {marks})")
    else:
        tell("Score over time", "点数の推移")
    if len(points) > MOST_ROWS:
        left_out = len(points) - MOST_ROWS
        tell(f"  {left_out} older ones: --json", f"  これより古い {left_out} 件は --json で確認できます")
    titles = [say("time", "時刻"), say("score", "点数"), "", say("decision", "決定"), say("signs", "兆候")]
    print_table(titles, [_row(point) for point in points[-MOST_ROWS:]])


def _row(point: ScorePoint) -> list[str]:
    found = sorted(point.findings.items(), key=lambda item: -item[1])
    signs = say(", ", "、").join(f"{_word(name)} {value:.1f}" for name, value in found if value > 0)
    action = say(*ACTIONS[point.action]) if point.action in ACTIONS else point.action
    return [local_time(point.t), f"{point.score:5.1f}", bar(point.score, point.suspend), action, signs]


def _word(name: str) -> str:
    """A finding in a word or two; one we have no word for by its name."""
    return say(*FINDINGS[name]) if name in FINDINGS else name.replace("_", " ")


def bar(score: float, suspend: float | None) -> str:
    """A bar of BAR columns where the score is the threshold of a suspension, twice as many at most."""
    eighths = round(8 * BAR * max(score, 0.0) / (suspend or 9.0))
    eighths = min(eighths, 2 * 8 * BAR)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
