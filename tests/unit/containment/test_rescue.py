"""A suspended mailbox accepts and keeps its mail, while every door stays shut."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sekisho.config import Settings
from sekisho.containment import barrier, plans, rescue
from sekisho.containment.barrier import BarrierError, no_scripts, rows_of, wanted_rows
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.intake import Intake
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.site_names import SiteNames
from sekisho.containment.work import StepFailed, Tools, Work

from .conftest import ALICE, ALICE_ALIAS, FakeSite, suspended
from .fake_host import FakeHost

AGENT = "sekisho-rescue:unix:private/dovecot-lmtp"
HOME = {"uid": "5000", "gid": "5000", "home": "/srv/mail/customer.example/alice", "mail": "maildir:~/Maildir"}


def set_up(settings: Settings, monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    postfix = msgspec.structs.replace(settings.postfix, rescue_transport=transport)
    changed = msgspec.structs.replace(settings, postfix=postfix)
    for module in ("barrier", "rescue"):
        monkeypatch.setattr(f"sekisho.containment.{module}.settings", lambda: changed)


@pytest.fixture(autouse=True)
def delivery_agent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(settings, monkeypatch, AGENT)


@pytest.fixture
def work(tools: Tools, host: FakeHost, site: FakeSite) -> Work:
    """ALICE as her containment has left her: all rows stand, the site's column is 0."""
    entry = suspended(tools, former_active=True)
    tools.barrier.raise_rows(wanted_rows([entry]))
    site.active[ALICE] = False
    host.homes = {ALICE: dict(HOME)}
    host.shown = lambda name: bool(site.active.get(name))
    entry.plans["rescue_on"] = PlanRecord("rescue_on", 0, tools.now())
    return Work(tools, entry, entry.plans["rescue_on"])


def files(tools: Tools) -> dict[str, set[str]]:
    """The keys that stand in each file."""
    return {file: set(tools.barrier._read(file)) for file in ("sasl", "deny", "rcpt", "identity", "transport", "lmtp")}


def switched_on(work: Work) -> None:
    for step in plans.RESCUE_ON[:2]:
        step.do(work)
        step.verify(work)


def test_the_home_is_asked_while_the_column_is_1_for_a_moment_only(work: Work, site: FakeSite, host: FakeHost) -> None:
    assert rescue.find_home(work)
    assert work.entry.home == HOME
    assert site.active[ALICE] is False
    assert rescue.home_known(work).endswith("mailbox.active is as before")
    # A cached "no such user" could not answer.
    calls = [call[:2] for call in host.calls if call[0] == "doveadm"]
    assert calls[calls.index(("doveadm", "user")) - 1][1] == "auth"


def test_an_agent_killed_in_that_moment_puts_the_column_back(work: Work, site: FakeSite) -> None:
    site.active[ALICE] = True
    assert rescue.find_home(work)
    with pytest.raises(StepFailed, match="still 1"):
        rescue.home_known(work)
    rescue.find_home(work)
    rescue.home_known(work)
    assert site.active[ALICE] is False


def test_mail_is_accepted_and_nothing_else_is_opened(work: Work, tools: Tools) -> None:
    before = files(tools)
    switched_on(work)
    after = files(tools)
    assert (after["rcpt"], after["transport"]) == (set(), {ALICE})
    assert tools.barrier._read("transport") == {ALICE: AGENT}
    for file in ("sasl", "deny", "identity", "lmtp"):
        assert after[file] == before[file]
    row = tools.barrier._read("lmtp")[f"lmtp/{ALICE}"]
    assert row == "::5000:5000::/srv/mail/customer.example/alice::userdb_sieve= userdb_mail=maildir:~/Maildir"
    assert tools.barrier._read("lmtp")[f"lmtp/{ALICE_ALIAS}"].endswith(f" userdb_user={ALICE}")


def test_smtpd_and_dovecot_forget_what_they_remembered(work: Work, host: FakeHost) -> None:
    switched_on(work)
    assert host.count("postfix", "reload") == 1
    assert host.calls.index(("postfix", "reload")) > max(
        i for i, c in enumerate(host.calls) if c[:2] == ("postmap", "-d")
    )


def test_it_is_done_only_when_dovecot_itself_sees_the_row(work: Work, host: FakeHost) -> None:
    rescue.find_home(work)
    rescue.accept_mail(work)
    host.broken["doveadm user -x service=lmtp"] = lambda: CompletedCommand(67, b"", b"User doesn't exist")
    with pytest.raises(StepFailed, match="does not see"):
        rescue.mail_accepted(work)
    # A row with the owner's own scripts is not it.
    host.broken["doveadm user -x service=lmtp"] = lambda: host._fields(HOME)
    with pytest.raises(StepFailed, match="does not see"):
        rescue.mail_accepted(work)
    host.broken.clear()
    assert "read back from Dovecot" in rescue.mail_accepted(work)


def test_on_dovecot_2_4_it_is_read_back_in_that_ones_words(
    work: Work, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "no_scripts", lambda file: "userdb_sieve_enabled=no")
    monkeypatch.setattr(rescue, "no_scripts", barrier.no_scripts)
    rescue.find_home(work)
    rescue.accept_mail(work)
    assert "read back from Dovecot" in rescue.mail_accepted(work)


def test_the_look_at_the_barrier_takes_no_offence_and_keeps_it_so(work: Work, tools: Tools) -> None:
    switched_on(work)
    wanted = wanted_rows(tools.ledger.entries())
    found = tools.barrier.check(wanted, wanted, thorough=True)
    assert (found.rebuilt, found.restored, found.unexplained) == ([], [], [])
    assert files(tools)["rcpt"] == set()


def test_a_killed_agent_goes_on_accepting(work: Work, tools: Tools) -> None:
    switched_on(work)
    [entry] = Ledger(tools.settings.ledger_directory).entries()
    assert entry.accepts and rows_of(entry)["transport"] == {ALICE: AGENT}


def test_letting_senders_wait_again_brings_every_row_back(work: Work, tools: Tools) -> None:
    full = files(tools)
    switched_on(work)
    assert rescue.refuse_mail(work)
    assert rescue.mail_refused(work).startswith("senders wait again")
    assert files(tools) == full
    assert "tempfail" in tools.barrier._read("lmtp")[f"lmtp/{ALICE}"]


def test_a_row_that_did_not_come_back_is_not_done(work: Work, tools: Tools) -> None:
    switched_on(work)
    rescue.refuse_mail(work)
    tools.barrier._remove("rcpt", [ALICE])
    with pytest.raises(BarrierError, match="rcpt"):
        rescue.mail_refused(work)


def test_opening_the_mailbox_leaves_nothing_of_it(work: Work, tools: Tools) -> None:
    from sekisho.containment import steps

    switched_on(work)
    work.entry.plans["release"] = PlanRecord("release", 1, tools.now())
    opening = Work(tools, work.entry, work.entry.plans["release"])
    steps.lower_barrier(opening)
    steps.barrier_lowered(opening)
    assert not any(files(tools).values())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"home": "/srv/ma il"}, "plain home"),
        ({"home": "relative"}, "plain home"),
        ({"uid": ""}, "uid"),
        ({"quota_rule": "*:storage=1G ignore=Trash"}, "quota_rule"),
    ],
)
def test_a_mailbox_that_no_row_can_express_stays_as_it_is(
    work: Work, host: FakeHost, tools: Tools, fields: dict[str, str], problem: str
) -> None:
    host.homes[ALICE] |= fields
    before = files(tools)
    with pytest.raises(StepFailed, match=problem):
        rescue.find_home(work)
    assert files(tools) == before and not work.entry.accepts


def test_without_a_delivery_agent_that_bounces_nothing_no_mail_is_accepted(
    work: Work, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(settings, monkeypatch, "")
    with pytest.raises(StepFailed, match="rescue_transport"):
        rescue.find_home(work)


class TestOrders:
    @pytest.fixture
    def finished(self) -> list[tuple[int, str]]:
        return []

    @pytest.fixture
    def intake(self, tools: Tools, names: SiteNames, finished: list[tuple[int, str]]) -> Intake:
        return Intake(tools.ledger, names, tools.now, lambda number, state: finished.append((number, state)))

    @staticmethod
    def order(number: int, kind: str, generation: int = 0) -> ClaimedOrder:
        return ClaimedOrder(number, ALICE, kind, generation, 1000.0, {}, None)

    @staticmethod
    def live(entry: Entry) -> list[str]:
        return [plan.kind for plan in plans.live_plans(entry) if plan.kind in rescue.KINDS]

    def test_the_last_order_counts(self, intake: Intake, tools: Tools, finished: list[tuple[int, str]]) -> None:
        entry = suspended(tools)
        intake.take_order(self.order(3, "rescue_on"))
        assert self.live(entry) == ["rescue_on"]
        intake.take_order(self.order(4, "rescue_off"))
        assert self.live(entry) == ["rescue_off"] and finished == [(3, "done")]
        # Order 3 opened again: a plan from its beginning.
        entry.plans["rescue_on"].steps["find_home"] = plans.StepRecord("done")
        intake.take_order(self.order(3, "rescue_on"))
        assert self.live(entry) == ["rescue_on"] and not entry.plans["rescue_on"].steps

    def test_one_claimed_again_goes_on_as_it_is(self, intake: Intake, tools: Tools) -> None:
        entry = suspended(tools)
        intake.take_order(self.order(3, "rescue_on"))
        entry.plans["rescue_on"].steps["find_home"] = plans.StepRecord("done")
        intake.take_order(self.order(3, "rescue_on"))
        assert entry.plans["rescue_on"].steps["find_home"].is_done

    def test_a_mailbox_that_is_open_or_opening_is_left_alone(
        self, intake: Intake, tools: Tools, finished: list[tuple[int, str]]
    ) -> None:
        intake.take_order(self.order(3, "rescue_on"))
        entry = suspended(tools)
        intake.take_order(self.order(5, "release", 1))
        intake.take_order(self.order(6, "rescue_on"))
        assert finished == [(3, "done"), (6, "done")] and not self.live(entry)

    def test_an_order_to_open_ends_it(self, intake: Intake, tools: Tools, finished: list[tuple[int, str]]) -> None:
        entry = suspended(tools)
        intake.take_order(self.order(3, "rescue_on"))
        intake.take_order(self.order(5, "release", 1))
        assert not self.live(entry) and finished == [(3, "done")]


def test_the_whole_plan_ends_green_and_is_told_before_its_last_sweep(
    work: Work, tools: Tools, host: FakeHost, site: FakeSite
) -> None:
    host.add_message("4bX1y2z3AbCdEf", ALICE)
    entry, plan = work.entry, work.plan
    entry.plans["contain"].superseded = True
    while due := plans.next_step(entry, tools.now()):
        plans.run_step(tools, entry, *due)
    assert plans.is_effective(entry, plan) and not plans.is_complete(entry, plan)
    assert {name: record.state for name, record in plan.steps.items()} == {
        "find_home": "done",
        "accept_mail": "done",
        "retry_waiting": "done",
        "probe_doors": "done",
        "retry_waiting_31": "pending",
    }
    assert host.count("postqueue", "-i", "4bX1y2z3AbCdEf") == 1
    assert (Path(tools.settings.barrier) / "deny").read_text().count(ALICE) == 1


def test_dovecot_2_4_has_another_word_forno_scripts(tmp_path: Path) -> None:
    file = tmp_path / "dovecot.conf"
    assert no_scripts(file) == "userdb_sieve="
    file.write_text("# as of 2.4: dovecot_config_version = 2.4.1\nprotocols = imap\n")
    assert no_scripts(file) == "userdb_sieve="
    file.write_text("# ours\ndovecot_config_version = 2.4.1\nprotocols {\n}\n")
    assert no_scripts(file) == "userdb_sieve_enabled=no"
