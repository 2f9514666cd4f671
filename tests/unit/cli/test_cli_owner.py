"""`sekisho owner`: the same as the panel's page of an owner's proofs."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone
from test_cli_passwords import ALICE, english, refusal, run  # noqa: F401

from sekisho.recovery import owner_factors, requests
from sekisho.recovery.models import OwnerContact

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_it_enrols_lists_and_removes_a_contact(two_tenants: None) -> None:
    assert run("owner", "contact", "add", ALICE, "alice@outside.test", "--language", "en").exit_code == 0
    listed = json.loads(run("owner", "contact", "list", ALICE, "--json").output)
    (contact,) = listed["contacts"]
    assert (contact["address"], contact["counts"], contact["language"]) == ("alice@outside.test", False, "en")
    assert listed["codes"] == {"left": 0, "printed_at": None, "counts": False}
    assert "alice@outside.test" in run("owner", "contact", "list", ALICE).output
    assert run("owner", "contact", "remove", ALICE, "Alice@Outside.test").exit_code == 0
    assert json.loads(run("owner", "contact", "list", ALICE, "--json").output)["contacts"] == []
    assert "no contact" in refusal("owner", "contact", "remove", ALICE, "alice@outside.test")


def test_it_refuses_a_contact_on_our_servers_and_a_mailbox_that_is_not_there(two_tenants: None) -> None:
    assert "another provider" in refusal("owner", "contact", "add", ALICE, "bob@ours.test")
    assert "no mailbox" in refusal("owner", "contact", "add", "nobody@ours.test", "x@outside.test")
    assert not OwnerContact.objects.exists()


def test_it_prints_codes_once(two_tenants: None) -> None:
    codes = re.findall(r"^  (\w{4}-\w{4}-\w{4})$", run("owner", "codes", ALICE).output, re.M)
    assert len(codes) == 10
    listed = run("owner", "contact", "list", ALICE, "--json").output
    assert json.loads(listed)["codes"]["left"] == 10 and codes[0] not in listed


def test_its_link_proves_the_owner(two_tenants: None) -> None:
    made = json.loads(run("owner", "recovery-link", ALICE, "--json").output)
    token = made["link"].rpartition("/")[2]
    proved = requests.proved_by_link(requests.hash_of(token), timezone.now())
    assert proved is not None and proved.mailbox == ALICE and made["mails"] == 0


def test_it_invites_and_takes_the_owners_factors_away(two_tenants: None) -> None:
    made = json.loads(run("owner", "invite", ALICE, "--json").output)
    token_hash = requests.hash_of(made["link"].rpartition("/")[2])
    assert "/owner/invitation/" in made["link"] and made["mails"] == 0
    assert owner_factors.invitation(token_hash, ALICE, timezone.now()) is not None
    assert requests.proved_by_link(token_hash, timezone.now()) is None
    owner_factors.add(ALICE, "passkey", "key", "x", "owner", timezone.now())
    assert "1" in run("owner", "remove-factors", ALICE).output
    assert not owner_factors.of_mailbox(ALICE).exists()
    assert owner_factors.invitation(token_hash, ALICE, timezone.now()) is None
