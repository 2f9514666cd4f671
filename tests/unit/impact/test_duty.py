from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from reporting import report
from sekisho.impact import duty, fact_sheet
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit, Incident

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_the_day_of_knowing_is_the_first_and_days_are_japans():
    # 23:30 UTC on the 1st is the 2nd in Japan already.
    knew = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert [duty.nth_day(knew, n) for n in (1, 3, 5, 30, 60)] == [
        date(2026, 6, 2), date(2026, 6, 4), date(2026, 6, 6), date(2026, 7, 1), date(2026, 7, 31),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "open_on"),
    [
        (date(2026, 7, 1), date(2026, 7, 1)),
        (date(2026, 7, 4), date(2026, 7, 6)),  # a Saturday
        (date(2026, 12, 29), date(2027, 1, 4)),
        (date(2026, 1, 1), date(2026, 1, 5)),  # 4 January 2026 is a Sunday
    ],
)
def test_a_final_day_moves_behind_weekends_and_the_turn_of_the_year(day, open_on):
    assert duty.opening_day(day) == open_on


def test_the_clock_begins_with_the_detection_until_a_person_sets_it(incident: Incident):
    before = duty.clocks(incident)
    assert (before.knew_at, before.knew_set) == (incident.detected_at, False)
    knew = incident.detected_at + timedelta(days=2)
    duty.set_known(incident, knew, "operator", knew + timedelta(days=1))
    after = duty.clocks(incident)
    assert (after.knew_at, after.knew_set, after.set_by) == (knew, True, "operator")
    assert after.latest == duty.nth_day(knew, 5) and after.day(knew + timedelta(days=1)) == 2
    assert Audit.objects.filter(verb="duty_known_since").count() == 1


@pytest.mark.parametrize("shift", [timedelta(days=-3), timedelta(days=3)])
def test_nobody_knew_before_it_began_or_will_have_known(incident: Incident, shift):
    with pytest.raises(NotAllowed):
        duty.set_known(incident, incident.detected_at + shift, "operator", incident.detected_at + timedelta(days=1))


def test_a_domain_is_on_until_somebody_switches_it_off_and_only_news_is_noted(two_tenants):
    now = timezone.now()
    assert duty.is_on("ours.test")
    assert not duty.switch("ours.test", True, "operator", now)
    assert duty.switch("ours.test", False, "operator", now) and not duty.is_on("ours.test")
    assert duty.is_on("theirs.test")
    assert [row.domain for row in Audit.objects.filter(verb="duty_switched")] == ["ours.test"]
    with pytest.raises(NotAllowed):
        duty.switch("nowhere.test", True, "operator", now)


def test_the_sheet_has_the_nine_items_in_the_rules_order_and_leaves_blank_what_nobody_knows(incident: Incident):
    sheet = fact_sheet.build(incident, report(incident.mailbox, incident.pk), duty.clocks(incident))
    assert [one.number for one in sheet] == list(range(1, 10))
    assert [one.title.ja[:4] for one in sheet] == [
        "概要", "漏えい等", "漏えい等", "原因", "二次被害", "本人への", "公表の実", "再発防止", "その他参",
    ]  # fmt: skip
    assert all(one.blanks for one in sheet) and sheet[6].facts == ()
    said = {one.number: " ".join(fact.ja + fact.en for fact in one.facts) for one in sheet}
    assert "214" in said[5] and "少なくとも" not in said[5]
    assert "42" in said[2] and "88" in said[2] and "見張りが止まっていました" in said[9]


def test_the_sheet_names_no_correspondent(incident: Incident):
    whole = report(incident.mailbox, incident.pk)
    text = repr(fact_sheet.build(incident, whole, duty.clocks(incident)))
    for word in ("outside.example", "tegami", "script", "bank.test", "sora.example"):
        assert word not in text


def test_no_read_on_record_is_said_and_never_a_zero_without_its_limit(incident: Incident):
    from sekisho.impact.model import Limit

    blind = report(incident.mailbox, incident.pk, limits=(Limit("reads_not_told"),))
    kinds = fact_sheet.build(incident, blind, duty.clocks(incident))[1]
    assert not any("取り出されたメール" in fact.ja for fact in kinds.facts)
    assert any("ではありません" in fact.ja for fact in kinds.facts)


def test_a_restriction_is_never_told_as_a_suspension(incident: Incident):
    told = report(incident.mailbox, incident.pk)
    for action, words in (("suspend", "すべての経路を止め"), ("restrict", "送信を制限しました")):
        incident.action = action
        measures = fact_sheet.build(incident, told, duty.clocks(incident))[7]
        assert any(words in fact.ja for fact in measures.facts)
        assert any("すべての経路" in fact.ja for fact in measures.facts) is (action == "suspend")
