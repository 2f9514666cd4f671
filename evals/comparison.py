"""Sekisho and the simple rules side by side, Sekisho against its aim, and the pictures of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evals import plots, prevalence
from evals.score import ACTIONS, PER, Scored, Takeovers, markdown, number, poisson_upper, quantile, share_lower

SEKISHO = "Sekisho"
# A picture's columns must stay readable: the best-known rules, by name as in baselines.
PICTURED = {
    SEKISHO: "Sekisho",
    "500 recipients an hour": "500 an hour",
    "100 recipients an hour": "100 an hour",
    "3 countries in 24 h": "3 countries",
    "impossible travel (SMTP, 900 km/h)": "impossible travel",
    "first login from a new country": "new country",
    "10 bounces and 15 % in an hour": "10 bounces an hour",
    "weakforced as shipped (failures only)": "weakforced",
}
_HEAD = [
    "judge", "contained", "reacted", "spam out, median", "p90", "of all spam", "false suspensions /10k",
    "throttles /10k", "alerts /10k",
]  # fmt: skip
_MIX_HEAD = ["judge, ordinary mix", "false suspensions /10k", "throttles /10k", "alerts /10k"]
LOUD = ("blast", "foreign_botnet", "home_botnet", "drip", "own_pc")


def table(judges: Mapping[str, Scored]) -> list[str]:
    """One line per judge over all takeovers and all healthy mailboxes, with 95 % bounds."""
    return markdown(_HEAD, [[name, *_caught(found.takeovers["all"]), *_hurt(found)] for name, found in judges.items()])


def mix_table(judges: Mapping[str, Scored], mix: Mapping[str, float]) -> list[str]:
    """The false decisions of each judge, weighted to a mix of traits."""
    rows = []
    for name, found in judges.items():
        rates = prevalence.weighted(found.healthy, mix)
        rows.append([name, *(f"{PER * rate:.1f} (≤ {PER * upper:.1f})" for rate, upper in rates.values())])
    return markdown(_MIX_HEAD, rows)


def _caught(sum_: Takeovers) -> list[str]:
    n = max(sum_.n, 1)
    return [
        f"{sum_.contained / n:.2f} (≥ {share_lower(sum_.contained, sum_.n):.2f})",
        f"{sum_.reacted / n:.2f}",
        number(quantile(sum_.out, 0.5)),
        number(quantile(sum_.out, 0.9)),
        f"{100 * sum(sum_.out) / sum_.spam:.1f} %" if sum_.spam else "–",
    ]


def _hurt(found: Scored) -> list[str]:
    healthy = found.healthy["all"]
    months = healthy.months
    return [
        f"{PER * healthy.hurt[action] / months:.1f} (≤ {PER * poisson_upper(healthy.hurt[action], months):.1f})"
        if months
        else "–"
        for action in ACTIONS
    ]


def aims(found: Scored, mix: Mapping[str, float]) -> list[str]:
    """The aim the project set itself, what was measured, and whether it was reached."""
    every = found.takeovers["all"]
    rates = prevalence.weighted(found.healthy, mix)
    rows: list[list[str]] = []

    def at_least(said: str, value: float, aim: float) -> None:
        rows.append([said, f"≥ {aim:.2f}", f"{value:.2f}", "yes" if value >= aim else "**no**"])

    def at_most(said: str, value: float, aim: float, upper: float = 0.0) -> None:
        # Few months can miss a rare event: reached is what holds at the bound, too.
        reached = "**no**" if value > aim else "yes" if upper <= aim else "not shown"
        rows.append([said, f"≤ {aim:g}", f"{value:.1f} (≤ {upper:.1f})" if upper else f"{value:.1f}", reached])

    at_least("all takeovers contained", _share(every, "contained"), 0.90)
    at_least("all takeovers reacted to", _share(every, "reacted"), 0.93)
    for kind in LOUD:
        at_least(f"{kind} contained", _share(found.takeovers[kind], "contained"), 0.97)
    at_least("forward reacted to", _share(found.takeovers["forward"], "reacted"), 0.90)
    at_least("manual reacted to", _share(found.takeovers["manual"], "reacted"), 0.60)
    at_most("spam recipients out, median", quantile(every.out, 0.5), 15)
    at_most("spam recipients out, p90", quantile(every.out, 0.9), 100)
    at_most("of all spam, %", 100 * sum(every.out) / max(every.spam, 1), 3)
    healthy = found.healthy["all"]
    for action, said, aim in zip(ACTIONS, ("suspensions", "throttles", "alerts"), (2, 40, 300), strict=True):
        hurt, months = healthy.hurt[action], max(healthy.months, 1e-9)
        upper = PER * poisson_upper(hurt, months)
        at_most(f"{said} /10k, traits oversampled", PER * hurt / months, aim, upper)
        at_most(f"{said} /10k, ordinary mix", PER * rates[action][0], aim, PER * rates[action][1])
    return markdown(["aim", "wanted", "measured", "reached"], rows)


def _share(sum_: Takeovers, what: str) -> float:
    return float(getattr(sum_, what)) / max(sum_.n, 1)


def draw(world: str, judges: Mapping[str, Scored], directory: Path) -> list[str]:
    """Writes the three pictures of a world; the lines that show them on a page in docs/."""
    directory.mkdir(parents=True, exist_ok=True)
    shown = []
    for name, alternative, make in _PICTURES:
        path = directory / f"evaluation-{name}-{world}.svg"
        path.write_text(make(world, judges), encoding="utf-8")
        shown.append(f"![{alternative}, world {world}](images/{path.name})")
    return shown


def _contained(world: str, judges: Mapping[str, Scored]) -> str:
    picked = [name for name in PICTURED if name in judges]
    kinds = _kinds(judges[SEKISHO])
    rows = [
        (kind, [_share(judges[name].takeovers.get(kind, Takeovers()), "contained") for name in picked])
        for kind in kinds
    ]
    return plots.grid(
        f"Takeovers contained (suspended or throttled), world {world}",
        "Share of takeovers of each kind that each judge contained: "
        + "; ".join(f"{kind}: {_list(picked, shares)}" for kind, shares in rows),
        [PICTURED[name] for name in picked],
        rows,
    )


def _list(names: Sequence[str], shares: Sequence[float]) -> str:
    return ", ".join(f"{PICTURED[name]} {share:.2f}" for name, share in zip(names, shares, strict=True))


def _spam_out(world: str, judges: Mapping[str, Scored]) -> str:
    found = []
    for kind in _kinds(judges[SEKISHO]):
        out = judges[SEKISHO].takeovers[kind].out
        if out:
            low, lower, median, upper, high = (float(quantile(out, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95))
            found.append(plots.Box(kind, len(out), (low, lower, median, upper, high)))
    said = "; ".join(f"{box.name}: median {box.quantiles[2]:.0f}, 95 % below {box.quantiles[4]:.0f}" for box in found)
    return plots.boxes(
        f"Spam recipients out before Sekisho's stop, world {world}",
        f"Number of takeovers in brackets; the box holds the middle half, the line 5 % to 95 %. {said}",
        "recipients per takeover",
        found,
    )


def _false(world: str, judges: Mapping[str, Scored]) -> str:
    rows = []
    for trait, healthy in sorted(judges[SEKISHO].healthy.items()):
        hurt = {action: healthy.hurt[action] / healthy.months for action in ACTIONS if healthy.months}
        if trait != "all" and any(hurt.values()):
            rows.append((trait, hurt))
    rows.sort(key=lambda row: -sum(row[1].values()))
    said = "; ".join(
        f"{trait}: {', '.join(f'{action} {100 * share:.1f} %' for action, share in hurt.items() if share)}"
        for trait, hurt in rows
    )
    return plots.bars(
        f"Healthy mailbox-months with a decision of Sekisho, by trait, world {world}",
        f"Traits without any are left out. {said or 'There was none.'}",
        rows,
        ACTIONS,
    )


def _kinds(found: Scored) -> list[str]:
    return ["all", *sorted(kind for kind in found.takeovers if kind != "all")]


_PICTURES: tuple[tuple[str, str, Callable[[str, Mapping[str, Scored]], str]], ...] = (
    ("contained", "Share of takeovers contained by kind, Sekisho and simple rules", _contained),
    ("spam", "Spam recipients out before the stop by kind", _spam_out),
    ("false", "Healthy mailbox-months with a decision by trait", _false),
)
