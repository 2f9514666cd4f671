"""The words of a notice in a chat or for a program: the same facts as the mail's, in a few lines.

What is in it: the address, time, place, reasons, the one next action, the case number. What is not: a link that does
anything, a password, or anything a hijacker could have chosen in a form that a chat would take for a command.
"""

from __future__ import annotations

from typing import NamedTuple

from django.utils import timezone

from sekisho.incidents import letters
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Incident, Notice
from sekisho.incidents.notice_facts import harmless, moment, place_words, reasons

_TITLES = {
    "suspended": ("メールアドレスを停止しました", "A mailbox was suspended"),
    "restricted": ("メールアドレスの送信を制限しました", "Sending from a mailbox was restricted"),
    "fuse": ("【要確認】自動停止が続き、ヒューズが切れました", "Many suspensions, the fuse is blown"),
    "unanswered": ("【要確認】送信制限について回答がありません", "No answer about a restriction"),
    "relapse": ("【要確認】経過観察中のアドレスを再び停止しました", "A mailbox was suspended again while on probation"),
    "planted": ("再開後に仕込まれた設定が見つかりました", "A planted setting was found after the reinstatement"),
    "waiting_low": (
        "【要確認】待っているメールがまもなく送信者に戻されるおそれがあります",
        "Waiting mail may soon be returned",
    ),
    "rescued": (
        "停止中のアドレスのメールを受け取って保管しています",
        "Mail to a suspended mailbox is accepted and kept",
    ),
    "test": ("お知らせのテストです", "This is a test of notices"),
}
_ACTIONS = {
    "suspended": (
        "管理画面でインシデント #{number} を開き、理由を確かめて新しいパスワードを設定してください。",
        "Open incident #{number} in the panel, read the reasons, and set a new password.",
    ),
    "restricted": (
        "管理画面でインシデント #{number} を開き、ご本人の送信かどうかを回答してください。",
        "Open incident #{number} in the panel and answer whether the owner sent this.",
    ),
    "fuse": (
        "管理画面のインシデント一覧で、停止の理由を確かめてください。",
        "Look at the reasons of the suspensions in the panel's list of incidents.",
    ),
    "planted": (
        "管理画面でインシデント #{number} を開き、見つかった設定を残すか削除するかを選んでください。",
        "Open incident #{number} in the panel and choose to keep or delete the setting that was found.",
    ),
    "relapse": (
        "管理画面でインシデント #{number} を開き、再開の前に利用者の端末を確かめてください。",
        "Open incident #{number} in the panel; have the owner's devices checked before it is reinstated.",
    ),
    "waiting_low": (
        "管理画面でインシデント #{number} を開き、新しいパスワードの設定か、メールの受け取りと保管を始めてください。",
        "Open incident #{number} in the panel; set a new password, or accept and keep the mail.",
    ),
    "rescued": (
        "ご本人と連絡がつきしだい、管理画面で新しいパスワードを設定してください。インシデント #{number}",
        "Set a new password in the panel when the owner can be reached: incident #{number}.",
    ),
}
_ACTIONS["unanswered"] = _ACTIONS["restricted"]
_LINES = (
    "{mailbox}\n日時: {at}\n場所: {place}\n理由: {reasons}\n次にすること: {action}\n"
    "番号: {case}(管理画面の「お知らせの確認」で、本物かどうか確かめられます)",
    "{mailbox}\nTime: {at}\nPlace: {place}\nReason: {reasons}\nWhat to do now: {action}\n"
    'Case: {case} (the panel\'s page "Check a notice" says whether it is genuine)',
)
_TEST = (
    "Sekisho から送ったテストです。何もする必要はありません。",
    "Sent by Sekisho as a test. There is nothing to do.",
)


class ChannelMessage(NamedTuple):
    """What goes to a channel: `facts` is the webhook's JSON, title and text are what chats show."""

    delivery: str
    title: str
    text: str
    facts: dict[str, object]


def compose(notice: Notice, language: str) -> ChannelMessage:
    """The message of a notice in "ja" or "en"; raises letters.Stale for a letter whose matter is over."""
    if notice.incident_id is None:
        return _compose_letter(notice)
    incident = notice.its_incident
    order = 0 if language == "ja" else 1
    actions = [text.format(number=incident.pk) for text in _ACTIONS.get(notice.kind, _ACTIONS["suspended"])]
    title = _TITLES.get(notice.kind, (notice.kind, notice.kind))[order]
    text = _LINES[order].format(
        mailbox=incident.mailbox,
        at=timezone.localtime(moment(notice)).strftime("%Y-%m-%d %H:%M (%Z)"),
        place=place_words(incident, language),
        reasons=" / ".join(reasons(incident, language)),
        action=actions[order],
        case=case_number(incident),
    )
    return ChannelMessage(
        _delivery(notice), title, harmless_lines(text), _facts(notice, incident, title, text, actions)
    )


def _compose_letter(letter: Notice) -> ChannelMessage:
    """A letter's own words; in its row's language first, as its composer has them."""
    title, text = letters.compose(letter)
    facts: dict[str, object] = {
        "version": 1,
        "kind": letter.kind,
        "at": letter.created_at.isoformat(),
        "title": title,
        "text": text,
    }
    return ChannelMessage(_delivery(letter), title, harmless_lines(text), facts)


def _delivery(notice: Notice) -> str:
    return notice.message_id.strip("<>").partition("@")[0]


def _facts(notice: Notice, incident: Incident, title: str, text: str, actions: list[str]) -> dict[str, object]:
    return {
        "version": 1,
        "kind": notice.kind,
        "case": case_number(incident),
        "incident": incident.pk,
        "mailbox": incident.mailbox,
        "domain": incident.domain,
        "at": moment(notice).isoformat(),
        "place": {"country": incident.country, "ip": incident.ip},
        "reasons": {language: reasons(incident, language) for language in ("ja", "en")},
        "next_action": {"ja": actions[0], "en": actions[1]},
        "title": title,
        "text": text,
    }


def harmless_lines(text: str) -> str:
    """`harmless`, line by line."""
    return "\n".join(harmless(line) for line in text.split("\n"))


def compose_test(delivery: str, language: str) -> ChannelMessage:
    """What `sekisho notify test` sends."""
    order = 0 if language == "ja" else 1
    title, text = _TITLES["test"][order], _TEST[order]
    return ChannelMessage(delivery, title, text, {"version": 1, "kind": "test", "title": title, "text": text})
