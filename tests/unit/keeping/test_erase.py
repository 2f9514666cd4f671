"""A domain that has left: nothing in any table names its people afterwards, nobody else's row is touched, and the audit
log is still one chain."""

from __future__ import annotations

import fcntl
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import Error, connections, models, transaction
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import Settings, settings
from sekisho.containment.ledger import Entry, Ledger
from sekisho.directory.models import Role, SiteMailbox
from sekisho.guard.main import AlreadyRunning, hold_lock
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.standing import OwnDecision
from sekisho.incidents import audit
from sekisho.incidents.audit_erasure import MARK
from sekisho.incidents.audit_seal import unseal
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit, HeldMessage, Incident, MailboxStatus, Order, ReadPosition, SignIn
from sekisho.journal import AppendLog, Cursor, Follower, read_cursor, write_cursor
from sekisho.journal.files import SEGMENT_BYTES
from sekisho.keeping import erase, erase_files, erase_rules

pytestmark = pytest.mark.django_db(databases=["default", "site"])

GONE, STAYS = "go.test", "on.test"
PERSONAL = {"mailbox", "domain", "sender", "recipient", "addresses", "username"}


def tables() -> dict[str, type[models.Model]]:
    return {m._meta.label: m for m in apps.get_models() if m._meta.managed}


def undecided() -> set[str]:
    """Tables for which nobody has said what an erasure does with them."""
    decided = [rule.table for rule in erase_rules.RULES]
    decided += [*erase_rules.WITH_ANOTHER, *erase_rules.BY_HAND, *erase_rules.OF_NOBODY]
    return set(tables()) ^ set(decided) | {name for name in decided if decided.count(name) > 1}


def test_every_table_has_its_rule_and_a_new_one_without_is_named(monkeypatch):
    assert undecided() == set()
    for name in erase_rules.OF_NOBODY:
        assert not PERSONAL & {field.name for field in tables()[name]._meta.fields}, name
    monkeypatch.setattr(erase_rules, "RULES", [r for r in erase_rules.RULES if r.table != "incidents.SignIn"])
    assert undecided() == {"incidents.SignIn"}


class Tenant:
    """A row in every table that has a rule or hangs on one that has, with an address in every text that holds one."""

    def __init__(self, domain: str) -> None:
        self.domain, self.address = domain, f"a1@{domain}"
        self.made: dict[str, models.Model] = {}
        for name in [*(rule.table for rule in erase_rules.RULES), *erase_rules.WITH_ANOTHER]:
            self.row(tables()[name])
        store = SessionStore()
        store["owner"] = {"mailbox": self.address}
        store.create()
        signed_in = SessionStore()
        signed_in["_auth_user_id"] = str(self.row(get_user_model()).pk)
        signed_in.create()
        audit.record(
            self.address, "looked", self.address, details={"to": [self.address]}, account=self.made["auth.User"]
        )
        audit.record("operator", "retention", domain, domain=domain, details={"days": 3})

    def row(self, model: type[models.Model]) -> models.Model:
        label = model._meta.label
        if label not in self.made:
            fields = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
            self.made[label] = model._default_manager.create(**{f.name: self.value(f) for f in fields})
        return self.made[label]

    def value(self, field: models.Field[Any, Any]) -> Any:
        if field.is_relation:
            return self.row(field.related_model)
        if field.name in ("domain", "domains"):
            return self.domain if field.name == "domain" else [self.domain]
        if isinstance(field, models.JSONField):
            return {"who": [self.address], self.address: 1}
        if field.choices:
            return field.choices[0][0]
        if isinstance(field, models.GenericIPAddressField):
            return "192.0.2.1"
        if isinstance(field, models.CharField | models.TextField):
            fits = field.max_length is None or field.max_length >= len(self.address)
            return self.address if fits else self.domain[0]
        if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
            return timezone.now().date()
        if isinstance(field, models.DateTimeField):
            return timezone.now()
        if isinstance(field, models.DateField):
            return timezone.now().date()
        return False if isinstance(field, models.BooleanField) else 1


def naming(domain: str) -> set[str]:
    """Tables in which some text names an address of the domain."""
    found = set()
    for name, model in tables().items():
        for row in model._default_manager.values():
            if f"@{domain}" in json.dumps(row, default=str).lower():
                found.add(name)
    if any(f"@{domain}" in str(row.get_decoded()) for row in Session.objects.all()):
        found.add("sessions.Session")
    return found


def everything() -> dict[str, list[dict[str, Any]]]:
    moving = {"incidents.Audit", "incidents.AuditHead"}
    return {n: list(m._default_manager.order_by("pk").values()) for n, m in tables().items() if n not in moving}


def test_no_text_of_any_table_names_the_domain_s_people_and_nobody_else_s_row_is_touched():
    Tenant(STAYS)
    before, theirs = everything(), list(Audit.objects.filter(domain=STAYS).values())
    assert len(theirs) == 2
    Tenant(GONE)
    foreseen = {rule.table for rule in erase_rules.RULES if rule.rows(GONE).exists()}
    assert foreseen == {rule.table for rule in erase_rules.RULES}
    # Most tables have a text that takes a whole address; without these the search below would prove nothing.
    assert len(naming(GONE)) > 35
    assert naming(GONE) >= {"incidents.Audit", "sessions.Session", "auth.User", "incidents.HeldMessage"}
    planned = erase.count(GONE)
    done = erase.erase(GONE, "operator@terminal")
    assert naming(GONE) == set()
    assert everything() == before
    assert list(Audit.objects.filter(domain=STAYS).values()) == theirs
    assert planned.items() <= done.items()
    assert done["incidents.Audit"] == 2


def test_the_log_stays_a_chain_that_says_how_many_rows_were_erased():
    Tenant(STAYS)
    Tenant(GONE)
    hashes = list(Audit.objects.order_by("number").values_list("hash", flat=True))
    erase.erase(GONE, "operator@terminal")
    rows = list(Audit.objects.order_by("number"))
    assert [row.hash for row in rows[:-1]] == hashes
    said = rows[-1]
    assert (said.verb, said.subject, said.domain, said.actor) == ("domain_erased", GONE, GONE, "operator@terminal")
    assert said.details["audit_rows"] == 2
    assert said.details["rows"]["incidents.Incident"] == 1
    assert [row.actor for row in rows[-3:-1]] == [MARK, MARK]
    assert {row.account_id for row in rows[-3:-1]} == {None}
    verdict = audit.verify()
    assert (verdict.broken, verdict.rows, verdict.erased) == (None, 5, 2)
    audit.record("operator", "looked")
    assert audit.verify().broken is None
    out = CliRunner().invoke(sekisho, ["audit", "verify"], env={"LANG": "C"}).output
    assert "2 of them were erased" in out
    # The database refuses changes again.
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        Audit.objects.filter(number=1).update(verb="slept")


def test_a_row_of_another_domain_loses_only_what_names_the_one_that_left():
    audit.record(
        f"a1@{GONE}", "looked", f"c@{STAYS}", details={"old": f"a1@{GONE}", "new": f"x@{GONE}.example", "n": 1}
    )
    audit.record("operator", "looked", f"c@{STAYS}", details={"sub": f"a1@mail.{GONE}"})
    erase.erase(GONE, "operator")
    first, second = Audit.objects.order_by("number")[:2]
    assert (first.actor, first.subject, first.domain) == (MARK, f"c@{STAYS}", STAYS)
    assert first.details == {"old": MARK, "new": f"x@{GONE}.example", "n": 1, "erased_by": 3}
    assert second.details == {"sub": f"a1@mail.{GONE}"}
    assert audit.verify().erased == 1


@pytest.mark.parametrize(
    "forgery",
    [
        {"verb": "slept"},
        {"subject": f"somebody@{STAYS}"},
        {"details": {"erased_by": 3, "more": 1}},
        {"details": {"erased_by": 2}},
        {"details": {}},
    ],
)
def test_an_erased_row_that_is_changed_later_is_found(forgery):
    audit.record("operator", "looked", f"a1@{GONE}")
    audit.record("operator", "looked", f"c@{STAYS}")
    erase.erase(GONE, "operator")
    assert audit.verify().broken is None
    unseal(connections["default"], "update")
    Audit.objects.filter(number=1).update(**forgery)
    assert audit.verify().broken is not None


@pytest.mark.parametrize("by", [1, 2, 3, 9])
def test_a_row_cannot_pass_for_an_erased_one(by):
    audit.record("operator", "looked", f"c@{STAYS}")
    audit.record("operator", "looked", f"a1@{GONE}")
    erase.erase(GONE, "operator")
    unseal(connections["default"], "update")
    Audit.objects.filter(number=1).update(actor=MARK, subject=MARK, details={"erased_by": by})
    assert audit.verify().broken is not None


def test_a_second_erasure_finds_nothing_and_says_nothing_and_a_third_with_new_rows_is_one_of_its_own():
    Tenant(GONE)
    erase.erase(GONE, "operator")
    number = Audit.objects.count()
    assert (erase.count(GONE), erase.erase(GONE, "operator")) == ({}, {})
    assert Audit.objects.count() == number
    audit.record("operator", "looked", f"a1@{GONE}")
    assert erase.erase(GONE, "operator") == {"incidents.Audit": 1}
    assert (audit.verify().broken, audit.verify().erased) == (None, 3)


def test_it_refuses_while_a_mailbox_lives_is_shut_has_an_order_or_mail_on_hold(incident):
    # alice@ours.test is suspended by an operator, and its order is open.
    kept = everything()

    def refused(why: str) -> None:
        for act in (lambda: erase.count("ours.test"), lambda: erase.erase("ours.test", "operator")):
            with pytest.raises(NotAllowed, match=why):
                act()

    refused("still has 2 mailboxes")
    SiteMailbox.objects.filter(domain="ours.test").delete()
    refused("is suspended or restricted")
    assert everything() == kept
    MailboxStatus.objects.update(status="active")
    refused("an order .contain. for alice@ours.test")
    Order.objects.update(state="claimed")
    refused("an order")
    Order.objects.update(state="done")
    HeldMessage.objects.create(incident=incident, host="mx", queue_id="Q1", state="held", at=timezone.now())
    refused("1 messages of ours.test are on hold")
    HeldMessage.objects.update(state="purged")
    erase.erase("ours.test", "operator")
    assert not Incident.objects.exists()
    for word in ("ours", "@ours.test", ""):
        with pytest.raises(NotAllowed, match="no domain"):
            erase.count(word)


def test_what_fails_half_way_leaves_the_decisive_rows_and_the_refusal_of_changes(monkeypatch):
    Tenant(GONE)

    def fail(*arguments: object) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(erase.audit_erasure, "erase", fail)
    with pytest.raises(RuntimeError):
        erase.erase(GONE, "operator")
    assert Incident.objects.filter(domain=GONE).exists()
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        Audit.objects.update(verb="slept")
    monkeypatch.undo()
    erase.erase(GONE, "operator")
    assert naming(GONE) == set()


def test_an_account_or_key_that_serves_other_domains_too_stays_and_loses_this_one():
    tenant = Tenant(GONE)
    account = tenant.row(get_user_model())
    Role.objects.create(account=account, role="reseller", domain=STAYS)
    key = tenant.row(tables()["directory.ApiKey"])
    key.domains = [GONE, STAYS]
    key.save()
    erase.erase(GONE, "operator")
    assert list(Role.objects.values_list("account_id", "domain")) == [(account.pk, STAYS)]
    key.refresh_from_db()
    assert key.domains == [STAYS]


# --- this host's files


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """Profiles, decisions, a journal of three segments of which two are read, and two archived ledger entries."""
    site = msgspec.structs.replace(settings(), var=str(tmp_path / "var"))
    decided = OwnDecision(1, "probation", None, enforced=True, decided_at=1.0, alerted_at=0.0)
    own = {f"a1@{GONE}": decided, f"c@{STAYS}": decided}
    saved = Saved(journal=Cursor(3, 0), own=own)
    ProfileStore(site.profiles_file).save([(f"a1@{GONE}", b"1"), (f"c@{STAYS}", b"2")], b"", saved)
    log = AppendLog(site.journal_directory, fsync=False, max_total_bytes=20 * SEGMENT_BYTES)
    for name in (f"a1@{GONE}", f"c@{STAYS}", f"a1@{GONE}"):
        log.append(name.encode())
        log._rotate()
    log.append(f"a1@{GONE}".encode())
    log.close()
    write_cursor(Path(site.var) / "agent" / "journal.cursor", Cursor(3, 0))
    ReadPosition.objects.create(name=f"journal@{site.host}", segment=4, offset=0)
    ledger = Ledger(site.ledger_directory)
    for name in (f"a1@{GONE}", f"c@{STAYS}"):
        entry = Entry(name, 0, "released", None, 1.0, 1.0, [name], [name])
        ledger.save(entry)
        ledger.archive(entry)
    return site


def test_profiles_own_decisions_read_segments_and_finished_entries_go_and_the_others_stay(site):
    planned = erase_files.count(site, GONE)
    assert planned == erase_files.Files(profiles=1, segments=1, left=2, ledger=1)
    assert erase_files.remove(site, GONE) == planned
    profiles, _, saved = ProfileStore(site.profiles_file).load()
    assert list(profiles) == [f"c@{STAYS}"]
    assert list(saved.own) == [f"c@{STAYS}"]
    assert saved.journal == Cursor(3, 0)
    assert sorted(int(p.stem) for p in site.journal_directory.iterdir()) == [2, 3, 4]
    assert len(list((site.ledger_directory / "archive").glob("*.json"))) == 1
    assert erase_files.remove(site, GONE) == erase_files.Files(left=2)


def everything_read(site: Settings) -> None:
    """Guard, agent and worker have read the journal and what the agent found, to the end."""
    log = AppendLog(Path(site.var) / "agent" / "findings", fsync=False, max_total_bytes=20 * SEGMENT_BYTES)
    log.append(f"a1@{GONE}".encode())
    log.close()
    size = (site.journal_directory / "0000000004.log").stat().st_size
    store = ProfileStore(site.profiles_file)
    saved = store.load()[2]
    findings = Cursor(1, (Path(site.var) / "agent" / "findings" / "0000000001.log").stat().st_size)
    store.save([], b"", msgspec.structs.replace(saved, journal=Cursor(4, size), findings=findings))
    write_cursor(Path(site.var) / "agent" / "journal.cursor", Cursor(4, size))
    ReadPosition.objects.update(segment=4, offset=size)


def test_what_is_read_to_its_end_goes_too_when_all_is_stopped_and_everybody_goes_on_behind_it(site):
    everything_read(site)
    assert erase_files.count(site, GONE) == erase_files.Files(profiles=1, segments=4, ledger=1)
    assert erase_files.remove(site, GONE) == erase_files.Files(profiles=1, segments=4, ledger=1)
    findings = Path(site.var) / "agent" / "findings"
    assert [int(path.stem) for path in sorted(site.journal_directory.iterdir())] == [2, 5]
    assert [path.stat().st_size for path in findings.iterdir()] == [0]
    saved = ProfileStore(site.profiles_file).load()[2]
    row = ReadPosition.objects.get()
    assert (saved.journal, saved.findings) == (Cursor(5, 0), Cursor(2, 0))
    assert (row.segment, row.offset) == (5, 0) == read_cursor(Path(site.var) / "agent" / "journal.cursor")
    log = AppendLog(site.journal_directory, fsync=False, max_total_bytes=20 * SEGMENT_BYTES)
    log.append(b'{"later": 1}')
    log.close()
    reader = Follower(site.journal_directory, saved.journal)
    assert (reader.read(), reader.lost_segments) == ([b'{"later": 1}'], 0)
    assert erase_files.remove(site, GONE) == erase_files.Files()


@pytest.mark.parametrize("who", ["agent", "worker"])
def test_the_newest_segment_stays_while_somebody_writes_or_reads_it(site, who):
    everything_read(site)
    directory = Path(site.var) / who
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert erase_files.remove(site, GONE) == erase_files.Files(profiles=1, segments=2, left=2, ledger=1)


def test_the_newest_segment_stays_until_everybody_has_read_it(site):
    everything_read(site)
    ReadPosition.objects.update(offset=3)
    left = erase_files.remove(site, GONE)
    assert (left.segments, left.left) == (3, 1)
    assert (site.journal_directory / "0000000004.log").exists()


def test_files_stay_while_the_guard_runs(site):
    with hold_lock(Path(site.var)), pytest.raises(AlreadyRunning):
        erase_files.remove(site, GONE)
    assert erase_files.count(site, GONE).profiles == 1


# --- the command


def run(*words: str, typed: str = "") -> Any:
    return CliRunner().invoke(sekisho, ["domain", "erase", *words], input=typed, env={"LANG": "C"})


def sign_in() -> None:
    at = timezone.now() - timedelta(days=1)
    SignIn.objects.create(mailbox=f"a1@{GONE}", at=at, success=True, protocol="imap", ip="192.0.2.1")


def test_the_command_shows_first_asks_for_the_name_and_erases():
    sign_in()
    dry = json.loads(run(GONE, "--dry-run", "--json").output)
    assert (dry["rows"], dry["dry_run"]) == ({"incidents.SignIn": 1}, True)
    for words, typed in (((GONE, "--yes-erase", STAYS), ""), ((GONE,), f"{STAYS}\n"), ((GONE,), "yes\n")):
        answer = run(*words, typed=typed)
        assert answer.exit_code == 1
        assert SignIn.objects.count() == 1
    shown = run("GO.test", typed=f"{GONE}\n")
    assert shown.exit_code == 0, shown.output
    assert "incidents.SignIn" in shown.output
    assert not SignIn.objects.exists()
    assert Audit.objects.get().verb == "domain_erased"


def test_the_command_says_that_the_guard_s_files_wait_for_its_end():
    sign_in()
    with hold_lock(Path(settings().var)):
        answer = run(GONE, "--yes-erase", GONE)
    assert answer.exit_code == 1
    assert isinstance(answer.exception, Refused)
    assert "stop guard and agent" in str(answer.exception)
    assert not SignIn.objects.exists()
