"""Old entries of the audit log go only with an anchor: the rest verifies from it, and whatever else is missing or
changed is found as before."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner
from django.db import Error, connections, transaction
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import settings
from sekisho.incidents import audit, audit_erasure, audit_pruning
from sekisho.incidents.audit_seal import opened, seal, unseal
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit

pytestmark = pytest.mark.django_db(databases=["default", "site"])

DAYS = 400
OLD = 500


@pytest.fixture(autouse=True)
def sealed() -> None:
    """The database refuses what it refuses in life."""
    seal(connections["default"])


def entries(number: int, days_ago: float, subject: str = "c@on.test") -> None:
    for count in range(number):
        at = timezone.now() - timedelta(days=days_ago)
        audit.record("operator", "looked", subject, details={"count": count}, at=at)


def prune(now: datetime | None = None, size: int = audit_pruning.BATCH) -> list[int]:
    return list(audit_pruning.batches(DAYS, now or timezone.now(), "tantou", size))


def behind_the_back(act: str = "delete") -> None:
    """Somebody with the database in his hands."""
    unseal(connections["default"], act)


def test_what_is_older_goes_and_the_rest_verifies_from_the_anchor() -> None:
    entries(5, OLD)
    entries(3, 1)
    last = Audit.objects.get(number=5)
    assert audit_pruning.count(DAYS, timezone.now()) == 5
    assert prune() == [5]
    anchor = Audit.objects.latest("number")
    assert (anchor.number, anchor.verb, anchor.subject, anchor.actor) == (9, "audit_pruned", "5", "tantou")
    assert anchor.details == {"rows": 5, "days": DAYS, "until": last.at.isoformat(), "last_hash": last.hash}
    assert [row.number for row in Audit.objects.order_by("number")] == [6, 7, 8, 9]
    verdict = audit.verify()
    assert (verdict.broken, verdict.rows, verdict.head) == (None, 4, anchor.hash)
    assert (verdict.removed, verdict.removed_at, verdict.removed_by) == (5, anchor.at, "tantou")


def test_nothing_goes_that_is_young_enough_or_when_it_is_kept_for_ever() -> None:
    entries(3, DAYS - 1)
    assert prune() == [] and Audit.objects.count() == 3
    entries(1, OLD)
    assert prune() == [], "only what has nothing younger before it"
    assert list(audit_pruning.batches(36_500, timezone.now() + timedelta(days=40_000), "x")) == []
    assert settings().retention.audit_days == 36_500


def test_each_batch_has_its_anchor_and_the_last_one_counts() -> None:
    entries(7, OLD)
    entries(1, 1)
    assert prune(size=3) == [3, 3, 1]
    assert [row.subject for row in Audit.objects.filter(verb="audit_pruned").order_by("number")] == ["3", "6", "7"]
    assert (audit.verify().broken, audit.verify().removed) == (None, 7)
    entries(2, 1)
    assert audit.verify().rows == 6


def test_later_the_anchors_themselves_go_but_not_for_their_own_sake() -> None:
    entries(4, OLD)
    entries(1, 1)
    prune()
    later = timezone.now() + timedelta(days=DAYS - 0.5)
    assert prune(later) == [1], "the entry of yesterday, not yet the anchor"
    later += timedelta(days=1)
    assert prune(later) == [], "anchors alone are no reason for another"
    entries(1, 0)
    later += timedelta(days=DAYS)
    assert prune(later) == [3]
    assert [row.verb for row in Audit.objects.all()] == ["audit_pruned"]
    assert (audit.verify().broken, audit.verify().removed) == (None, 8)
    entries(1, 0)
    assert audit.verify().rows == 2


def test_the_database_refuses_to_delete_what_no_anchor_covers() -> None:
    entries(3, OLD)
    entries(3, 1)
    prune()
    for number in (4, 6, 7):
        with pytest.raises(Error, match="append-only"), transaction.atomic():
            Audit.objects.filter(number=number)._raw_delete("default")
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        Audit.objects.filter(number=4).update(actor="somebody else")


@pytest.mark.parametrize("number", [4, 5, 6, 7])
def test_a_removal_that_no_anchor_covers_is_found(number: int) -> None:
    entries(3, OLD)
    entries(3, 1)
    prune()
    behind_the_back()
    Audit.objects.filter(number=number)._raw_delete("default")
    broken = audit.verify().broken
    # Without its anchor (7) all that went before it is missing, too.
    assert broken is not None and broken.row == (1 if number == 7 else number)


def test_more_removed_than_the_anchor_says_is_found() -> None:
    entries(3, OLD)
    entries(3, 1)
    prune()
    behind_the_back()
    Audit.objects.filter(number__lte=5)._raw_delete("default")
    assert audit.verify().broken == audit.Break(4, "missing")


@pytest.mark.parametrize(
    ("forgery", "why"),
    [
        ({"subject": "5"}, "added"),
        ({"subject": "2"}, "missing"),
        ({"subject": "9"}, "missing"),
        ({"subject": "all of them"}, "missing"),
        ({"details": {"last_hash": "0" * 64}}, "not chained"),
        ({"details": ["nothing"]}, "not chained"),
        ({"actor": "somebody else"}, "changed"),
        ({"at": timezone.now() - timedelta(days=3)}, "changed"),
    ],
)
def test_an_anchor_that_was_changed_is_found(forgery: dict[str, object], why: str) -> None:
    entries(3, OLD)
    entries(3, 1)
    prune()
    behind_the_back("update")
    Audit.objects.filter(number=7).update(**forgery)
    broken = audit.verify().broken
    assert broken is not None and broken.why == why


def test_an_anchor_put_past_the_head_covers_nothing() -> None:
    entries(4, 1)
    head = Audit.objects.latest("number")
    forged = Audit(number=5, at=head.at, actor="x", verb="audit_pruned", subject="2", previous=head.hash)
    forged.details = {"last_hash": Audit.objects.get(number=2).hash}
    forged.hash = forged.proper_hash()
    Audit.objects.bulk_create([forged])
    Audit.objects.filter(number__lte=2)._raw_delete("default")
    assert audit.verify().broken == audit.Break(1, "missing")


def test_an_entry_put_back_below_the_anchor_is_found() -> None:
    entries(3, OLD)
    entries(1, 1)
    row = Audit.objects.get(number=2)
    prune()
    Audit.objects.bulk_create([row])
    assert audit.verify().broken == audit.Break(2, "added")


@pytest.mark.parametrize("number", [1, 3])
def test_evidence_of_a_forgery_is_not_removed(number: int) -> None:
    entries(3, OLD)
    entries(1, 1)
    behind_the_back("update")
    Audit.objects.filter(number=number).update(actor="somebody else")
    with pytest.raises(NotAllowed, match=f"near entry {number}"):
        prune()
    assert Audit.objects.count() == 4


def test_a_gap_in_what_would_go_is_kept_as_it_is() -> None:
    entries(4, OLD)
    entries(1, 1)
    behind_the_back()
    Audit.objects.filter(number=2)._raw_delete("default")
    with pytest.raises(NotAllowed):
        prune()
    Audit.objects.filter(number__lte=4, number__gt=2)._raw_delete("default")
    with pytest.raises(NotAllowed):
        prune()
    assert Audit.objects.count() == 2


def test_the_worker_says_every_day_that_it_may_not(caplog: pytest.LogCaptureFixture) -> None:
    entries(3, OLD)
    behind_the_back("update")
    Audit.objects.filter(number=2).update(verb="slept")
    assert list(audit_pruning.daily(DAYS, timezone.now())) == []
    assert "near entry 2" in caplog.text
    Audit.objects.filter(number=2).update(verb="looked")
    assert list(audit_pruning.daily(DAYS, timezone.now())) == [3]
    assert Audit.objects.get().actor == "worker" and Audit.objects.get().via == "worker"


# --- with erasures


def erased(domain: str = "go.test", days_ago: float = 1) -> None:
    with opened(connections["default"]):
        audit_erasure.erase(domain, "operator", {}, timezone.now() - timedelta(days=days_ago))


def test_an_erasure_goes_on_vouching_for_what_is_left_of_its_rows() -> None:
    entries(2, OLD, "a@go.test")
    entries(2, 450, "b@go.test")
    entries(1, 1, "c@go.test")
    erased()
    assert audit.verify().erased == 5
    later = timezone.now() - timedelta(days=460 - DAYS)
    assert list(audit_pruning.batches(DAYS, later, "tantou")) == [2]
    anchor = Audit.objects.latest("number")
    assert anchor.details["erasures"]["6"]["audit_rows"] == 3
    assert (audit.verify().broken, audit.verify().erased) == (None, 3)
    # A second time, over what the first left.
    assert prune() == [2]
    assert (audit.verify().broken, audit.verify().erased) == (None, 1)
    behind_the_back("update")
    Audit.objects.filter(number=5).update(verb="slept")
    assert audit.verify().broken == audit.Break(6, "changed")


def test_an_erasure_all_of_whose_rows_are_gone_vouches_for_none() -> None:
    entries(2, OLD, "a@go.test")
    erased()
    assert prune() == [2]
    assert Audit.objects.latest("number").details["erasures"]["3"]["audit_rows"] == 0
    assert (audit.verify().broken, audit.verify().erased) == (None, 0)
    behind_the_back("update")
    entries(1, 1)
    row = Audit.objects.latest("number")
    Audit.objects.filter(pk=row.pk).update(actor="[erased]", details={"erased_by": 3})
    assert audit.verify().broken is not None, "nothing passes for one of them"


def test_an_erasure_goes_with_its_rows_in_the_end() -> None:
    entries(2, OLD, "a@go.test")
    erased(days_ago=OLD - 1)
    entries(1, 1)
    assert prune() == [3]
    assert "erasures" not in Audit.objects.latest("number").details
    assert (audit.verify().broken, audit.verify().rows) == (None, 2)


def test_an_erasure_after_an_anchor_leaves_it_in_force() -> None:
    entries(2, OLD, "a@go.test")
    entries(2, 1, "a@go.test")
    list(audit_pruning.batches(DAYS, timezone.now(), "chief@go.test"))
    erased()
    assert Audit.objects.get(verb="audit_pruned").actor == "[erased]"
    assert (audit.verify().broken, audit.verify().removed, audit.verify().erased) == (None, 2, 3)


def test_an_erasure_that_does_not_vouch_any_more_is_not_given_a_new_digest() -> None:
    entries(2, OLD, "a@go.test")
    entries(2, 1, "a@go.test")
    erased()
    behind_the_back("update")
    Audit.objects.filter(number=4).update(verb="slept")
    with pytest.raises(NotAllowed):
        prune()


# --- the command


def run(*arguments: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(sekisho, list(arguments), env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})


def test_prune_and_verify_say_how_many_and_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    retention = msgspec.structs.replace(settings().retention, audit_days=DAYS)
    found = msgspec.structs.replace(settings(), retention=retention)
    monkeypatch.setattr("sekisho.cli.prune.settings", lambda: found)
    entries(5, OLD)
    entries(1, 1)

    def told(*arguments: str) -> list[object]:
        rows = json.loads(run("prune", "--json", *arguments).stdout)["rows"]
        return [(row["days"], row["rows"]) for row in rows if row["kind"] == "audit"]

    assert told("--dry-run") == [(DAYS, 5)] and Audit.objects.count() == 6
    assert told() == [(DAYS, 5)] and told() == [(DAYS, 0)]
    assert Audit.objects.latest("number").via == "cli"
    whole = run("audit", "verify")
    assert "2 rows, all as they were written." in whole.stdout
    assert "Verified from entry 6 (5 older entries were removed by retention" in whole.stdout
    behind_the_back("update")
    Audit.objects.filter(number=6).update(at=timezone.now() - timedelta(days=OLD))
    assert isinstance(run("prune").exception, Refused)
