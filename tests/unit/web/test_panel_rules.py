"""The operator's page of rules, and the channels with their tests."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from django.urls import reverse
from django.utils import timezone

import casting
from casting import DOMAIN, HOST, VICTIM
from sekisho.config import AppriseChannel, settings
from sekisho.detection.caps import caps
from sekisho.detection.limits import DEFAULT_LIMITS, Limits
from sekisho.incidents import channel_tests
from sekisho.incidents.fuse_facts import fuses
from sekisho.incidents.models import Audit, ChannelTest, Decision, Incident
from sekisho.web import confirmation, rule_words, words
from sekisho.web.views import channels as channels_view

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_every_finding_has_a_cap_a_name_and_a_meaning():
    assert set(caps(DEFAULT_LIMITS)) == set(words.FINDINGS) == set(rule_words.MEANINGS)


def test_every_hard_cap_is_on_the_page():
    assert set(rule_words.HARD_CAPS) == set(Limits.__struct_fields__) - {"alert", "restrict", "suspend"}


def test_it_shows_thresholds_caps_fuse_modes_and_where_a_value_stands(incident, sign_in):
    casting.heartbeats()
    text = sign_in("operator").get(reverse("rules")).content.decode()
    for said in ("4.0", "6.5", "9.0", "Recipients never written to", "Planted forward", HOST, "Whole", "0 / 10",
                 "sekisho.toml", "protected_local_parts", "postmaster, abuse",
                 "20</strong> new recipients"):  # fmt: skip
        assert said in text, said
    assert settings().guard.auth_policy_key not in text


def test_the_preview_names_whom_other_thresholds_would_have_met(incident, sign_in):
    casting.scores(incident)
    client = sign_in("operator")
    assert "would have had another answer" not in client.get(reverse("rules")).content.decode()
    text = client.get(reverse("rules"), {"alert": "15", "restrict": "16", "suspend": "17"}).content.decode()
    assert "would have had another answer" in text and VICTIM in text
    assert reverse("incident", args=[incident.pk]) in text


@pytest.mark.parametrize(
    "asked",
    [("1", "6", "9"), ("7", "6", "9"), ("4", "6", "x"), ("nan", "nan", "nan"), ("4", "6", "1e9"), ("4", "", "9")],
)
def test_thresholds_without_sense_are_said_to_be_and_break_nothing(asked, cast, sign_in):
    answer = sign_in("operator").get(reverse("rules"), dict(zip(("alert", "restrict", "suspend"), asked, strict=True)))
    assert answer.status_code == 200 and "cannot be tried" in answer.content.decode()


def stop(count: int, domain: str, *, ago: float = 60, enforced: bool = True, blown: bool = False) -> None:
    now = timezone.now()
    for number in range(count):
        incident = Incident.objects.create(
            mailbox=f"n{number}-{ago}@{domain}", domain=domain, generation=0, cause="detection", action="suspend",
            first_risk_at=now, detected_at=now,
        )  # fmt: skip
        Decision.objects.create(
            id=incident.mailbox, incident=incident, t=now - timedelta(seconds=ago), host=HOST, action="suspend",
            score=10, record={"enforced": enforced, "fuse_blown": blown},
        )  # fmt: skip


def test_the_fuse_is_counted_from_the_record_by_host_and_by_domain(cast):
    stop(9, "hana.example")
    stop(3, "sora.example", ago=700)
    stop(4, "sora.example", ago=30, enforced=False)
    [fuse] = fuses(timezone.now())
    assert (fuse.stopped, fuse.most, fuse.blown, fuse.full_domains, fuse.last_blown) == (9, 10, False, (), None)
    stop(1, "hana.example", ago=5, blown=True)
    [fuse] = fuses(timezone.now())
    assert fuse.blown and fuse.full_domains == (DOMAIN,) and fuse.last_blown is not None


@pytest.fixture
def duty(monkeypatch):
    changed = msgspec.structs.replace(settings(), channels=(AppriseChannel("duty", "/etc/sekisho/secrets/duty-chat"),))
    for module in (channel_tests, channels_view):
        monkeypatch.setattr(module, "settings", lambda: changed)


def test_a_test_is_asked_for_by_post_audited_and_its_end_is_shown(duty, cast, sign_in):
    client = sign_in("operator")
    answer = client.post(reverse("channel_test", args=["duty"]), follow=True)
    text = answer.content.decode()
    assert "Being sent" in text and 'hx-trigger="every 2s"' in text and "duty-chat" not in text
    assert ChannelTest.objects.get().actor == "operator"
    assert Audit.objects.get(verb="channel_tested").account_id == cast.operator.pk
    assert "under way already" in client.post(reverse("channel_test", args=["duty"]), follow=True).content.decode()
    ChannelTest.objects.update(state="failed", failure="HTTP 503", done_at=timezone.now())
    text = client.get(reverse("channels")).content.decode()
    assert "Not sent" in text and "HTTP 503" in text and "every 2s" not in text


def test_a_worker_that_takes_nothing_up_is_named(duty, cast, sign_in):
    ChannelTest.objects.create(channel="duty", asked_at=timezone.now() - timedelta(minutes=5), actor="operator")
    assert "has not taken it up" in sign_in("operator").get(reverse("channels")).content.decode()


def test_a_test_asks_who_it_is_once_more(duty, cast, sign_in, monkeypatch):
    client = sign_in("operator")
    monkeypatch.setattr(confirmation, "LASTS", timedelta(0))
    answer = client.post(reverse("channel_test", args=["duty"]))
    assert answer.status_code == 302 and answer.url.startswith(reverse("confirm")) and not ChannelTest.objects.exists()


def test_an_unknown_channel_is_404(duty, cast, sign_in):
    assert sign_in("operator").post(reverse("channel_test", args=["siem"])).status_code == 404


def test_without_any_channel_the_page_says_that_nobody_is_told(cast, sign_in, monkeypatch):
    quiet = msgspec.structs.replace(settings().notices, sender="")
    monkeypatch.setattr(channels_view, "settings", lambda: msgspec.structs.replace(settings(), notices=quiet))
    assert "nobody is told about incidents" in sign_in("operator").get(reverse("channels")).content.decode()
