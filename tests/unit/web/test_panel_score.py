"""The score's history on the incident page: bars, lines, marks, the table, and who may see it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.urls import reverse
from django.utils import translation

import casting
from casting import VICTIM
from sekisho.incidents.models import Incident, ScorePoint
from sekisho.web import score_chart

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def point(t: datetime, score: float, action: str = "", suspend: float | None = 9.0, **findings: float) -> ScorePoint:
    lines = (4.0, 6.5, suspend) if suspend else (None, None, None)
    row = ScorePoint(
        id=f"{t.timestamp()}-{score}",
        mailbox=VICTIM,
        generation=0,
        t=t,
        score=score,
        findings=findings or {"new_country": score},
        action=action,
    )
    row.alert, row.restrict, row.suspend = lines
    return row


def pixels(chart: score_chart.Chart, place: int) -> float:
    return sum(float(part.height) + 1 for part in chart.readings[place].segments)


def curve(incident: Incident, *scores: float, step: timedelta = timedelta(minutes=1)) -> list[ScorePoint]:
    return [point(incident.detected_at + number * step, score) for number, score in enumerate(scores)]


def test_a_bar_is_as_high_as_its_score_and_stacked_from_its_findings(incident):
    at = incident.detected_at
    chart = score_chart.chart_of(
        [point(at, 4.0), point(at + timedelta(seconds=9), 8.0, new_country=4.0, new_recipients=4.0)]
    )
    assert chart is not None
    assert pixels(chart, 1) == pytest.approx(2 * pixels(chart, 0), rel=0.02)
    assert [part.name for part in chart.readings[1].segments] == ["new_country", "new_recipients"]
    suspend = next(line for line in chart.lines if line.action == "suspend")
    assert float(suspend.y) < float(chart.readings[1].score_y)


def test_a_hard_cap_lifts_to_a_floor_and_does_not_add(incident):
    chart = score_chart.chart_of([point(incident.detected_at, 9.0, new_country=4.0, new_recipients=3.0, hard_cap=9.0)])
    assert chart is not None and not chart.has_excess
    top = min(float(part.y) for part in chart.readings[0].segments)
    assert top == pytest.approx(float(chart.readings[0].score_y), abs=0.1)


def test_what_a_familiar_place_excuses_is_said(incident):
    chart = score_chart.chart_of([point(incident.detected_at, 3.0, new_country=4.0)])
    assert chart is not None and chart.has_excess


def test_thresholds_follow_their_change_on_probation(incident):
    at = incident.detected_at
    rows = [point(at, 5.0), point(at + timedelta(minutes=2), 5.0, suspend=8.0), point(at + timedelta(minutes=3), 5.0)]
    chart = score_chart.chart_of(rows)
    assert chart is not None
    assert [(line.value, line.is_last) for line in chart.lines if line.action == "suspend"] == [
        (9.0, False),
        (8.0, False),
        (9.0, True),
    ]


def test_points_of_an_older_guard_have_no_lines(incident):
    chart = score_chart.chart_of([point(incident.detected_at, 5.0, suspend=None)])
    assert chart is not None and chart.lines == []


def test_many_readings_are_thinned_but_decisions_ends_and_the_highest_stay(incident):
    rows = curve(incident, *(2.0 + number % 7 for number in range(400)))
    rows[123].action, rows[200].score = "alert", 30.0
    chosen = score_chart.choose(rows)
    assert len(chosen) == score_chart.MOST_BARS
    assert {rows[0].id, rows[-1].id, rows[123].id, rows[200].id} <= {row.id for row in chosen}
    assert [row.t for row in chosen] == sorted(row.t for row in chosen)
    chart = score_chart.chart_of(rows)
    assert chart is not None and chart.left_out == 360


def test_more_than_an_hour_between_two_bars_is_marked(incident):
    at = incident.detected_at
    chart = score_chart.chart_of(
        [point(at, 3.0), point(at + timedelta(minutes=59), 3.0), point(at + timedelta(hours=3), 3.0)]
    )
    assert chart is not None
    assert [bool(bar.gap_x) for bar in chart.readings] == [False, False, True]


def test_a_finding_we_have_no_word_for_is_shown_rather_than_lost(incident):
    chart = score_chart.chart_of([point(incident.detected_at, 3.0, brand_new=3.0)])
    assert chart is not None
    assert [(found.name, str(found.text)) for found in chart.legend] == [("brand_new", "brand new")]


def test_every_finding_of_the_engine_has_a_word_and_a_place():
    import inspect

    from sekisho.detection import assessment
    from sekisho.web import words

    source = inspect.getsource(assessment)
    named = set(re.findall(r'(?:Indicator\(|name, sentences = )"(\w+)"', source))
    assert len(named) >= 14
    assert named <= set(words.FINDINGS) == set(score_chart.ORDER)


def test_marks_of_decisions_in_a_row_do_not_cover_each_other(incident):
    rows = curve(incident, *(5.0 for _ in range(40)))
    for place in (10, 11, 12, 30):
        rows[place].action = "alert"
    chart = score_chart.chart_of(rows)
    assert chart is not None
    marks = [(bar.mark, bar.mark_y) for bar in chart.readings if bar.mark]
    assert [number for number, _ in marks] == [1, 2, 3, 4]
    assert marks[0][1] != marks[1][1] != marks[2][1]
    assert marks[3][1] == marks[0][1]


def test_a_time_is_not_written_twice(incident):
    at = incident.detected_at.replace(second=0)
    rows = [point(at + timedelta(seconds=number), 3.0 + number) for number in range(4)]
    chart = score_chart.chart_of([*rows, point(at + timedelta(hours=2), 8.0)])
    assert chart is not None
    assert [bool(bar.label) for bar in chart.readings] == [True, False, False, False, True]


@pytest.mark.parametrize("bars", [1, 2, 3, 5, 8, 13, 40])
@pytest.mark.parametrize("step", [timedelta(seconds=1), timedelta(minutes=30)])
def test_times_below_the_bars_do_not_run_into_each_other(bars, step, incident):
    chart = score_chart.chart_of(curve(incident, *(5.0 for _ in range(bars)), step=step))
    assert chart is not None
    width = score_chart.LONG_LABEL if chart.readings[0].clock.count(":") == 2 else score_chart.SHORT_LABEL
    for plot, kinds in ((score_chart.NARROW_PLOT, ["always"]), (score_chart.WIDE_PLOT, ["always", "wide"])):
        shown = [float(bar.middle.rstrip("%")) for bar in chart.readings if bar.label in kinds]
        apart = [(right - left) / 100 * plot for left, right in pairwise(shown)]
        assert shown and all(pixels >= width * 0.99 for pixels in apart), apart
    assert chart.readings[0].label == "always" and chart.readings[-1].label


def test_no_points_no_drawing(incident, sign_in):
    assert score_chart.chart_of([]) is None
    assert 'id="history"' not in sign_in("owner").get(reverse("incident", args=[incident.pk])).content.decode()


@pytest.mark.parametrize(
    ("language", "words"), [("ja", ("点数の推移", "初めての国")), ("en", ("How the score", "New country"))]
)
def test_the_page_draws_the_history_in_both_languages(language, words, incident, sign_in):
    casting.scores(incident)
    text = sign_in("owner", language).get(reverse("incident", args=[incident.pk])).content.decode()
    assert all(word in text for word in words)
    assert text.count('class="sign sign-new_country"') >= 4
    assert 'role="img"' in text and "<desc" in text
    for action in ("alert", "restrict", "suspend"):
        assert f"threshold-{action}" in text and f'class="mark mark-{action}"' in text
    assert "style=" not in text.partition('id="history"')[2]


def test_polling_does_not_draw_it_again(incident, sign_in):
    casting.scores(incident)
    answer = sign_in("owner").get(reverse("incident", args=[incident.pk]), headers={"HX-Request": "true"})
    assert 'id="live"' in answer.content.decode() and 'id="history"' not in answer.content.decode()


def test_another_generation_is_not_this_incidents_history(incident, sign_in):
    casting.scores(incident)
    ScorePoint.objects.update(generation=1)
    assert 'id="history"' not in sign_in("owner").get(reverse("incident", args=[incident.pk])).content.decode()


def test_the_description_says_what_is_drawn(incident):
    casting.scores(incident)
    with translation.override("en"):
        chart = score_chart.chart_of(list(ScorePoint.objects.order_by("t")))
    assert chart is not None
    assert "highest 14.2" in chart.description and "suspended from 9.0" in chart.description


def test_where_a_relapse_suspends_at_once_one_line_stands_for_two(incident):
    chart = score_chart.chart_of([point(incident.detected_at, 5.0, suspend=6.5)])
    assert chart is not None
    assert [(line.action, line.value) for line in chart.lines] == [("alert", 4.0), ("suspend", 6.5)]
