"""The notice about a setting that was found again after a reinstatement; nothing of an intruder's words is in it."""

from __future__ import annotations

SUBJECTS = {
    "planted": (
        "【要確認】{mailbox}: 再開後に加えられた設定を無効にしました",
        "{mailbox}: a setting added after the reinstatement was switched off",
    ),
}

_JA = """\
{at}、経過観察中のメールアドレス {mailbox} に、外部への転送などの新しい設定が見つかったため、無効にしました。
メールはメールボックスに届いています。

■ お願い
ご本人が加えた設定かどうかをご確認ください。
・ご本人の設定であれば、管理画面の「インシデント」から {mailbox} のインシデントを開き、「残す」を押してください。
  元に戻ります。
・心当たりがなければ「削除する」を押し、新しいパスワードに変更してください。第三者がまだ入れるおそれがあります。

このメールにはリンクもパスワードも書かれていません。リンクやパスワードの入力を求めるメールは偽物です。
"""

_EN = """\
At {at} a new setting, such as a forward to another place, was found in the mailbox {mailbox}, which is being watched
after its reinstatement. It was switched off. Mail goes on arriving in the mailbox.

Please ask the owner about it.
- If it is the owner's, open the incident of {mailbox} under インシデント (Incidents) in the panel and press
  残す (Keep). It is put back.
- If nobody knows of it, press 削除する (Delete) and set a new password: somebody else may still get in.

This mail has neither a link nor a password in it. A mail that asks for a click or a password is a fake.
"""

BODIES = {"planted": (_JA, _EN)}
