"""Compares decisions with the truth: what was contained, how much spam left before, who was hurt without a reason."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, inf, isnan, lgamma, log
from pathlib import Path
from typing import Any

DAY, HOUR = 86400.0, 3600.0
MONTH = 30 * DAY
ACTIONS = ("suspend", "throttle", "alert")
# Bounds are one-sided at 95 %: none in n gives 3/n, the rule of three.
ERROR = 0.05
PER = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """The truth of one simulated company and the decisions of one judge over it."""

    begin: float
    days: int
    mailboxes: dict[str, dict[str, Any]]
    decisions: list[dict[str, Any]]

    @classmethod
    def read(cls, directory: Path, decisions: Path) -> Run:
        """Reads labels.json of the directory, and the decisions' lines of JSON (empty ones are skipped)."""
        truth = json.loads((directory / "labels.json").read_text(encoding="ascii"))
        with decisions.open(encoding="utf-8") as lines:
            found = [decision for line in lines if (decision := json.loads(line))]
        return cls(truth["begin"], truth["days"], truth["mailboxes"], found)


@dataclass(slots=True)
class Takeovers:
    """Totals over the attacks of one kind."""

    n: int = 0
    suspended: int = 0
    contained: int = 0
    reacted: int = 0
    spam: int = 0
    out: list[int] = field(default_factory=list)
    minutes: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Healthy:
    """Mailbox-months without an attack, and how many of them met each action."""

    months: float = 0.0
    hurt: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTIONS, 0))


@dataclass(slots=True)
class Scored:
    """By kind of attack and by benign trait; "all" is the sum."""

    takeovers: dict[str, Takeovers] = field(default_factory=lambda: defaultdict(Takeovers))
    healthy: dict[str, Healthy] = field(default_factory=lambda: defaultdict(Healthy))


def score(runs: Iterable[Run]) -> Scored:
    """Adds up any number of runs."""
    scored = Scored()
    for run in runs:
        decisions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for decision in run.decisions:
            decisions[decision["account"]].append(decision)
        for account, truth in run.mailboxes.items():
            _score_mailbox(scored, run, truth, decisions[account])
    return scored


def _score_mailbox(scored: Scored, run: Run, truth: dict[str, Any], decisions: list[dict[str, Any]]) -> None:
    start = truth["start"] if truth["attack"] else inf
    begin, end = truth.get("born", run.begin), min(start, run.begin + run.days * DAY)
    before = {(d["action"], int((d["t"] - begin) // MONTH)) for d in decisions if d["t"] < start}
    for trait in ("all", *truth["traits"]):
        healthy = scored.healthy[trait]
        healthy.months += (end - begin) / MONTH
        for action, _ in before:
            healthy.hurt[action] += 1
    if truth["attack"]:
        after = [d for d in decisions if d["t"] >= start]
        for kind in ("all", truth["attack"]):
            _score_attack(scored.takeovers[kind], start, truth["spam"], after)


def _score_attack(sum_: Takeovers, start: float, spam: list[float], after: list[dict[str, Any]]) -> None:
    actions = {decision["action"] for decision in after}
    sum_.n += 1
    sum_.suspended += "suspend" in actions
    sum_.contained += bool(actions & {"suspend", "throttle"})
    sum_.reacted += bool(after)
    sum_.spam += len(spam)
    if spam:
        sum_.out.append(leaked(spam, after))
    if after:
        sum_.minutes.append((min(d["t"] for d in after) - start) / 60)


def leaked(spam: Sequence[float], decisions: Sequence[dict[str, Any]]) -> int:
    """Spam recipients that left: all before the first stop, then at most `limit` an hour, none after a suspension.

    The recipient whose event decided is the first that does not leave: the answer to Postfix is the decision.
    """
    suspended = min((d["t"] for d in decisions if d["action"] == "suspend"), default=inf)
    throttles = sorted((d["t"], d.get("limit", 0)) for d in decisions if d["action"] == "throttle")
    used: dict[int, int] = defaultdict(int)
    out = 0
    for t in spam:
        if t >= suspended:
            continue
        limits = [limit for at, limit in throttles if at <= t]
        if limits:
            hour = int((t - throttles[0][0]) // HOUR)
            if used[hour] >= min(limits):
                continue
            used[hour] += 1
        out += 1
    return out


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie (nearest rank); nan of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def number(value: float) -> str:
    """A whole number as text; a dash for the nan of an empty list."""
    return "–" if isnan(value) else f"{value:.0f}"


def _bisect(rising: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) else (middle, high)
    return (low + high) / 2


def poisson_upper(events: int, months: float, error: float = ERROR) -> float:
    """The highest rate per month under which as few events as these are still as likely as `error`."""

    def unlikely(mean: float) -> bool:
        # Each term from its logarithm: exp(-mean) alone is 0 from a mean of 746 on.
        terms = (exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(events + 1))
        return mean > 0 and sum(terms) < error

    return _bisect(unlikely, 0.0, events + 10 * (events + 1) ** 0.5 + 10) / months if months else inf


def share_lower(found: int, n: int, error: float = ERROR) -> float:
    """Clopper-Pearson: the lowest share under which as many hits as these are still as likely as `error`."""
    if not found:
        return 0.0

    def likely(p: float) -> bool:
        total, term = 0.0, n * log(1 - p)
        for k in range(found):
            total += exp(term)
            term += log(n - k) - log(k + 1) + log(p) - log(1 - p)
        return 1 - total > error

    return _bisect(likely, 1e-12, 1 - 1e-12)


def attack_row(kind: str, sum_: Takeovers) -> list[str]:
    """A line of the table of attacks."""
    n = max(sum_.n, 1)
    out = sum(sum_.out)
    return [
        kind, str(sum_.n), f"{sum_.suspended / n:.2f}",
        f"{sum_.contained / n:.2f} (≥ {share_lower(sum_.contained, n):.2f})", f"{sum_.reacted / n:.2f}",
        number(quantile(sum_.out, 0.5)), number(quantile(sum_.out, 0.9)),
        f"{100 * out / sum_.spam:.1f} %" if sum_.spam else "–",
        f"{quantile(sum_.minutes, 0.5):.1f}", f"{quantile(sum_.minutes, 0.9):.0f}",
    ]  # fmt: skip


def healthy_row(trait: str, healthy: Healthy) -> list[str]:
    """A line of the table of healthy mailboxes: per 10,000 mailbox-months, with upper bounds."""
    row = [trait, f"{healthy.months:.0f}"]
    for action in ACTIONS:
        number, months = healthy.hurt[action], healthy.months
        rate = PER * number / months if months else 0.0
        row.append(f"{number}: {rate:.1f} (≤ {PER * poisson_upper(number, months):.1f})")
    return row


ATTACK_HEAD = [
    "attack", "n", "suspended", "contained", "reacted", "spam out, median", "p90", "of all spam",
    "minutes to reaction, median", "p90",
]  # fmt: skip
HEALTHY_HEAD = ["healthy", "mailbox-months", "suspended /10k", "throttled /10k", "alerts /10k"]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]


def tables(scored: Scored) -> list[str]:
    """Both tables, "all" first."""
    attacks = sorted(scored.takeovers.items(), key=lambda found: (found[0] != "all", found[0]))
    healthy = sorted(scored.healthy.items(), key=lambda found: (found[0] != "all", found[0]))
    return [
        *markdown(ATTACK_HEAD, (attack_row(kind, sum_) for kind, sum_ in attacks)),
        "",
        *markdown(HEALTHY_HEAD, (healthy_row(trait, found) for trait, found in healthy)),
    ]
