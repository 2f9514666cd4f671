from __future__ import annotations

import string

import pytest

from sekisho.rehearsal.telling import SENTENCES, STATUS_WORDS, Teller


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", SENTENCES)
def test_both_languages_tell_the_same(key: str) -> None:
    japanese, english = SENTENCES[key]
    assert _fields(japanese) == _fields(english)
    assert any(ord(letter) > 0x3000 for letter in japanese)
    assert english.isascii()


def test_it_tells_seconds_as_people_say_them_and_in_the_language_asked_for() -> None:
    lines: list[str] = []
    Teller(lines.append, "ja_JP.UTF-8").say("reinstated", seconds=4.234)
    Teller(lines.append, "en").say("end_good", seconds=0.321)
    assert "4.2 秒" in lines[0]
    assert lines[1].endswith("The end (0.32 s). No mail was lost.")
    assert lines[0].startswith("[") and " s] " in lines[0]


def test_every_status_has_its_word_and_an_unknown_one_is_shown_as_it_is() -> None:
    teller = Teller(lambda _: None, "ja")
    assert teller.status_word("suspended") == STATUS_WORDS["suspended"][0] == "停止中"
    assert teller.status_word("elsewhere") == "elsewhere"
