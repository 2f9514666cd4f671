"""What `sekisho up` says to the person at the terminal on the first start, in Japanese or English.

Passwords are printed here once and nowhere else; afterwards they are in `credentials.json`, readable for root only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from sekisho.deploy.layout import Layout
from sekisho.deploy.provider import Credentials

Language = Literal["ja", "en"]


def language_of(environment: Mapping[str, str]) -> Language:
    """DEMO_LANG decides, without it the terminal's locale (LC_ALL, LC_MESSAGES, LANG); else English."""
    names = ("DEMO_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    value = next((environment[name] for name in names if environment.get(name)), "")
    return "ja" if value.startswith("ja") else "en"


def is_up(language: Language, layout: Layout, seconds: float) -> str:
    """The line of every start."""
    panel = f"http://127.0.0.1:{layout.ports.panel}/"
    if language == "ja":
        return f"{seconds:.1f} 秒で起動しました。管理画面 {panel}  (Ctrl-C で停止)"
    return f"up after {seconds:.1f} s; panel {panel} (Ctrl-C stops everything)"


def accounts(language: Language, layout: Layout, credentials: Credentials) -> Iterator[str]:
    """Lines: the panel's accounts with their passwords, and where the mailboxes' passwords are."""
    ja = language == "ja"
    yield ""
    name, password = credentials.operator
    yield f"  {'運用者' if ja else 'Operator'}: {name}  {password}"
    for domain, (name, password) in credentials.domain_admins.items():
        yield f"  {'ドメイン管理者' if ja else 'Domain admin'} {domain}: {name}  {password}"
    yield ""
    if ja:
        yield "  パスワードの表示はこの一度だけです。メールボックスの分も含め、次のファイルにあります(root のみ):"
        yield f"  {layout.credentials}"
    else:
        yield "  These passwords are shown this once. They are kept, with those of the mailboxes, in"
        yield f"  {layout.credentials} (readable for root only)."
    yield ""


def before_rehearsal(language: Language) -> str:
    """One line between the accounts and the rehearsal."""
    if language == "ja":
        return "  これから、乗っ取り・停止・復旧を本物の Postfix と Dovecot で演じます。"
    return "  Now a takeover, a suspension and a recovery are played on the real Postfix and Dovecot."


def after_rehearsal(language: Language, good: bool, layout: Layout) -> str:
    """How it ended and how to go on."""
    if language == "ja":
        end = "演習は終わりました。" if good else "演習は期待どおりに終わりませんでした(上の行を見てください)。"
        return f"\n  {end}サーバーは動き続けます。Ctrl-C で全部止まります。ログ: {layout.log}\n"
    end = "The rehearsal is over." if good else "The rehearsal did not end as it should; see the lines above."
    return f"\n  {end} The servers keep running; Ctrl-C stops them all. Logs: {layout.log}\n"
