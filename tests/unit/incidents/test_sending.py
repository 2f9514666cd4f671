"""From where mail is sent: rules on their way to the guard, and what comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sekisho.directory.models import SendingCountries
from sekisho.incidents import retention, sending
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.events import EventBatch
from sekisho.incidents.models import Audit, SentElsewhere
from sekisho.incidents.state import build_state
from sekisho.journal import SendingRule, SentFromElsewhere

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE = "alice@ours.test"


def test_a_domain_follows_the_host_until_it_has_a_rule_of_its_own(two_tenants: None) -> None:
    now = timezone.now()
    assert sending.mailbox_rule(ALICE) == SendingRule("observe", ("JP",)) == sending.host_rule()
    assert build_state(now).sending == {}
    sending.set_domain("ours.test", "enforce", ["th", "JP"], ["203.0.113.9"], "boss", now)
    rule = SendingRule("enforce", ("JP", "TH"), ("203.0.113.9/32",))
    assert build_state(now).sending == {"ours.test": rule}
    line = Audit.objects.get(verb="set_sending_countries")
    assert (line.actor, line.subject, line.details["mode"]) == ("boss", "ours.test", "enforce")
    sending.clear_domain("ours.test", "boss", now)
    assert build_state(now).sending == {}


def test_a_mailbox_has_its_own_mode_and_its_domains_countries(two_tenants: None) -> None:
    now = timezone.now()
    sending.set_domain("ours.test", "enforce", ["JP"], [], "boss", now)
    sending.set_mailbox(ALICE, "off", "boss", now)
    assert build_state(now).sending[ALICE] == SendingRule("off", ("JP",)) == sending.mailbox_rule(ALICE)
    sending.set_mailbox(ALICE, "", "boss", now)
    assert build_state(now).sending == {"ours.test": SendingRule("enforce", ("JP",))}


def test_the_time_of_a_mode_is_kept_while_its_countries_change(two_tenants: None) -> None:
    now = timezone.now()
    sending.set_domain("ours.test", "observe", ["JP"], [], "boss", now)
    later = now + timedelta(days=9)
    sending.set_domain("ours.test", "observe", ["JP", "TH"], [], "boss", later)
    assert SendingCountries.objects.get().since == now
    sending.set_domain("ours.test", "enforce", ["JP", "TH"], [], "boss", later)
    assert SendingCountries.objects.get().since == later


@pytest.mark.parametrize(
    ("mode", "countries", "networks"),
    [
        ("shut", ["JP"], []),
        ("enforce", [], []),
        ("enforce", ["XX"], []),
        ("enforce", ["JP"], ["0.0.0.0/0"]),
        ("enforce", ["JP"], ["2001:db8::/24"]),
        ("enforce", ["JP"], ["home"]),
        ("enforce", ["JP"], [f"203.0.113.{n}" for n in range(51)]),
    ],
)
def test_what_is_no_rule_is_refused(two_tenants: None, mode: str, countries: list[str], networks: list[str]) -> None:
    with pytest.raises(NotAllowed):
        sending.set_domain("ours.test", mode, countries, networks, "boss", timezone.now())
    assert not SendingCountries.objects.exists()


def test_what_the_guard_tells_is_one_row_a_day_and_goes_with_the_logins(two_tenants: None) -> None:
    now = timezone.now().replace(hour=3, minute=0)
    batch = EventBatch()
    for hours, refused in ((0, False), (1, False), (1, True), (24, False)):
        at = (now + timedelta(hours=hours)).timestamp()
        batch.add(SentFromElsewhere(at, ALICE, "198.51.100.9", "TH", 65100, refused))
    found = sorted(SentElsewhere.objects.values_list("day", "refused", "hours"))
    day, next_day = now.date(), now.date() + timedelta(days=1)
    assert found == [(day, False, 2), (day, True, 1), (next_day, False, 1)]
    assert sending.seen_in("ours.test", now + timedelta(days=2)).count() == 3
    assert sending.seen_in("theirs.test", now + timedelta(days=2)).count() == 0
    from sekisho.config.model import RetentionSettings

    due = {one.kind: one.rows.count() for one in retention.due(RetentionSettings(), now + timedelta(days=95))}
    assert due["sent_elsewhere"] == 3
