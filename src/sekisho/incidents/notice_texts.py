"""The words of a notice, Japanese and English: what happened, what it means for mail, what to do now.

Privacy: no link that opens a mailbox, no password, no indicator's threshold. The reader is told where to click in the
panel he knows, or (a restriction) is asked by a link that takes one bounded answer (question_texts).
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from sekisho.config import settings
from sekisho.detection.fuse import FUSE_SECONDS
from sekisho.incidents import planted_texts, question_texts, waiting_texts
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Incident, Notice, Transition
from sekisho.incidents.notice_facts import moment, place_words, reasons

_SUBJECTS = {
    "suspended": ("メールアドレス {mailbox} を停止しました", "Mailbox {mailbox} was suspended"),
    "owner_told": ("メールアドレス {mailbox} を停止しました", "Your mailbox {mailbox} was suspended"),
    "restricted": ("メールアドレス {mailbox} の送信を制限しました", "Sending from mailbox {mailbox} was restricted"),
    "stopped": ("メールアドレス {mailbox} からの送信を止めました", "Sending from mailbox {mailbox} was stopped"),
    "fuse": (
        "【要確認】{host}: 自動停止が続き、ヒューズが切れました",
        "{host}: many suspensions, the fuse is blown",
    ),
    **question_texts.SUBJECTS,
    **planted_texts.SUBJECTS,
    **waiting_texts.SUBJECTS,
}
# Kinds about a restriction: they ask whether this was the owner.
_ASKING = ("restricted", "owner_asked", "unanswered")

_SUSPENDED_JA = """\
{at}、メールアドレス {mailbox} が第三者に使われているおそれがあるため、サーバー側で停止しました。

■ いまの状態
・このアドレスでは、ログイン(受信)も送信もできません。
・届くはずのメールは失われていません。送信者側のサーバーに保存され、再開すると届きます。
  ただし保存期間(多くは2日から5日)を過ぎると送信者に戻されます。お早めに手続きをお願いします。

■ 理由
{reasons_ja}

■ 再開の手順
1. 管理画面で、管理 › システム › メール設定 › メール管理へ と進み、{mailbox} の「編集」を開きます。
2. 「新しいパスワード」と(確認)に、15文字以上の新しいパスワードを入力します(生成ボタンが使えます)。
   以前のパスワードは使えません。「アクティブ」にチェックを入れ、「保存」を押します。
3. メールソフトでは「パスワード」の欄だけを新しいものに変え、アカウント設定のテストをします。
   うまくいかないときは、サーバー名が「メール設定」に表示されたものと同じか確認してください。

お心当たりのある操作で、乗っ取りではない場合は、運用担当者にお知らせください。
このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。
"""

_SUSPENDED_EN = """\
At {at} the mailbox {mailbox} was suspended by the server: there are signs that somebody else uses it.

What this means
- Nobody can log in to it or send from it.
- Mail to it is not lost. It waits at the senders' servers and arrives after the mailbox is reinstated.
  After their waiting time (mostly 2 to 5 days) it is returned to the senders, so please act soon.

Why
{reasons_en}

What to do
1. In the panel go to 管理 (Administration) › システム (System) › メール設定 (Mail settings) › メール管理へ
   (To mail administration) and open 編集 (Edit) of {mailbox}.
2. Enter a new password of 15 characters or more twice (there is a generator). No former password is accepted.
   Tick アクティブ (Active) and press 保存 (Save).
3. In the mail program change the password only, and run its account test. If it fails, compare the server name
   with the one shown under メール設定.

If this was not a takeover, tell the operator of your mail service.
This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake.
"""

_RESTRICTED_JA = """\
{at}、メールアドレス {mailbox} にふだんと違う使われ方が見つかったため、{means_ja}

■ 理由
{reasons_ja}

■ お願い
{asking_ja}
"""

_RESTRICTED_EN = """\
At {at} the mailbox {mailbox} was found to be used in an unusual way. {means_en}

Why
{reasons_en}

Please answer
{asking_en}
"""

# What a restriction means: a few new recipients an hour, or (limit 0) no sending at all.
_MEANS_LIMIT = (
    "送信を制限しました。\nログインと受信、これまでにやりとりのある宛先への送信は、いままでどおりできます。",
    "Sending to new\nrecipients is limited. Logging in, receiving, and sending to known correspondents work as before.",
)
_MEANS_STOP = (
    "送信を止めました。\nログインと受信はいままでどおりできますが、どの宛先へも送信できません。",
    "All sending\nis stopped, also to known correspondents. Logging in and receiving work as before.",
)

_TOLD_JA = """\
{at}、あなたのメールアドレス {mailbox} が第三者に使われているおそれがあるため、サーバー側で停止しました。
このお知らせは、前もって登録された連絡先にお送りしています。

■ いまの状態
・ログイン(受信)も送信もできません。届くはずのメールは送信者側のサーバーで待っていて、再開すると届きます。
  保存期間(多くは2日から5日)を過ぎると送信者に戻されます。

■ 理由
{reasons_ja}

■ 次にすること
いつもの管理画面のログインページから「メールアドレスを再開する」へ進み、新しいパスワードを作ってください。
ご不明のときは、会社のメール管理者にご連絡ください。
このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。
"""

_TOLD_EN = """\
At {at} your mailbox {mailbox} was suspended by the server: there are signs that somebody else uses it.
You receive this because this address was enrolled as your contact before.

What this means
- Nobody can log in to it or send from it. Mail to it waits at the senders' servers and arrives after it is reinstated;
  after their waiting time (mostly 2 to 5 days) it is returned to them.

Why
{reasons_en}

What to do now
Go to "Get your mailbox back" from the sign-in page of the panel you know, and make a new password there.
If in doubt, ask your company's mail administrator.
This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake.
"""

_FUSE_JA = """\
{at}、{host} でヒューズが切れました。直近10分間に自動停止したメールアドレス: {stopped} 件
これより後に見つかったものは停止せず、送信だけを止めてメールを保留しています。検知は続いています。

■ 次にすること
「管理画面 › インシデント」で理由をご確認ください。誤検知であれば、このコマンドですべて元に戻せます。

    sekisho incident dismiss --suspended-since 1h

(--with-stopped を付けると、送信だけを止めたものも戻します。)本当の乗っ取りであれば、何もする必要はありません。
"""

_FUSE_EN = """\
At {at} the fuse of {host} blew. Mailboxes suspended automatically within the last ten minutes: {stopped}
What is found after that is not suspended: its sending is stopped and its mail held. Detection goes on.

What to do now
Look at the reasons in the panel under インシデント (Incidents). If they are wrong, this command puts all of it back:

    sekisho incident dismiss --suspended-since 1h

(With --with-stopped also those whose sending was stopped only.) If they are right, there is nothing to do.
"""

_BODIES = {
    "suspended": (_SUSPENDED_JA, _SUSPENDED_EN),
    "restricted": (_RESTRICTED_JA, _RESTRICTED_EN),
    "owner_told": (_TOLD_JA, _TOLD_EN),
    "fuse": (_FUSE_JA, _FUSE_EN),
    **question_texts.BODIES,
    **planted_texts.BODIES,
    **waiting_texts.BODIES,
}
_RULE = "\n" + "-" * 60 + "\n\n"

# At the end of each language's part. The number is typed where the reader signs in anyway: a fake could link to a page
# of its own.
_NUMBER = (
    "\n■ ケース番号\n{case}(接続元: {place_ja})\n"
    "管理画面のログインページの「お知らせの確認」に入力すると、このお知らせが本物かどうか確かめられます。\n",
    "\nCase number\n{case} (used from: {place_en})\n"
    'Enter it under "Check a notice" on the sign-in page of the panel to see that this notice is genuine.\n',
)


def _list(incident: Incident, language: str) -> str:
    return "\n".join(f"{'・' if language == 'ja' else '- '}{text}" for text in reasons(incident, language))


def _stops_all(incident: Incident) -> bool:
    """Whether the incident's restriction is one to limit 0."""
    order = incident.orders.filter(kind="restrict").order_by("-id").first()
    return order is not None and order.details.get("limit") == 0


def _about_fuse(notice: Notice) -> dict[str, object]:
    """The host whose fuse blew, and how many mailboxes it had suspended in the fuse's ten minutes."""
    decision = notice.its_incident.decisions.order_by("-t").first()
    host = decision.host if decision else settings().host
    since = notice.created_at - timedelta(seconds=FUSE_SECONDS)
    stopped = Transition.objects.filter(
        cause="detection", after="suspended", actor=f"guard@{host}", at__gt=since, at__lte=notice.created_at
    )
    return {"host": host, "stopped": stopped.count()}


def compose(notice: Notice) -> tuple[str, str]:
    """Subject and text: the contact's language first, then the other one, for whoever else reads it.

    Raises letters.Stale for a notice that is not true any more.
    """
    stops = notice.kind in _ASKING and _stops_all(notice.its_incident)
    asking = ("", "")
    if notice.kind in _ASKING:
        asking = question_texts.asking(notice, notice.its_incident, stops_all=stops)
    means = _MEANS_STOP if stops else _MEANS_LIMIT
    words: dict[str, object] = {
        **(_about_fuse(notice) if notice.kind == "fuse" else {}),
        **(waiting_texts.words(notice) if notice.kind in waiting_texts.BODIES else {}),
        "means_ja": means[0],
        "means_en": means[1],
        "asking_ja": asking[0],
        "asking_en": asking[1],
        "mailbox": notice.its_incident.mailbox,
        "at": timezone.localtime(moment(notice)).strftime("%Y-%m-%d %H:%M (%Z)"),
        "reasons_ja": _list(notice.its_incident, "ja"),
        "reasons_en": _list(notice.its_incident, "en"),
        "place_ja": place_words(notice.its_incident, "ja"),
        "place_en": place_words(notice.its_incident, "en"),
        "case": case_number(notice.its_incident),
    }
    order = (0, 1) if notice.language == "ja" else (1, 0)
    subject = _SUBJECTS["stopped" if stops and notice.kind == "restricted" else notice.kind][order[0]].format(**words)
    return subject, _RULE.join((_BODIES[notice.kind][i] + _NUMBER[i]).format(**words) for i in order)
