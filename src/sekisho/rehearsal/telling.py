"""The rehearsal's voice: plain sentences in Japanese or English, told as it happens, with the time since the start."""

from __future__ import annotations

import time
from collections.abc import Callable

# key -> (Japanese, English). Placeholders are the values given to `say`.
SENTENCES: dict[str, tuple[str, str]] = {
    "begin_botnet": (
        "予行演習「botnet」: 盗まれたパスワードで、数十か国の感染端末 {sources} 台が {mailbox} を使います。",
        "Rehearsal botnet: {sources} infected machines in dozens of countries use the stolen password of {mailbox}.",
    ),
    "begin_blast": (
        "予行演習「blast」: 盗まれたパスワードで、外国の {source} から {mailbox} の迷惑メールが大量に送られます。",
        "Rehearsal blast: somebody has the password of {mailbox} and sends spam from {source}, a foreign address.",
    ),
    "begin_intruder": (
        "予行演習「intruder」: 初めての国({source})から {mailbox} に入り、メールを読み、転送設定を仕掛けます。",
        "Rehearsal intruder: somebody enters {mailbox} from a new country ({source}), reads, and plants a forward.",
    ),
    "begin_flood": (
        "予行演習「flood」: {sources} 個のアドレスから {mailbox} に誤ったパスワードが {attempts} 回試されます。",
        "Rehearsal flood: {attempts} wrong passwords for {mailbox} from {sources} addresses.",
    ),
    "begin_home_botnet": (
        "予行演習「home_botnet」: 国内の感染端末 {sources} 台が {mailbox} から1、2件ずつ迷惑メールを送ります。",
        "Rehearsal home_botnet: {sources} infected machines at home send spam from {mailbox}, one or two each.",
    ),
    "begin_drip": (
        "予行演習「drip」: 外国の {source} から、{mailbox} の迷惑メールが見知らぬ宛先へ少しずつ送られます。",
        "Rehearsal drip: from {source}, a foreign address, spam of {mailbox} trickles to strangers, one at a time.",
    ),
    "begin_forward": (
        "予行演習「forward」: 外国の {source} から {mailbox} をすべて読み、転送を仕掛け、何も送りません。",
        "Rehearsal forward: from {source} somebody reads all of {mailbox}, plants a forward, and sends nothing.",
    ),
    "begin_own_pc": (
        "予行演習「own_pc」: {mailbox} の持ち主のパソコン({source})がウイルスに感染し、迷惑メールを送ります。",
        "Rehearsal own_pc: malware on the owner's own computer ({source}) sends spam from {mailbox}.",
    ),
    "begin_newsletter": (
        "予行演習「newsletter」: {mailbox} の持ち主が、いつもの場所({source})から初めてのお知らせを顧客に送ります。",
        "Rehearsal newsletter: the owner of {mailbox} sends a first newsletter from his usual place ({source}).",
    ),
    "begin_traveller": (
        "予行演習「traveller」: {mailbox} の持ち主が旅先の外国({source})から読み、知り合いに返事を書きます。",
        "Rehearsal traveller: the owner of {mailbox} reads abroad ({source}) and answers people he knows.",
    ),
    "letters": (
        "外部の人たちは何も知らずに {mailbox} へメールを書き続けます(直接と、別名 {alias} 宛て)。",
        "People outside know nothing of it and go on writing to {mailbox}, directly and through {alias}.",
    ),
    "first_spam": ("最初の迷惑メールが受け付けられました。", "The first spam message was accepted."),
    "restricted": (
        "送信が制限されました({answer})。ここまでの宛先は {accepted} 件です。",
        "Sending is restricted now ({answer}); {accepted} recipients so far.",
    ),
    "suspended": (
        "停止しました: 最初の迷惑メールから {seconds} 秒後、宛先 {accepted} 件の後で拒否されました({answer})。",
        "Suspended: {seconds} s after the first spam message and {accepted} recipients, the server refused ({answer}).",
    ),
    "not_suspended": (
        "停止しませんでした: 宛先 {accepted} 件がすべて受け付けられました。これは誤りです。",
        "Not suspended: {accepted} recipients were accepted and nothing stopped it. This is a fault.",
    ),
    "doors_shut": (
        "盗まれたパスワードは IMAP・POP3・ManageSieve・SMTP のどこでも通りません(停止から {seconds} 秒)。",
        "The stolen password opens no door any more: IMAP, POP3, ManageSieve, SMTP ({seconds} s after the suspension).",
    ),
    "doors_open": ("まだ開いている入口があります: {doors}。これは誤りです。", "Still open: {doors}. This is a fault."),
    "spam_counted": (
        "外部の受信箱を数えました: 届いた迷惑メール {out} 通、宛先なしで拒否 {refused} 通、当方で保留 {held} 通。",
        "Counted in the mailboxes outside: {out} spam messages got out, {refused} had no such recipient, "
        "{held} are held here.",
    ),
    "waiting": (
        "{mailbox} 宛てのメールは失われずに待っています: 相手のサーバーに {theirs} 通、こちらのキューに {ours} 通。",
        "Mail to {mailbox} waits and is not lost: {theirs} at the sender's server, {ours} in our own queue.",
    ),
    "recovering": (
        "管理者が新しい強いパスワードを設定し、利用を再開します。",
        "The administrator sets a new, strong password and reinstates the mailbox.",
    ),
    "reinstated": (
        "再開しました({seconds} 秒)。新しいパスワードはすぐに使え、古いパスワードはもう通りません。",
        "Reinstated after {seconds} s. The new password works at once, the old one stays dead.",
    ),
    "letters_wait": (
        "待っていたメールが届き始めます(相手のサーバーは自分の間隔で再送します)。",
        "Now the waiting mail comes in; the sender's server tries again in its own time.",
    ),
    "arrived": (
        "待っていたものを含め、外部からの {sent} 通のうち {arrived} 通が一度ずつ届きました。失われたもの: {lost} 通。",
        "Of {sent} letters from outside {arrived} have arrived, each once. Lost: {lost}.",
    ),
    "letter_missing": ("届いていないメール: {numbers}", "Letters that did not arrive: {numbers}"),
    "letter_twice": ("二重に届いたメール: {numbers}", "Letters that arrived twice: {numbers}"),
    "entered": ("侵入者が IMAP で入りました。", "The intruder is in, over IMAP."),
    "has_read": ("侵入者がメールを {count} 通読みました。", "The intruder has read {count} messages."),
    "planted": (
        "侵入者が Sieve の転送({target} 宛て)を仕掛けて有効にしました。",
        "The intruder has planted and activated a Sieve forward to {target}.",
    ),
    "alerted": (
        "警報: 侵入から {seconds} 秒で転送は止められ、メールボックスは「{status}」になりました。",
        "Alert: {seconds} s after he came in the forward is switched off; the mailbox is now {status}.",
    ),
    "redirect_frozen": (
        "試しに送った {sent} 通は本人に届き、転送先に漏れたのは {leaked} 通です。",
        "Of {sent} test letters all reached the owner, {leaked} leaked to the target.",
    ),
    "redirect_runs": (
        "仕掛けられた転送がまだ動いています({leaked} 通が漏れました)。これは誤りです。",
        "The planted forward still runs ({leaked} letters leaked). This is a fault.",
    ),
    "owner_unhindered": (
        "持ち主は自分の場所({home})から問題なくログインでき、知り合いに送信できます。停止はしていません。",
        "The owner still logs in from {home} and writes to people he knows. It is not a suspension.",
    ),
    "owner_hindered": (
        "持ち主が妨げられています: {answer}。これは誤りです。",
        "The owner is hindered: {answer}. This is a fault.",
    ),
    "flood_runs": (
        "{refused} 回拒否。その間の本人のログイン({home} から): {good}/{tried} 回成功、最長 {slowest} 秒。",
        "{refused} refused. Meanwhile the owner logged in from {home}: {good} of {tried} times, {slowest} s at most.",
    ),
    "flood_over": (
        "{refused} 回の誤ったパスワードの後: 状態は「{status}」。誰も停止されていません。",
        "After {refused} wrong passwords: the mailbox is {status}. Nobody was suspended.",
    ),
    "first_newsletter": (
        "最初のお知らせが受け付けられました。",
        "The first newsletter was accepted.",
    ),
    "answer": (
        "メールボックスは「{status}」です。受け付けた宛先 {accepted} 件、後で送るよう求めた宛先 {deferred} 件。",
        "The mailbox is {status}: {accepted} recipients were accepted, {deferred} were told to come again later.",
    ),
    "newsletter_counted": (
        "外部の受信箱を数えました: 届いたお知らせ {out} 通、宛先なしで拒否 {refused} 通、当方で保留 {held} 通。",
        "Counted in the mailboxes outside: {out} newsletters arrived, {refused} had no such recipient, "
        "{held} are held here.",
    ),
    "owner_enters": (
        "持ち主は自分の場所({home})から、どの入口からも入れます。",
        "The owner gets in at every door from his own place ({home}).",
    ),
    "traveller_reads": (
        "旅先の持ち主がメールを {count} 通読みました。",
        "The traveller has read {count} messages.",
    ),
    "traveller_answered": (
        "旅先から返事を {sent} 通書き、{arrived} 通が相手に届きました。",
        "The traveller wrote {sent} answers; {arrived} have arrived.",
    ),
    "fault": ("誤り: {text}", "Fault: {text}"),
    "agrees": (
        "Sekisho 自身の記録は、外から数えた結果と一致しています。",
        "Sekisho's own record agrees with what was counted from outside.",
    ),
    "end_good": (
        "終わり({seconds} 秒)。メールは一通も失われませんでした。",
        "The end ({seconds} s). No mail was lost.",
    ),
    "end_bad": ("終わり({seconds} 秒)。誤りが {faults} 件あります。", "The end ({seconds} s), with {faults} faults."),
    "look": ("経過は管理画面で見られます: {url}", "The whole story is in the panel: {url}"),
}

STATUS_WORDS = {
    "active": ("利用中", "active"),
    "restricted": ("送信制限", "restricted"),
    "suspended": ("停止中", "suspended"),
    "probation": ("経過観察", "on probation"),
}


class Teller:
    """Says sentences of the table above in one language, each with the seconds since the beginning."""

    def __init__(self, tell: Callable[[str], None], language: str) -> None:
        self._tell = tell
        self._which = 0 if language.lower().startswith("ja") else 1
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the rehearsal began."""
        return time.monotonic() - self._started

    def say(self, key: str, **values: object) -> None:
        """Tells one sentence; numbers of type float are seconds, given as people say them."""
        shown = {name: _seconds(value) if isinstance(value, float) else value for name, value in values.items()}
        self._tell(f"[{self.seconds:6.1f} s] {SENTENCES[key][self._which].format(**shown)}")

    def status_word(self, status: str) -> str:
        """A mailbox status as people read it."""
        words = STATUS_WORDS.get(status)
        return words[self._which] if words else status


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
