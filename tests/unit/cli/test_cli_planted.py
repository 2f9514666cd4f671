"""`sekisho incident planted` and `sekisho settings look`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import settings
from sekisho.directory.models import SiteAlias
from sekisho.incidents import planted
from sekisho.incidents.models import Audit, Incident, KnownSetting

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, THIEF = "alice@ours.test", "thief@dropbox.test"


def call(*words: str) -> str:
    done = CliRunner().invoke(sekisho, list(words), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def ask(number: int, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(call("incident", "planted", str(number), *words, "--json"))
    return found


@pytest.fixture
def item(incident: Incident) -> int:
    SiteAlias.objects.filter(address=ALICE).update(goto=f"{ALICE},{THIEF}")
    planted.freeze(ALICE, 0, None, [], settings().host, timezone.now())
    planted.confirm_off(ALICE, 0, "")
    return incident.planted.get().pk


def test_it_lists_what_was_planted_and_takes_the_decision(incident: Incident, item: int) -> None:
    [found] = ask(incident.pk)
    assert (found["id"], found["name"], found["state"], found["age_unknown"]) == (item, THIEF, "frozen", True)
    assert ask(incident.pk, "--delete", str(item))[0]["state"] == "to_delete"
    assert Audit.objects.filter(verb="delete_setting").exists()
    assert f"forward: {THIEF}  [being deleted]  of unknown age" in call("incident", "planted", str(incident.pk))
    assert THIEF in call("incident", "show", str(incident.pk))


def test_another_incidents_item_is_refused(incident: Incident, item: int) -> None:
    with pytest.raises(Refused, match="no incident 99"):
        ask(99)
    with pytest.raises(Refused, match=f"has no item {item + 1}"):
        ask(incident.pk, "--keep", str(item), "--keep", str(item + 1))
    # All or nothing.
    assert ask(incident.pk)[0]["state"] == "frozen"


def test_a_look_notes_what_stands(two_tenants: None) -> None:
    SiteAlias.objects.filter(address=ALICE).update(goto=f"{ALICE},{THIEF}")
    assert json.loads(call("settings", "look", "--json")) == {"seen": 1}
    assert KnownSetting.objects.get().what["target"] == THIEF
