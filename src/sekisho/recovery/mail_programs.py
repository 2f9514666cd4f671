"""Which field of which mail program takes which value, in the program's own Japanese and English words.

Written from knowledge of the programs, and compared with the real one for Thunderbird's behaviour only; a version may
name a field a little differently, so the pages say what a field is for as well. The words are quotations, not texts of
ours: they are not in the catalogue.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.recovery.mail_settings import MailSettings, Security

Value = Literal[
    "address", "password", "server", "imap_port", "smtp_port", "imap_security", "smtp_security", "password_login", "yes"
]
SECURITY_WORDS: dict[Security, tuple[str, str]] = {
    "ssl": ("SSL/TLS", "SSL/TLS"),
    "starttls": ("STARTTLS", "STARTTLS"),
    "none": ("なし", "None"),
}


class Field(msgspec.Struct, frozen=True):
    """A field of a dialog: its label in both languages, and what belongs in it."""

    ja: str
    en: str
    value: Value


class Group(msgspec.Struct, frozen=True):
    """Fields under one heading of the dialog."""

    ja: str
    en: str
    fields: tuple[Field, ...]


class Program(msgspec.Struct, frozen=True):
    """A mail program: its name, the way to its dialog, the dialog, and how it tells that all is well."""

    key: str
    ja: str
    en: str
    # What to open, one after the other.
    path_ja: tuple[str, ...]
    path_en: tuple[str, ...]
    groups: tuple[Group, ...]
    after_ja: str
    after_en: str


class Row(msgspec.Struct, frozen=True):
    """A field with its value in one language. `only` marks the password, which alone is changed."""

    label: str
    value: str
    only: bool = False


class Dialog(msgspec.Struct, frozen=True):
    """A program's dialog filled in for one address, in one language."""

    key: str
    name: str
    path: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    after: str


_PASSWORD = Field("パスワード", "Password", "password")

PROGRAMS = (
    Program(
        "outlook",
        "Outlook (従来版、Windows)",
        "Outlook (classic, Windows)",
        ("ファイル", "アカウント設定", "アカウント設定", "アドレスを選んで「変更」"),
        ("File", "Account Settings", "Account Settings", "choose the address, “Change”"),
        (
            Group(
                "サーバー情報",
                "Server Information",
                (
                    Field("受信メール サーバー", "Incoming mail server", "server"),
                    Field("送信メール サーバー (SMTP)", "Outgoing mail server (SMTP)", "server"),
                ),
            ),
            Group(
                "メール サーバーへのログオン情報",
                "Logon Information",
                (Field("アカウント名", "User Name", "address"), _PASSWORD),
            ),
            Group(
                "詳細設定",
                "More Settings › Advanced",
                (
                    Field("受信サーバー (IMAP)", "Incoming server (IMAP)", "imap_port"),
                    Field(
                        "使用する暗号化接続の種類", "Use the following type of encrypted connection", "imap_security"
                    ),
                    Field("送信サーバー (SMTP)", "Outgoing server (SMTP)", "smtp_port"),
                    Field(
                        "使用する暗号化接続の種類", "Use the following type of encrypted connection", "smtp_security"
                    ),
                ),
            ),
        ),
        "「アカウント設定のテスト」を押し、受信・送信とも「完了」になることを確認します。",
        "Press “Test Account Settings”: receiving and sending should both say “Completed”.",
    ),
    Program(
        "new-outlook",
        "Outlook (新しい Outlook)",
        "Outlook (new)",
        ("設定 (歯車)", "アカウント", "メール アカウント", "アドレスの「管理」", "修復"),
        ("Settings (gear)", "Accounts", "Email accounts", "“Manage” of the address", "Repair"),
        (
            Group(
                "受信",
                "Incoming",
                (
                    Field("IMAP ユーザー名", "IMAP username", "address"),
                    Field("IMAP パスワード", "IMAP password", "password"),
                    Field("IMAP 受信サーバー", "IMAP incoming server", "server"),
                    Field("ポート", "Port", "imap_port"),
                    Field("セキュリティで保護された接続の種類", "Secure connection type", "imap_security"),
                ),
            ),
            Group(
                "送信",
                "Outgoing",
                (
                    Field("SMTP ユーザー名", "SMTP username", "address"),
                    Field("SMTP パスワード", "SMTP password", "password"),
                    Field("SMTP 送信サーバー", "SMTP outgoing server", "server"),
                    Field("ポート", "Port", "smtp_port"),
                    Field("セキュリティで保護された接続の種類", "Secure connection type", "smtp_security"),
                ),
            ),
        ),
        "「続行」を押します。自分宛てに1通送り、届くことを確認します。",
        "Press “Continue”, then send a message to yourself and see it arrive.",
    ),
    Program(
        "thunderbird",
        "Thunderbird",
        "Thunderbird",
        ("メニュー (≡)", "アカウント設定", "サーバー設定", "送信は「送信 (SMTP) サーバー」"),
        ("Menu (≡)", "Account Settings", "Server Settings", "for sending: “Outgoing Server (SMTP)”"),
        (
            Group(
                "サーバー設定",
                "Server Settings",
                (
                    Field("サーバー名", "Server Name", "server"),
                    Field("ポート", "Port", "imap_port"),
                    Field("ユーザー名", "User Name", "address"),
                    Field("接続の保護", "Connection security", "imap_security"),
                    Field("認証方式", "Authentication method", "password_login"),
                ),
            ),
            Group(
                "送信 (SMTP) サーバー",
                "Outgoing Server (SMTP)",
                (
                    Field("サーバー名", "Server Name", "server"),
                    Field("ポート", "Port", "smtp_port"),
                    Field("接続の保護", "Connection security", "smtp_security"),
                    Field("ユーザー名", "User Name", "address"),
                ),
            ),
            Group("受信時に開く小さな窓", "The small window that opens on receiving", (_PASSWORD,)),
        ),
        "「受信」を押すと新しいパスワードを尋ねられます。受信と送信で1回ずつ入力し、「パスワードマネージャーに"
        "保存する」にチェックを入れます。尋ねられないときは、設定 › プライバシーとセキュリティ › "
        "保存されたパスワード で古いものを削除します。",
        "Press “Get Messages”: it asks for the new password, once for receiving and once for sending. If it does not "
        "ask, delete the old one under Settings › Privacy & Security › Saved Passwords.",
    ),
    Program(
        "iphone",
        "iPhone・iPad",
        "iPhone, iPad",
        ("設定", "アプリ", "メール", "メールアカウント", "アドレスを選ぶ", "アカウント設定"),
        ("Settings", "Apps", "Mail", "Mail Accounts", "choose the address", "Account Settings"),
        (
            Group(
                "受信メールサーバ",
                "Incoming Mail Server",
                (
                    Field("ホスト名", "Host Name", "server"),
                    Field("ユーザ名", "User Name", "address"),
                    _PASSWORD,
                    Field("詳細 › SSLを使用", "Advanced › Use SSL", "yes"),
                    Field("詳細 › サーバポート", "Advanced › Server Port", "imap_port"),
                ),
            ),
            Group(
                "送信メールサーバ › SMTP › プライマリサーバ",
                "Outgoing Mail Server › SMTP › Primary Server",
                (
                    Field("ホスト名", "Host Name", "server"),
                    Field("ユーザ名", "User Name", "address"),
                    _PASSWORD,
                    Field("SSLを使用", "Use SSL", "yes"),
                    Field("サーバポート", "Server Port", "smtp_port"),
                ),
            ),
        ),
        "「完了」を押すと「検証中」になり、すべてにチェックが付けば終わりです。パスワードは受信と送信の2か所にあります。",
        "Press “Done”; it verifies and shows ticks. The password stands in two places, for receiving and for sending.",
    ),
    Program(
        "mac",
        "メール (Mac)",
        "Mail (Mac)",
        ("メール", "設定", "アカウント", "アドレスを選ぶ", "サーバ設定"),
        ("Mail", "Settings", "Accounts", "choose the address", "Server Settings"),
        (
            Group(
                "受信メールサーバ (IMAP)",
                "Incoming Mail Server (IMAP)",
                (
                    Field("ユーザ名", "User Name", "address"),
                    _PASSWORD,
                    Field("ホスト名", "Host Name", "server"),
                    Field("ポート", "Port", "imap_port"),
                    Field("TLS/SSLを使用", "Use TLS/SSL", "yes"),
                ),
            ),
            Group(
                "送信メールサーバ (SMTP)",
                "Outgoing Mail Server (SMTP)",
                (
                    Field("ユーザ名", "User Name", "address"),
                    _PASSWORD,
                    Field("ホスト名", "Host Name", "server"),
                    Field("ポート", "Port", "smtp_port"),
                    Field("TLS/SSLを使用", "Use TLS/SSL", "yes"),
                ),
            ),
        ),
        "「保存」を押し、ウインドウ › 接続診断 で、受信・送信とも緑になることを確認します。",
        "Press “Save”, then look at Window › Connection Doctor: receiving and sending should be green.",
    ),
    Program(
        "gmail",
        "Gmail アプリ (Android)",
        "Gmail app (Android)",
        ("メニュー (≡)", "設定", "アドレスを選ぶ", "受信設定 / 送信設定"),
        ("Menu (≡)", "Settings", "choose the address", "Incoming settings / Outgoing settings"),
        (
            Group(
                "受信設定",
                "Incoming settings",
                (
                    Field("ユーザー名", "Username", "address"),
                    _PASSWORD,
                    Field("サーバー", "Server", "server"),
                    Field("ポート", "Port", "imap_port"),
                    Field("セキュリティの種類", "Security type", "imap_security"),
                ),
            ),
            Group(
                "送信設定",
                "Outgoing settings",
                (
                    Field("SMTP サーバー", "SMTP server", "server"),
                    Field("ポート", "Port", "smtp_port"),
                    Field("セキュリティの種類", "Security type", "smtp_security"),
                    Field("ユーザー名", "Username", "address"),
                    _PASSWORD,
                ),
            ),
        ),
        "「完了」を押すと確認が行われます。受信設定と送信設定の両方でパスワードを変えます。",
        "Press “Done”; it checks at once. Change the password under incoming and under outgoing settings.",
    ),
    Program(
        "android",
        "Android のほかのメールアプリ",
        "Other mail apps on Android",
        ("メニュー (≡)", "設定", "アドレスを選ぶ", "サーバー設定"),
        ("Menu (≡)", "Settings", "choose the address", "Server settings"),
        (
            Group(
                "受信サーバー設定",
                "Incoming server settings",
                (
                    Field("メールアドレス / ユーザー名", "Email address / User name", "address"),
                    _PASSWORD,
                    Field("IMAP サーバー", "IMAP server", "server"),
                    Field("セキュリティの種類", "Security type", "imap_security"),
                    Field("ポート", "Port", "imap_port"),
                ),
            ),
            Group(
                "送信サーバー設定",
                "Outgoing server settings",
                (
                    Field("SMTP サーバー", "SMTP server", "server"),
                    Field("セキュリティの種類", "Security type", "smtp_security"),
                    Field("ポート", "Port", "smtp_port"),
                    Field("ユーザー名", "User name", "address"),
                    _PASSWORD,
                ),
            ),
        ),
        "保存し、自分宛てに1通送って、届くことを確認します。",
        "Save, then send a message to yourself and see it arrive.",
    ),
)


def dialogs(found: MailSettings, address: str, japanese: bool) -> list[Dialog]:
    """Every program's dialog filled in for this address."""
    values = _values(found, address, 0 if japanese else 1)
    return [_fill(program, values, japanese) for program in PROGRAMS]


def _values(found: MailSettings, address: str, language: int) -> dict[Value, str]:
    imap, smtp = found.security(found.imap_port), found.security(found.smtp_port)
    on, off = (("オン", "オフ"), ("on", "off"))[language]
    return {
        "address": address,
        "password": ("新しいパスワード", "the new password")[language],
        "server": found.server_name,
        "imap_port": str(found.imap_port),
        "smtp_port": str(found.smtp_port),
        "imap_security": SECURITY_WORDS[imap][language],
        "smtp_security": SECURITY_WORDS[smtp][language],
        "password_login": ("通常のパスワード認証", "Normal password")[language],
        "yes": on if found.tls else off,
    }


def _fill(program: Program, values: dict[Value, str], japanese: bool) -> Dialog:
    groups = tuple(
        (
            group.ja if japanese else group.en,
            tuple(
                Row(one.ja if japanese else one.en, values[one.value], one.value == "password") for one in group.fields
            ),
        )
        for group in program.groups
    )
    if japanese:
        return Dialog(program.key, program.ja, program.path_ja, groups, program.after_ja)
    return Dialog(program.key, program.en, program.path_en, groups, program.after_en)
