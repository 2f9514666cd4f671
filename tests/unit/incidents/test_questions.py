"""The question of a restriction: asked, answered once, one level up after silence; and the allowance a yes gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from test_decisions import ALICE, T, record, status

from sekisho.directory.provision import add_contact
from sekisho.incidents import allowances, decisions, question_links, questions
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.facts import mailbox_facts
from sekisho.incidents.models import (
    Allowance,
    Audit,
    Incident,
    MailboxStatus,
    Notice,
    Question,
    QuestionLink,
    Transition,
)
from sekisho.incidents.state import build_state

pytestmark = pytest.mark.django_db(databases=["default", "site"])
AT = datetime.fromtimestamp(T, UTC)
HOURS = timedelta(hours=1)


@pytest.fixture
def restriction(two_tenants: None) -> Incident:
    found = decisions.record_detection(record(action="restrict", limit=10))
    assert found is not None
    return found


def token() -> str:
    return question_links.token_of(QuestionLink.objects.get(notice__recipient="boss@outside.test").seed)


def test_a_restriction_asks_once_with_a_link_of_128_bits_that_the_database_does_not_hold(
    restriction: Incident,
) -> None:
    decisions.record_detection(record("d2", "restrict", limit=0, before="restricted"))
    question = Question.objects.get()
    assert (question.incident, question.state, question.level) == (restriction, "open", "domain")
    link = QuestionLink.objects.get()
    assert link.notice.recipient == "boss@outside.test"
    assert len(token()) * 4 == 128
    stored = f"{vars(link)} {vars(link.notice)}"
    assert token() not in stored
    assert question_links.link_address(link.notice).endswith(f"/question/{token()}")
    assert question_links.find_link(token()) == link
    assert question_links.find_link(token()[:-1]) is None


def test_an_operators_restriction_and_a_suspension_ask_nobody(two_tenants: None) -> None:
    decisions.restrict(ALICE, "x", "operator")
    decisions.suspend("bob@ours.test", "x", "operator")
    assert not Question.objects.exists() and not QuestionLink.objects.exists()


def test_silence_asks_the_operator_once_and_keeps_the_restriction(restriction: Incident) -> None:
    add_contact("ALL", "night@provider.test")
    assert questions.escalate(AT + 4 * HOURS - timedelta(seconds=1)) == 0
    assert questions.escalate(AT + 4 * HOURS) == 1
    assert questions.escalate(AT + 9 * HOURS) == 0
    told = Notice.objects.get(kind="unanswered")
    assert (told.recipient, told.state) == ("night@provider.test", "open")
    assert question_links.link_address(told) and question_links.link_address(told) != question_links.link_address(
        Notice.objects.get(kind="restricted")
    )
    assert Question.objects.get().level == "operator"
    assert (status().status, status().generation) == ("restricted", 0)
    assert restriction.timeline.filter(kind="asked_operator").count() == 1


def test_an_answered_question_asks_nobody_else(restriction: Incident) -> None:
    add_contact("ALL", "night@provider.test")
    decisions.answer(restriction, "boss", now=AT + HOURS)
    assert questions.escalate(AT + 9 * HOURS) == 0
    assert not Notice.objects.filter(kind="unanswered").exists()


def test_a_question_whose_mailbox_was_suspended_since_asks_nobody_else(restriction: Incident) -> None:
    add_contact("ALL", "night@provider.test")
    decisions.record_detection(record("d2", "suspend", before="restricted", t=T + 60))
    assert questions.escalate(AT + 9 * HOURS) == 0


def test_where_the_domain_has_no_contact_the_operator_is_asked_at_once(two_tenants: None) -> None:
    from sekisho.directory.models import Contact

    Contact.objects.all().delete()
    add_contact("ALL", "night@provider.test")
    decisions.record_detection(record(action="restrict", limit=10))
    assert Question.objects.get().level == "operator"
    assert Notice.objects.get().kind == "unanswered"


def test_yes_allows_a_mailing_of_bounded_size_and_time_and_is_audited(restriction: Incident) -> None:
    decisions.answer(restriction, "boss", decisions.Terms(hours=6, recipients=800), now=AT + HOURS)
    assert (status().status, status().generation) == ("active", 1)
    question = Question.objects.get()
    assert (question.state, question.answered_by) == ("yes", "boss")
    line = Audit.objects.get(verb="allow_mailing")
    assert (line.actor, line.subject, line.details["recipients"]) == ("boss", ALICE, 800)
    stated = build_state(AT + 2 * HOURS).mailboxes[ALICE]
    assert (stated.allowed_until, stated.allowed_recipients) == ((AT + 7 * HOURS).timestamp(), 800)
    assert build_state(AT + 8 * HOURS).mailboxes[ALICE].allowed_until == 0
    assert allowances.present(status(), AT + 2 * HOURS) == Allowance.objects.get()
    assert allowances.present(status(), AT + 8 * HOURS) is None


def test_an_allowance_is_gone_with_the_next_restriction(restriction: Incident) -> None:
    decisions.answer(restriction, "boss", now=AT + HOURS)
    decisions.record_detection(record("d2", "restrict", generation=1, t=T + 7200))
    assert allowances.present(status(), AT + 3 * HOURS) is None


def test_no_suspends_and_a_second_answer_is_refused(restriction: Incident) -> None:
    decisions.disown(restriction, "boss", "not me")
    assert status().status == "suspended"
    assert Question.objects.get().state == "no"
    with pytest.raises(NotAllowed):
        decisions.answer(restriction, "other")
    assert Question.objects.get().answered_by == "boss"
    assert not Allowance.objects.exists()


@pytest.mark.parametrize("how", ["answer", "expiry"])
def test_a_mailbox_that_was_on_probation_is_on_probation_again(two_tenants: None, how: str) -> None:
    MailboxStatus.objects.create(mailbox=ALICE, domain="ours.test", status="probation", since=AT, limit=20)
    incident = decisions.record_detection(record(action="restrict", limit=10, before="probation"))
    assert incident is not None
    if how == "answer":
        decisions.answer(incident, "boss")
    else:
        assert decisions.expire_restrictions(AT + timedelta(days=8)) == 1
    assert (status().status, status().limit) == ("probation", 20)
    assert Transition.objects.filter(after="probation").count() == 1


def test_an_allowance_has_bounds() -> None:
    for hours, recipients in ((0, 10), (169, 10), (1, 0), (1, 10_001)):
        with pytest.raises(NotAllowed):
            decisions.Terms(hours, recipients)


def test_the_facts_of_a_mailbox_name_its_allowance(restriction: Incident) -> None:
    from sekisho.directory.models import SiteMailbox

    decisions.answer(restriction, "boss")
    facts = mailbox_facts(SiteMailbox.objects.get(username=ALICE), "en")
    assert facts["allowance"]["recipients"] == 1000


def test_the_facts_of_a_mailbox_count_its_probation(two_tenants: None) -> None:
    from django.utils import timezone

    from sekisho.directory.models import SiteMailbox
    from sekisho.incidents.events import EventBatch
    from sekisho.journal import NewRecipientAsked

    now = timezone.now()
    since = now - timedelta(days=2, hours=3)
    MailboxStatus.objects.create(
        mailbox=ALICE, domain="ours.test", status="probation", since=since, generation=1, limit=20
    )
    batch = EventBatch()
    for age, generation, allowed in ((60, 1, True), (3600, 1, True), (90_000, 1, True), (60, 0, True), (5, 1, False)):
        batch.add(NewRecipientAsked(now.timestamp() - age, ALICE, generation, allowed))
    found = mailbox_facts(SiteMailbox.objects.get(username=ALICE), "en")["probation"]
    assert (found["day"], found["days"]) == (3, 7)
    assert (found["new_recipients"], found["limit"], found["told_to_wait"]) == (2, 20, 1)


def test_a_notice_asks_with_figures_and_one_link_in_both_languages(restriction: Incident) -> None:
    from sekisho.incidents.models import QueueIdLogin
    from sekisho.incidents.notice_texts import compose

    QueueIdLogin.objects.create(queue_id="4a", mailbox=ALICE, at=AT, recipients=800)
    QueueIdLogin.objects.create(queue_id="4b", mailbox=ALICE, at=AT, recipients=12)
    QueueIdLogin.objects.create(queue_id="3z", mailbox=ALICE, at=AT - timedelta(days=1), recipients=7)
    _, body = compose(Notice.objects.get())
    assert "2 通、のべ 812 件" in body and "2 messages to 812 recipients" in body
    address = question_links.link_address(Notice.objects.get())
    assert body.count(address) == 2 and body.count("/question/") == 2
    assert "1,000 件" in body and "{" not in body


def test_where_all_sending_was_stopped_a_yes_needs_a_sign_in(two_tenants: None) -> None:
    from sekisho.incidents.notice_texts import compose
    from sekisho.incidents.question_answers import answer_by_link

    decisions.record_detection(record(action="restrict", limit=0))
    link = QuestionLink.objects.get()
    assert "ログインし" in compose(link.notice)[1]
    with pytest.raises(NotAllowed):
        answer_by_link(link, "yes", "", AT)
    assert status().status == "restricted"
    answer_by_link(link, "no", "not me", AT)
    assert status().status == "suspended"


def test_an_operators_restriction_is_told_without_a_link(two_tenants: None) -> None:
    from sekisho.incidents.notice_texts import compose

    decisions.restrict(ALICE, "complaints", "operator")
    _, body = compose(Notice.objects.get())
    assert "/question/" not in body and "運用担当者にお知らせください" in body


def test_the_owner_is_asked_at_a_contact_that_counts_and_at_no_other(two_tenants: None) -> None:
    from sekisho.directory.models import SiteMailbox
    from sekisho.recovery.models import OwnerContact

    SiteMailbox.objects.filter(username=ALICE).update(created=AT - timedelta(days=400))
    for address, age in (("alice@home.test", 40), ("new@home.test", 3)):
        OwnerContact.objects.create(
            mailbox=ALICE,
            address=address,
            language="en",
            source="admin",
            enrolled_at=AT - timedelta(days=age),
            enrolled_by="boss",
        )
    decisions.record_detection(record(action="restrict", limit=10))
    asked = Notice.objects.get(kind="owner_asked")
    assert (asked.recipient, asked.language) == ("alice@home.test", "en")
    assert QuestionLink.objects.filter(notice=asked).exists()
    decisions.record_detection(record("d2", "suspend", before="restricted", t=T + 5))
    assert not Notice.objects.filter(kind__in=["owner_asked", "restricted"]).exists()


def test_a_link_answers_once_and_its_bearer_is_named(restriction: Incident) -> None:
    from sekisho.directory.models import TravelPass
    from sekisho.incidents.models import Indicator
    from sekisho.incidents.question_answers import answer_by_link

    link = QuestionLink.objects.get()
    assert Indicator.objects.get().name == "new_country"
    Incident.objects.update(country="BR")
    link = QuestionLink.objects.get()
    answer_by_link(link, "yes", "", AT + HOURS, travels=True)
    assert status().status == "active"
    assert Question.objects.get().answered_by == "boss@outside.test (link)"
    assert TravelPass.objects.get().country == "BR"
    for state in ("yes", "no"):
        with pytest.raises(NotAllowed):
            answer_by_link(link, state, "", AT + HOURS)
    assert status().status == "active"


def test_a_relapse_suspends_and_asks_one_level_up(two_tenants: None) -> None:
    from sekisho.incidents.notice_texts import compose

    add_contact("ALL", "night@provider.test")
    MailboxStatus.objects.create(mailbox=ALICE, domain="ours.test", status="probation", since=AT, limit=20)
    decisions.record_detection(record("d1", "suspend", before="probation"))
    assert status().status == "suspended"
    assert {(n.kind, n.recipient) for n in Notice.objects.all()} == {
        ("suspended", "boss@outside.test"),
        ("relapse", "night@provider.test"),
    }
    subject, body = compose(Notice.objects.get(kind="relapse"))
    assert "経過観察中" in subject and ALICE in body and "{" not in body


def test_a_first_suspension_calls_no_operator(two_tenants: None) -> None:
    add_contact("ALL", "night@provider.test")
    decisions.record_detection(record())
    assert not Notice.objects.filter(kind="relapse").exists()


def test_a_link_says_nothing_against_a_restriction_that_an_operator_has_set_since(restriction: Incident) -> None:
    from sekisho.incidents.question_answers import answer_by_link

    decisions.restrict(ALICE, "complaints", "operator", limit=5)
    with pytest.raises(NotAllowed):
        answer_by_link(QuestionLink.objects.get(), "yes", "", AT + HOURS)
    assert (status().status, status().limit) == ("restricted", 5)
