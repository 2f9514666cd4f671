"""A password that changes in the site's table while the mailbox is suspended is noticed; a recovery's is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sekisho.containment.ledger import Ledger, PlanRecord
from sekisho.containment.messages import StepRow
from sekisho.containment.password_watch import EVERY_S, PasswordWatch
from sekisho.containment.record_keeping import password_marks
from sekisho.containment.status import Alarms
from sekisho.containment.work import StepFailed, Tools
from sekisho.directory.models import SiteMailbox

from .conftest import ALICE, FakeSite, suspended
from .fake_host import Clock

TOLD = f"{ALICE} is suspended: the password in the site's table was changed; it opens nothing"


class Site(FakeSite):
    def __init__(self) -> None:
        super().__init__()
        self.marks = {ALICE: "0123456789abcdef"}

    def password_marks(self, mailboxes: Sequence[str]) -> dict[str, str]:
        self.read_active(ALICE)
        return {name: self.marks[name] for name in mailboxes if name in self.marks}


class Watch:
    """A watch whose looks happen at once, and what it said."""

    def __init__(self, tools: Tools, site: Site, clock: Clock) -> None:
        self.tools, self.clock, self.alarms = replace(tools, site=site), clock, Alarms()
        self.rows: list[StepRow] = []
        self.watch = PasswordWatch(self.tools, self.alarms, self.run, self.rows.append, clock)

    def run(self, job: Callable[[], object]) -> bool:
        job()
        return True

    def look(self, times: int = 1) -> list[str]:
        """So many looks; the alarms afterwards."""
        for _ in range(times):
            self.watch.tick(self.tools.ledger.entries())
            self.clock.now += EVERY_S
        self.watch.tick(self.tools.ledger.entries())
        return self.alarms.texts()


@pytest.fixture
def changed_site() -> Site:
    return Site()


@pytest.fixture
def watch(tools: Tools, changed_site: Site, clock: Clock) -> Watch:
    return Watch(tools, changed_site, clock)


def test_a_password_that_stays_is_no_alarm_and_its_mark_is_durable(watch: Watch) -> None:
    suspended(watch.tools)
    assert watch.look(3) == []
    [entry] = Ledger(watch.tools.settings.ledger_directory).entries()
    assert entry.password_mark == "0123456789abcdef"


def test_a_changed_password_is_an_alarm_and_one_line_of_the_incident(watch: Watch, changed_site: Site) -> None:
    suspended(watch.tools)
    watch.look()
    changed_site.marks[ALICE] = "fedcba9876543210"
    assert watch.look(4) == [TOLD]
    [row] = watch.rows
    assert (row.name, row.plan, row.state) == ("watch_password", "contain", "failed")


def test_a_recoverys_own_password_is_no_alarm(watch: Watch, changed_site: Site) -> None:
    entry = suspended(watch.tools)
    watch.look()
    changed_site.marks[ALICE] = "fedcba9876543210"
    # One look sees the new hash before the order is here.
    watch.watch.tick(watch.tools.ledger.entries())
    entry.plans["release"] = PlanRecord("release", 1, watch.clock.now)
    assert watch.look(3) == [] and watch.rows == []


def test_the_alarm_ends_when_the_mailbox_is_opened(watch: Watch, changed_site: Site) -> None:
    entry = suspended(watch.tools)
    watch.look()
    changed_site.marks[ALICE] = "fedcba9876543210"
    assert watch.look(3) == [TOLD]
    entry.plans["release"] = PlanRecord("release", 1, watch.clock.now)
    assert watch.look() == []


def test_a_database_that_does_not_answer_is_asked_again(watch: Watch, changed_site: Site) -> None:
    suspended(watch.tools)
    changed_site.is_away = True
    with pytest.raises(StepFailed):
        changed_site.password_marks([ALICE])
    watch.look(2)
    changed_site.is_away = False
    watch.look()
    changed_site.marks[ALICE] = "fedcba9876543210"
    assert watch.look(3) == [TOLD]


@pytest.mark.django_db(databases=["default", "site"])
def test_the_mark_changes_with_the_stored_password_and_does_not_hold_it() -> None:
    SiteMailbox.objects.create(username=ALICE, password="{SHA512-CRYPT}$6$one", local_part="alice", domain="x.example")
    before = password_marks([ALICE, "nobody@x.example"])
    SiteMailbox.objects.filter(username=ALICE).update(password="{SHA512-CRYPT}$6$two")
    after = password_marks([ALICE])
    assert before.keys() == after.keys() == {ALICE}
    assert before != after and "$6$" not in before[ALICE] and len(before[ALICE]) == 16
