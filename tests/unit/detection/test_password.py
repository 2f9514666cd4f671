"""Password rules: what is refused, with which code, and that the text says what to do."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from sekisho.detection.password import ALPHABET, entropy, generate, problems, repaired
from sekisho.detection.password_guesses import cheapest_reading
from sekisho.detection.words import WORDS

ADDRESS = "hanako.sato@hanamaru-pan.example"
GOOD = "K7mQ2xV9pR4tYhW3nJbD"


def codes(password: str, words: tuple[str, ...] = ()) -> list[str]:
    return [problem.code for problem in problems(password, ADDRESS, words)]


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        GOOD[:15],
        (GOOD * 7)[:128],
        "x7-" + GOOD + "!" * 3,
        "taiyou-mikan-denwa-sekai-yuzu-4827",
        "correct horse battery staple",
        "airline-2026-xkcd-pass",
    ],
)
def test_it_accepts_strong_ones(password: str) -> None:
    assert codes(password) == []


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("", ["empty"]),
        (GOOD[:14], ["short"]),
        ((GOOD * 7)[:129], ["long"]),
        (" " + GOOD, ["blank_at_start"]),
        (GOOD + " ", ["blank_at_end"]),
        (GOOD + "\u3000", ["blank_at_end"]),
        ("\t" + GOOD + "\n", ["blank_at_start", "blank_at_end"]),
        ("   ", ["blank_at_start", "short"]),
        ("Ｋ" + GOOD, ["full_width"]),
        ("Kx\u3000" + GOOD, ["full_width"]),
        ("Kx\u200b" + GOOD, ["invisible"]),
        ("\u200b" + GOOD, ["invisible"]),
        (GOOD + "\ufeff", ["invisible"]),
        ("K\x00" + GOOD, ["invisible"]),
        ("é" + GOOD, ["not_ascii"]),
        ("ひみつ" + GOOD, ["not_ascii"]),
        ("ｱ" + GOOD, ["not_ascii"]),
        ("passwordpassword", ["guessable"]),
        ("password1234567!", ["common"]),
        ("P@ssw0rd2026!!!!", ["common"]),
        ("iloveyou20261234", ["common"]),
        ("aaaaaaaaaaaaaaaaaa", ["guessable"]),
        ("abcdefghijklmnopqr", ["guessable"]),
        ("qwertyuiopasdfghjkl", ["guessable"]),
        ("himawarihimawari", ["guessable"]),
        ("tarou19850401tarou", ["guessable"]),
        ("monkeydragonshadow", ["guessable"]),
        ("sakurasakurasakura", ["guessable"]),
        ("tanakatarou12345", ["guessable"]),
        ("Yamada-Tarou-1985", ["guessable"]),
        ("tokyo-osaka-kyoto", ["guessable"]),
        ("nihon_no_tokyo_2020", ["guessable"]),
        ("ohayougozaimasu1", ["guessable"]),
        ("yoroshikuonegaishimasu", ["guessable"]),
        ("irohanihoheto123", ["guessable"]),
        ("090-1234-5678-ab", ["guessable"]),
        ("1qaz@WSX3edc$RFV", ["guessable"]),
        ("!QAZ2wsx#EDC4rfv", ["guessable"]),
        ("q2w3e4r5t6y7u8i9", ["guessable"]),
        ("t4n4k4-t4r0u-1985", ["guessable"]),
        ("x7Qw-sekisho-9fKe-L", ["brand"]),
        ("hanako-x7Qw-9fKe-Lm2", ["address"]),
        ("H4n4k0-x7Qw-9fKe-Lm2", ["address"]),
        ("x7Qw-hanamaru-9fKe-L", ["address"]),
        ("x7Qw-pan-9fKe-Lm2pRt", ["address"]),
        ("Rakuten-x7Qw-9fKe-Lm", ["brand"]),
        ("x7Qw9fKeLm2amazonPq8", ["brand"]),
        ("line-x7Qw-9fKe-Lm2pR", ["brand"]),
        ("x7Qw7LINE7fKeLm2pRt9", ["brand"]),
    ],
)
def test_it_refuses_with_the_reason(password: str, expected: list[str]) -> None:
    assert codes(password) == expected


def test_it_refuses_the_words_of_the_caller() -> None:
    assert codes("x7Qw-kaburaya-9fKe-Lm", ("Kaburaya",)) == ["word"]
    assert codes("x7Qw-kaburaya-9fKe-Lm") == []


def test_it_shows_where_a_bad_character_is() -> None:
    (problem,) = problems("K7ｍQ2xV9\uff50R4tYhW3nＪb\uff24D", ADDRESS)
    assert "3文字目「ｍ」" in problem.ja and "ほか1か所" in problem.ja
    assert "at position 3" in problem.en and "1 more" in problem.en
    (problem,) = problems(" K7\u200bmQ2xV9pR4tYhW3nJbD"[1:], ADDRESS)
    assert "3文字目「U+200B」" in problem.ja
    (problem,) = problems(GOOD + "\u3000", ADDRESS)
    assert "全角スペース" in problem.ja and "full-width space" in problem.en
    (problem,) = problems(GOOD + "\u2003", ADDRESS)
    assert "特殊な空白" in problem.ja
    (problem,) = problems(GOOD[:12], ADDRESS)
    assert "12文字" in problem.ja and "now 12" in problem.en


def test_it_says_which_kind_of_guess_it_would_be() -> None:
    [problem] = problems("tanakatarou12345", ADDRESS)
    assert "「tanaka」" in problem.ja and '"tanaka"' in problem.en
    [problem] = problems("!QAZ2wsx#EDC4rfv", ADDRESS)
    assert "キーボード" in problem.ja and "rows of keys" in problem.en


def test_the_cheapest_reading_never_costs_more_than_the_characters() -> None:
    assert cheapest_reading("kqvz7").guesses_log10 == pytest.approx(4 * 1.415 + 1, abs=0.01)
    assert cheapest_reading("").guesses_log10 == 0
    three, four = (cheapest_reading("-".join(WORDS[100 : 100 + n])).guesses_log10 for n in (3, 4))
    assert three < 12 < four
    assert cheapest_reading("Zq-kaburaya", ["kaburaya"]).word == "kaburaya"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (" " + GOOD, GOOD),
        (GOOD + "\u3000\n", GOOD),
        ("Ｋ７" + GOOD[2:], "K7" + GOOD[2:]),
        (GOOD, GOOD),
        ("two words inside stay", "two words inside stay"),
        ("ひみつ" + GOOD, "ひみつ" + GOOD),
        ("ａ\u3000ｂ", "a b"),
    ],
)
def test_it_offers_the_form_without_blanks_and_full_width_letters(typed: str, offered: str) -> None:
    assert repaired(typed) == offered
    assert not {"blank_at_start", "blank_at_end", "full_width"} & {p.code for p in problems(repaired(typed), ADDRESS)}


def test_generated_ones_pass_and_use_only_clear_characters() -> None:
    draw = random.Random(7).randrange
    for _ in range(40):
        password = generate(draw)
        assert len(password) == 20 and set(password) <= set(ALPHABET)
        assert codes(password) == []
        assert codes(generate(draw, "words")) == []
    assert not set("0O1lI") & set(ALPHABET)


def test_generated_ones_have_enough_bits() -> None:
    assert entropy() > 100
    # 64 bits or more in either form (2,841 words are the least for that).
    assert entropy("words") >= 64
    assert generate(lambda n: n - 1) == "9" * 20
    assert generate(lambda n: 0, "words") == "-".join([WORDS[0]] * 5 + ["00"])


def test_the_word_list_is_large_and_plain() -> None:
    assert len(WORDS) == len(set(WORDS)) >= 2841
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in WORDS)


def test_the_answer_path_does_not_load_the_password_lists() -> None:
    program = "import sys, sekisho.detection, sekisho.detection.password; sys.exit('zxcvbn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0
