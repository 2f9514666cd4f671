"""操作記録 and APIキー in the panel."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import sekisho
from casting import BYSTANDER, DOMAIN, OTHER_DOMAIN, VICTIM
from sekisho.directory import api_keys
from sekisho.directory.models import ApiKey
from sekisho.incidents import audit, decisions
from sekisho.incidents.models import Audit
from sekisho.incidents.orders import HELD_KINDS
from sekisho.web.audit_words import VERBS

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def lines(client, query=""):
    answer = client.get(reverse("audit_export") + query)
    assert answer.headers["Content-Type"].startswith("text/csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines(keepends=True)))


def written_verbs():
    """Every verb that stands as a literal in a call of `write_audit` or `audit.record`."""
    for file in Path(sekisho.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            if ast.unparse(node.func).endswith(("write_audit", "audit.record")):
                verb = node.args[1]
                if isinstance(verb, ast.Constant):
                    yield verb.value


def test_every_act_has_words_in_the_log():
    found = set(written_verbs())
    assert {"note", "close", "mailbox_add"} <= found
    assert (found | set(HELD_KINDS)) - set(VERBS) == set()


def test_each_reads_the_acts_of_his_domains_and_his_own(cast, sign_in):
    decisions.suspend(BYSTANDER, "spam", "operator")
    audit.record("operator", "mode", OTHER_DOMAIN, domain=OTHER_DOMAIN)
    page = {who: sign_in(who).get(reverse("audit")).content.decode() for who in ("operator", "owner", "stranger")}
    assert BYSTANDER in page["operator"] and BYSTANDER in page["owner"] and BYSTANDER not in page["stranger"]
    assert OTHER_DOMAIN in page["operator"] and OTHER_DOMAIN not in page["owner"]
    # His own sign-in, not his colleague's.
    assert f"kanri@{DOMAIN}" in page["owner"] and f"kanri@{OTHER_DOMAIN}" not in page["owner"]


def test_it_is_searched_and_filtered_and_says_when_nothing_matches(cast, sign_in):
    decisions.suspend(BYSTANDER, "spam", "operator")
    client = sign_in("operator")
    assert BYSTANDER in client.get(reverse("audit") + f"?q={BYSTANDER}&verb=suspended").content.decode()
    assert "No act matches." in client.get(reverse("audit") + "?q=nothing+at+all").content.decode()
    assert [row["verb"] for row in lines(client, "?verb=suspended")] == ["suspended"]


def test_the_download_is_what_is_shown_and_holds_no_formula(cast, sign_in):
    audit.record("=HYPERLINK(1)", "looked", f"x@{DOMAIN}", details={"a": "=1"})
    rows = lines(sign_in("owner"))
    assert {row["domain"] for row in rows} <= {DOMAIN, ""}
    assert rows[1]["actor"] == "'=HYPERLINK(1)"


def test_a_key_is_made_shown_once_used_and_revoked(incident, sign_in):
    client = sign_in("owner")
    answer = client.post(reverse("api_keys"), {"name": "shop", "scope": ["read"], "days": "30"})
    key = re.search(r"sekisho_[0-9a-f]{8}_[\w-]+", answer.content.decode())[0]
    assert answer.headers["Cache-Control"] == "no-store"
    assert key not in client.get(reverse("api_keys")).content.decode()
    row = ApiKey.objects.get()
    assert (row.expires_at - row.created_at).days == 30
    api = {"authorization": f"Bearer {key}"}
    assert Client().get(f"/api/v1/mailboxes/{VICTIM}", headers=api).status_code == 200
    client.post(reverse("api_key_revoke", args=[row.prefix]))
    assert Client().get(f"/api/v1/mailboxes/{VICTIM}", headers=api).status_code == 401
    assert [line.verb for line in Audit.objects.filter(subject=row.prefix)] == ["api_key_made", "api_key_revoked"]
    assert "Revoked" in client.get(reverse("api_keys")).content.decode()


@pytest.mark.parametrize(
    "form,reason",
    [
        ({"name": " "}, "Say what the key is for"),
        ({"scope": []}, "Choose at least one thing"),
        ({"scope": ["fly"]}, "Choose at least one thing"),
        ({"scope": ["contain"]}, "Only an operator"),
        ({"domain": [OTHER_DOMAIN]}, "You may not make a key"),
        ({"days": "0"}, "1 to 730"),
        ({"days": "731"}, "1 to 730"),
        ({"days": "many"}, "1 to 730"),
    ],
)
def test_a_key_that_may_not_be_is_refused_with_its_reason(form, reason, cast, sign_in):
    answer = sign_in("owner").post(reverse("api_keys"), {"name": "x", "scope": ["read"], "days": "30", **form})
    assert answer.status_code == 422 and reason in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_an_operator_sees_and_revokes_every_key(cast, sign_in):
    row, _ = api_keys.make(cast.owner, "shop", ["read"], "x", timezone.now())
    assert "shop" in sign_in("operator").get(reverse("api_keys")).content.decode()
    assert "shop" not in sign_in("colleague").get(reverse("api_keys")).content.decode()
    sign_in("operator").post(reverse("api_key_revoke", args=[row.prefix]))
    assert ApiKey.objects.get().revoked_at is not None
