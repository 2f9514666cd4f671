"""What an evidence package says of itself, Japanese and English."""

README = """\
証拠一式 / Evidence package
===========================

メールアドレス / mailbox : {mailbox}
インシデント / incident : {incident}
作成 / made              : {made}

■ 内容
report.json          影響報告(数値と、その根拠の名前)
evidence/*.jsonl     数値ごとの根拠。1行が1件の事実(JSON)
evidence/index.json  どのファイルがどの数値の根拠か
basis.json           だれに、どのような理由でお渡ししたか
SHA256SUMS           各ファイルの SHA-256

宛先ドメイン別の数値の根拠は、宛先全体のファイルに含まれています。
時刻は UTC の経過秒(1970年から)です。メールの本文は含まれていません。
見えていなかった時間と、記録から分からないことは、report.json の gaps と limits にあります。

■ 確認のしかた
このディレクトリで次を実行してください。すべて OK になれば、作成後に変更されていません。

    sha256sum -c SHA256SUMS

■ 取り扱い
だれがだれに書いたかは、通信の秘密(電気通信事業法4条)として守られます。必要な人だけが、必要な間だけ、お使いください。
この資料は記録された事実であり、法的な助言ではありません。

What is in it
report.json          the impact report: figures and the names of their evidence
evidence/*.jsonl     the evidence of each figure; one line is one fact (JSON)
evidence/index.json  which file is the evidence of which figure
basis.json           who was given this package, and why
SHA256SUMS           the SHA-256 of each file

The evidence of figures of single recipient domains is in the files about all recipients.
Times are seconds since 1970 (UTC). Contents of mail are not in here.
What was not seen, and what the record cannot tell, is in report.json: gaps and limits.

How to check it
Run this in the unpacked directory. If everything is OK, nothing was changed since it was made.

    sha256sum -c SHA256SUMS

How to treat it
Who wrote to whom is under the secrecy of communications (Telecommunications Business Act, art. 4). Let only those
see it who need it, and only as long. These are recorded facts, not legal advice.
"""
