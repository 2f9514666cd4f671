"""The audit log's verbs and entrances in words; a verb without words here is shown as it is stored."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sekisho.web.words import Words

VIAS: dict[str, Words] = {
    "panel": pgettext_lazy("entrance", "Panel"),
    "api": pgettext_lazy("entrance", "API"),
    "cli": pgettext_lazy("entrance", "Command line"),
    "worker": pgettext_lazy("entrance", "Automatic"),
    "agent": pgettext_lazy("entrance", "Mail host"),
}

VERBS: dict[str, Words] = {
    "suspended": _("Suspended"),
    "restricted": _("Sending restricted"),
    "probation": _("Reinstated, on probation"),
    "active": _("Active again"),
    "channel_tested": _("Test notice asked for"),
    "close": _("Incident closed"),
    "mode": _("Mode of a domain changed"),
    "set_password": _("New password"),
    "sign_in": _("Signed in"),
    "sign_in_failed": _("Sign-in failed"),
    "sign_out": _("Signed out"),
    "api_key_made": _("API key made"),
    "api_key_revoked": _("API key revoked"),
    "app_password": _("App password made"),
    "revoke_app_password": _("App password revoked"),
    "owner_contact_added": _("Contact of the owner enrolled"),
    "owner_contact_removed": _("Contact of the owner removed"),
    "owner_codes_printed": _("Codes on paper printed"),
    "recovery_page_made": _("Recovery page made"),
    "recovered_by_owner": _("Recovered by the owner"),
    "mailbox_added": _("Mailbox added"),
    "admin_added": _("Account added"),
    "contact_added": _("Contact of a domain added"),
    "owner_sign_in": _("Owner signed in"),
    "owner_code_sent": _("Code sent to the owner's contact"),
    "owner_invited": _("Owner invited to set up a second factor"),
    "owner_factor_added": _("Owner's second factor added"),
    "owner_factor_removed": _("Owner's second factor removed"),
    "owner_factors_reset": _("Owner's second factors taken away"),
    "owner_factor_shown": _("Owner proved by app or passkey"),
    "owner_factor_refused": _("Owner's app or passkey refused"),
    "own_text_written": _("Text for owners written"),
    "own_text_restored": _("Text for owners restored"),
    "test_mail_sent": _("Test mail sent"),
    "recovery_begun": _("Recovery begun"),
    "recovery_code_right": _("Owner proved by a code"),
    "recovery_link_sent": _("Recovery link sent"),
    "admin_disabled": _("Account disabled"),
    "admin_enabled": _("Account enabled"),
    "sso_sign_in": _("Signed in from the hoster's panel"),
    "sso_owner_sign_in": _("Owner signed in from the hoster's panel"),
    "account_made_by_sso": _("Account made for the hoster's panel"),
    "site_password": _("Opened with the password of the site's tables"),
    "site_password_refused": _("Password of the site's tables not accepted"),
    "factor_added": _("Second factor added"),
    "factor_removed": _("Second factor removed"),
    "factor_renewed": _("Second factor renewed"),
    "factor_refused": _("Second factor refused"),
    "factors_taken_away": _("All second factors taken away"),
}
