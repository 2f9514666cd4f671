"""The panel's addresses. Those of the mail administration follow the breadcrumb:
管理 › システム › メール設定 › メール管理 › 編集."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from sekisho.web.views import (
    account,
    admins,
    advice,
    answers,
    api_keys,
    app_passwords,
    audit,
    case,
    check_settings,
    client_settings,
    confirm,
    dashboard,
    enforcement,
    factors,
    held_mail,
    incident_bulk,
    incidents,
    mail_program,
    mail_settings,
    mailbox,
    mailboxes,
    new_mailboxes,
    notes,
    own_texts,
    owner,
    owner_account,
    owner_app_passwords,
    owner_factors,
    owner_proofs,
    owner_sign_in,
    owner_sign_ins,
    places,
    question,
    recover,
    rescue,
    settings_test,
    sign_in,
    sign_ins,
    single_sign_on,
)


def _any_case(text: str) -> str:
    """A pattern for this path in any case: Outlook asks for /AutoDiscover/AutoDiscover.xml, too. "(?i:" would do the
    same and cannot be turned into an address (django.utils.regex_helper)."""
    letters = (f"[{one.lower()}{one.upper()}]" if one.isalpha() else one.replace(".", r"\.") for one in text)
    return "^" + "".join(letters)


handler404 = "sekisho.web.views.errors.not_found"
handler429 = "sekisho.web.views.errors.too_many"
handler500 = "sekisho.web.views.errors.failed"

_mail = "admin/system/mail/"
_enforcement = "admin/system/enforcement/"
_held_mail = "admin/system/held-mail/"
_mailbox = _mail + "mailboxes/<str:address>/"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="dashboard")),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    # django-allauth asks for these names; the other pages that it brings are not here.
    path("sign-in/", sign_in.SignIn.as_view(), name="account_login"),
    path("sign-in/second-factor/", sign_in.second_factor, name="mfa_authenticate"),
    path("sign-in/passkey/", sign_in.passkey, name="mfa_login_webauthn"),
    path("sso/", single_sign_on.enter, name="sso"),
    path("confirm/", confirm.show, name="confirm"),
    path("account/", account.show, name="account"),
    path("account/password/", account.set_password, name="account_password"),
    path("account/sessions/end/", account.end_others, name="account_end_others"),
    path("account/app/", factors.totp, name="account_totp"),
    path("account/passkey/", factors.passkey, name="account_passkey"),
    path("account/factors/<int:number>/name/", factors.rename, name="account_factor_rename"),
    path("account/factors/<int:number>/remove/", factors.remove, name="account_factor_remove"),
    path("account/recovery-codes/", factors.codes, name="account_codes"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("recover/", recover.start, name="recover"),
    path("recover/code", recover.code, name="recover_code"),
    # web.masking knows this path: its token is in no log.
    path("recover/link/<str:token>", recover.link, name="recover_link"),
    path("recover/password", recover.password, name="recover_password"),
    path("recover/new-password", recover.new_password, name="recover_new_password"),
    path("recover/done", recover.done, name="recover_done"),
    path("recover/settings-test/", settings_test.of_owner, name="recover_settings_test"),
    path("recover/app-passwords/", owner_app_passwords.show, name="recover_app_passwords"),
    path("recover/app-passwords/delete-all/", owner_app_passwords.revoke_all, name="recover_app_password_revoke_all"),
    path("recover/app-passwords/<int:number>/renew/", owner_app_passwords.renew, name="recover_app_password_renew"),
    path("recover/app-passwords/<int:number>/delete/", owner_app_passwords.revoke, name="recover_app_password_revoke"),
    path("recover/contact", recover.contact, name="recover_contact"),
    path("owner/", owner.home, name="owner_home"),
    path("owner/sign-in/", owner_sign_in.sign_in, name="owner_sign_in"),
    path("owner/sign-out/", owner_sign_in.sign_out, name="owner_sign_out"),
    path("owner/proof/", owner_sign_in.proof, name="owner_proof"),
    path("owner/proof/code/", owner_sign_in.send_code, name="owner_send_code"),
    path("owner/recovery/", owner.recovery, name="owner_recovery"),
    path("owner/recovery/scanned/", owner.scanned, name="owner_scanned"),
    path("owner/recovery/new-password/", owner.new_password, name="owner_new_password"),
    path("owner/settings/", owner.settings_help, name="owner_settings"),
    path("owner/advice/", advice.for_owners, name="owner_advice"),
    path("owner/sign-ins/", owner_sign_ins.show, name="owner_sign_ins"),
    path("owner/this-was-me/", owner_sign_ins.this_was_me, name="owner_this_was_me"),
    path("owner/not-me/", owner_sign_ins.not_me, name="owner_not_me"),
    path("owner/contact/", owner_account.contact, name="owner_contact"),
    path("owner/contact/<int:number>/remove/", owner_account.contact_remove, name="owner_contact_away"),
    # web.masking knows this path: its token is in no log.
    path("owner/invitation/<str:token>", owner_factors.invitation, name="owner_invitation"),
    path("owner/factors/", owner_factors.show, name="owner_factors"),
    path("owner/factors/app/", owner_factors.app, name="owner_factor_app"),
    path("owner/factors/passkey/", owner_factors.passkey, name="owner_factor_passkey"),
    path("owner/factors/<int:number>/remove/", owner_factors.remove, name="owner_factor_remove"),
    path("owner/codes/", owner_account.codes, name="owner_own_codes"),
    path("owner/app-passwords/", owner_account.app_passwords, name="owner_app_passwords"),
    path(
        "owner/app-passwords/delete-all/", owner_account.app_password_revoke_all, name="owner_app_password_revoke_all"
    ),
    path("owner/app-passwords/<int:number>/renew/", owner_account.app_password_renew, name="owner_app_password_renew"),
    path(
        "owner/app-passwords/<int:number>/delete/", owner_account.app_password_revoke, name="owner_app_password_revoke"
    ),
    path("case/", case.check, name="case"),
    # Mail programs ask these by themselves, at the names of docs/mail-programs.md.
    path("mail/config-v1.1.xml", client_settings.autoconfig, name="autoconfig"),
    path(".well-known/autoconfig/mail/config-v1.1.xml", client_settings.autoconfig),
    path(".well-known/user-agent-configuration.json", client_settings.pacc, name="pacc"),
    re_path(_any_case("autodiscover/autodiscover.xml") + "$", client_settings.autodiscover, name="autodiscover"),
    re_path(
        _any_case("autodiscover/autodiscover.json") + r"(?:/v1\.0/(?P<address>[^/]{1,254}))?/?$",
        client_settings.autodiscover_json,
        name="autodiscover_json",
    ),
    path("help/mail-program/", mail_program.show, name="mail_program"),
    path("help/check-settings/", check_settings.check, name="check_settings"),
    path("help/mail-program/profile.mobileconfig", client_settings.apple_profile, name="apple_profile"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("admin/", dashboard.dashboard, name="dashboard"),
    path("admin/system/", dashboard.system, name="system"),
    path(_mail, mail_settings.show, name="mail_settings"),
    path(_mail + "mailboxes/", mailboxes.listing, name="mailboxes"),
    path(_mail + "mailboxes.csv", new_mailboxes.export, name="mailboxes_csv"),
    path(_mail + "new-mailbox/", new_mailboxes.add, name="mailbox_new"),
    path(_mail + "import/", new_mailboxes.many, name="mailbox_import"),
    path(_mailbox, mailbox.show, name="mailbox"),
    path(_mailbox + "edit", mailboxes.edit, name="mailbox_edit"),
    path(_mailbox + "new-password/", mailboxes.new_password, name="new_password"),
    path(_mailbox + "reinstatement/", mailboxes.reinstatement, name="reinstatement"),
    path(_mailbox + "settings-test/", settings_test.of_mailbox, name="settings_test"),
    path(_mailbox + "owner/", owner_proofs.show, name="owner_proofs"),
    path(_mailbox + "owner/contacts/", owner_proofs.add_contact, name="owner_contact_add"),
    path(_mailbox + "owner/contacts/<int:number>/remove/", owner_proofs.remove_contact, name="owner_contact_remove"),
    path(_mailbox + "owner/codes/", owner_proofs.print_codes, name="owner_codes"),
    path(_mailbox + "owner/invitation/", owner_proofs.invite, name="owner_invite"),
    path(_mailbox + "owner/factors/reset/", owner_proofs.reset_factors, name="owner_factors_reset"),
    path(_mailbox + "owner/recovery-page/", owner_proofs.recovery_page, name="owner_recovery_page"),
    path(_mailbox + "app-passwords/", app_passwords.show, name="app_passwords"),
    path(_mailbox + "app-passwords/delete-all/", app_passwords.revoke_all, name="app_password_revoke_all"),
    path(_mailbox + "app-passwords/<int:number>/renew/", app_passwords.renew, name="app_password_renew"),
    path(_mailbox + "app-passwords/<int:number>/delete/", app_passwords.revoke, name="app_password_revoke"),
    path(_mailbox + "sign-ins/", sign_ins.show, name="sign_ins"),
    path(_mailbox + "places/", places.show, name="places"),
    path(_mailbox + "places/travel/", places.add_pass, name="travel_add"),
    path(_mailbox + "places/travel/remove/", places.remove_pass, name="travel_remove"),
    path(_mailbox + "places/countries/", places.pin, name="country_pin"),
    path(_mailbox + "suspend/", mailboxes.suspend, name="mailbox_suspend"),
    path(_mailbox + "restrict/", mailboxes.restrict, name="mailbox_restrict"),
    path("admin/incidents/", incidents.listing, name="incidents"),
    path("admin/incidents/close/", incident_bulk.close, name="incidents_close"),
    path("admin/incidents/<int:number>/", incidents.show, name="incident"),
    path("admin/incidents/<int:number>/queue/", held_mail.queue, name="incident_queue"),
    path("admin/incidents/<int:number>/dismiss/", incidents.dismiss, name="incident_dismiss"),
    path("admin/incidents/<int:number>/answer/", incidents.answer, name="incident_answer"),
    path("admin/incidents/<int:number>/notes/", notes.add, name="incident_note"),
    path("admin/incidents/<int:number>/close/", incidents.close, name="incident_close"),
    path("admin/incidents/<int:number>/rescue/", rescue.switch, name="incident_rescue"),
    path("admin/incidents/<int:number>/planted/<int:item>/", incidents.decide_planted, name="incident_planted"),
    path("admin/incidents/<int:number>/this-was-me/", answers.this_was_me, name="incident_this_was_me"),
    path("admin/incidents/<int:number>/not-me/", answers.not_me, name="incident_not_me"),
    path(_held_mail, held_mail.listing, name="held_mail"),
    path(_held_mail + "<str:domain>/", held_mail.of_domain, name="held_mail_domain"),
    path("admin/system/admins/", admins.listing, name="admins"),
    path("admin/system/admins/add/", admins.add, name="admin_add"),
    path("admin/system/admins/<int:account>/", admins.switch, name="admin_switch"),
    path(_enforcement, enforcement.listing, name="enforcement"),
    path(_enforcement + "<str:domain>/", enforcement.preview, name="enforcement_preview"),
    path(_enforcement + "<str:domain>/mode/", enforcement.set_mode, name="enforcement_mode"),
    path(_enforcement + "<str:domain>/rescue/", rescue.set_rule, name="rescue_rule"),
    path("question/<str:token>", question.show, name="question"),
    path("admin/if-taken-over/", advice.show, name="advice"),
    path("admin/system/texts/", own_texts.listing, name="own_texts"),
    path("admin/system/texts/<str:domain>/<str:kind>/<str:language>/", own_texts.edit, name="own_text"),
    path("admin/system/audit/", audit.listing, name="audit"),
    path("admin/system/audit/export.csv", audit.export, name="audit_export"),
    path("admin/system/api-keys/", api_keys.listing, name="api_keys"),
    path("admin/system/api-keys/<str:prefix>/revoke/", api_keys.revoke, name="api_key_revoke"),
    path("api/", include("sekisho.web.api.urls")),
]
