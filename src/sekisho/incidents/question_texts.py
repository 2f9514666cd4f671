"""The words of the question: what a notice about a restriction asks, and the notices that only ask or call.

The figures are ours; nothing a hijacker wrote is in them. The link opens a page that says the same and changes nothing
by being opened.
"""

from __future__ import annotations

from django.db.models import Count, Sum

from sekisho.incidents.allowances import USUAL_HOURS, USUAL_RECIPIENTS
from sekisho.incidents.models import Incident, Notice, QueueIdLogin
from sekisho.incidents.question_links import ESCALATE_AFTER, link_address

SUBJECTS = {
    "owner_asked": ("ご確認ください: {mailbox} からの送信", "Please confirm: sending from {mailbox}"),
    "unanswered": (
        "【要確認】{mailbox} の送信制限について回答がありません",
        "No answer about the restriction of {mailbox}",
    ),
    "relapse": (
        "【要確認】経過観察中の {mailbox} を再び停止しました",
        "{mailbox} was suspended again while on probation",
    ),
}

_OWNER_JA = """\
{at}、メールアドレス {mailbox} にふだんと違う使われ方が見つかったため、{means_ja}

■ 理由
{reasons_ja}

■ ご確認ください
{asking_ja}
"""

_OWNER_EN = """\
At {at} the mailbox {mailbox} was found to be used in an unusual way. {means_en}

Why
{reasons_en}

Please confirm
{asking_en}
"""

_UNANSWERED_JA = """\
{at} からメールアドレス {mailbox} の送信を制限していますが、ドメインの管理者からの回答がまだありません。
制限はこのまま続きます。

■ 理由
{reasons_ja}

■ ご確認ください
{asking_ja}
"""

_UNANSWERED_EN = """\
Sending from the mailbox {mailbox} has been restricted since {at}, and the domain's contacts have not answered yet.
The restriction stays.

Why
{reasons_en}

Please decide
{asking_en}
"""

_RELAPSE_JA = """\
{at}、経過観察中のメールアドレス {mailbox} を再び停止しました。新しいパスワードも知られているおそれがあります。

■ 理由
{reasons_ja}

■ 次にすること
管理画面のインシデントで理由をご確認ください。再開する前に、利用者の端末にウイルスがないか、同じパスワードを
ほかで使っていないか、予備の連絡先が本人のものかを確かめることをおすすめします。
"""

_RELAPSE_EN = """\
At {at} the mailbox {mailbox} was suspended again while on probation: its new password may be known, too.

Why
{reasons_en}

What to do now
Look at the incident in the panel. Before it is reinstated, ask whether the owner's devices are free of malware, whether
the password is used elsewhere, and whether the contact outside is really the owner's.
"""

BODIES = {
    "owner_asked": (_OWNER_JA, _OWNER_EN),
    "unanswered": (_UNANSWERED_JA, _UNANSWERED_EN),
    "relapse": (_RELAPSE_JA, _RELAPSE_EN),
}

_SENT_JA = "このアドレスからは、この間に {messages} 通、のべ {recipients} 件の宛先へ送信がありました。"
_SENT_EN = "In that time {messages} messages to {recipients} recipients were handed in from this address."

_LINK_JA = """\
次のページを開いてお答えください。開いただけでは何も変わらず、ログインもいりません。

    {link}

{yes_ja}
・いいえ(心当たりがない): このアドレスを停止し、送信されたメールを保留します。
{hours} 時間たっても回答がないときは、運用担当者にもお尋ねします。回答があるまで制限は続きます。

このページがパスワードを尋ねることはありません。パスワードの入力を求めるメールやページは偽物です。"""

_LINK_EN = """\
Please open this page and answer. Opening it changes nothing, and no sign-in is needed.

    {link}

{yes_en}
- No, it was not me: the mailbox is suspended and what was sent is held.
After {hours} hours without an answer the operator is asked, too. Until somebody answers the restriction stays.

The page never asks for a password. A mail or page that does is a fake."""

_YES = (
    f"・はい(本人の送信): {USUAL_HOURS} 時間、新しい宛先 {USUAL_RECIPIENTS:,} 件まで送信できます。\n"
    "  そのあとは、ふだんの判定に戻ります。",
    f"- Yes, it was me: mail to {USUAL_RECIPIENTS:,} new recipients can be sent within {USUAL_HOURS} hours;\n"
    "  after that sending is judged as usual.",
)
# A trip that became a stop of all sending: as serious as a suspension, so it takes a sign-in to undo it.
_YES_IN_PANEL = (
    "・はい(本人の送信): 管理画面にログインし、インシデントのページで回答してください。",
    "- Yes, it was me: sign in to the panel and answer on the incident's page.",
)

_PANEL_JA = """\
ご本人の操作かどうかをご確認ください。
・ご本人の操作であれば、運用担当者にお知らせください。制限を解除します。
・心当たりがなければ、管理画面の 管理 › システム › メール設定 › メール管理へ から {mailbox} の「編集」を開き、
  15文字以上の新しいパスワードに変更してください。

このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。"""

_PANEL_EN = """\
Please find out whether the owner did this.
- If so, tell the operator of your mail service, who lifts the restriction.
- If not, open 編集 (Edit) of {mailbox} under 管理 › システム › メール設定 › メール管理へ in the panel and set a new
  password of 15 characters or more.

This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake."""


def figures(incident: Incident) -> tuple[int, int]:
    """Messages and recipients that the mailbox has handed in since the incident's first sign."""
    rows = QueueIdLogin.objects.filter(mailbox=incident.mailbox, at__gte=incident.first_risk_at)
    found = rows.aggregate(messages=Count("pk"), recipients=Sum("recipients"))
    return found["messages"], found["recipients"] or 0


def asking(notice: Notice, incident: Incident, *, stops_all: bool) -> tuple[str, str]:
    """What a notice asks, Japanese and English: by its link, or (an operator's restriction) in the panel as ever."""
    link = link_address(notice)
    messages, recipients = figures(incident)
    yes = _YES_IN_PANEL if stops_all else _YES
    words: dict[str, object] = {
        "mailbox": incident.mailbox,
        "link": link,
        "messages": f"{messages:,}",
        "recipients": f"{recipients:,}",
        "yes_ja": yes[0],
        "yes_en": yes[1],
        "hours": int(ESCALATE_AFTER.total_seconds() // 3600),
    }
    texts = (_LINK_JA, _LINK_EN) if link else (_PANEL_JA, _PANEL_EN)
    sent = (_SENT_JA, _SENT_EN) if link and recipients else ("", "")
    return tuple("\n".join(filter(None, (sent[i], texts[i]))).format(**words) for i in (0, 1))  # type: ignore[return-value]
