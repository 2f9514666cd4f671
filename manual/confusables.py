"""Makes src/sekisho/inbound/confusables.json from Unicode's table of confusable characters (UTS 39).

Usage: python -m manual.confusables confusables.txt, the file of https://www.unicode.org/Public/security/. The stored
table was made from confusables.json of the PyPI package confusable-homoglyphs 3.3.1, which holds the same data
(`--homoglyphs`). Kept are characters that look like an ASCII letter or digit, and kanji that look like katakana;
everything that compatibility decomposition already brings there is left out.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/sekisho/inbound/confusables.json"


def _pairs(source: Path) -> Iterator[tuple[str, str]]:
    """Pairs (character, what it looks like) of Unicode's own file."""
    for line in source.read_text(encoding="utf-8-sig").splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) >= 2:
            left, right = ("".join(chr(int(point, 16)) for point in part.split()) for part in fields[:2])
            yield left, right


def _homoglyph_pairs(source: Path) -> Iterator[tuple[str, str]]:
    for left, looks in json.loads(source.read_text(encoding="utf-8")).items():
        for look in looks:
            yield left, look["c"]


def _is_target(character: str) -> bool:
    return len(character) == 1 and (
        (character.isascii() and character.isalnum()) or "\u30a1" <= character <= "\u30fc"  # katakana
    )


def _source_form(character: str) -> str:
    """The one character that our folding asks the table about, empty if there is none."""
    form = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    form = "".join(part for part in form if not unicodedata.combining(part))
    return form if len(form) == 1 and not form.isascii() else ""


def table(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Look -> all characters that look like it, sorted; where Unicode gives several looks, the first by code point."""
    looks: dict[str, str] = {}
    for left, right in pairs:
        left = left.strip("\u200e")
        if len(left) != 1 or not _is_target(right) or unicodedata.category(left)[0] not in "LN":
            continue
        form = _source_form(left)
        if form and not _is_target(form):
            looks[form] = min(looks.get(form, "\uffff"), right.casefold())
    grouped: dict[str, str] = {}
    for form in sorted(looks):
        grouped[looks[form]] = grouped.get(looks[form], "") + form
    return dict(sorted(grouped.items()))


def main() -> None:
    source = Path(sys.argv[-1])
    pairs = _homoglyph_pairs(source) if "--homoglyphs" in sys.argv else _pairs(source)
    TARGET.write_text(json.dumps(table(pairs), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
