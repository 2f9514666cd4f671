"""The settings of an incident on its page: shown with their age, decided by POST, and nobody else's business."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from casting import HOST, VICTIM, takeover
from sekisho.incidents.models import Audit, Incident, Order, PlantedItem

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def owner(sign_in) -> Client:  # type: ignore[no-untyped-def]
    return sign_in("owner", "ja")


@pytest.fixture
def stranger(sign_in) -> Client:  # type: ignore[no-untyped-def]
    return sign_in("stranger")


def plant(incident: Incident, kind: str = "forward", state: str = "frozen", **what: object) -> PlantedItem:
    return PlantedItem.objects.create(
        incident=incident,
        host=HOST,
        kind=kind,
        key=f"{kind}{what}"[:64],
        what=what or {"address": VICTIM, "target": "thief@dropbox.test"},
        state=state,
        found_at=incident.detected_at,
        absent_at=incident.detected_at - timedelta(hours=9),
    )


def page(client: Client, incident: Incident, language: str = "ja") -> str:
    return client.get(f"/admin/incidents/{incident.pk}/", headers={"accept-language": language}).content.decode()


def test_each_setting_is_shown_with_what_it_does_and_both_answers(incident: Incident, owner: Client) -> None:
    plant(incident)
    plant(incident, "script", script="hide", targets=["<b>@evil.test"], discards=True, folders=["RSS"], vacation=True)
    text = page(owner, incident)
    assert "残すか削除するかを決める設定" in text
    assert "thief@dropbox.test" in text
    assert "&lt;b&gt;@evil.test へ送信" in text
    assert "メールを破棄" in text
    assert "フォルダー RSS へ振り分け" in text
    assert text.count('value="keep"') == text.count('value="delete"') == 2
    assert "Not there on" in page(owner, incident, "en")


def test_an_answer_is_recorded_and_ordered(incident: Incident, owner: Client) -> None:
    item = plant(incident)
    answer = owner.post(f"/admin/incidents/{incident.pk}/planted/{item.pk}/", {"verdict": "keep"}, follow=True)
    item.refresh_from_db()
    assert item.state == "to_keep"
    assert Order.objects.get(kind="planted").host == HOST
    assert Audit.objects.get(verb="keep_setting").details["name"] == "thief@dropbox.test"
    assert 'value="keep"' not in answer.content.decode()
    # Answered once.
    owner.post(f"/admin/incidents/{incident.pk}/planted/{item.pk}/", {"verdict": "delete"})
    item.refresh_from_db()
    assert item.state == "to_keep"


def test_nothing_happens_without_a_verdict_or_by_get(incident: Incident, owner: Client) -> None:
    item = plant(incident)
    where = f"/admin/incidents/{incident.pk}/planted/{item.pk}/"
    assert owner.get(where, {"verdict": "delete"}).status_code == 405
    owner.post(where, {"verdict": "both"})
    item.refresh_from_db()
    assert item.state == "frozen"


def test_a_stranger_and_another_incidents_number_get_404(incident: Incident, owner: Client, stranger: Client) -> None:
    item = plant(incident)
    other = takeover("info@hana.example")
    assert stranger.post(f"/admin/incidents/{incident.pk}/planted/{item.pk}/", {"verdict": "keep"}).status_code == 404
    assert owner.post(f"/admin/incidents/{other.pk}/planted/{item.pk}/", {"verdict": "keep"}).status_code == 404
    item.refresh_from_db()
    assert item.state == "frozen"
