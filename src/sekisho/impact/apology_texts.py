"""The words of an owner's apology, Japanese and English. No link, no attachment, nothing that is urgent.

A paragraph is one line: telephones and mail programs break it where their screen ends.
"""
# ruff: noqa: E501

SUBJECTS = {
    "ja": "お詫び: {mailbox} から届いた不審なメールについて",
    "en": "Apology: unwanted mail from {mailbox}",
}
_JA = """\
{name} です。

私のメールアドレス {mailbox} が第三者に無断で使われ、{since} から {until} ごろまでの間に、このアドレスから不審なメールが送られました。メールサーバーの記録では、あなたにも届いています。ご迷惑とご心配をおかけして、申し訳ありません。

■ お願い
・その間に {mailbox} から届いた、心当たりのないメールは、開かずに削除してください。
・すでに開いてリンク先でパスワードやカード番号などを入力された場合は、そのサービスのパスワードを変更し、カード会社などにご相談ください。

■ 現在の状況
パスワードを変更し、第三者が使えない状態に戻しました。

このメールにはリンクも添付ファイルもなく、返信や手続きは必要ありません。本当に私からのものか気になるときは、このメールに書かれた連絡先ではなく、以前からご存じの電話番号などでお確かめください。

{name}
"""
_EN = """\
This is {name}.

Somebody used my mailbox {mailbox} without permission and sent unwanted mail from it, between {since} and {until}. The mail server's record shows that you got it. I am sorry for the trouble and the worry.

What I ask of you
- Please delete mail from {mailbox} of that time that you did not expect, without opening it.
- If you have opened it and typed a password or a card number somewhere, please change that password and ask the company of the card.

How it is now
The password was changed, and nobody else can use the mailbox any more.

This mail holds no link and no attachment, and there is nothing to answer or to do. If you wonder whether it is really from me, please ask by a telephone number you knew before, not by anything that is written here.

{name}
"""
BODIES = {"ja": _JA, "en": _EN}
