"""The figures of a report, by name: whose evidence may be asked for."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sekisho.impact.model import DomainCount, Figure, ImpactReport

# What is told one by one has evidence under a name of its own.
CHANGED, SEARCHES = "changed", "read.searches"


def figures_of(report: ImpactReport) -> dict[str, Figure]:
    """Every figure that stands in this report, by its name, in the report's order; what is told one by one last."""
    return {figure.name: figure for figure in _within(report, parts=True)} | _one_by_one(report)


def main_figures(report: ImpactReport) -> dict[str, Figure]:
    """As `figures_of`, without those of single recipient domains: their rows are all among the recipients'."""
    return {figure.name: figure for figure in _within(report, parts=False)} | _one_by_one(report)


def _one_by_one(report: ImpactReport) -> dict[str, Figure]:
    return {
        CHANGED: Figure(CHANGED, len(report.changed)),
        SEARCHES: Figure(SEARCHES, len(report.read.searches)),
    }


def _within(value: object, *, parts: bool) -> Iterator[Figure]:
    if isinstance(value, Figure):
        yield value
    elif isinstance(value, DomainCount) and not parts:
        return
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _within(getattr(value, name), parts=parts)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _within(one, parts=parts)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _within(one, parts=parts)
