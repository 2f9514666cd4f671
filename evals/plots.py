"""Three kinds of picture as plain SVG: a grid of shares, boxes on a logarithmic axis, and bars. No library needed.

Each picture brings its own ground and follows the reader's light or dark setting; title and description are there for
those who hear it read. Colours are Okabe and Ito's, told apart by everybody; every shade has its number beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from xml.sax.saxutils import escape

WIDTH = 860
ROW, TOP, PAD = 26, 64, 16
# Left column for names; a character of the picture's type is some 7.5 units wide.
LABELS, CHARACTER = 210, 7.5

_STYLE = """
svg{font:13px system-ui,sans-serif}
.ground{fill:#ffffff}.text{fill:#1f2328}.soft{fill:#59636e}.line{stroke:#d1d9e0}.mark{fill:#0072b2}
.edge{stroke:#0072b2}.median{stroke:#d55e00}.suspend{fill:#d55e00}.throttle{fill:#e69f00}.alert{fill:#56b4e9}
.cell{fill:#0072b2}.bold{font-weight:600}.head{font-size:15px;font-weight:600}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117}.text{fill:#f0f6fc}.soft{fill:#9198a1}.line{stroke:#3d444d}.mark{fill:#56b4e9}
.edge{stroke:#56b4e9}.median{stroke:#e69f00}.cell{fill:#56b4e9}}
"""


def _picture(title: str, description: str, height: float, body: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height:.0f}" rx="6"/>',
            _text(PAD, 26, title, "text head"),
            *body,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, said: str, kind: str = "text", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str = "line", width: float = 1) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{width}"/>'


def _rect(x: float, y: float, width: float, height: float, kind: str, opacity: float = 1.0) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" rx="2" '
        f'fill-opacity="{opacity:.2f}"/>'
    )


def _wrapped(said: str, width: float) -> list[str]:
    """A column's name in lines that fit."""
    lines = [""]
    for word in said.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(longer) * CHARACTER > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def grid(title: str, description: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Shares from 0 to 1, one row per name and one column per judge; the number stands in each cell."""
    each = (WIDTH - LABELS - PAD) / max(len(columns), 1)
    heads = [_wrapped(column, each - 6) for column in columns]
    top = 44 + 16 * max(map(len, heads), default=1)
    body = [
        _text(LABELS + each * (n + 0.5), 52 + 16 * m, line, "text bold" if not n else "soft", "middle")
        for n, lines in enumerate(heads)
        for m, line in enumerate(lines)
    ]
    for r, (name, shares) in enumerate(rows):
        y = top + r * ROW
        body.append(_text(PAD, y + 17, name))
        for n, share in enumerate(shares):
            x = LABELS + each * n
            # Half covered at most: the same ink stays readable on every shade, in light and in dark.
            body.append(_rect(x + 2, y + 2, each - 4, ROW - 4, "cell", 0.04 + 0.46 * share))
            body.append(_text(x + each / 2, y + 17, f"{share:.2f}", "text", "middle"))
    return _picture(title, description, top + ROW * len(rows) + PAD, body)


@dataclass(frozen=True, slots=True)
class Box:
    """Five quantiles (5 %, 25 %, 50 %, 75 %, 95 %) of `n` values."""

    name: str
    n: int
    quantiles: tuple[float, float, float, float, float]


def boxes(title: str, description: str, unit: str, found: Sequence[Box]) -> str:
    """Boxes from the 25 % to the 75 % quantile with whiskers to 5 % and 95 %, on a logarithmic axis that has a 0."""
    left, right = LABELS + 30, WIDTH - PAD - 20
    most = max((box.quantiles[4] for box in found), default=1.0)
    top_power = max(1.0, log10(max(most, 1) + 1))

    def x(value: float) -> float:
        return left + (right - left) * log10(value + 1) / top_power

    bottom = TOP + ROW * len(found)
    ticks = [0, 1, 3, *(step * 10**power for power in range(1, 5) for step in (1, 3))]
    body: list[str] = []
    for tick in (tick for tick in ticks if x(tick) <= right + 1):
        body += [_line(x(tick), TOP - 8, x(tick), bottom), _text(x(tick), TOP - 14, f"{tick}", "soft", "middle")]
    for r, box in enumerate(found):
        y, (low, lower, median, upper, high) = TOP + r * ROW + ROW / 2, box.quantiles
        body += [
            _text(PAD, y + 4, f"{box.name} ({box.n})"),
            _line(x(low), y, x(high), y, "edge", 1.5),
            _rect(x(lower), y - 7, max(x(upper) - x(lower), 2), 14, "mark", 0.45),
            _line(x(median), y - 9, x(median), y + 9, "median", 3),
        ]
    body.append(_text(right, bottom + 18, unit, "soft", "end"))
    return _picture(title, description, bottom + 30, body)


def bars(title: str, description: str, rows: Sequence[tuple[str, dict[str, float]]], parts: Sequence[str]) -> str:
    """Per name a thin bar for each part (a share from 0 to 1) with its number; the style has a class per part."""
    left, right, thin = LABELS, WIDTH - PAD - 60, 9
    height = thin * len(parts) + 8
    most = max((max(shares.values(), default=0.0) for _, shares in rows), default=0.0) or 1.0
    body, x = [], float(left)
    for part in parts:
        body += [_rect(x, 40, 12, 12, part), _text(x + 18, 51, part, "soft")]
        x += 30 + CHARACTER * len(part) + 20
    for r, (name, shares) in enumerate(rows):
        y = TOP + r * height
        body += [_line(PAD, y - 2, WIDTH - PAD, y - 2), _text(PAD, y + height / 2 + 2, name)]
        for n, part in enumerate(parts):
            share = shares.get(part, 0.0)
            if not share:
                continue
            end = left + (right - left) * share / most
            body.append(_rect(left, y + 1 + n * thin, end - left, thin - 1, part))
            number = f'<text class="soft" font-size="10" x="{end + 4:.1f}" y="{y + thin * (n + 1):.1f}">'
            body.append(f"{number}{100 * share:.1f} %</text>")
    return _picture(title, description, TOP + height * len(rows) + PAD, body)
