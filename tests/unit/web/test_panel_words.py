"""Both languages are complete, and every word the other rooms use has one here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import translation

import sekisho.web
from sekisho.containment import plans
from sekisho.detection import breaker
from sekisho.incidents.models import Incident
from sekisho.web import outcomes, words

WEB = Path(sekisho.web.__file__).parent
CATALOGUE = WEB / "locale" / "ja" / "LC_MESSAGES" / "django.po"


def entries(text: str) -> list[str]:
    return [entry for entry in text.split("\n\n")[1:] if "msgid" in entry]


def test_no_text_is_untranslated_or_uncertain():
    text = CATALOGUE.read_text()
    assert "fuzzy" not in text
    for entry in entries(text):
        assert not re.search(r'^msgstr(\[0\])? ""$', entry, re.M) or re.search(r'^msgstr(\[0\])? ""\n"', entry, re.M), (
            entry
        )


def test_the_catalogue_holds_exactly_the_texts_of_the_panel(tmp_path):
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "-l", "ja", "--no-location", "--no-obsolete", "--no-wrap"],
        cwd=copy,
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    found = (copy / CATALOGUE.relative_to(WEB)).read_text()
    missing = {key(entry) for entry in entries(found)} ^ {key(entry) for entry in entries(CATALOGUE.read_text())}
    assert not missing


def key(entry: str) -> str:
    return "\n".join(re.findall(r"^(?:msgctxt|msgid) .*(?:\n\".*)*", entry, re.M))


def test_every_status_and_phase_has_a_badge():
    statuses = {status for pair in breaker.TRANSITIONS for status in pair[:2]} & {
        "active",
        "restricted",
        "suspended",
        "probation",
    }
    assert statuses <= set(words.STATUSES)
    assert set(Incident.PHASES) == set(words.PHASES)


@pytest.mark.parametrize("plan", ["CONTAIN", "RELEASE", "DISMISS", "REFRESH", "RESCUE_ON", "RESCUE_OFF"])
def test_every_step_of_every_plan_has_words(plan):
    assert {step.name for step in getattr(plans, plan)} <= set(words.STEPS)


def test_the_page_knows_the_steps_of_the_way_back_in_their_order():
    names = [step.name for step in plans.RELEASE]
    assert list(words.RELEASE_STEPS) == names[: names.index("probe_open") + 1]


@pytest.mark.parametrize(
    "outcome,japanese",
    [
        ("3 sessions ended", "3 件の接続を切断"),
        ("1 session ended", "1 件の接続を切断"),
        ("47 messages held, 2 escaped in flight", "47 通を保留、2 通は送信中で間に合わず"),
        ("mailbox.active is 0", "アクティブ: いいえ"),
        ("script 'planted' switched off", "スクリプト「planted」を止めました"),
        (
            "0 sessions ended; 0 messages held, 0 escaped in flight",
            "0 件の接続を切断; 0 通を保留、0 通は送信中で間に合わず",
        ),
        ("doveadm: connection refused", "doveadm: connection refused"),
    ],
)
def test_an_agents_outcome_is_told_in_japanese_where_we_have_words(outcome, japanese):
    with translation.override("ja"):
        assert outcomes.spell(outcome) == japanese
    with translation.override("en"):
        assert outcomes.spell(outcome) == outcome
