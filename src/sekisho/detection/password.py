"""Rules for a mailbox password, and the generator.

An IMAP or SMTP password is the only factor, so NIST SP 800-63B-4 §3.1.1.2 asks for 15 characters and a list of refused
ones, and forbids rules of composition and periodic change: there are none here. Nothing is ever cut or folded; what
would go wrong later in a mail program (blanks copied along, full-width letters, invisible characters) is refused and
shown at its place. Every problem says what to do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from math import log2
from typing import Any, Literal

import msgspec

from sekisho.detection.password_guesses import cheapest_reading
from sekisho.detection.words import NAMES_AND_PHRASES, WORDS

# NIST SP 800-63B-4 §3.1.1.2: at least 15 characters for a single factor, each code point is one.
MIN_CHARACTERS = 15
# The same source asks to allow at least 64; twice that leaves room for long sentences, and crypt(3)'s schemes take 512
# bytes. Where the site's scheme takes less (bcrypt: 72 bytes), the site refuses what would be cut.
MAX_CHARACTERS = 128
# How much of a password zxcvbn looks at: its own bound, since an odd one of 128 characters takes it seconds (2.9 s
# measured, 0.6 s up to here). Whatever follows only adds to a beginning that is hard to guess.
ESTIMATED_CHARACTERS = 72
# zxcvbn's estimate of the guesses needed: 10^12 are weeks of work against one stolen SHA512-CRYPT hash (some 10^5 to
# 10^6 a second on a graphics card), and out of reach online. zxcvbn's best score begins at 10^10.
WANTED_GUESSES_LOG10 = 12.0
# Names on whose behalf phishing mail comes in Japan; a hijacker tries them first.
BRANDS = (
    "rakuten amazon line yahoo google gmail apple icloud microsoft outlook docomo softbank biglobe nifty "
    "mercari paypay paypal netflix instagram facebook twitter youtube yamato sagawa jcb visa mastercard saison "
    "aeon mufg smbc mizuho resona yucho etc-meisai"
).split()
# The programs a mail host shows to its users; named in every guide, so the first things to try.
PRODUCTS = "sekisho postfix dovecot postfixadmin roundcube".split()
# A word of 5 letters is refused anywhere in a password, a shorter one only by itself ("line", but not in "airline").
ANYWHERE = 5
SHORTEST_WORD = 3
# Characters named in one sentence.
NAMED = 3

_LEET = str.maketrans("013457@$!", "oleastasi")
# Letters and digits that are told apart in every typeface: without 0 O 1 l I.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
# 20 characters of 57: 116 bits, beyond any guessing, and still typed into a telephone in a minute.
RANDOM_CHARACTERS = 20
# 5 words of 2,848 and 2 digits: 64 bits, for passwords that are read out or written down.
WORDS_IN_PASSWORD = 5
DIGITS = 100


class PasswordProblem(msgspec.Struct, frozen=True):
    """Why a password is refused: a code for programs, and what to do now, in Japanese and English."""

    code: str
    ja: str
    en: str


def problems(password: str, address: str, words: Sequence[str] = ()) -> list[PasswordProblem]:
    """What is wrong with a password for a mailbox; empty: it may be used. Never alters it.

    `words` are further ones to refuse (the company's name …). Takes some milliseconds, for zxcvbn; its lists are loaded
    at the first call, not at import. Where only blanks at the ends or full-width letters are wrong, `repaired` gives
    the form to offer.
    """
    found = [*_bad_characters(password), *_bad_length(password)]
    if not password:
        return found
    forbidden = _words_of(address, words)
    found += _forbidden_words(password, forbidden)
    if MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS and not any(p.code == "common" for p in found):
        found += _guessable(password, [word for word, _ in forbidden])
    return found


def repaired(password: str) -> str:
    """The password without blanks at its ends and with half-width letters: a form to offer, never to put in silently.

    Characters that have no half-width form stay. Equal to the password: there is nothing to offer.
    """
    half = "".join(unicodedata.normalize("NFKC", c) if _character_problem(c) == "full_width" else c for c in password)
    return half.strip()


def _bad_length(password: str) -> list[PasswordProblem]:
    length = len(password)
    if not length:
        return [PasswordProblem("empty", "パスワードを入力してください。", "Enter a password.")]
    if length < MIN_CHARACTERS:
        return [
            PasswordProblem(
                "short",
                f"{MIN_CHARACTERS}文字以上にしてください(いまは{length}文字です)。",
                f"Use at least {MIN_CHARACTERS} characters (now {length}).",
            )
        ]
    if length > MAX_CHARACTERS:
        return [
            PasswordProblem(
                "long",
                f"{MAX_CHARACTERS}文字以内にしてください(いまは{length}文字です)。",
                f"Use at most {MAX_CHARACTERS} characters (now {length}).",
            )
        ]
    return []


# -- characters -------------------------------------------------------------------------------------------------------

_BLANK_NAMES = {
    " ": ("半角スペース", "a space"),
    "\u3000": ("全角スペース", "a full-width space"),
    "\t": ("タブ", "a tab"),
    "\n": ("改行", "a line break"),
    "\r": ("改行", "a line break"),
    "\u00a0": ("特殊な空白", "a no-break space"),
}


def _bad_characters(password: str) -> list[PasswordProblem]:
    found = []
    inner = password.strip()
    start = len(password) - len(password.lstrip())
    if password and start:
        ja, en = _blank_name(password[0])
        found.append(
            PasswordProblem(
                "blank_at_start",
                f"先頭に{ja}が入っています。コピーの際に紛れ込んだ空白を取り除き、入力し直してください。",
                f"There is {en} at the start, perhaps copied along. Remove it and enter the password again.",
            )
        )
    if inner and len(password.rstrip()) < len(password):
        ja, en = _blank_name(password[-1])
        found.append(
            PasswordProblem(
                "blank_at_end",
                f"末尾に{ja}が入っています。コピーの際に紛れ込んだ空白を取り除き、入力し直してください。",
                f"There is {en} at the end, perhaps copied along. Remove it and enter the password again.",
            )
        )
    by_code: dict[str, list[tuple[int, str]]] = {}
    for position, character in enumerate(inner, start=start + 1):
        if code := _character_problem(character):
            by_code.setdefault(code, []).append((position, character))
    return found + [_character_text(code, places) for code, places in by_code.items()]


def _blank_name(character: str) -> tuple[str, str]:
    return _BLANK_NAMES.get(character, ("特殊な空白", "a blank"))


def _character_problem(character: str) -> str:
    """Empty for printable ASCII and the space."""
    if " " <= character <= "~":
        return ""
    if "！" <= character <= "～" or character == "\u3000":
        return "full_width"
    if unicodedata.category(character) in ("Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me"):
        return "invisible"
    return "not_ascii"


def _character_text(code: str, places: list[tuple[int, str]]) -> PasswordProblem:
    if code == "invisible":
        shown = [(place, f"U+{ord(character):04X}") for place, character in places[:NAMED]]
    else:
        shown = [(place, _BLANK_NAMES.get(character, (character, ""))[0]) for place, character in places[:NAMED]]
    rest = len(places) - len(shown)
    ja = "、".join(f"{place}文字目「{text}」" for place, text in shown) + (f"ほか{rest}か所" if rest else "")
    en = ", ".join(f'"{text}" at position {place}' for place, text in shown) + (f" and {rest} more" if rest else "")
    texts = {
        "full_width": (
            f"全角文字が含まれています({ja})。半角の英数字と記号で入力し直してください。",
            f"There are full-width characters ({en}). Enter it again with half-width letters, digits and signs.",
        ),
        "invisible": (
            f"目に見えない文字が含まれています({ja})。コピーせずに入力し直すか、自動生成を使ってください。",
            f"There are invisible characters ({en}). Type the password instead of pasting it, or generate one.",
        ),
        "not_ascii": (
            f"メールソフトで使えない文字が含まれています({ja})。半角の英数字と記号で入力し直してください。",
            f"There are characters that mail programs cannot send ({en}). Use ASCII letters, digits and signs.",
        ),
    }
    return PasswordProblem(code, *texts[code])


# -- words ------------------------------------------------------------------------------------------------------------

Kind = Literal["address", "brand", "word"]


def _words_of(address: str, words: Iterable[str]) -> list[tuple[str, Kind]]:
    """Words a hijacker of this mailbox tries first: parts of its address, brands, what the caller adds."""
    local, _, domain = address.lower().partition("@")
    labels = domain.split(".")[:-1]
    parts = [local, *re.split(r"[^a-z0-9]+", local), domain, *labels, *re.split(r"[^a-z0-9]+", " ".join(labels))]
    kinds: dict[str, Kind] = {word: "address" for word in parts}
    for word in (*BRANDS, *PRODUCTS):
        kinds.setdefault(word, "brand")
    for word in words:
        kinds.setdefault(word.lower(), "word")
    return [(word, kind) for word, kind in kinds.items() if len(word) >= SHORTEST_WORD]


def _forbidden_words(password: str, forbidden: list[tuple[str, Kind]]) -> list[PasswordProblem]:
    """One problem per kind of word, the longest word of it; and the password as a whole against the common ones."""
    lower = password.lower()
    plain = lower.translate(_LEET)
    found: dict[str, str] = {}
    for word, kind in sorted(forbidden, key=lambda pair: -len(pair[0])):
        if kind not in found and (_contains(lower, word) or _contains(plain, word)):
            found[kind] = word
    listed = [_word_text(kind, word) for kind, word in found.items()]
    if _is_common(lower):
        listed.append(
            PasswordProblem(
                "common",
                "よく使われるパスワード(または、それに数字や記号を足しただけのもの)です。自動生成を使うか、"
                "別のものにしてください。",
                "It is a common password, or one with digits and signs added. Generate one or choose another.",
            )
        )
    return listed


def _contains(text: str, word: str) -> bool:
    if len(word) >= ANYWHERE:
        return word in text
    edge = "a-z" if word.isalpha() else "a-z0-9"
    return re.search(f"(?<![{edge}]){re.escape(word)}(?![{edge}])", text) is not None


def _word_text(kind: str, word: str) -> PasswordProblem:
    if kind == "address":
        return PasswordProblem(
            "address",
            f"メールアドレスの一部「{word}」が含まれています。アドレスから想像できない文字列にしてください。",
            f'It contains "{word}" of the mail address. Choose something that the address does not suggest.',
        )
    if kind == "brand":
        return PasswordProblem(
            "brand",
            f"サービス名「{word}」が含まれています。他のサービスと関係のない文字列にしてください。",
            f'It contains the service name "{word}". Choose something unrelated to other services.',
        )
    return PasswordProblem(
        "word",
        f"推測されやすい語「{word}」が含まれています。別の文字列にしてください。",
        f'It contains "{word}", which is easily guessed. Choose something else.',
    )


def _is_common(lower: str) -> bool:
    """Whether the password, perhaps with digits and signs around it or 0 for o, is on zxcvbn's password list."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # its lists take 5 MB: not for processes that never ask

    common = _common_passwords(FREQUENCY_LISTS)
    core = re.sub(r"^[^a-z]+|[^a-z]+$", "", lower)
    leet = re.sub(r"^[^a-z]+|[^a-z]+$", "", lower.translate(_LEET))
    return lower in common or any(len(word) > 3 and word in common for word in (core, leet))


_common: frozenset[str] = frozenset()


def _common_passwords(lists: Any) -> frozenset[str]:
    global _common
    if not _common:
        _common = frozenset(lists["passwords"])
    return _common


def _guessable(password: str, forbidden: list[str]) -> list[PasswordProblem]:
    from zxcvbn import zxcvbn  # 0.1 s to load: only for who checks passwords

    reading = cheapest_reading(password, forbidden)
    if reading.guesses_log10 < WANTED_GUESSES_LOG10 and reading.word:
        return [_guessable_text(f"よくある語「{reading.word}」など", f'common words such as "{reading.word}"')]
    user_inputs = [*forbidden, *NAMES_AND_PHRASES, *WORDS]
    result = zxcvbn(password[:ESTIMATED_CHARACTERS], user_inputs=user_inputs)
    if min(result["guesses_log10"], reading.guesses_log10) >= WANTED_GUESSES_LOG10:
        return []
    patterns = {part["pattern"] for part in result["sequence"]}
    if "repeat" in patterns and result["guesses_log10"] < WANTED_GUESSES_LOG10:
        return [_guessable_text("同じ文字や語の繰り返し", "repeats")]
    if patterns & {"sequence", "spatial"} or reading.guesses_log10 < WANTED_GUESSES_LOG10:
        return [_guessable_text("連続した文字やキーボードの並び", "sequences or rows of keys")]
    if "date" in patterns:
        return [_guessable_text("日付や単純な語", "dates or simple words")]
    return [_guessable_text("よくある語の組み合わせ", "common words")]


def _guessable_text(ja: str, en: str) -> PasswordProblem:
    return PasswordProblem(
        "guessable",
        f"{ja}が多く、推測されるおそれがあります。自動生成を使うか、無関係な語を5つ以上つなげてください。",
        f"It is easy to guess ({en}). Generate one, or join five or more unrelated words.",
    )


# -- the generator ----------------------------------------------------------------------------------------------------

Style = Literal["random", "words"]


def generate(randbelow: Callable[[int], int], style: Style = "random") -> str:
    """A password that passes the rules. `randbelow(n)` draws evenly from 0 … n−1 (secrets.randbelow).

    "random": 20 characters without 0 O 1 l I. "words": five romaji words and two digits, joined by hyphens. By chance
    (a few in 1,000 at most) it holds a word of the address; who shows it checks it with `problems` and draws again.
    """
    if style == "words":
        words = [WORDS[randbelow(len(WORDS))] for _ in range(WORDS_IN_PASSWORD)]
        return "-".join([*words, f"{randbelow(DIGITS):02d}"])
    return "".join(ALPHABET[randbelow(len(ALPHABET))] for _ in range(RANDOM_CHARACTERS))


def entropy(style: Style = "random") -> float:
    """Bits of a generated password: 116.7 for "random", 64.0 for "words"."""
    if style == "words":
        return WORDS_IN_PASSWORD * log2(len(WORDS)) + log2(DIGITS)
    return RANDOM_CHARACTERS * log2(len(ALPHABET))
