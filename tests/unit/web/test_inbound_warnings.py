"""なりすまし対策 of a domain: in the panel, the command and the record."""

from __future__ import annotations

import json

import msgspec
import pytest

from casting import DOMAIN
from sekisho.config import settings
from sekisho.config.inbound import InboundSettings
from sekisho.directory.models import SiteAliasDomain
from sekisho.inbound import rules
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Audit, InboundRule

pytestmark = pytest.mark.django_db(databases=["default", "site"])
PAGE = f"/admin/system/domains/{DOMAIN}/inbound/"
FORM = {
    "level": "warn",
    "tag": "yes",
    "place": "folder",
    "names": "株式会社はな\n\n  Hana   Inc ",
    "allowed": "News@ESP.example\n",
}


def host_with(monkeypatch: pytest.MonkeyPatch, site: InboundSettings) -> None:
    changed = msgspec.structs.replace(settings(), inbound=site)
    for place in ("sekisho.inbound.rules.settings", "sekisho.web.views.inbound_warnings.settings"):
        monkeypatch.setattr(place, lambda: changed)


@pytest.fixture
def inbound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has inbound warnings."""
    host_with(monkeypatch, InboundSettings("/nonexistent", "/nonexistent/s", clamd="x"))


@pytest.mark.parametrize("who", ["operator", "owner", "colleague"])
def test_whoever_looks_after_the_domain_chooses(sign_in, inbound: None, who: str) -> None:
    browser = sign_in(who)
    assert 'value="off" checked' in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, FORM).status_code == 302
    rule = rules.rule_of(DOMAIN)
    assert rule == rules.Rule("warn", True, "folder", ("株式会社はな", "Hana Inc"), ("news@esp.example",))
    compared = json.loads(InboundRule.objects.get().compared)
    assert compared["key"] == "own" and DOMAIN in compared["domains"]
    assert any(name["plain"] == ["株式会社はな"] for name in compared["names"])
    line = Audit.objects.get(verb="inbound")
    assert line.subject == DOMAIN and line.details["after"]["level"] == "warn"
    browser.post(PAGE, FORM)
    assert Audit.objects.filter(verb="inbound").count() == 1


def test_a_stranger_sees_and_sets_nothing(sign_in, inbound: None) -> None:
    browser = sign_in("stranger")
    assert browser.get(PAGE).status_code == 404 and browser.post(PAGE, FORM).status_code == 404
    assert not InboundRule.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"names": "は"}, {"names": "x" * 61}, {"allowed": "home"}, {"allowed": "gmail.com"}, {"allowed": "a b@c.example"}],
)
def test_a_line_that_cannot_be_used_is_named_and_nothing_is_changed(
    sign_in, inbound: None, wrong: dict[str, str]
) -> None:
    answer = sign_in("owner").post(PAGE, {**FORM, **wrong})
    assert answer.status_code == 422 and next(iter(wrong.values())) in answer.content.decode()
    assert not InboundRule.objects.exists()


@pytest.mark.parametrize("wrong", [{"level": "x"}, {"place": "x"}, {"level": ""}])
def test_what_no_form_of_ours_sends_is_refused(sign_in, inbound: None, wrong: dict[str, str]) -> None:
    assert sign_in("owner").post(PAGE, {**FORM, **wrong}).status_code == 422
    assert not InboundRule.objects.exists()


def test_without_rspamd_the_page_says_so_and_changes_nothing(sign_in, monkeypatch: pytest.MonkeyPatch) -> None:
    host_with(monkeypatch, InboundSettings())
    browser = sign_in("owner")
    assert "disabled" in browser.get(PAGE).content.decode()
    assert "Nothing was changed" in browser.post(PAGE, FORM, follow=True).content.decode()
    assert not InboundRule.objects.exists()


def test_one_address_of_a_free_mail_service_may_be_an_exception(sign_in, inbound: None) -> None:
    sign_in("owner")
    assert rules.set_rule(DOMAIN, rules.Rule("warn", allowed=("tanaka@gmail.com",)), "operator")


def test_alias_domains_and_foreign_ones_have_no_choice_and_the_aliases_are_the_tenants_own(
    sign_in, inbound: None
) -> None:
    sign_in("owner")
    SiteAliasDomain.objects.create(alias_domain="hana-alias.example", target_domain=DOMAIN)
    for name in ("hana-alias.example", "elsewhere.example", "all"):
        with pytest.raises(NotAllowed):
            rules.set_rule(name, rules.Rule("warn"), "operator")
    rules.set_rule(DOMAIN, rules.Rule("warn"), "operator")
    assert "hana-alias.example" in json.loads(InboundRule.objects.get().compared)["domains"]
