"""How many guesses a password withstands that is put together from words somebody in Japan would try.

zxcvbn knows English, surnames and keyboards, but pays an unknown separator or a romaji phrase like random characters
("tokyo-osaka-kyoto", "1qaz@WSX…"). This reading knows the romaji lists, columns of keys, years and telephone numbers,
and takes the cheapest way to write the password down. It counts like an attacker who owns the same lists: no factor
for capitals, for hyphens between words, or for the order. The lower of the two estimates counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log10

import msgspec

from sekisho.detection.words import NAMES_AND_PHRASES, WORDS

# Guesses (log10) for one piece. Letters, digits and signs of ASCII: 26, 10, 33.
_LETTER, _DIGIT, _SIGN = log10(26), 1.0, log10(33)
# A year of the last or this century.
_YEAR = log10(200)
# Japanese telephone numbers: ten or eleven digits, of which the area or carrier code is a list of hundreds.
_TELEPHONE = 8.0
# Columns of keys, up and down, plain and shifted.
_COLUMNS = "1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 9ol. 0p;/".split()
_WALKS = [*_COLUMNS, *(column[::-1] for column in _COLUMNS), *(column[:3] for column in _COLUMNS)]
_WALK = log10(2 * len(_WALKS))
# Between words everybody writes one of these.
_SEPARATORS = " -_."

# Digits under the signs of both keyboards sold in Japan (JIS, US), and letters for look-alike signs.
_UNSHIFTED = (
    str.maketrans("!\"#$%&'()<>?", "123456789,./"),
    str.maketrans("!@#$%^&*()<>?:", "1234567890,./;"),
)
_LOOK_ALIKES = str.maketrans("013457@$!", "oleastasi")
_NUMBERS = ((re.compile(r"(19|20)\d\d"), _YEAR), (re.compile(r"0\d{1,4}-?\d{1,4}-?\d{4}(?!\d)"), _TELEPHONE))


class Reading(msgspec.Struct, frozen=True):
    """The cheapest way to write a password down: log10 of the guesses, and the longest listed word in it ("": none)."""

    guesses_log10: float
    word: str


def _costs(further: Iterable[str]) -> dict[str, float]:
    costs = {word: log10(len(WORDS) + len(NAMES_AND_PHRASES)) for word in WORDS}
    first = [*NAMES_AND_PHRASES, *further]
    costs.update({word: log10(len(first)) for word in first})
    return costs | dict.fromkeys(_WALKS, _WALK)


def cheapest_reading(password: str, further: Iterable[str] = ()) -> Reading:
    """The reading with the fewest guesses; `further` are words to try first (of the address, brands), lower case.

    Takes below a millisecond for 128 characters. Never more than the characters by themselves are worth.
    """
    costs = _costs(further)
    longest = max(map(len, costs))
    lower = password.lower()
    texts = {lower, *(lower.translate(table) for table in (*_UNSHIFTED, _LOOK_ALIKES))}
    return min((_read(text, costs, longest) for text in texts), key=lambda reading: reading.guesses_log10)


def _read(text: str, costs: dict[str, float], longest: int) -> Reading:
    """Dynamic programming from the left: `best[i]` is the cheapest reading of the first i characters."""
    best = [Reading(0.0, "")]
    for end in range(1, len(text) + 1):
        before = best[end - 1]
        found = [Reading(before.guesses_log10 + _character(text[end - 1]), before.word)]
        for start in range(max(0, end - longest), end - 1):
            piece, so_far = text[start:end], best[start]
            if piece in costs:
                word = piece if len(piece) > len(so_far.word) and piece not in _WALKS else so_far.word
                found.append(Reading(so_far.guesses_log10 + costs[piece], word))
            elif piece[0].isdigit():
                found += [
                    Reading(so_far.guesses_log10 + cost, so_far.word)
                    for pattern, cost in _NUMBERS
                    if pattern.fullmatch(piece)
                ]
        best.append(min(found, key=lambda reading: reading.guesses_log10))
    return best[-1]


def _character(character: str) -> float:
    if character in _SEPARATORS:
        return 0.0
    if character.isdigit():
        return _DIGIT
    return _LETTER if character.isalpha() else _SIGN
