"""A sentence in both languages, for papers whose reader's language is known only when they are made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.impact.model import Figure

TOKYO = ZoneInfo("Asia/Tokyo")


class Said(NamedTuple):
    """The same, twice."""

    ja: str
    en: str

    def within(self, language: str) -> str:
        """In this language; Japanese where we do not speak it."""
        return self.en if language.startswith("en") else self.ja


def moment(at: float | datetime | None) -> Said:
    """A time in Japan, to the minute."""
    if at is None:
        return Said("記録にありません", "not on record")
    local = (at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)).astimezone(TOKYO)
    return Said(
        f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}(日本時間)", f"{local:%Y-%m-%d %H:%M} (Japan time)"
    )


def many(figure: Figure) -> Said:
    """A figure in words, with "at least" where more may have happened."""
    number = f"{figure.value:,}"
    return Said(f"少なくとも{number}", f"at least {number}") if figure.at_least else Said(number, number)
