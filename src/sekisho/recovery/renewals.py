"""The worker's part of a campaign for new passwords: who has renewed, whom to remind, whose new recipients wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from sekisho.directory.models import Contact
from sekisho.incidents import letters, renewal
from sekisho.incidents.models import Notice, RenewalMailbox
from sekisho.recovery import contacts

# Reminders go by days; a password that is new should free its mailbox while its owner still looks.
EVERY = timedelta(seconds=20)
_RULE = "\n" + "-" * 60 + "\n\n"
_SUBJECTS = (
    "【{day}まで】{mailbox} のパスワード更新のお願い",
    "Please set a new password for {mailbox} by {day}",
)
# No link: a mail about passwords with a link is what thieves write, and owners shall not get used to pressing it.
_TEXTS = (
    """\
{domain} のメール管理者から、メールアドレス {mailbox} のパスワードを新しくするお願いです。
期日は {day} です。

■ 変え方
・このメールにリンクはありません。いつもの方法（ブックマークなど）で利用者ページを開き、
  「パスワードの再設定」に進んでください。
・ご自分でできないときは、{domain} のメール管理者に頼んでください。
・新しいパスワードは、メールソフトの設定にも入力し直してください。
・パスワードを、このメールへの返信などで知らせないでください。こちらからお尋ねすることはありません。

■ すぐに変えられない機器（複合機など）があるとき
メール管理者に、機器の名前と、いつまでに変えられるかを伝えてください。

■ 期日を過ぎたとき
ログイン、受信、これまでに送ったことのある相手への送信は、いままでどおりできます。
初めての宛先への送信だけが、新しいパスワードになるまで待たされます。メールが失われることはありません。
""",
    """\
The mail administrator of {domain} asks for a new password for the mailbox {mailbox}, by {day}.

How
- There is no link in this mail. Open the owner's pages the way you always do, and choose the new password there.
- If you cannot, ask the mail administrator of {domain}.
- Type the new password into your mail program's settings as well.
- Send your password to nobody, not as an answer to this mail either. We never ask for it.

A device that cannot be changed at once, such as a scanner
Tell the mail administrator which one it is, and until when.

After that day
You log in, receive, and write to everybody you have written to before, as ever. Only new recipients have to wait
until the password is new. No mail is lost.
""",
)


class Renewals:
    """Called by the worker with the time; looks when it is due."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    def __call__(self, now: datetime) -> None:
        """Raises OperationalError while our database is away."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY
        for row in renewal.left_by_campaign(now):
            written = renewal.reminders_of(row)
            stage = renewal.stage_due(row, written, now)
            if stage is not None:
                _remind(row, stage, now)
            elif row.enforced_at is None and renewal.may_enforce(row, written, now):
                renewal.enforce(row, now)


def compose(letter: Notice) -> tuple[str, str]:
    """Subject and text of a reminder, the reader's language first; raises letters.Stale once it is over."""
    row = RenewalMailbox.objects.filter(pk=int(letter.about.split()[1])).select_related("campaign").first()
    if row is None or row.renewed_at is not None or row.campaign.ended_at is not None:
        raise letters.Stale("the password is new, or the campaign is over")
    words = {
        "mailbox": row.mailbox,
        "domain": row.campaign.domain,
        "day": timezone.localtime(row.campaign.due).strftime("%Y-%m-%d"),
    }
    order = (0, 1) if letter.language == "ja" else (1, 0)
    return _SUBJECTS[order[0]].format(**words), _RULE.join(_TEXTS[place].format(**words) for place in order)


def _remind(row: RenewalMailbox, stage: int, now: datetime) -> None:
    """To the mailbox itself and to the owner's contacts that count: whoever lost the one reads the other."""
    domain = row.mailbox.rpartition("@")[2]
    first = Contact.objects.filter(domain=domain).order_by("id").first()
    whom = {row.mailbox: first.language if first else "ja"}
    whom |= {contact.address: contact.language for contact in contacts.that_count(row.mailbox, now)}
    with transaction.atomic(using="default"):
        for address, language in whom.items():
            letters.enqueue(row.mailbox, renewal.KIND, renewal.about(row, stage), address, language, now)
