"""`sekisho explain` tells how the score came about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.utils import timezone

from sekisho.cli import history, sekisho, words
from sekisho.incidents.models import ScorePoint

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE = "alice@ours.test"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def points(*scores: tuple[float, str], mailbox: str = ALICE) -> None:
    now = timezone.now()
    for number, (score, action) in enumerate(scores):
        ScorePoint.objects.create(
            id=f"{mailbox}-{number}",
            mailbox=mailbox,
            generation=0,
            t=now + timedelta(minutes=number),
            score=score,
            findings={"new_country": score, "brand_new": 0.1},
            alert=4.0,
            restrict=6.5,
            suspend=9.0,
            action=action,
        )


def explain(*arguments: str) -> str:
    done = CliRunner().invoke(sekisho, ["explain", ALICE, *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_history_is_told_newest_last_with_bars_and_decisions(two_tenants: None) -> None:
    points((2.2, ""), (4.4, "alert"), (10.3, "suspend"))
    rows = explain().splitlines()[-3:]
    assert [row.split()[2] for row in rows] == ["2.2", "4.4", "10.3"]
    assert "alert" in rows[1] and "suspension" in rows[2] and "new country 10.3" in rows[2]
    assert [row.count("█") for row in rows] == [2, 5, 13]
    assert "brand new 0.1" in rows[0]


def test_it_is_told_without_an_incident_and_names_the_thresholds(two_tenants: None) -> None:
    points((3.0, ""))
    text = explain()
    assert "Nothing was ever found" in text
    assert "alert 4.0, restriction 6.5, suspension 9.0" in text


def test_it_is_told_in_japanese(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    points((4.4, "alert"))
    assert "初めての国 4.4" in explain() and "点数の推移" in explain()


def test_json_has_every_point_of_this_mailbox_only(two_tenants: None) -> None:
    points(*((3.0, "") for _ in range(60)))
    points((9.0, "suspend"), mailbox="bob@ours.test")
    told = json.loads(explain("--json"))["history"]
    assert len(told) == 60
    assert told[0]["findings"] == {"new_country": 3.0, "brand_new": 0.1}
    assert told[0]["thresholds"]["suspend"] == 9.0
    assert "20 older ones" in explain()


def test_a_mailbox_without_readings_has_no_history(two_tenants: None) -> None:
    assert json.loads(explain("--json"))["history"] == []
    assert "Score" not in explain()


def test_a_bar_is_bounded_and_never_negative() -> None:
    assert history.bar(9.0, 9.0) == "█" * 12
    assert history.bar(400.0, None) == "█" * 24
    assert history.bar(-1.5, 9.0) == ""


def test_terminal_and_panel_know_the_same_findings() -> None:
    from sekisho.web.words import FINDINGS

    assert set(words.FINDINGS) == set(FINDINGS)
