"""What the operator is told when a blocklist names us, and when it does no longer: Japanese and English.

The form's address stands in it as text, for the operator to look at before he opens it; nothing in such a mail asks for
a password.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from sekisho.config import settings
from sekisho.impact.known_lists import known_list
from sekisho.impact.listings import GONE, LISTED
from sekisho.impact.models import Listing
from sekisho.incidents import letters
from sekisho.incidents.models import Notice

_SUBJECTS = {
    LISTED: (
        "【要確認】{subject} がブロックリスト {list} に載りました",
        "{subject} is on the blocklist {list}",
    ),
    GONE: ("{subject} がブロックリスト {list} から消えました", "{subject} is off the blocklist {list}"),
}
_LISTED_JA = """\
{host} からお知らせします。{first} の確認で、{subject} がブロックリスト {list} に載っていました(応答 {codes})。
このリストを使う受信側には、メールが届かないか、迷惑メールとして扱われます。

■ 関係するかもしれないインシデント
{incidents_ja}

■ 解除の手順
{steps_ja}
{form_ja}
申請したら、管理画面の 管理 › システム › 評判 で「申請した」を押してください。消えたときにもお知らせします。
"""
_LISTED_EN = """\
This is {host}. At {first} the blocklist {list} named {subject} (answer {codes}).
Receivers who use this list refuse our mail or treat it as spam.

Incidents it may come from
{incidents_en}

How it is taken off
{steps_en}
{form_en}
When you have asked, press "We have asked" in the panel under 管理 (Administration) › システム (System) ›
評判 (Reputation). You will be told when it is gone.
"""
_GONE_JA = """\
{host} からお知らせします。{gone} の確認で、{subject} はブロックリスト {list} から消えていました。
載っていたのは {first} から {last} までです。
何もする必要はありません。
"""
_GONE_EN = """\
This is {host}. At {gone} the blocklist {list} did not name {subject} any more.
It was listed from {first} to {last}. There is nothing to do.
"""
_BODIES = {LISTED: (_LISTED_JA, _LISTED_EN), GONE: (_GONE_JA, _GONE_EN)}
KINDS = tuple(_BODIES)
_RULE = "\n" + "-" * 60 + "\n\n"
# Incidents named in a mail; the page has all of them.
MOST_NAMED = 5


def _clock(at: datetime | None) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M (%Z)") if at else ""


def _incidents(listing: Listing) -> tuple[str, str]:
    rows = list(listing.incidents.order_by("-detected_at")[:MOST_NAMED])
    if not rows:
        return (
            "・過去7日間に、記録されたインシデントはありません。",
            "- None was open or found within the last seven days.",
        )
    japanese = [f"・インシデント #{row.pk} {row.mailbox} ({_clock(row.detected_at)} 検知)" for row in rows]
    english = [f"- Incident #{row.pk} {row.mailbox}, found {_clock(row.detected_at)}" for row in rows]
    return "\n".join(japanese), "\n".join(english)


def compose(letter: Notice) -> tuple[str, str]:
    """Subject and text, the contact's language first; raises letters.Stale for a listing that has ended meanwhile."""
    listing = Listing.objects.filter(pk=int(letter.about)).first()
    if listing is None or (letter.kind == LISTED and listing.gone_at is not None):
        raise letters.Stale("the listing is over")
    known = known_list(listing.zone)
    incidents = _incidents(listing)
    words = {
        "host": settings().host,
        "subject": listing.subject,
        "list": known.name,
        "codes": listing.codes,
        "first": _clock(listing.first_at),
        "last": _clock(listing.last_at),
        "gone": _clock(listing.gone_at),
        "incidents_ja": incidents[0],
        "incidents_en": incidents[1],
        "steps_ja": known.steps[0],
        "steps_en": known.steps[1],
        "form_ja": f"ページ: {known.form}\n" if known.form else "",
        "form_en": f"Page: {known.form}\n" if known.form else "",
    }
    order = (0, 1) if letter.language == "ja" else (1, 0)
    subject = _SUBJECTS[letter.kind][order[0]].format(**words)
    return subject, _RULE.join(_BODIES[letter.kind][place].format(**words) for place in order)
