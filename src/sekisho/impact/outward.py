"""The report as plain data: whole for the command line, without people's correspondents for the API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from sekisho.impact import masking
from sekisho.impact.model import ImpactReport


def plain(report: ImpactReport) -> dict[str, Any]:
    """The struct as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(report)
    return found


def masked_facts(report: ImpactReport, domains: Collection[str] | None) -> dict[str, Any]:
    """Counts and domains only (impact.masking), and of other customers' mailboxes those in `domains` (None: all).

    `touched_elsewhere` says how many mailboxes that leaves out.
    """
    facts = plain(masking.within(masking.masked(report), domains))
    return {**facts, "touched_elsewhere": masking.count_others(report, domains)}
