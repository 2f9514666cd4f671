"""What the pages and papers of a report show besides the report itself."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language

from sekisho.impact import gap_texts
from sekisho.impact.model import DomainCount, ImpactReport
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.usual import country_names
from sekisho.web.impact_reading import Reading

# On one page a person compares some twenty lines; the rest is summed up, and is in the CSV.
SHOWN_DOMAINS = 20
SHOWN_SOURCES = 30
SHOWN_TOUCHED = 50
SHOWN_SEARCHES = 50
SHOWN_FOLDERS = 50


def context_of(reading: Reading, evidence_base: str) -> dict[str, Any]:
    """For web/parts/impact_body.html; `evidence_base` "" on paper, where nothing can be followed."""
    report = reading.report
    shown, rest = _domains(report)
    names = country_names((get_language() or "ja")[:2])
    return {
        "reading": reading,
        "incident": reading.incident,
        "report": report,
        "case": case_number(reading.incident),
        "evidence_base": evidence_base,
        "sources": [(one, names.get(one.country, one.country)) for one in report.entry.sources[:SHOWN_SOURCES]],
        "more_sources": max(0, len(report.entry.sources) - SHOWN_SOURCES),
        "domains": shown,
        "rest_domains": rest,
        "folders": report.read.folders[:SHOWN_FOLDERS],
        "more_folders": max(0, len(report.read.folders) - SHOWN_FOLDERS),
        "searches": report.read.searches[:SHOWN_SEARCHES],
        "more_searches": max(0, len(report.read.searches) - SHOWN_SEARCHES),
        "touched": report.touched[:SHOWN_TOUCHED],
        "more_touched": max(0, len(report.touched) - SHOWN_TOUCHED),
        "others": reading.others,
        "reads_known": not any(limit.name == "reads_not_told" for limit in report.limits),
        "sentences": gap_texts.sentences(report),
    }


def _domains(report: ImpactReport) -> tuple[list[DomainCount], dict[str, int]]:
    """The domains with the most recipients, and the sum of all others (also of those the report itself left out)."""
    shown = list(report.sent.domains[:SHOWN_DOMAINS])
    rest = report.sent.recipients.value - sum(one.recipients.value for one in shown)
    known = len(report.sent.domains) - len(shown)
    return shown, {"domains": known, "recipients": rest} if rest > 0 else {}
