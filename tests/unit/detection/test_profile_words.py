from __future__ import annotations

from sekisho.detection.habits import Habits
from sekisho.detection.profile_words import Usual, describe, usual_of

JA, EN = {"JP": "日本", "NG": "ナイジェリア"}, {"JP": "Japan", "NG": "Nigeria"}
OWNERS = {4713: "OCN", 9605: "docomo"}


def row(days: int, last: int = 20_000) -> int:
    return last << 8 | days


def test_it_names_places_the_busiest_day_and_what_it_was_learnt_from():
    habits = Habits(
        days=30,
        countries={"JP": row(30)},
        asns={9605: row(12), 4713: row(29)},
        protocols={"smtp": 1, "imap": 1},
        most_new_day=11.6,
    )
    ja, en = describe(usual_of(habits), OWNERS, JA, EN)
    assert en == (
        "Usually: Japan, OCN and docomo; 12 new recipients on the busiest day; by IMAP and sending (SMTP); "
        "learnt from 30 days of use."
    )
    assert ja == (
        "ふだんの利用: 日本、OCN・docomo。新しい宛先は多い日で12件。使う入口: IMAP・送信(SMTP)。"
        "30日分の利用から学習しています。"
    )


def test_a_place_that_is_not_familiar_is_not_called_usual():
    habits = Habits(days=9, countries={"JP": row(9), "NG": row(2)}, asns={4713: row(9), 65018: row(2)})
    usual = usual_of(habits)
    assert (usual.countries, usual.owners) == (("JP",), (4713,))


def test_an_owner_without_a_name_is_told_by_its_number_and_a_country_by_its_code():
    ja, en = describe(Usual(("ZZ",), (64500,), days=3), {}, JA, EN)
    assert "ZZ, AS64500" in en and "ZZ、AS64500" in ja
    assert "0 new recipients" in en


def test_nothing_learnt_is_said_so_and_a_young_mailbox_has_no_settled_place():
    ja, en = describe(usual_of(Habits()), OWNERS, JA, EN)
    assert "Nothing has been learnt" in en and "学習した利用がありません" in ja
    ja, en = describe(usual_of(Habits(days=1, countries={"JP": row(1)})), OWNERS, JA, EN)
    assert "no settled place yet" in en and "learnt from 1 day of use" in en
    assert "決まった場所はまだありません" in ja


def test_a_long_list_is_cut_and_says_how_much_is_left_out():
    ja, en = describe(Usual(owners=(1, 2, 3, 4, 5, 6), days=40), {}, JA, EN)
    assert "AS1, AS2, AS3, AS4 and 2 more" in en and "AS1・AS2・AS3・AS4ほか2件" in ja


def test_mail_programs_that_named_themselves_on_several_days_are_named() -> None:
    habits = Habits(days=9, clients={"Thunderbird": row(9), "iPhone Mail": row(4), "Once": row(1)})
    ja, en = describe(usual_of(habits), OWNERS, JA, EN)
    assert "メールソフト: Thunderbird・iPhone Mail。" in ja
    assert "with Thunderbird and iPhone Mail; " in en
    assert "Once" not in ja + en
