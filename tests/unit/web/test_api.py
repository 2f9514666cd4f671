"""The REST API: the fixed cast at every operation, the same JSON as the command line, errors of three kinds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from casting import BYSTANDER, DOMAIN, FOREIGN, NEW_PASSWORD, OTHER_DOMAIN, STOLEN_PASSWORD, VICTIM
from sekisho.cli import sekisho
from sekisho.directory import api_keys
from sekisho.directory.models import ApiKey, SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents import decisions
from sekisho.incidents.models import Audit, MailboxStatus, Order
from sekisho.web.api import keys
from sekisho.web.api.urls import api

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALL = ("read", "contain", "recover", "admin")
MINE = ("read", "recover")


@pytest.fixture(autouse=True)
def _fresh_rate(monkeypatch):
    monkeypatch.setattr(keys, "rate", keys._Rate())


@pytest.fixture
def key_of(cast):
    """`key_of("owner")`: a key with every scope that person can have."""

    def made(who, **options):
        account = getattr(cast, who)
        options.setdefault("scopes", ALL if who == "operator" else MINE)
        return api_keys.make(account, "tests", created_by="tests", now=timezone.now(), **options)[1]

    return made


def call(key, method, path, body=None, **headers):
    headers = {"authorization": f"Bearer {key}", "accept-language": "en", **headers} if key else headers
    data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(Client(), method)(f"/api/v1{path}", headers=headers, **data)


# operation -> method, path, body; {a}: a suspended mailbox, {n}: its incident, {d}: its domain.
ABOUT_A_ROW = {
    "mailbox_show": ("get", "/mailboxes/{a}", None),
    "explain": ("get", "/mailboxes/{a}/explain", None),
    "deferred": ("get", "/mailboxes/{a}/deferred", None),
    "mailbox_hardening": ("get", "/mailboxes/{a}/hardening", None),
    "domain_hardening": ("get", "/domains/{d}/hardening", None),
    "mailbox_suspend": ("post", "/mailboxes/{a}/suspend", {"reason": "because"}),
    "mailbox_restrict": ("post", "/mailboxes/{a}/restrict", {"reason": "because"}),
    "mailbox_reinstate": ("post", "/mailboxes/{a}/reinstate", {"password": NEW_PASSWORD}),
    "incident_show": ("get", "/incidents/{n}", None),
    "incident_deferred": ("get", "/incidents/{n}/deferred", None),
    "incident_impact": ("get", "/incidents/{n}/impact", None),
    "incident_dismiss": ("post", "/incidents/{n}/dismiss", {"reason": "newsletter"}),
    "incident_answer": ("post", "/incidents/{n}/answer", {}),
    "incident_close": ("post", "/incidents/{n}/close", None),
    "domain_mode": ("post", "/domains/{d}/mode", {"mode": "observe"}),
    "domain_inbound_show": ("get", "/domains/{d}/inbound", None),
    "domain_inbound": ("post", "/domains/{d}/inbound", {"level": "observe", "names": ["株式会社はな"]}),
}
LISTS = {"mailbox_list": "/mailboxes", "incident_list": "/incidents", "domain_list": "/domains"}
ABOUT_THE_HOST = {"reputation_show": "/reputation"}
OPERATORS = {"mailbox_suspend", "mailbox_restrict", "incident_dismiss", "domain_mode", "domain_inbound"}
# What the state of a suspended mailbox does not allow.
REFUSED = {"mailbox_restrict", "incident_answer", "incident_close"}


def test_every_operation_has_a_row_here():
    found = {
        details["operationId"] for methods in api.get_openapi_schema()["paths"].values() for details in methods.values()
    }
    assert found == set(ABOUT_A_ROW) | set(LISTS) | set(ABOUT_THE_HOST)


def everything() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (MailboxStatus, Order, SiteMailbox)] + [
        Audit.objects.count()
    ]


@pytest.mark.parametrize("operation", ABOUT_A_ROW)
def test_a_stranger_gets_the_404_of_what_is_not_there_and_changes_nothing(operation, incident, key_of):
    # A stranger with every scope: an operator's key for the other domain only, and that domain's admin.
    method, path, body = ABOUT_A_ROW[operation]
    before = everything()
    for key in (key_of("stranger"), key_of("operator", domains=[OTHER_DOMAIN])):
        theirs = call(key, method, path.format(a=VICTIM, n=incident.pk, d=DOMAIN), body)
        nobodys = call(key, method, path.format(a=f"nobody@{DOMAIN}", n=999999, d="nothing.example"), body)
        if theirs.status_code == 403:
            assert "contain" in theirs.content.decode() or "admin" in theirs.content.decode()
        else:
            assert theirs.status_code == 404
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
    assert everything() == before


@pytest.mark.parametrize("operation", ABOUT_A_ROW)
@pytest.mark.parametrize("who", ["operator", "owner", "colleague"])
def test_the_tenants_people_and_the_operator_get_an_answer(operation, who, incident, key_of):
    method, path, body = ABOUT_A_ROW[operation]
    answer = call(key_of(who), method, path.format(a=VICTIM, n=incident.pk, d=DOMAIN), body)
    if who != "operator" and operation in OPERATORS:
        # A domain admin's key has not the scope; where it has, the operation is not there for him, as in the panel.
        assert answer.status_code == (404 if operation == "incident_dismiss" else 403)
    else:
        assert answer.status_code == (422 if operation in REFUSED else 200), answer.content


@pytest.mark.parametrize("operation", LISTS)
@pytest.mark.parametrize(
    "who,sees", [("operator", {DOMAIN, OTHER_DOMAIN}), ("owner", {DOMAIN}), ("stranger", {OTHER_DOMAIN})]
)
def test_a_list_holds_only_what_the_key_may_see(operation, who, sees, incident, key_of):
    decisions.suspend(FOREIGN, "spam", "operator")
    answer = call(key_of(who), "get", LISTS[operation]).json()
    assert {row["domain"] for row in answer["items"]} == sees
    assert answer["count"] == len(answer["items"])


@pytest.mark.parametrize("operation", [*ABOUT_A_ROW, *LISTS])
def test_nothing_is_answered_without_a_key_not_even_to_a_signed_in_browser(operation, incident, cast):
    method, path, body = ABOUT_A_ROW.get(operation) or ("get", LISTS[operation], None)
    path = "/api/v1" + path.format(a=VICTIM, n=incident.pk, d=DOMAIN)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.operator)
    before = everything()
    for headers in ({}, {"authorization": "Bearer sekisho_00000000_x"}, {"authorization": "Basic eDp5"}):
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer = getattr(browser, method)(path, headers=headers, **data)
        assert (answer.status_code, answer.json()["error"]) == (401, "key")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert everything() == before


@pytest.mark.parametrize("path", ABOUT_THE_HOST.values())
def test_what_is_about_the_whole_host_is_there_for_its_operator_alone(path, cast, key_of):
    assert call(key_of("operator"), "get", path).status_code == 200
    for key in (key_of("owner"), key_of("stranger"), key_of("operator", domains=[DOMAIN])):
        assert call(key, "get", path).status_code == 404


@pytest.mark.parametrize("operation", [*ABOUT_A_ROW, *LISTS])
def test_a_key_without_the_scope_is_told_so_whatever_it_asks_about(operation, incident, key_of):
    method, path, body = ABOUT_A_ROW.get(operation) or ("get", LISTS[operation], None)
    needed = (
        "read" if method == "get" else "contain" if operation in ("mailbox_suspend", "mailbox_restrict") else "recover"
    )
    needed = "admin" if operation in ("domain_mode", "domain_inbound") else needed
    key = key_of("operator", scopes=[scope for scope in ALL if scope != needed])
    answer = call(key, method, path.format(a=f"nobody@{DOMAIN}", n=1, d="nothing.example"), body)
    assert (answer.status_code, answer.json()["error"]) == (403, "scope")


def cli(*arguments):
    return json.loads(
        CliRunner().invoke(sekisho, [*arguments, "--json"], env={"LANG": "en_GB.UTF-8", "LC_ALL": ""}).stdout
    )


def test_the_json_is_the_command_lines(incident, key_of):
    key, number = key_of("operator"), str(incident.pk)
    for path, verb in (
        (f"/mailboxes/{VICTIM}", ("mailbox", "show", VICTIM)),
        (f"/mailboxes/{VICTIM}/explain", ("explain", VICTIM)),
        (f"/mailboxes/{VICTIM}/deferred", ("deferred", VICTIM)),
        (f"/mailboxes/{BYSTANDER}/deferred", ("deferred", BYSTANDER)),
        (f"/incidents/{number}", ("incident", "show", number)),
    ):
        assert call(key, "get", path).json() == cli(*verb), path
    for path, verb in (("/mailboxes", "mailbox"), ("/incidents", "incident"), ("/domains", "domain")):
        assert call(key, "get", path).json()["items"] == cli(verb, "list"), path
    assert call(key, "get", "/mailboxes?status=suspended").json()["items"] == cli(
        "mailbox", "list", "--status", "suspended"
    )


def test_a_domain_admin_does_not_see_the_operators_notices(incident, key_of):
    from sekisho.incidents.models import Notice

    Notice.objects.create(
        incident=incident, kind="relapse", recipient="noc@provider.example", created_at=timezone.now()
    )
    seen = {
        who: call(key_of(who), "get", f"/incidents/{incident.pk}").content.decode() for who in ("operator", "owner")
    }
    assert "noc@provider.example" in seen["operator"] and "noc@provider.example" not in seen["owner"]
    assert "noc@provider.example" not in call(key_of("owner"), "get", f"/mailboxes/{VICTIM}/explain").content.decode()


def test_lists_are_paged_searched_and_filtered(incident, key_of):
    key = key_of("operator")
    first = call(key, "get", "/mailboxes?per_page=2").json()
    last = call(key, "get", "/mailboxes?per_page=2&page=3").json()
    assert (first["count"], first["pages"], len(first["items"]), len(last["items"])) == (5, 3, 2, 1)
    assert call(key, "get", "/mailboxes?per_page=2&page=9").json()["items"] == []
    assert [row["address"] for row in call(key, "get", "/mailboxes?q=SATO").json()["items"]] == [VICTIM]
    assert call(key, "get", "/mailboxes?status=active").json()["count"] == 4
    assert call(key, "get", f"/mailboxes?domain={OTHER_DOMAIN}").json()["count"] == 1
    assert call(key, "get", "/mailboxes?domain=nothing.example").status_code == 404
    assert call(key, "get", f"/incidents?open=true&mailbox={VICTIM}").json()["count"] == 1
    assert call(key, "get", f"/incidents?domain={OTHER_DOMAIN}").json()["count"] == 0
    for wrong in ("per_page=201", "page=0", "status=asleep"):
        assert call(key, "get", f"/mailboxes?{wrong}").status_code == 422


def test_suspending_twice_answers_the_same_state_and_does_it_once(cast, key_of):
    key = key_of("operator", domains=[DOMAIN])
    answers = [call(key, "post", f"/mailboxes/{BYSTANDER}/suspend", {"reason": "spam"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["status"], answers[0].json()["reason"]) == ("suspended", "spam")
    row = Audit.objects.get(verb="suspended")
    assert (row.via, row.account, row.actor) == ("api", cast.operator, f"operator (key {ApiKey.objects.get().prefix})")


def test_a_mailbox_is_found_by_every_form_of_its_address(incident, key_of):
    assert call(key_of("owner"), "get", f"/mailboxes/SATO+x@{DOMAIN.upper()}").json()["address"] == VICTIM


def test_restricting_takes_a_limit(cast, key_of):
    answer = call(key_of("operator"), "post", f"/mailboxes/{BYSTANDER}/restrict", {"reason": "x", "limit": 3})
    assert (answer.json()["status"], answer.json()["limit"]) == ("restricted", 3)


def test_reinstating_takes_a_new_password_by_the_same_rules_and_repeats_none(incident, key_of):
    key, path = key_of("owner"), f"/mailboxes/{VICTIM}/reinstate"
    for bad in (STOLEN_PASSWORD, "short", f" {NEW_PASSWORD}"):
        answer = call(key, "post", path, {"password": bad})
        assert (answer.status_code, answer.json()["error"]) == (422, "password")
        assert bad not in answer.content.decode()
    assert decisions.current_status(VICTIM).status == "suspended"
    answer = call(key, "post", path, {"password": NEW_PASSWORD})
    assert (answer.status_code, answer.json()["status"]) == (200, "probation")
    assert verify_password(NEW_PASSWORD, SiteMailbox.objects.get(username=VICTIM).password)
    assert call(key, "post", path, {"password": NEW_PASSWORD + "x"}).json()["error"] == "refused"
    assert NEW_PASSWORD not in str(list(Audit.objects.values()))


def test_a_refused_password_is_explained_in_the_readers_language(incident, key_of):
    answer = call(
        key_of("owner"), "post", f"/mailboxes/{VICTIM}/reinstate", {"password": "short"}, **{"accept-language": "ja"}
    )
    assert "15文字以上にしてください" in answer.json()["detail"]


def test_an_answer_ends_a_restriction_or_suspends(cast, key_of):
    key = key_of("owner")
    row = decisions.restrict(BYSTANDER, "mailing?", "operator")
    answer = call(key, "post", f"/incidents/{row.pk}/answer", {"hours": 2, "recipients": 30})
    assert (answer.status_code, answer.json()["phase"]) == (200, "closed")
    row = decisions.restrict(BYSTANDER, "mailing?", "operator")
    assert call(key, "post", f"/incidents/{row.pk}/answer", {"no": True}).json()["action"] == "suspend"
    assert decisions.current_status(BYSTANDER).status == "suspended"


def test_the_mode_of_a_domain_is_set_once(cast, key_of):
    key = key_of("operator")
    assert call(key, "post", f"/domains/{DOMAIN}/mode", {"mode": "observe"}).json() == {
        "domain": DOMAIN,
        "mode": "observe",
        "changed": True,
    }
    assert call(key, "post", f"/domains/{DOMAIN}/mode", {"mode": "observe"}).json()["changed"] is False


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"reason": ""}',
        '{"reason": "x", "more": 1}',
        '{"reason": "\\ud800"}',
        '{"reason": "\\u0000"}',
        "\xff",
    ],
)
def test_a_body_that_cannot_be_read_is_422_and_changes_nothing(body, cast, key_of):
    answer = Client().post(
        f"/api/v1/mailboxes/{BYSTANDER}/suspend",
        data=body,
        content_type="application/json",
        headers={"authorization": f"Bearer {key_of('operator')}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert not MailboxStatus.objects.exists()


def test_a_wrong_field_is_named_and_its_value_not_repeated(incident, key_of):
    answer = call(
        key_of("owner"), "post", f"/mailboxes/{VICTIM}/reinstate", {"password": 7, "pasword": "hunter2-hunter2"}
    )
    assert "password" in answer.json()["detail"] and "hunter2" not in answer.content.decode()


def test_a_body_beyond_the_bound_is_413(cast, key_of):
    answer = call(key_of("operator"), "post", f"/mailboxes/{BYSTANDER}/suspend", {"reason": "x" * 600_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_a_database_that_is_away_is_503_and_says_when_to_come_again(cast, key_of, monkeypatch):
    def locked(*_, **__):
        raise OperationalError("database is locked")

    key = key_of("operator")
    for error, name in ((OperationalError("locked"), "temporary"), (decisions.Overtaken("x"), "overtaken")):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(decisions, "suspend", fail)
        answer = call(key, "post", f"/mailboxes/{BYSTANDER}/suspend", {"reason": "x"})
        assert (answer.status_code, answer.json()["error"]) == (503, name)
        assert int(answer.headers["Retry-After"]) > 0


def test_an_address_that_is_none_is_a_json_404_and_a_wrong_method_405(cast, key_of):
    for path in ("/api/v1/nothing", "/api/v1/", "/api/", "/api/v2/mailboxes"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    answer = call(key_of("operator"), "delete", f"/mailboxes/{VICTIM}")
    assert (answer.status_code, answer.json()["error"], answer.headers["Allow"]) == (405, "method", "GET")


def test_a_key_that_asks_too_often_is_told_to_wait(cast, key_of, monkeypatch):
    monkeypatch.setattr(keys, "MOST_REQUESTS", 2)
    key = key_of("owner")
    assert [call(key, "get", "/domains").status_code for _ in range(3)] == [200, 200, 429]
    assert call(key_of("colleague"), "get", "/domains").status_code == 200


def test_the_document_is_open_to_everybody_and_names_the_bearer_key():
    document = Client().get("/api/v1/openapi.json").json()
    assert document["info"]["title"] == "Sekisho"
    [scheme] = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_a_key_ends_by_expiry_revocation_its_account_or_its_role(cast, incident, key_of):
    path = f"/mailboxes/{VICTIM}"
    key = key_of("owner")
    row = ApiKey.objects.get()
    assert call(key, "get", path).status_code == 200
    for field, dead, alive in (
        ("expires_at", timezone.now() - timedelta(seconds=1), row.expires_at),
        ("revoked_at", timezone.now(), None),
    ):
        ApiKey.objects.update(**{field: dead})
        assert call(key, "get", path).status_code == 401
        ApiKey.objects.update(**{field: alive})
    cast.owner.is_active = False
    cast.owner.save()
    assert call(key, "get", path).status_code == 401
    cast.owner.is_active = True
    cast.owner.save()
    cast.owner.roles.all().delete()
    assert call(key, "get", path).status_code == 404


def test_a_key_is_kept_as_a_keyed_hash_only_and_its_use_is_noted(cast, incident, key_of, settings):
    key = key_of("owner")
    row = ApiKey.objects.get()
    secret = key.rpartition("_")[2] if "_" not in key[17:] else key[17:]
    assert key[17:] and key[17:] not in str(list(ApiKey.objects.values())) and secret
    assert row.last_used_at is None
    assert call(key, "get", f"/mailboxes/{VICTIM}").status_code == 200
    assert ApiKey.objects.get().last_used_at is not None
    assert call(key[:-1] + ("a" if key[-1] != "a" else "b"), "get", f"/mailboxes/{VICTIM}").status_code == 401
    settings.SECRET_KEY = "another key, as long as the one before it was, or longer"
    assert call(key, "get", f"/mailboxes/{VICTIM}").status_code == 401


def test_the_impact_of_an_incident_names_no_correspondent_and_no_stranger_s_mailbox(incident, key_of):
    from datetime import timedelta

    from sekisho.incidents.models import QueueIdLogin, SentRecipient, SignIn

    at, ip = incident.first_risk_at + timedelta(seconds=1), "203.0.113.9"
    for mailbox in (VICTIM, FOREIGN, BYSTANDER):
        SignIn.objects.create(mailbox=mailbox, at=at, success=True, protocol="imap", ip=ip, strange=True)
    QueueIdLogin.objects.create(
        queue_id="4A", mailbox=VICTIM, at=at, recipients=1, ip=ip, strange=True, listed=True, sender=VICTIM
    )
    copy = {"recipient": "customer@far.test", "domain": "far.test", "relation": "partner", "outcome": "delivered"}
    SentRecipient.objects.create(queue_id="4A", mailbox=VICTIM, at=at, **copy)
    path = f"/incidents/{incident.pk}/impact"
    seen = {who: call(key_of(who), "get", path) for who in ("operator", "owner")}
    for answer in seen.values():
        assert answer.json()["sent"]["recipients"]["value"] == 1
        assert answer.json()["sent"]["domains"][0]["domain"] == "far.test"
        assert "customer@" not in answer.content.decode()
    assert {one["mailbox"] for one in seen["operator"].json()["touched"]} == {FOREIGN, BYSTANDER}
    assert [one["mailbox"] for one in seen["owner"].json()["touched"]] == [BYSTANDER]
    assert FOREIGN not in seen["owner"].content.decode() and seen["owner"].json()["touched_elsewhere"] == 1
