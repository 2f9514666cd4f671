"""The question of a restriction: asked, answered once, one level up after silence; and the allowance a yes gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from test_decisions import ALICE, T, record, status

from sekisho.directory.provision import add_contact
from sekisho.incidents import allowances, decisions, questions
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
    return questions.token_of(QuestionLink.objects.get(notice__recipient="boss@outside.test").seed)


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
    assert questions.link_address(link.notice).endswith(f"/question/{token()}")
    assert questions.find_link(token()) == link
    assert questions.find_link(token()[:-1]) is None


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
    assert questions.link_address(told) and questions.link_address(told) != questions.link_address(
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
