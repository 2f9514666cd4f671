"""Texts as a hurried eye reads them: width, case, marks, and letters that look alike fold into one another.

Two steps, both one character at a time, so that rspamd's Lua does the same with two tables made here: `plain` (what
Unicode holds to be the same letter: compatibility decomposition, case, no marks, everything that is no letter or digit
a blank) and `skeleton` (what merely looks the same: UTS 39's confusable letters, 0 and o, 1, i and l; then rn and m,
vv and w). Voiced marks fall, too: パ and バ are hard to tell apart on a phone.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache, lru_cache
from importlib import resources

# Digits and letters that common typefaces draw alike; i and l: a capital I is an l in most of them.
_ALIKE = {"0": "o", "1": "l", "i": "l"}
# Pairs of letters that read as one.
PAIRS = (("rn", "m"), ("vv", "w"))
# Characters a table for another language lists: to the end of the emoji, where Japanese and Latin letters end, too.
_LAST_LISTED = 0x1FFFF


def _is_hangul(character: str) -> bool:
    """Hangul would be decomposed into its letters; there are 11,172 of them and no name of ours."""
    return "\uac00" <= character <= "\ud7a3"


@cache
def plain_character(character: str) -> str:
    """What one character is in plain form: "" for what nobody sees, " " for what separates, else letters and digits."""
    if character.isascii():
        return character.lower() if character.isalnum() else " "
    if _is_hangul(character):
        return character
    kind = unicodedata.category(character)
    if kind in ("Mn", "Me", "Cf"):
        return ""
    form = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = "".join(part for part in form if unicodedata.category(part) not in ("Mn", "Me", "Cf"))
    return "".join(" " if unicodedata.category(part)[0] in "PSZ" or part < " " else part for part in kept)


@cache
def confusables() -> dict[str, str]:
    """A plain character -> the one it looks like."""
    stored = resources.files("sekisho.inbound").joinpath("confusables.json").read_text(encoding="utf-8")
    table = {other: look for look, others in json.loads(stored).items() for other in others}
    return {other: _ALIKE.get(look, look) for other, look in table.items()} | _ALIKE


def plain(text: str) -> str:
    """Lower-case letters and digits with single blanks between, none at the ends."""
    return " ".join("".join(map(plain_character, text)).split())


def skeleton(text: str) -> str:
    """`plain`, with what looks alike made one."""
    return looks(plain(text))


# A host's few labels are compared with every spelling.
@lru_cache(maxsize=4096)
def looks(plain_text: str) -> str:
    """The skeleton of a text that is plain already."""
    table = confusables()
    text = "".join(table.get(character, character) for character in plain_text)
    for pair, single in PAIRS:
        text = text.replace(pair, single)
    return text


_PIECE = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")
# "A m a z o n": from three single letters on; two are initials.
_SPACED = re.compile(r"(?<![^ ])[a-z0-9](?: [a-z0-9](?![^ ])){2,}")


def pieces(text: str) -> tuple[str, ...]:
    """The words of a plain text or skeleton: runs of ASCII letters and digits, and of everything else; letters written
    with blanks between are one word, and blanks between Japanese words mean nothing."""
    joined = _SPACED.sub(lambda found: found.group().replace(" ", ""), text)
    found: list[str] = []
    for word in _PIECE.findall(joined):
        if found and not word.isascii() and not found[-1].isascii():
            found[-1] += word
        else:
            found.append(word)
    return tuple(found)


def character_table() -> dict[str, str]:
    """Every character beyond ASCII that `plain` changes, for a program without Unicode's tables."""
    table = {}
    for point in range(0x80, _LAST_LISTED + 1):
        character = chr(point)
        # Surrogates and private use cannot be, or mean nothing; a character that is not assigned stays as it is.
        if unicodedata.category(character) in ("Cs", "Co", "Cn"):
            continue
        form = plain_character(character)
        if form != character:
            table[character] = form
    return table
