"""Every address of the panel, walked from its own list, with the fixed cast: whoever adds one says here whom it is for.

A page about a row answers the stranger with 404 and the operator with anything but that. What a page shows and does is
tested elsewhere; the REST API has its own table (test_api).
"""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from casting import DOMAIN, FOREIGN, VICTIM
from sekisho.directory import api_keys
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Order, RenewalCampaign

pytestmark = pytest.mark.django_db(databases=["default", "site"])

# For people without an account: a link, a code, a question, a mail program that looks for its settings.
OPEN_TO_ALL = {
    "sign_in",
    "account_login",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "recover",
    "recover_code",
    "recover_link",
    "recover_password",
    "recover_new_password",
    "recover_done",
    "recover_app_passwords",
    "recover_app_password_revoke_all",
    "recover_app_password_renew",
    "recover_app_password_revoke",
    "recover_contact",
    "recover_settings_test",
    "case",
    "autoconfig",
    "pacc",
    "autodiscover",
    "autodiscover_json",
    "mail_program",
    "check_settings",
    "apple_profile",
    "set_language",
    "sso",
    "owner_sign_in",
    "owner_sign_out",
    "owner_advice",
    "owner_invitation",
    "question",
    "",
}
# The owner's own pages: for whoever has signed in with a mailbox, and about that mailbox only.
OWNER = {
    "owner_home",
    "owner_proof",
    "owner_send_code",
    "owner_recovery",
    "owner_scanned",
    "owner_new_password",
    "owner_settings",
    "owner_test_mail",
    "owner_diagnosis",
    "owner_sign_ins",
    "owner_travel",
    "owner_travel_add",
    "owner_travel_remove",
    "owner_this_was_me",
    "owner_not_me",
    "owner_what_happened",
    "owner_evidence",
    "owner_apology",
    "owner_apology_stop",
    "owner_package",
    "owner_contact",
    "owner_contact_away",
    "owner_own_codes",
    "owner_factors",
    "owner_factor_app",
    "owner_factor_passkey",
    "owner_factor_remove",
    "owner_app_passwords",
    "owner_app_password_revoke_all",
    "owner_app_password_renew",
    "owner_app_password_revoke",
}
# About the account that is signed in, or a list that holds what it may see.
OWN = {
    "confirm",
    "account",
    "account_password",
    "account_end_others",
    "account_totp",
    "account_passkey",
    "account_factor_rename",
    "account_factor_remove",
    "account_codes",
    "sign_out",
    "dashboard",
    "system",
    "mail_settings",
    "mailboxes",
    "mailboxes_csv",
    "domains",
    "mailbox_new",
    "mailbox_import",
    "incidents",
    "incidents_close",
    "advice",
    "audit",
    "audit_export",
    "api_keys",
    "own_texts",
    "diagnosis",
}
# About one row of a tenant: 404 for the stranger, as if it were not there.
TENANT = {
    "mailbox",
    "domain",
    "mailbox_edit",
    "new_password",
    "reinstatement",
    "settings_test",
    "mailbox_test_mail",
    "owner_proofs",
    "owner_contact_add",
    "owner_contact_remove",
    "owner_codes",
    "owner_recovery_page",
    "owner_invite",
    "owner_factors_reset",
    "app_passwords",
    "app_password_revoke_all",
    "app_password_renew",
    "app_password_revoke",
    "sign_ins",
    "places",
    "travel_add",
    "travel_remove",
    "country_pin",
    "sending_choice",
    "inbound_warnings",
    "sending_countries",
    "sending_countries_set",
    "passwords",
    "renewal_start",
    "renewal",
    "renewal_except",
    "renewal_end",
    "incident",
    "incident_queue",
    "impact_report",
    "impact_evidence",
    "impact_unmask",
    "impact_mask",
    "duty_sheet",
    "duty_known",
    "duty_switch",
    "incident_dismiss",
    "incident_answer",
    "incident_close",
    "incident_planted",
    "incident_this_was_me",
    "incident_site_password",
    "incident_not_me",
    "incident_note",
    "api_key_revoke",
    "own_text",
}
# 404 for everybody but the operator, the tenant's own people as well.
OPERATOR = {
    "admins",
    "admin_add",
    "admin_switch",
    "mailbox_suspend",
    "mailbox_restrict",
    "incident_rescue",
    "incident_watch_end",
    "impact_package",
    "held_mail",
    "rules",
    "channels",
    "channel_test",
    "reputation",
    "listing_asked",
    "held_mail_domain",
    "enforcement",
    "enforcement_preview",
    "enforcement_mode",
    "rescue_rule",
}
# What a page needs in its form before it looks for its row.
FORMS = {
    "rescue_rule": {"hours": "12"},
    "incident_rescue": {"state": "on"},
    "enforcement_mode": {"mode": "observe", "seen": "enforce"},
}


def walk(patterns, prefix=""):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern) and not prefix.startswith("api/"):
            yield pattern


PATTERNS = {pattern.name or "": pattern for pattern in walk(get_resolver().url_patterns)}
TABLES = {"open to all": OPEN_TO_ALL, "owner": OWNER, "own": OWN, "tenant": TENANT, "operator": OPERATOR}


@pytest.fixture
def address_of(incident: Incident, cast):
    """`address_of(name)`: that page about the tenant's mailbox, incident, domain or key."""
    campaign = RenewalCampaign.objects.create(
        domain=DOMAIN, due=incident.detected_at, criterion="chosen", started_at=incident.detected_at, started_by="x"
    )
    row, _ = api_keys.make(cast.owner, "x", ["read"], "x", incident.detected_at.replace(year=2999))
    values = {
        "address": VICTIM,
        "number": incident.pk,
        "item": 1,
        "domain": DOMAIN,
        "campaign": campaign.pk,
        "prefix": row.prefix,
        "account": cast.colleague.pk,
        "kind": "message",
        "figure": "sent.messages",
        "language": "ja",
        "name": "mail",
    }

    def made(name):
        wanted = PATTERNS[name].pattern.regex.groupindex or PATTERNS[name].pattern.converters
        return reverse(name, kwargs={argument: values[argument] for argument in wanted})

    return made


def everything():
    return [list(model.objects.order_by("pk").values()) for model in (MailboxStatus, Order, Incident)], (
        Audit.objects.exclude(verb__startswith="sign_").count()
    )


def test_every_address_stands_in_exactly_one_table():
    for name in PATTERNS:
        tables = [title for title, table in TABLES.items() if name in table]
        assert len(tables) == 1, f"{name!r} stands in {tables or 'no table'}: say whom this page is for"


def test_no_table_names_an_address_that_is_gone():
    assert not set().union(*TABLES.values()) - set(PATTERNS)


@pytest.mark.parametrize("name", sorted(TENANT | OPERATOR))
def test_a_stranger_gets_404_and_changes_nothing(name, address_of, sign_in):
    address, client = address_of(name), sign_in("stranger")
    before = everything()
    answers = [client.get(address).status_code, client.post(address, FORMS.get(name, {})).status_code]
    # A page that is only read says so to everybody (405), before it looks for a row.
    assert 404 in answers and set(answers) <= {404, 405}, answers
    assert everything() == before


@pytest.mark.parametrize("name", sorted(OPERATOR))
@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_the_tenants_own_people_get_404_for_what_is_the_operators(name, who, address_of, sign_in):
    address, client = address_of(name), sign_in(who)
    before = everything()
    answers = [client.get(address).status_code, client.post(address, FORMS.get(name, {})).status_code]
    assert 404 in answers and set(answers) <= {404, 405}, answers
    assert everything() == before


@pytest.mark.parametrize("name", sorted(OWN | TENANT | OPERATOR))
def test_nobody_gets_past_the_sign_in(name, address_of):
    address = address_of(name) if name in TENANT | OPERATOR else _plain(name)
    for answer in (Client().get(address), Client().post(address)):
        assert answer.status_code == 302 and answer.url.startswith(reverse("sign_in")), answer.status_code


@pytest.mark.parametrize("name", sorted(OWNER))
@pytest.mark.parametrize("who", ["", "operator", "owner"])
def test_an_owners_page_is_for_whoever_signed_in_with_the_mailbox_not_for_accounts(name, who, incident, sign_in):
    client = sign_in(who) if who else Client()
    answers = [client.get(_plain(name)), client.post(_plain(name))]
    leading = [answer for answer in answers if answer.status_code != 405]
    assert leading and all(a.status_code == 302 and a.url.startswith(reverse("owner_sign_in")) for a in leading)


def _plain(name):
    wanted = PATTERNS[name].pattern.converters
    return reverse(name, kwargs={argument: 1 for argument in wanted})


@pytest.mark.parametrize(
    "name", sorted(TENANT - {"owner_contact_remove", "app_password_renew", "app_password_revoke", "incident_planted"})
)
@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_it_is_there_for_the_tenants_people(name, who, address_of, sign_in):
    """Or the stranger's 404 would prove nothing; but for pages about a part of the row that is not there."""
    if (name, who) == ("api_key_revoke", "colleague"):
        # A key is its maker's, not the tenant's.
        assert sign_in(who).post(address_of(name)).status_code == 404
        return
    client = sign_in(who)
    assert 404 not in (
        client.get(address_of(name)).status_code,
        client.post(address_of(name), {"country": "JP", "act": "hold_again_all"}).status_code,
    )


def test_a_strangers_lists_name_nothing_of_the_tenant(incident, sign_in):
    client = sign_in("stranger")
    for name in (
        "dashboard",
        "system",
        "mail_settings",
        "mailboxes",
        "domains",
        "incidents",
        "audit",
        "api_keys",
        "audit_export",
    ):
        answer = client.get(reverse(name))
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 200 and DOMAIN.encode() not in text, name
    assert FOREIGN.encode() in client.get(reverse("mailboxes")).content
