"""The notices about mail that waits: its clock runs low, or the mailbox accepts it while it stays suspended.

The figures are ours and lower bounds; no sender's name is in them, since anybody can write one.
"""

from __future__ import annotations

from django.db.models import Min
from django.utils import timezone

from sekisho.incidents import letters
from sekisho.incidents.models import MailboxStatus, Notice

# The operator's copies have kinds of their own: his addresses are none of the domain admin's business.
LOW, LOW_OPERATOR = "waiting_low", "waiting_low_op"
RESCUED, RESCUED_OPERATOR = "rescued", "rescued_op"

_LOW_SUBJECT = (
    "【要確認】停止中の {mailbox} 宛てのメールが、まもなく送信者に戻されるおそれがあります",
    "Mail waiting for {mailbox} may soon be returned to its senders",
)
_RESCUED_SUBJECT = (
    "停止中の {mailbox} 宛てのメールを受け取って保管しています",
    "Mail to the suspended mailbox {mailbox} is now accepted and kept",
)
SUBJECTS = {
    LOW: _LOW_SUBJECT,
    LOW_OPERATOR: _LOW_SUBJECT,
    RESCUED: _RESCUED_SUBJECT,
    RESCUED_OPERATOR: _RESCUED_SUBJECT,
}

_LOW_JA = """\
メールアドレス {mailbox} は停止中です。届くはずのメールは送信者側のサーバーで待っていますが、保存期間の終わりが
近づいています。

■ いまの状態
・待っている送信者: 少なくとも {waiting} 件
・早ければ {earliest} に、送信者へ戻されはじめるおそれがあります(実際の試行の様子から見積もった、最も早い時刻です)。

■ 次にすること
・ご本人と連絡がつけば、管理画面で {mailbox} に新しいパスワードを設定して再開してください。待っているメールが届きます。
・すぐに再開できないときは、管理画面のインシデントで「メールを受け取って保管する」を押すと、停止したまま
  メールだけを受け取れます。ボタンがない場合は、運用担当者にご相談ください。

このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。
"""

_LOW_EN = """\
The mailbox {mailbox} is suspended. Mail to it waits at the senders' servers, and their waiting time is running out.

Where it stands
- Senders who wait: at least {waiting}.
- As early as {earliest} the first of them may get his mail back (the earliest time that his tries allow for).

What to do now
- If the owner can be reached: set a new password for {mailbox} in the panel and reinstate it. What waits arrives then.
- If not yet: press メールを受け取って保管する (Accept and keep the mail) on the incident's page. The mailbox stays
  suspended, and its mail is taken and kept. If there is no such button, ask the operator of your mail service.

This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake.
"""

_RESCUED_JA = """\
{at} から、停止中のメールアドレス {mailbox} 宛てのメールを受け取り、保管しています({how_ja})。
待っていた送信者にメールが戻されるのを防ぐためです。

■ いまの状態
・停止は続いています。ログインも送信もできません。
・届いたメールは、フィルターや転送を通さずにメールボックスに保管されます。再開すると、すべて読めます。

■ 次にすること
急ぐ必要はなくなりましたが、ご本人と連絡がつきしだい、管理画面で {mailbox} に新しいパスワードを設定して
再開してください。

このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。
"""

_RESCUED_EN = """\
Since {at} mail to the suspended mailbox {mailbox} is accepted and kept ({how_en}), so that the senders who waited
do not get it back.

Where it stands
- The mailbox stays suspended: nobody can log in to it or send from it.
- Mail is kept in the mailbox, past all filters and forwards. All of it is there after the reinstatement.

What to do now
There is no hurry any more. When the owner can be reached, set a new password for {mailbox} in the panel and
reinstate it.

This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake.
"""

BODIES = {
    LOW: (_LOW_JA, _LOW_EN),
    LOW_OPERATOR: (_LOW_JA, _LOW_EN),
    RESCUED: (_RESCUED_JA, _RESCUED_EN),
    RESCUED_OPERATOR: (_RESCUED_JA, _RESCUED_EN),
}

_BY_RULE = ("ドメインのルールにより自動", "by the domain's rule")
_BY_HAND = ("担当者の操作", "switched on by hand")


def words(notice: Notice) -> dict[str, object]:
    """What the texts above need; raises letters.Stale when it is not so any more."""
    incident = notice.its_incident
    status = MailboxStatus.objects.filter(mailbox=incident.mailbox, generation=incident.generation).first()
    is_kept = status is not None and status.rescue_since is not None
    if status is None or status.status != "suspended" or is_kept != (notice.kind in (RESCUED, RESCUED_OPERATOR)):
        raise letters.Stale(f"{incident.mailbox} is not as it was")
    switched = incident.timeline.filter(kind="rescue_on").order_by("at", "id").last()
    how = _BY_RULE if switched is not None and switched.details.get("actor") == "worker" else _BY_HAND
    waiting = incident.deferred.filter(arrived_at__isnull=True)
    earliest = waiting.aggregate(at=Min("give_up_at"))["at"] or notice.created_at
    return {
        "waiting": waiting.count(),
        "earliest": timezone.localtime(earliest).strftime("%Y-%m-%d %H:%M (%Z)"),
        "how_ja": how[0],
        "how_en": how[1],
    }
