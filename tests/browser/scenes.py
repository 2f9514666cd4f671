"""Every page of the panel with something on it: what the accessibility tests and `make shots` walk through.

A page is a name, an address and who looks at it. `test_every_page_is_walked_through` compares with the panel's
addresses, so that a new page without a row turns it red.
"""

from __future__ import annotations

from dataclasses import dataclass

VICTIM, OPERATOR, OWNER = "mori@hana.example", "operator", "kanri@hana.example"
# Owners at their own pages, each behind the second factor: one with an alert, one whose mailbox is suspended.
ALERTED, LOCKED = "aoki@hana.example", "ueda@hana.example"
OWNERS = (ALERTED, LOCKED)

# A suspended mailbox with a past and held mail, and one whose owner is asked; played once per panel.
SCENE = f"""
import secrets
from datetime import timedelta
from django.utils import timezone
from sekisho.directory import provision
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import app_passwords, decisions, notes, question_links, renewal, settings_test
from sekisho.incidents.models import Incident, KnownSetting, Notice, QuestionLink, QueueIdLogin, UsualUse
from sekisho.journal import AttemptSeen, DecisionRecord, IndicatorRecord
from sekisho.recovery.models import SiteWatch
asked = "kinjo@hana.example"
if not SiteMailbox.objects.filter(username={VICTIM!r}).exists():
    provision.add_mailbox({VICTIM!r}, casting.STOLEN_PASSWORD, name="森 みどり")
    incident = casting.takeover({VICTIM!r})
    casting.scores(incident)
    SiteWatch.objects.create(mailbox=incident.mailbox, generation=incident.generation, password_mark="0123456789abcdef",
                             edit_mark="", edits=0, state="asked", seen_at=timezone.now())
    casting.held(incident)
    casting.aftermath(incident)
    for number in range(40):
        at = incident.detected_at - timedelta(seconds=6 * number)
        QueueIdLogin.objects.create(queue_id=secrets.token_hex(5), mailbox=incident.mailbox, at=at)
    notes.add_note(incident, "お電話で確認しました。", "operator", timezone.now())
    provision.add_mailbox(asked, casting.STOLEN_PASSWORD)
    provision.add_contact(casting.DOMAIN, "soto@outside.example", "ja")
    now = timezone.now()
    QueueIdLogin.objects.create(queue_id=secrets.token_hex(5), mailbox=asked, at=now, recipients=800)
    found = [IndicatorRecord(name, value, ja, en) for name, value, ja, en in casting.INDICATORS]
    decisions.record_detection(DecisionRecord(
        id=secrets.token_hex(8), t=now.timestamp(), host=casting.HOST, mailbox=asked, generation=0, action="restrict",
        before="active", after="restricted", limit=10, enforced=True, score=7.1, indicators=tuple(found),
        ip="198.19.18.66", country="NG", asn=65018, first_risk_at=now.timestamp() - 60))
    Notice.objects.update(state="sent")
    for owner in {OWNERS!r}:
        provision.add_mailbox(owner, casting.STOLEN_PASSWORD)
        casting.sign_ins(owner)
    casting.alert({ALERTED!r})
    usual = dict(countries=["JP"], owners=[64540], protocols=["imap", "smtp"], busiest_day=3, days=41,
                 clients=["Thunderbird", "iPhone Mail"])
    forward = dict(address={ALERTED!r}, target="katei@outside.example", targets=["katei@outside.example"])
    UsualUse.objects.create(mailbox={ALERTED!r}, at=now, facts=usual)
    KnownSetting.objects.create(mailbox={ALERTED!r}, kind="forward", key="f", what=forward, first_seen=now,
                                last_seen=now)
    app_passwords.add({ALERTED!r}, "iPhone", ["imap", "smtp"], "operator")
    casting.aftermath(casting.takeover({LOCKED!r}))
    casting.sign_ins({VICTIM!r})
    settings_test.watch({VICTIM!r}, "127.0.0.1", now, password_set=True)
    for number, (slip, success, ip) in enumerate([("", True, "127.0.0.1"), ("local_part", False, "127.0.0.1"),
                                                  ("", False, "198.18.40.7"), ("certificate", False, "127.0.0.1")]):
        settings_test.keep(AttemptSeen(now.timestamp() + number + 1, {VICTIM!r}, slip, "own", success, "imap", ip))
people = [{VICTIM!r}, *{OWNERS!r}]
campaign = renewal.open_campaign("hana.example") or renewal.start(
    "hana.example", people, "chosen", timezone.now() + timedelta(days=20), "operator", timezone.now())
renewal.except_until(campaign.mailboxes.get(mailbox={VICTIM!r}), timezone.now() + timedelta(days=60), "受付の複合機",
                     "operator", timezone.now())
link = QuestionLink.objects.get(notice__incident__mailbox=asked, notice__recipient="soto@outside.example")
from sekisho.impact.models import Listing, ListLook
from sekisho.incidents.models import ReceiverDay
seen = timezone.now()
# Played once for each walk: a listing that stands is there once.
for table in (Listing, ListLook, ReceiverDay):
    table.objects.all().delete()
for zone, gone in (("bl.spamcop.net", None), ("b.barracudacentral.org", seen)):
    listing = Listing.objects.create(zone=zone, kind="ipv4", subject="192.0.2.7", codes="127.0.0.2",
                                     first_at=seen - timedelta(hours=5), last_at=seen, gone_at=gone)
    listing.incidents.set(Incident.objects.filter(mailbox={VICTIM!r}))
for zone, verdict in (("bl.spamcop.net", "works"), ("zen.spamhaus.org", "refused")):
    ListLook.objects.create(zone=zone, kind="ipv4", verdict=verdict, at=seen, since=seen)
for ago in range(20):
    ReceiverDay.objects.create(day=(seen - timedelta(days=ago)).date(), receiver="docomo", domain="hana.example",
                               refused_57=max(0, 9 - 3 * ago), delivered=90)
result = [Incident.objects.get(mailbox={VICTIM!r}).pk, question_links.token_of(link.seed)]
"""

# A link serves one visitor: each walk has its own.
FRESH_LINK = f"""
from django.utils import timezone
from sekisho.recovery import requests
result = requests.start_by_admin({VICTIM!r}, "operator", timezone.now())
"""


# A sheet of paper codes for each owner, a month old: {address: code}.
CODES = f"""
from datetime import timedelta
from django.utils import timezone
from sekisho.recovery import paper
from sekisho.directory.models import SiteMailbox
SiteMailbox.objects.filter(username__in={OWNERS!r}).update(created=timezone.now() - timedelta(days=400))
month_ago = timezone.now() - timedelta(days=30)
result = {{owner: paper.print_sheet(owner, "admin", month_ago)[0] for owner in {OWNERS!r}}}
"""


@dataclass(frozen=True)
class Scene:
    """One page: its name in the addresses, its path, and who looks: an account, one of OWNERS, "" for nobody."""

    name: str
    path: str
    account: str = OPERATOR
    # Further words for the file name of its picture, when one page has several faces.
    face: str = ""


def scenes(incident: int, question: str, link: str) -> list[Scene]:
    """The pages over SCENE (its incident's number, its question's token) for a visitor with this FRESH_LINK."""
    mailbox = f"/admin/system/mail/mailboxes/{VICTIM}"
    case = f"/admin/incidents/{incident}"
    return [
        Scene("sign_in", "/sign-in/", ""),
        Scene("recover", "/recover/", ""),
        Scene("recover_code", "/recover/code", ""),
        Scene("recover_link", "/recover/link/0123456789abcdef012345", "", "over"),
        Scene("recover_link", f"/recover/link/{link}", ""),
        Scene("recover_contact", "/recover/contact", ""),
        Scene("case", "/case/", ""),
        Scene("mail_program", "/help/mail-program/", "", "asks"),
        Scene("mail_program", f"/help/mail-program/?address={VICTIM}&program=outlook", ""),
        Scene("check_settings", f"/help/check-settings/?address={VICTIM}", ""),
        Scene("owner_sign_in", "/owner/sign-in/", ""),
        Scene("owner_advice", "/owner/advice/", ""),
        Scene("owner_home", "/owner/", ALERTED),
        Scene("owner_settings", "/owner/settings/", ALERTED),
        Scene("owner_test_mail", "/owner/test-mail/", ALERTED),
        Scene("owner_diagnosis", "/owner/diagnosis/", ALERTED),
        Scene("owner_sign_ins", "/owner/sign-ins/", ALERTED),
        Scene("owner_travel", "/owner/travel/", ALERTED),
        Scene("owner_this_was_me", "/owner/this-was-me/", ALERTED),
        Scene("owner_not_me", "/owner/not-me/", ALERTED),
        Scene("owner_contact", "/owner/contact/", ALERTED),
        Scene("owner_own_codes", "/owner/codes/", ALERTED),
        Scene("owner_factors", "/owner/factors/", ALERTED),
        Scene("owner_factor_app", "/owner/factors/app/", ALERTED),
        Scene("owner_app_passwords", "/owner/app-passwords/", ALERTED),
        Scene("owner_what_happened", "/owner/what-happened/", ALERTED, "nothing"),
        Scene("owner_what_happened", "/owner/what-happened/", LOCKED),
        Scene("owner_evidence", "/owner/what-happened/evidence/sent.messages/", LOCKED),
        Scene("owner_apology", "/owner/what-happened/apology/", LOCKED),
        Scene("owner_home", "/owner/", LOCKED, "suspended"),
        Scene("owner_recovery", "/owner/recovery/", LOCKED),
        Scene("question", f"/question/{question}", ""),
        Scene("account", "/account/"),
        Scene("account_totp", "/account/app/"),
        Scene("confirm", "/confirm/"),
        Scene("dashboard", "/admin/"),
        Scene("dashboard", "/admin/", OWNER, "domain-admin"),
        Scene("system", "/admin/system/"),
        Scene("mail_settings", "/admin/system/mail/?domain=hana.example"),
        Scene("mailboxes", "/admin/system/mail/mailboxes/"),
        Scene("mailbox_new", "/admin/system/mail/new-mailbox/"),
        Scene("mailbox_import", "/admin/system/mail/import/"),
        Scene("mailbox", f"{mailbox}/"),
        Scene("mailbox", f"/admin/system/mail/mailboxes/{ALERTED}/", OWNER, "domain-admin"),
        Scene("mailbox_edit", f"{mailbox}/edit"),
        Scene("mailbox_edit", f"{mailbox}/edit", OWNER, "domain-admin"),
        Scene("owner_proofs", f"{mailbox}/owner/"),
        Scene("app_passwords", f"{mailbox}/app-passwords/"),
        Scene("places", f"{mailbox}/places/"),
        Scene("sign_ins", f"{mailbox}/sign-ins/"),
        Scene("reinstatement", f"{mailbox}/reinstatement/"),
        Scene("settings_test", f"{mailbox}/settings-test/"),
        Scene("mailbox_test_mail", f"{mailbox}/test-mail/"),
        Scene("incidents", "/admin/incidents/?show=all"),
        Scene("incidents_close", f"/admin/incidents/close/?incident={incident}&incident={incident + 1}"),
        Scene("incident", f"{case}/"),
        Scene("incident_queue", f"{case}/queue/"),
        Scene("impact_report", f"{case}/impact/"),
        Scene("impact_report", f"{case}/impact/", OWNER, "domain-admin"),
        Scene("impact_evidence", f"{case}/impact/evidence/sent.recipients/"),
        Scene("impact_unmask", f"{case}/impact/unmask/"),
        Scene("impact_package", f"{case}/impact/package/"),
        Scene("duty_sheet", f"{case}/duty/"),
        Scene("incident_dismiss", f"{case}/dismiss/"),
        Scene("incident_this_was_me", f"{case}/this-was-me/"),
        Scene("incident_not_me", f"{case}/not-me/"),
        Scene("incident_site_password", f"{case}/site-password/"),
        Scene("admins", "/admin/system/admins/"),
        Scene("audit", "/admin/system/audit/"),
        Scene("api_keys", "/admin/system/api-keys/"),
        Scene("held_mail", "/admin/system/held-mail/"),
        Scene("held_mail_domain", "/admin/system/held-mail/hana.example/"),
        Scene("domains", "/admin/system/domains/"),
        Scene("domain", "/admin/system/domains/hana.example/"),
        Scene("domain", "/admin/system/domains/hana.example/", OWNER, "domain-admin"),
        Scene("inbound_warnings", "/admin/system/domains/hana.example/inbound/"),
        Scene("sending_countries", "/admin/system/domains/hana.example/sending-countries/"),
        # The first campaign of this panel: SCENE has begun it.
        Scene("renewal", "/admin/system/domains/hana.example/passwords/1/"),
        Scene("passwords", "/admin/system/domains/hana.example/passwords/"),
        Scene("diagnosis", "/admin/system/diagnosis/"),
        Scene("rules", "/admin/system/rules/?alert=3&restrict=5&suspend=15"),
        Scene("channels", "/admin/system/channels/"),
        Scene("reputation", "/admin/system/reputation/"),
        Scene("enforcement", "/admin/system/enforcement/"),
        Scene("enforcement_preview", "/admin/system/enforcement/hana.example/"),
        Scene("advice", "/admin/if-taken-over/"),
        Scene("own_texts", "/admin/system/texts/?domain=hana.example"),
        Scene("own_text", "/admin/system/texts/hana.example/message/ja/"),
        Scene("own_text", "/admin/system/texts/ALL/advice/en/", face="advice"),
    ]
