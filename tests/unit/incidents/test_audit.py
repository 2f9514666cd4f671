"""The audit log: one chain, whoever writes; what was changed later is found; nothing in it is a formula or a secret."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import Error, connections, transaction
from test_decisions_race import WRITERS, race

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents import audit, decisions
from sekisho.incidents.audit_seal import seal, unseal
from sekisho.incidents.models import Audit, AuditHead, Incident

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"


def rows(number: int = 4) -> None:
    for count in range(number):
        audit.record("operator", "looked", ALICE, details={"count": count, "share": 0.1})


def change(**values: object) -> None:
    """What somebody with the database in his hands would do to row 2."""
    unseal(connections["default"], "update")
    Audit.objects.filter(number=2).update(**values)


def test_every_row_holds_the_hash_of_the_one_before():
    rows()
    chain = list(Audit.objects.order_by("number"))
    assert [row.number for row in chain] == [1, 2, 3, 4]
    assert [row.previous for row in chain] == ["", *(row.hash for row in chain[:3])]
    assert audit.verify() == audit.Verdict(4, chain[-1].hash, None)


def test_a_number_that_comes_back_from_the_database_in_another_form_is_the_same_number():
    # PostgreSQL's jsonb gives 1e22 back as a whole number.
    row = audit.record("x", "looked", details={"big": 1e22, "one": 1.0, "small": 1e-7, "in": [True, None]})
    row.details = {"big": 10**22, "one": 1, "small": 0.0000001, "in": [True, None]}
    assert row.proper_hash() == row.hash
    row.details["one"] = True
    assert row.proper_hash() != row.hash


def test_an_empty_log_is_whole():
    assert audit.verify() == audit.Verdict(0, "", None)


@pytest.mark.parametrize(
    "values",
    [
        {"actor": "somebody else"},
        {"verb": "slept"},
        {"details": {"count": 7}},
        {"via": "api"},
        {"account_id": 9},
        {"domain": "theirs.test"},
        {"subject": ""},
    ],
)
def test_a_changed_row_is_named(values):
    rows()
    change(**values)
    assert audit.verify().broken == audit.Break(2, "changed")


def test_a_row_that_was_changed_and_hashed_anew_breaks_the_chain_behind_it():
    rows()
    row = Audit.objects.get(number=2)
    row.actor = "somebody else"
    change(actor=row.actor, hash=row.proper_hash())
    assert audit.verify().broken == audit.Break(3, "not chained")


def test_a_row_that_was_deleted_is_missed_also_at_the_end():
    rows()
    Audit.objects.filter(number=4)._raw_delete("default")
    assert audit.verify().broken == audit.Break(4, "cut off")
    Audit.objects.filter(number=2)._raw_delete("default")
    assert audit.verify().broken == audit.Break(2, "missing")


def test_a_row_put_in_past_the_head_is_named():
    rows(2)
    Audit.objects.bulk_create([Audit(number=3, at=Audit.objects.latest("number").at, actor="x", verb="y", hash="z")])
    assert audit.verify().broken == audit.Break(3, "added")


@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_database_itself_refuses_to_change_or_delete_a_row(act):
    rows(1)
    seal(connections["default"])
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        found = Audit.objects.filter(number=1)
        found.update(actor="somebody else") if act == "update" else found._raw_delete("default")
    assert audit.verify().broken is None


def test_a_row_in_hand_can_be_neither_saved_again_nor_deleted():
    rows(1)
    row = Audit.objects.get()
    for act in (row.save, row.delete):
        with pytest.raises(TypeError):
            act()


def test_a_row_stays_as_it_is_when_its_account_is_deleted():
    account = get_user_model().objects.create(username="kanri")
    seal(connections["default"])
    audit.record("kanri", "looked", account=account)
    account.delete()
    assert Audit.objects.get().account_id is not None
    assert audit.verify().broken is None


def test_a_change_that_is_undone_leaves_no_row_and_no_gap():
    rows(1)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record("operator", "looked")
        raise ZeroDivisionError
    rows(1)
    assert audit.verify().rows == 2 and audit.verify().broken is None


def test_it_says_where_an_act_came_in(two_tenants):
    audit.record("worker", "looked")
    with audit.entered_by("panel"):
        audit.record("kanri", "looked")
    assert CliRunner().invoke(sekisho, ["mailbox", "suspend", ALICE, "--reason", "x", "--no-wait"]).exit_code == 0
    audit.record("worker", "looked")
    assert [row.via for row in Audit.objects.order_by("number")] == ["worker", "panel", "cli", "worker"]


def test_what_stands_under_a_secrets_name_is_not_written():
    audit.record("x", "looked", details={"password": "hunter2", "token": "t", "name": "phone"})
    assert Audit.objects.get().details == {"password": "…", "token": "…", "name": "phone"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1"])
def test_no_cell_of_the_export_is_a_formula(text):
    audit.record(text, "looked", text, details={text: text})
    [titles, cells] = csv.reader("".join(audit.csv_lines(Audit.objects.all())).splitlines(keepends=True))
    assert tuple(titles) == audit.COLUMNS
    assert cells[2] == cells[5] == f"'{text}"
    assert not any(cell.startswith(audit.FORMULA_SIGNS) for cell in cells)


def test_it_is_searched_by_every_word():
    audit.record("kanri", "suspended", ALICE)
    audit.record("kanri", "looked", ALICE)
    audit.record("tenin", "suspended", "bob@ours.test")
    found = audit.search(Audit.objects.all(), "kanri suspended")
    assert [row.subject for row in found] == [ALICE]
    assert audit.search(Audit.objects.all(), "", verb="suspended").count() == 2
    assert audit.search(Audit.objects.all(), "nothing").count() == 0


def test_the_command_line_lists_verifies_and_exports(incident: Incident):
    decisions.dismiss(incident, "operator", "newsletter")
    listed = json.loads(CliRunner().invoke(sekisho, ["audit", "list", ALICE, "--json"]).stdout)
    assert [row["verb"] for row in listed] == ["active", "suspended"]
    whole = CliRunner().invoke(sekisho, ["audit", "verify", "--json"])
    verdict = {"rows": 2, "head": listed[0]["hash"], "broken": None, "erased": 0}
    assert json.loads(whole.stdout) == {**verdict, "removed": 0, "removed_at": None, "removed_by": ""}
    assert CliRunner().invoke(sekisho, ["audit", "export", "--verb", "active"]).stdout.count("\n") == 2
    change(actor="somebody else")
    broken = CliRunner().invoke(sekisho, ["audit", "verify"])
    assert isinstance(broken.exception, Refused) and "2" in str(broken.exception)


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_eight_writers_at_once_keep_one_chain():
    def write(number: int) -> None:
        with transaction.atomic():
            for count in range(5):
                audit.record(f"writer {number}", "looked", details={"count": count})

    assert race(write) == []
    assert audit.verify().rows == WRITERS * 5
    assert audit.verify().broken is None
    assert AuditHead.objects.get().number == WRITERS * 5


def test_rows_from_before_the_chain_are_chained_by_the_migration():
    """As the migration does it, on rows that lost their chain."""
    rows(3)
    unseal(connections["default"], "update")
    Audit.objects.update(previous="", hash="", via="")
    AuditHead.objects.all().delete()
    editor = SimpleNamespace(connection=connections["default"])
    import_module("sekisho.incidents.migrations.0014_audit_chain").chain(apps, editor)
    assert audit.verify().rows == 3 and audit.verify().broken is None
