"""Mails of the outbox that belong to no incident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone
from test_notices import Postfix, outbox, postfix  # noqa: F401

from sekisho.incidents import letters
from sekisho.incidents.models import Notice, TimelineEntry

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def _compose(letter: Notice) -> tuple[str, str]:
    if letter.about == "over":
        raise letters.Stale("it is over")
    return f"about {letter.mailbox}", f"secret made of {letter.about}"


@pytest.fixture(autouse=True)
def composer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(letters, "_composers", {})
    letters.compose_by(["test"], _compose)
    yield


def test_it_sends_a_letter_once_with_what_its_composer_says(postfix: type[Postfix]) -> None:  # noqa: F811
    for _ in range(2):
        letters.enqueue("alice@ours.test", "test", "matter 1", "owner@outside.test", "ja", timezone.now())
    box = outbox()
    assert box.send_due(timezone.now(), True) == 1
    assert box.send_due(timezone.now(), True) == 0
    (message,) = postfix.sent
    assert (message["To"], message["Subject"]) == ("owner@outside.test", "about alice@ours.test")
    assert message.get_content() == "secret made of matter 1\n"
    row = Notice.objects.get()
    assert row.state == "sent" and "alice" not in row.message_id
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(("kind", "about"), [("test", "over"), ("nobody's", "matter 1")])
def test_it_never_sends_a_letter_that_is_stale_or_nobodys(postfix: type[Postfix], kind: str, about: str) -> None:  # noqa: F811
    letters.enqueue("alice@ours.test", kind, about, "owner@outside.test", "ja", timezone.now())
    assert outbox().send_due(timezone.now(), True) == 0
    assert postfix.sent == [] and Notice.objects.get().state == "dropped"
