"""The words of recovery's mails, Japanese and English.

They go to contacts outside, at most a link that lives ten minutes in them. No password form, no text that somebody
else could have written; the mailbox' own mail is never where they go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from sekisho.config import settings
from sekisho.incidents.letters import Stale
from sekisho.incidents.models import Notice
from sekisho.recovery import contacts, requests
from sekisho.recovery.models import OwnerContact, OwnerFactor, RecoveryRequest

_RULE = "\n" + "-" * 60 + "\n\n"
_Words = dict[str, object]

_SUBJECTS = {
    "recovery_link": ("{mailbox} の再開手続き", "Recovery of the mailbox {mailbox}"),
    "contact_new": ("{mailbox} の連絡先に登録されました", "You are now a contact of the mailbox {mailbox}"),
    "contact_told": ("{mailbox} の連絡先が変更されました", "A contact of the mailbox {mailbox} was changed"),
    "codes_printed": ("{mailbox} の紙のコードが発行されました", "New paper codes for the mailbox {mailbox}"),
    "password_made": ("{mailbox} のパスワードが再設定されました", "A new password was made for {mailbox}"),
    "owner_code": ("{mailbox} の確認コード", "Code for the owner of {mailbox}"),
    "owner_invitation": ("{mailbox} のアプリ・パスキー設定のご案内", "Set up an app or a passkey for {mailbox}"),
    "test_mail": ("受信テスト: メールが届いています", "Test mail: receiving works"),
    "factor_told": ("{mailbox} の本人確認の方法が変更されました", "A second factor of {mailbox} was changed"),
}

_LINK_JA = """\
メールアドレス {mailbox} の新しいパスワードを作る手続きが、{who_ja}始められました。

■ 手続きを続けるには
次のページを開き、新しいパスワードを作ってください。{until} まで、1回だけ使えます。

    {link}
{code_ja}
■ お心当たりがない場合
何もする必要はありません。このメールのリンクがなければ、だれも先へ進めません。
リンクとコードは、だれにも教えないでください。こちらからお尋ねすることはありません。
"""
_LINK_EN = """\
Somebody ({who_en}) wants to make a new password for the mailbox {mailbox}.

To go on
Open this page and make the new password. It works once, until {until}.

    {link}
{code_en}
If you know nothing of this
There is nothing to do: nobody gets any further without the link in this mail.
Give neither link nor code to anybody. We never ask for them.
"""
_CODE_JA = """\

ほかの端末で手続きを始めた方は、その画面に次の8桁のコードを入力しても進めます。

    {code}
"""
_CODE_EN = """\

If you began on another device, you can type this code of eight digits there instead:

    {code}
"""
_NEW_JA = """\
このアドレスが、メールアドレス {mailbox} の連絡先に登録されました({at})。

{mailbox} が第三者に使われて停止したとき、再開のためのリンクをここにお送りします。
連絡先として使えるのは {counts} からです。
お心当たりがない場合は、このメールを無視せず、{domain} のメール管理者にお知らせください。
"""
_NEW_EN = """\
This address was enrolled as a contact of the mailbox {mailbox} ({at}).

If {mailbox} is ever taken over and suspended, the link to recover it is sent here.
It counts as a contact from {counts}.
If you know nothing of this, please tell the mail administrator of {domain}.
"""
_TOLD_JA = """\
メールアドレス {mailbox} の連絡先 {other} が、{at} に{what_ja}されました({by_ja})。

ご本人かメール管理者による変更であれば、何もする必要はありません。
お心当たりがない場合は、すぐに {domain} のメール管理者にお知らせください。
"""
_TOLD_EN = """\
The contact {other} of the mailbox {mailbox} was {what_en} at {at} ({by_en}).

If the owner or the mail administrator did this, there is nothing to do.
If not, please tell the mail administrator of {domain} at once.
"""
_CODES_JA = """\
メールアドレス {mailbox} の紙のコードが、{at} に新しく発行されました。以前の紙は使えません。

お心当たりがない場合は、すぐに {domain} のメール管理者にお知らせください。
"""
_CODES_EN = """\
New paper codes for the mailbox {mailbox} were printed at {at}. The former sheet is void.

If you know nothing of this, please tell the mail administrator of {domain} at once.
"""
_MADE_JA = """\
メールアドレス {mailbox} の新しいパスワードが、{at} に再設定のページで作られました。
停止または制限されていた場合は、まもなく再開します。

ご本人の操作であれば、何もする必要はありません。
お心当たりがない場合は、すぐに {domain} のメール管理者にお知らせください。メールアドレスを停止できます。
"""
_MADE_EN = """\
A new password for the mailbox {mailbox} was made on the recovery page at {at}.
If the mailbox was suspended or restricted, it opens again in a moment.

If the owner did this, there is nothing to do.
If not, please tell the mail administrator of {domain} at once; the mailbox can be suspended.
"""
_CODE_ONLY_JA = """\
メールアドレス {mailbox} の利用者ページで、本人確認のコードが求められました。

    {code}

{until} まで、コードを求めた画面でだけ使えます。

■ お心当たりがない場合
だれかが {mailbox} のパスワードを知っているおそれがあります。
次のページから、新しいパスワードを作ってください。

    {recover}

コードは、だれにも教えないでください。こちらからお尋ねすることはありません。
"""
_CODE_ONLY_EN = """\
Somebody asked for a code at the owner's pages of the mailbox {mailbox}.

    {code}

It works until {until}, only on the page that asked for it.

If you know nothing of this
Somebody else may know the password of {mailbox}. Please make a new one on this page:

    {recover}

Give the code to nobody. We never ask for it.
"""
_INVITED_JA = """\
メールアドレス {mailbox} の利用者ページで使う認証アプリまたはパスキーについて、
メール管理者が設定のご案内をお送りしました。

■ 設定するには
設定したいスマートフォンなどで次のページを開き、このメールアドレスのパスワードでログインしてください。
{until} まで、1回だけ使えます。

    {link}

■ お心当たりがない場合
何もする必要はありません。気になるときは {domain} のメール管理者にお知らせください。
リンクは、だれにも教えないでください。
"""
_INVITED_EN = """\
The mail administrator invites you to set up an authenticator app or a passkey for the owner's pages of {mailbox}.

To set it up
Open this page on the device it is for, and sign in with the mailbox's password. It works once, until {until}.

    {link}

If you know nothing of this
There is nothing to do. If it worries you, please tell the mail administrator of {domain}.
Give the link to nobody.
"""
_FACTOR_JA = """\
メールアドレス {mailbox} の利用者ページで使う{what_ja}しました({at})。

ご本人の操作、またはメール管理者に頼まれたことであれば、何もする必要はありません。
お心当たりがない場合は、すぐに {domain} のメール管理者にお知らせください。
"""
_FACTOR_EN = """\
{what_en} of the owner's pages of {mailbox} ({at}).

If the owner did this, or asked the mail administrator to, there is nothing to do.
If not, please tell the mail administrator of {domain} at once.
"""
_TEST_JA = """\
このメールが読めていれば、{mailbox} の受信は正しく動いています。

{at} に、設定を確認するページからの操作でお送りしました。返信や操作は必要ありません。
"""
_TEST_EN = """\
If you can read this, receiving works for {mailbox}.

It was sent from the page that checks the settings ({at}). There is nothing to answer and nothing to do.
"""
_BODIES = {
    "recovery_link": (_LINK_JA, _LINK_EN),
    "contact_new": (_NEW_JA, _NEW_EN),
    "contact_told": (_TOLD_JA, _TOLD_EN),
    "codes_printed": (_CODES_JA, _CODES_EN),
    "password_made": (_MADE_JA, _MADE_EN),
    "owner_code": (_CODE_ONLY_JA, _CODE_ONLY_EN),
    "owner_invitation": (_INVITED_JA, _INVITED_EN),
    "factor_told": (_FACTOR_JA, _FACTOR_EN),
    "test_mail": (_TEST_JA, _TEST_EN),
}
_FACTORS = {
    ("app", "added"): ("認証アプリを設定", "An authenticator app was set up for the second factor"),
    ("passkey", "added"): ("パスキーを設定", "A passkey was set up for the second factor"),
    ("app", "removed"): ("認証アプリを削除", "The authenticator app was removed from the second factors"),
    ("passkey", "removed"): ("パスキーを削除", "A passkey was removed from the second factors"),
}
_RESET = ("認証アプリとパスキーを、メール管理者がすべて削除", "The mail administrator removed every app and passkey")
_SOURCES = {
    "admin": ("管理者による操作", "by an administrator"),
    "paper": ("紙のコードによる操作", "with a paper code"),
    "owner": ("利用者ページでの操作", "on the owner's page"),
    "site": ("PostfixAdmin での変更", "in PostfixAdmin"),
}
KINDS = tuple(_BODIES)


def link_to(token: str) -> str:
    """The address of the recovery page with this token, as people reach the panel."""
    return f"{settings().web.panel_url}/recover/link/{token}"


def invitation_to(token: str) -> str:
    """The address of an invitation to set up a second factor, as people reach the panel."""
    return f"{settings().web.panel_url}/owner/invitation/{token}"


def _clock(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M (%Z)")


def masked(address: str) -> str:
    """An address that those who know it recognise: t…@mail.example."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _about_link(letter: Notice) -> _Words:
    request = RecoveryRequest.objects.filter(pk=int(letter.about.rpartition(" ")[2])).first()
    now = timezone.now()
    if request is None or request.state not in ("asked", "live") or request.expires_at <= now:
        raise Stale("the link has run out or was used")
    by_admin = request.origin == "admin"
    words: _Words = {
        "link": link_to(requests.token_of(request)),
        "until": timezone.localtime(request.expires_at).strftime("%H:%M (%Z)"),
        "who_ja": "メール管理者によって" if by_admin else "再開のページで",
        "who_en": "the mail administrator" if by_admin else "on the recovery page",
    }
    code = requests.code_of(request) if request.with_code else ""
    words["code_ja"] = _CODE_JA.format(code=code) if code else ""
    words["code_en"] = _CODE_EN.format(code=code) if code else ""
    return words


def _about_code(letter: Notice) -> _Words:
    request = RecoveryRequest.objects.filter(pk=int(letter.about.rpartition(" ")[2]), origin="login").first()
    if request is None or request.state != "live" or request.expires_at <= timezone.now():
        raise Stale("the code has run out or was used")
    return {
        "code": requests.code_of(request),
        "until": timezone.localtime(request.expires_at).strftime("%H:%M (%Z)"),
        "recover": link_to("").removesuffix("link/"),
    }


def _about_invitation(letter: Notice) -> _Words:
    request = RecoveryRequest.objects.filter(pk=int(letter.about.rpartition(" ")[2]), origin="setup").first()
    if request is None or request.state != "live" or request.expires_at <= timezone.now():
        raise Stale("the invitation has run out or was used")
    return {
        "link": invitation_to(requests.token_of(request)),
        "until": timezone.localtime(request.expires_at).strftime("%H:%M (%Z)"),
    }


def _about_factor(letter: Notice) -> _Words:
    _, number, what = letter.about.split()
    factor = OwnerFactor.objects.filter(pk=int(number)).first()
    if factor is None:
        raise Stale("the factor is gone")
    what_ja, what_en = _RESET if what == "reset" else _FACTORS[factor.kind, what]
    return {"what_ja": what_ja, "what_en": what_en}


def _about_contact(letter: Notice) -> _Words:
    _, number, *what = letter.about.split()
    contact = OwnerContact.objects.filter(pk=int(number)).first()
    if contact is None:
        raise Stale("the contact is gone")
    removed = what[:1] == ["removed"]
    # How it was enrolled says nothing about who removed it, but for the site's own.
    source = contact.source
    if removed and source != "site":
        source = "owner" if "owner" in what else "admin"
    return {
        "other": masked(contact.address),
        "counts": timezone.localtime(contacts.counts_from(contact.enrolled_at)).strftime("%Y-%m-%d"),
        "what_ja": "削除" if removed else "追加",
        "what_en": "removed" if removed else "added",
        "by_ja": _SOURCES[source][0],
        "by_en": _SOURCES[source][1],
    }


def _about_nothing_more(letter: Notice) -> _Words:
    return {}


_ABOUT: dict[str, Callable[[Notice], _Words]] = {
    "recovery_link": _about_link,
    "owner_code": _about_code,
    "owner_invitation": _about_invitation,
    "factor_told": _about_factor,
    "contact_new": _about_contact,
    "contact_told": _about_contact,
}


def compose(letter: Notice) -> tuple[str, str]:
    """Subject and text, the contact's language first; raises Stale."""
    words: _Words = {
        "mailbox": letter.mailbox,
        "domain": letter.mailbox.rpartition("@")[2],
        "at": _clock(letter.created_at),
        **_ABOUT.get(letter.kind, _about_nothing_more)(letter),
    }
    order = (0, 1) if letter.language == "ja" else (1, 0)
    subject = _SUBJECTS[letter.kind][order[0]].format(**words)
    return subject, _RULE.join(_BODIES[letter.kind][place].format(**words) for place in order)
