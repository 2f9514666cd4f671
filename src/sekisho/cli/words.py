"""Statuses and phases as people read them: English, Japanese (docs/vocabulary.md)."""

from __future__ import annotations

STATUSES = {
    "active": ("active", "利用中"),
    "restricted": ("restricted", "送信制限"),
    "suspended": ("suspended", "停止中"),
    "probation": ("on probation", "経過観察"),
}
PHASES = {
    "detected": ("detected", "検知"),
    "contained": ("contained", "封じ込め済み"),
    "eradicated": ("eradicated", "除去済み"),
    "recovered": ("recovered", "復旧済み"),
    "closed": ("closed", "完了"),
    "dismissed": ("dismissed (not a takeover)", "取り消し(乗っ取りではない)"),
}
ACTIONS = {"alert": ("alert", "注意"), "restrict": ("restriction", "送信制限"), "suspend": ("suspension", "停止")}
# The findings of detection.assessment; the panel says the same (web.words).
FINDINGS = {
    "new_country": ("new country", "初めての国"),
    "many_countries": ("several new countries", "初めての国が複数"),
    "new_network": ("new network", "初めての接続元"),
    "many_networks": ("many new networks", "初めての接続元が多数"),
    "password_guesser": ("source that guesses passwords", "他でパスワードを間違えている接続元"),
    "shared_stranger": ("source new to several customers", "複数の契約者に初めて現れた接続元"),
    "new_protocol": ("way of access never used before", "使われたことのない接続方式"),
    "bulk_reading": ("mail read in bulk", "メールの大量の読み出し"),
    "forward_rule": ("planted forward", "仕掛けられた自動転送"),
    "discard_rule": ("planted rule that discards mail", "仕掛けられた自動破棄"),
    "new_recipients": ("recipients never written to", "初めての宛先"),
    "message_burst": ("burst of messages", "送信数の急増"),
    "bounces": ("returned mail", "返送されたメール"),
    "complaints": ("complaints about spam", "迷惑メールの通報"),
    "burned_password": ("password from before the suspension", "停止前のパスワード"),
    "hard_cap": ("limit that holds for every mailbox", "すべてのメールボックスに共通の上限"),
}
STEP_STATES = {
    "pending": ("waiting", "待ち"),
    "done": ("done", "完了"),
    "already": ("done", "完了"),
    "failed": ("failed, trying again", "失敗、再試行中"),
}
# What became of a message that an incident put on hold (incidents.models.HeldMessage).
HELD_STATES = {
    "held": ("on hold", "保留中"),
    "escaped": ("escaped in flight", "送信途中で流出"),
    "released": ("sent on, still here", "送信再開(未送達)"),
    "left": ("sent on, left", "送信再開(送出済み)"),
    "purged": ("deleted", "削除済み"),
    "vanished": ("gone without an order", "指示によらず消失"),
}
MODES = {
    "observe": ("only observed, nothing is done to its mailboxes", "試運転(記録だけ)"),
    "enforce": ("enforced, mailboxes are suspended and restricted", "実行(停止・送信制限を行う)"),
}
