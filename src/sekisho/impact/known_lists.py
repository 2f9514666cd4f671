"""What we know of single blocklists: their test entries, and how a listing comes to its end there.

What is said of each is as publicly known in 2026 (docs/harm-watch.md); a list that is not here is asked by the rules of
RFC 5782, and its page must be found by the operator.
"""

from __future__ import annotations

from typing import NamedTuple

# RFC 5782, section 5: a name that every list must have, one that none may have.
_TESTS = {
    "ipv4": ("127.0.0.2", "127.0.0.1"),
    "ipv6": ("::ffff:7f00:2", "::ffff:7f00:1"),
    "domain": ("test", "invalid"),
}


class KnownList(NamedTuple):
    """`form`: the page that takes requests, shown as text. `steps`: what to do, Japanese and English."""

    name: str
    form: str
    steps: tuple[str, str]
    # Its own listed test entry for domains, where it is not RFC 5782's.
    test: str = ""


_SPAMHAUS = (
    "まず送信を止め、原因を取り除いてください。そのうえで下のページにアドレスを入力し、どのリスト(SBL・CSS・XBL・PBL)に"
    "載っているかを確かめ、そのページの案内に沿って解除を申請します。CSS と XBL は数時間で消えます。"
    "PBL は違反ではなく、動的な回線という分類です。固定IPのメールサーバーなら、その場で除外を申請できます。",
    "Stop the sending and remove the cause first. Then enter the address on the page below: it says which list (SBL, "
    "CSS, XBL, PBL) names it, and takes the request. CSS and XBL end within hours. PBL is no accusation: it says that "
    "the network should not send by itself, and a mail server with a fixed address is taken out on the spot.",
)

KNOWN = {
    "zen.spamhaus.org": KnownList("Spamhaus ZEN", "https://check.spamhaus.org/", _SPAMHAUS),
    "dbl.spamhaus.org": KnownList(
        "Spamhaus DBL",
        "https://check.spamhaus.org/",
        (
            "ドメインの信用で載ります。改ざんされたページや、ドメイン名を使った迷惑メールがないかを確かめ、"
            "原因を取り除いてから、下のページで解除を申請します。",
            "It lists a domain by its reputation. Look for a page of it that was altered and for spam in its name, "
            "remove the cause, then ask for removal on the page below.",
        ),
        test="dbltest.com",
    ),
    "bl.spamcop.net": KnownList(
        "SpamCop",
        "https://www.spamcop.net/bl.shtml",
        (
            "利用者の通報で載り、新しい通報がなければ24時間ほどで自動的に消えます。申請は必要ありません。"
            "消えないときは、送信がまだ続いています。",
            "Listed by its users' reports, gone by itself about 24 hours after the last one. There is nothing to "
            "ask for. When it stays, something is still being sent.",
        ),
    ),
    "b.barracudacentral.org": KnownList(
        "Barracuda",
        "https://www.barracudacentral.org/rbl/removal-request",
        (
            "原因を取り除いてから、下のページで理由を書いて申請します。ふつう半日ほどで処理されます。"
            "何度も申請すると、かえって遅れます。",
            "Remove the cause, then ask on the page below and say what it was. It usually takes half a day; asking "
            "again and again makes it slower.",
        ),
    ),
    "multi.surbl.org": KnownList(
        "SURBL",
        "https://surbl.org/surbl-analysis",
        (
            "本文に書かれたリンクのドメインで載ります。改ざんされたページを直してから、下のページで解除を申請します。",
            "It lists domains of links in spam. Repair the page that was altered, then ask for removal on the "
            "page below.",
        ),
        test="test.surbl.org",
    ),
}

_ANY = (
    "原因を取り除いてから、このリストの運営者のページを探し、解除の手順に従ってください。代金を求めるリストには"
    "支払わないでください。多くの受信側は、そのようなリストを使っていません。",
    "Remove the cause, then find the page of those who run this list and follow what it says. Do not pay a list that "
    "asks for money: few receivers use such a one.",
)


def known_list(zone: str) -> KnownList:
    """What we know of a list; for one that we do not know, its zone as the name and general steps."""
    return KNOWN.get(zone) or KnownList(zone, "", _ANY)


def tests_of(zone: str, kind: str) -> tuple[str, str]:
    """The entry that the list must have and the one it must not, for this kind of names."""
    listed, unlisted = _TESTS[kind]
    return (known_list(zone).test or listed if kind == "domain" else listed), unlisted
