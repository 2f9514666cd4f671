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
STEP_STATES = {
    "pending": ("waiting", "待ち"),
    "done": ("done", "完了"),
    "already": ("done", "完了"),
    "failed": ("failed, trying again", "失敗、再試行中"),
}
MODES = {
    "observe": ("only observed, nothing is done to its mailboxes", "試運転(記録だけ)"),
    "enforce": ("enforced, mailboxes are suspended and restricted", "実行(停止・送信制限を行う)"),
}
