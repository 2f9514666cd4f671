"""The page after 保存: steps as they are reported, then what to do in the mail program."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

import casting
from casting import VICTIM
from sekisho.incidents.models import HostHeartbeat, Order, Step
from sekisho.recovery import flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

PAGE = reverse("reinstatement", args=[VICTIM])


@pytest.fixture
def ordered(incident) -> None:
    """The new password is saved; no agent has done anything yet."""
    flow.reinstate(VICTIM, casting.NEW_PASSWORD, "operator")


def ask(sign_in, language="ja") -> str:
    return sign_in("owner", language).get(PAGE, headers={"hx-request": "true"}).content.decode()


def test_it_asks_again_every_second_while_steps_are_missing(ordered, sign_in):
    casting.release_steps(VICTIM, done=3)
    text = ask(sign_in)
    assert 'hx-trigger="every 1s"' in text
    assert text.count("tone-good") == 3
    assert "アカウント設定" not in text


def test_it_says_what_to_do_in_the_mail_program_when_the_probe_is_green(ordered, sign_in):
    casting.release_steps(VICTIM, done=6)
    text = ask(sign_in)
    assert "hx-trigger" not in text
    for words in (
        "メールアドレスが再開しました",
        "パスワード部分のみ",
        "アカウント設定のテスト",
        "スペース",
        "「mail.~」",
        casting.SERVER,
    ):
        assert words in text, words


def test_it_says_whom_it_waits_for(ordered, sign_in):
    Order.objects.filter(kind="release").update(created_at=timezone.now() - timedelta(seconds=20))
    text = ask(sign_in)
    assert "メールホストの応答を待っています" in text and casting.HOST in text
    assert 'hx-trigger="every 1s"' in text


def test_it_waits_for_every_host(incident, sign_in):
    HostHeartbeat.objects.create(host="mx09.provider.example", process="agent", at=timezone.now())
    flow.reinstate(VICTIM, casting.NEW_PASSWORD, "operator")
    casting.release_steps(VICTIM, done=6)
    text = ask(sign_in)
    assert "mx09.provider.example" in text
    assert "メールアドレスが再開しました" not in text


def test_a_failed_step_is_told_in_words(ordered, sign_in):
    casting.release_steps(VICTIM, done=4)
    Step.objects.filter(plan="release", name="lower_barrier").update(state="failed", outcome="no answer from Dovecot")
    text = ask(sign_in, "en")
    assert "A step did not work and is being tried again" in text
    assert "no answer from Dovecot" in text


def test_a_mailbox_that_never_came_back_has_no_such_page(incident, sign_in):
    assert sign_in("owner").get(PAGE).url == reverse("mailbox_edit", args=[VICTIM])
    assert sign_in("stranger").get(PAGE).status_code == 404
