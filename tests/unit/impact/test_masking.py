from __future__ import annotations

import msgspec
import pytest

from reporting import FORMULA, HOSTILE, MAILBOX, report, rows
from sekisho.impact import masking
from sekisho.impact.figures import figures_of, main_figures
from sekisho.impact.model import EvidenceRow


def test_a_masked_report_keeps_every_figure_and_no_word_of_a_person():
    whole = report()
    shown = masking.masked(whole)
    names = masking.real_names(whole)
    told = {names.get(name, name): figure.value for name, figure in figures_of(shown).items()}
    assert told == {name: figure.value for name, figure in figures_of(whole).items()}
    text = msgspec.json.encode([shown.read, shown.services]).decode()
    for word in ("script", "HYPERLINK", "bank.test"):
        assert word not in text
    assert [folder.name for folder in shown.read.folders] == ["INBOX", "…", "…"]
    assert [domain.domain for domain in shown.sent.domains] == ["tegami.test"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("INBOX", "INBOX"), ("INBOX.Sent", "INBOX.Sent"), ("ごみ箱", "ごみ箱"), ("田中様", "…"), ("Kunden/Müller", "…")],
)
def test_only_folders_that_every_mailbox_has_keep_their_name(name, shown):
    assert masking.folder_name(name) == shown


def test_a_masked_row_shows_domains_numbers_and_what_is_named_as_open():
    row = next(rows("sent.delivered"))
    shown = masking.masked_row(row, MAILBOX)
    assert shown.facts == {
        "recipient": "…@yubin.test", "domain": "yubin.test", "relation": "partner", "outcome": "delivered"
    }  # fmt: skip
    assert "nakamura" not in shown.key


def test_a_fact_that_nobody_has_thought_about_is_hidden():
    row = EvidenceRow(
        "f", "new_kind", "1", 0.0, {"note": "秘密", "count": 3, "seen": True, "folder": "田中", "to": MAILBOX}
    )
    assert masking.masked_row(row, MAILBOX).facts == {
        "note": "…", "count": 3, "seen": True, "folder": "…", "to": MAILBOX
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["to tanaka@yubin.test about the loan", "<tanaka@yubin.test> loan", HOSTILE + "a@b.test", FORMULA]
)
def test_words_beside_an_address_do_not_slip_through(text):
    row = EvidenceRow("f", "recipient", "1", 0.0, {"reply": text})
    assert masking.masked_row(row, MAILBOX).facts["reply"] == "…"


def test_other_customers_mailboxes_are_there_for_their_own_people_only():
    whole = report()
    own = masking.within(whole, ["hana.example"])
    assert [one.mailbox for one in own.touched] == ["info@hana.example"]
    assert "touched.2" not in figures_of(own) and "touched.2" in figures_of(whole)
    assert masking.count_others(whole, ["hana.example"]) == 1
    assert masking.within(whole, None) is whole


def test_the_package_leaves_out_what_the_recipients_hold_already():
    assert "sent.at.tegami.test" in figures_of(report()) and "sent.at.tegami.test" not in main_figures(report())
