"""docs/reference says what the code says."""

from __future__ import annotations

import re

import pytest
from manual.__main__ import ROOT, pages
from manual.replies import MEANINGS, constants

from sekisho.config.described import all_settings
from sekisho.wire import replies


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_a_page_is_what_the_code_makes_of_it(path) -> None:
    stale = not path.exists() or path.read_text(encoding="utf-8") != pages()[path]()
    assert not stale, f"{path.relative_to(ROOT)} is stale: run `make docs` and commit what it writes"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_a_page_is_the_same_made_twice(path) -> None:
    assert pages()[path]() == pages()[path]()


def test_every_setting_stands_in_the_page_with_its_default() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(all_settings()) > 90
    assert "| `port` | port, 1 to 65535 | port | `8080` |" in text


def test_every_reply_is_explained_and_no_other() -> None:
    assert set(constants()) == set(MEANINGS)
    assert {text for text, _ in constants().values()} == {*replies.REPLIES, replies.GO_ON}
    for name, (_, why) in constants().items():
        assert re.search(r"RFC \d{4}|access\(5\)|error\(8\)|the same codes", why), f"{name} names no source above it"
