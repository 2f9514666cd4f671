"""The words of a diagnosis in Japanese and English, the same for the mail that answers and for the panel's page.

They say what was seen and why it matters, and never that a mail is safe: only the sender can know what he meant.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sekisho.inbound.diagnosis import Diagnosis, Finding
from sekisho.inbound.reasons import WORDS

VERDICTS = {
    "danger": (
        "危険な点が見つかりました。詐欺やなりすましのメールと考えて扱ってください。",
        "There are dangerous signs. Please treat this mail as a fraud or an impersonation.",
    ),
    "careful": (
        "気になる点があります。下の理由をご覧になり、確かめるまで操作しないでください。",
        "Some things give cause for doubt. Please read the reasons below, and do nothing before you have made sure.",
    ),
    "nothing": (
        "危険な点は見つかりませんでした（安全の保証ではありません）。",
        "No dangerous sign was found (this is no guarantee that the mail is safe).",
    ),
}
SHORT_VERDICTS = {
    "danger": ("危険な点があります", "dangerous signs"),
    "careful": ("気になる点があります", "cause for doubt"),
    "nothing": ("危険な点は見つかりませんでした", "no dangerous sign found"),
}

FINDINGS = {
    "from_none": ("差出人のアドレスがありません。", "There is no sender's address."),
    "two_from": (
        "差出人の欄が二つあります。ソフトによって違う差出人が表示されます。",
        "There are two From headers: each program shows another sender.",
    ),
    "punycode_from": (
        "差出人のドメイン {domain} には、見分けにくい文字が使われています（本当の名前は {ascii}）。",
        "The sender's domain {domain} uses letters that look like others (its real name is {ascii}).",
    ),
    "name_shows_other": (
        "差出人の名前に {name} と書かれていますが、本当のアドレスは {address} です。",
        "The sender's name says {name}, but the real address is {address}.",
    ),
    "proved": (
        "当サーバーの検査で、{domain} からのメールと確認できました。その持ち主が信用できるかは別の話です。",
        "By our server's check it did come from {domain}. Whether its owner can be trusted is another question.",
    ),
    "failed": (
        "当サーバーの検査では、{domain} からのメールとは認められませんでした（DMARC 不合格）。差出人は偽られています。",
        "By our server's check it did not come from {domain} (DMARC failed): the sender is forged.",
    ),
    "unproved": (
        "当サーバーの検査では、{domain} から送られた証拠がありませんでした。差出人は誰にでも書けます。",
        "Our server's check found no proof that it came from {domain}. Anybody can write any sender.",
    ),
    "unchecked": (
        "このメールには当サーバーの検査結果がないため、本当の差出人は確かめられません。差出人は誰にでも書けます。",
        "The mail holds no result of our server's check. Anybody can write any sender, so this one is not verified.",
    ),
    "own_domain_forged": (
        "お客様と同じドメイン {domain} を名乗っていますが、そこから送られた証拠がありません。",
        "It names your own domain {domain} as its sender, without proof that it came from there.",
    ),
    "own_domain_outside": (
        "お客様と同じドメイン {domain} を名乗っていますが、外部のサーバーから届いています。",
        "It names your own domain {domain} as its sender, but came in from a server outside.",
    ),
    "client": (
        "当サーバーに渡した相手は {client} です（当サーバーの記録）。",
        "It was handed to our server by {client} (our server's own record).",
    ),
    "claims": (
        "「認証に合格」と書かれた他のヘッダーもありますが、送り手にも書けるものなので、判断には使っていません。",
        "It also holds headers that say it was authenticated. The sender can write those, so they count nothing here.",
    ),
    "reply_elsewhere": (
        "返信すると、差出人とは別の {address} に届きます。",
        "A reply would go to {address}, not to the sender.",
    ),
    "label_other": (
        "文字では {said} に見えますが、実際の行き先は {host} です。",
        "It is written as {said}, but really leads to {host}.",
    ),
    "ip": (
        "行き先が会社の名前ではなく番号（{host}）です。まともな案内ではまず使われません。",
        "It leads to a bare number ({host}) instead of a name; honest mail hardly ever does.",
    ),
    "userinfo": (
        "「@」の前に別の名前を書いて、本当の行き先 {host} を隠しています。",
        "It hides its real end {host} behind another name before an “@”.",
    ),
    "punycode": (
        "行き先の名前 {host} には、見分けにくい文字が使われています（本当の名前は {ascii}）。",
        "The name {host} uses letters that look like others (its real name is {ascii}).",
    ),
    "shortener": (
        "短縮 URL（{host}）なので、最後にどこへ着くか分かりません。",
        "It is a shortened link ({host}): where it ends cannot be seen.",
    ),
    "port": ("行き先に、ふつうは使わない番号（ポート）が付いています。", "It names an unusual port."),
    "onward": ("途中の {host} から、別の場所へ転送されます。", "It leads by {host} on to another place."),
    "odd": ("行き先の書き方が壊れていて、読み取れません。", "Its address is malformed and cannot be read."),
    "runs_code": (
        "ページへのリンクではなく、押すと仕掛けが動く形（{scheme}:）です。",
        "It is no link to a page but runs something when it is pressed ({scheme}:).",
    ),
    "form": (
        "メールの中の入力欄に書いた内容が {host} に送られます。",
        "What you type into the mail's own form is sent to {host}.",
    ),
    "asks": (
        "メールの中にパスワードの入力欄があります。まともな会社はこれをしません。",
        "The mail itself asks for a password; honest companies do not do that.",
    ),
    "scripts": (
        "メールにプログラム（スクリプト）が含まれています。ふつうのメールには不要なものです。",
        "The mail holds scripts, which ordinary mail has no need of.",
    ),
    "cut": (
        "長い、または複雑なメールのため、一部は調べていません。",
        "The mail is long or complicated; part of it was not looked at.",
    ),
    "name_turned": (
        "ファイル名の一部が逆向きに表示され、種類を偽っています。",
        "Part of its name is turned round, to hide what kind of file it is.",
    ),
    "two_endings": (
        "書類のように見える二重の拡張子ですが、開くとプログラムが動きます。",
        "Its double ending looks like a document, but opening it runs a program.",
    ),
    "runs": (
        "開くとプログラムが動く種類のファイル（{kind}）です。",
        "It is a file that runs when it is opened ({kind}).",
    ),
    "runs_inside": (
        "圧縮ファイルの中に、開くと動くファイルがあります: {listed}",
        "Inside the archive are files that run when they are opened: {listed}",
    ),
    "page": (
        "Web ページのファイルです。偽のログイン画面を開かせるのに、よく使われます。",
        "It is a web page; such attachments are often used to show a false login page.",
    ),
    "other_kind": (
        "名前が表す種類と、実際の中身（{kind}）が違います。",
        "Its name says one kind of file, its content is another ({kind}).",
    ),
    "macros": (
        "自動で動くマクロが含まれています。「コンテンツの有効化」は押さないでください。",
        "It holds macros. Please do not press “Enable content”.",
    ),
    "locked": (
        "暗号化されています。ウイルス検査を避けるために使われることがあります。",
        "It is encrypted, which is also a way past virus scanners.",
    ),
    "bomb": (
        "開くと異常に大きくなる圧縮ファイルです。",
        "It is an archive that grows beyond all measure when it is opened.",
    ),
    "pdf_acts": (
        "開くと動く仕掛けが PDF に含まれています。",
        "The PDF holds something that acts when it is opened.",
    ),
    "unseen": ("中の一覧は調べていません。", "What is inside was not looked at."),
    "password": (
        "パスワードやアカウントのことで急がせています（「{words}」）。",
        "It presses you about a password or an account (“{words}”).",
    ),
    "mailbox_full": (
        "メールボックスの容量を理由にしています（「{words}」）。偽メールの決まり文句です。",
        "It says that a mailbox is full (“{words}”), as many false mails do.",
    ),
    "urgency": ("期限を切って急がせています（「{words}」）。", "It sets a short time limit (“{words}”)."),
    "threat": ("不利益を示して脅しています（「{words}」）。", "It threatens (“{words}”)."),
    "payment": ("お金やカードの話をしています（「{words}」）。", "It is about money or a card (“{words}”)."),
    "prize": ("当選や利益をほのめかしています（「{words}」）。", "It promises a prize or a gain (“{words}”)."),
    "sextortion": (
        "恥ずかしい録画などを口実に金銭を求める、脅迫メールの型です（「{words}」）。大量に送られる作り話で、録画はまずありません。",
        "It is of the kind that threatens with an embarrassing recording (“{words}”). Such mails are sent in bulk and "
        "are made up.",
    ),
    "lure_by_link": (
        "差出人の証拠がないのに、別のドメインのページで手続きをさせようとしています。",
        "Without proof of its sender it wants you to do something at a page of another domain.",
    ),
    "lure_and_link": (
        "差出人とは別のドメインのページで手続きをさせようとしています。",
        "It wants you to do something at a page of another domain than the sender's.",
    ),
}

STEPS = {
    "no_links": (
        "本文のリンクは押さず、いつもの方法（ブックマークや公式アプリ）で開いて確かめてください。",
        "Do not press the links; open the site the way you always do (a bookmark, the official app) and look there.",
    ),
    "no_opening": ("添付ファイルは開かないでください。", "Do not open the attachments."),
    "no_paying": (
        "送金、カード番号の入力、電子マネーの購入はしないでください。",
        "Do not pay, give a card number, or buy gift cards.",
    ),
    "no_calling": (
        "本文の電話番号にはかけず、公式サイトや契約書にある番号を使ってください。",
        "Do not call the numbers in the mail; use those of the official site or of your contract.",
    ),
    "ask_by_own_way": (
        "知っている相手の名前なら、返信せず、別の方法（電話など）で本人に確かめてください。",
        "If it names somebody you know, do not reply; ask that person another way, by telephone for instance.",
    ),
    "typed_password": (
        "もうパスワードを入力してしまったときは、すぐに新しいパスワードに変え、管理者に知らせてください。",
        "If you have typed your password already, change it at once and tell your mail administrator.",
    ),
    "opened": (
        "もう添付ファイルを開いてしまったときは、その機器をネットワークから外し、管理者に知らせてください。",
        "If you have opened an attachment already, take that device off the network and tell your mail administrator.",
    ),
    "report": (
        "通報先: フィッシング対策協議会 info@antiphishing.jp（転送で可）。金銭の被害は警察相談電話 #9110 へ。",
        "In Japan report it to the Council of Anti-Phishing Japan, info@antiphishing.jp, by forwarding it; where money "
        "was lost, call the police at #9110.",
    ),
    "unsure": (
        "少しでも不安があれば、リンクや添付は使わず、送り主に別の方法で確かめてください。",
        "If you have any doubt, leave links and attachments alone and ask the sender another way.",
    ),
}

COPIES = {
    "sender": ("差出人のアドレス", "Sender's address"),
    "reply": ("返信先のアドレス", "Reply address"),
    "host": ("リンク先のドメイン", "Domain of a link"),
    "phone": ("電話番号", "Telephone number"),
}

TITLES = {
    "sender": ("本当の差出人", "Who really sent it"),
    "links": ("リンクの行き先", "Where its links lead"),
    "attachments": ("添付ファイル", "Attachments"),
    "text": ("文面", "What it says"),
    "copies": ("検索に使える語句（コピーできます）", "What to search for (ready to copy)"),
    "steps": ("次にすること", "What to do next"),
}

UNREADABLE = {
    "big": (
        "メールが大きすぎて（8 MB まで）診断できませんでした。添付を除いたソースなら貼り付けて診断できます。",
        "The mail is too large (at most 8 MB) to be looked at. You can paste its source without the attachments.",
    ),
    "complex": (
        "メールの構造が複雑すぎて診断できませんでした。ふつうのメールではまず起きません。開かずにおいてください。",
        "The mail's structure is too complicated to be read. Ordinary mail is not like that: please leave it alone.",
    ),
    "broken": (
        "メールの構造が壊れているため、診断できませんでした。心当たりがなければ、開かずにおいてください。",
        "The mail is malformed and could not be read. Unless you expected it, please leave it alone.",
    ),
    "no_mail": (
        "メールとして読み取れません。「ソースを表示」の内容を全部貼り付けるか、.eml ファイルを選んでください。",
        "This does not look like a mail. Please paste all of what “View source” shows, or choose an .eml file.",
    ),
    "outlook": (
        "Outlook の .msg ファイルは読み取れません。.eml で保存するか、ソースを貼り付けてください。",
        "Outlook's .msg files cannot be read. Please save the mail as .eml, or paste its source.",
    ),
    "empty": ("内容がありません。", "There is nothing in it."),
}


def in_language(pair: tuple[str, str], language: str) -> str:
    """One of a pair (Japanese, English)."""
    return pair[0 if language == "ja" else 1]


def sentence(finding: Finding, language: str) -> str:
    """A finding in words."""
    words = FINDINGS[finding.code] if finding.code in FINDINGS else WORDS[finding.code]  # type: ignore[index]
    return in_language(words, language).format(**finding.values, brand=finding.values.get(f"brand_{language}", ""))


class Lines(msgspec.Struct, frozen=True):
    """One part of the answer: its title, and (level, text) lines; level "" is a plain line, "under" belongs to the
    line above it."""

    title: str
    lines: tuple[tuple[str, str], ...]


def parts(diagnosis: Diagnosis, language: str) -> list[Lines]:
    """The reasons, part by part; parts with nothing in them are left out. Copies and steps are not among them."""
    found = (
        ("sender", list(_sender(diagnosis, language))),
        ("links", list(_links(diagnosis, language))),
        ("attachments", list(_attachments(diagnosis, language))),
        ("text", [(one.level, sentence(one, language)) for one in diagnosis.about_text]),
    )
    return [Lines(in_language(TITLES[name], language), tuple(lines)) for name, lines in found if lines]


def _sender(diagnosis: Diagnosis, language: str) -> Iterator[tuple[str, str]]:
    if diagnosis.sender:
        name = f"{diagnosis.sender_name} <{diagnosis.sender}>" if diagnosis.sender_name else diagnosis.sender
        yield "", f"{in_language(('表示される差出人', 'Sender as shown'), language)}: {name}"
    for one in diagnosis.about_sender:
        yield one.level, sentence(one, language)


def _links(diagnosis: Diagnosis, language: str) -> Iterator[tuple[str, str]]:
    for link in diagnosis.links:
        label = in_language((f"「{link.label}」", f"“{link.label}”"), language) + " → " if link.label else ""
        yield "", label + link.shown
        for one in link.findings:
            yield f"under {one.level}", sentence(one, language)
    if diagnosis.more_links:
        yield (
            "",
            in_language(
                (
                    f"ほかに {diagnosis.more_links} 件のリンクがあります。",
                    f"There are {diagnosis.more_links} more links.",
                ),
                language,
            ),
        )


def _attachments(diagnosis: Diagnosis, language: str) -> Iterator[tuple[str, str]]:
    for attached in diagnosis.attachments:
        nameless = in_language(("名前のないファイル", "a file without a name"), language)
        yield "", f"{attached.name or nameless} ({attached.kind})"
        for one in attached.findings:
            yield f"under {one.level}", sentence(one, language)


def copies(diagnosis: Diagnosis, language: str) -> list[tuple[str, str]]:
    """(what it is, text) of what can be searched for."""
    return [(in_language(COPIES[kind], language), text) for kind, text in diagnosis.copies]


def steps(diagnosis: Diagnosis, language: str) -> list[str]:
    """What to do next."""
    return [in_language(STEPS[step], language) for step in diagnosis.steps]
