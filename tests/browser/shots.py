"""Pictures of every page, for people's eyes: `make shots`. Not a test by name, so no ordinary run collects it.

They go to $SEKISHO_SHOTS (or ./shots) as LANGUAGE-WIDTH/page.png; nothing is compared.
$SEKISHO_SHOTS_ONLY draws only the pages named there, with commas between.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scenes import CODES, FRESH_LINK, OPERATOR, OWNER, OWNERS, SCENE, scenes

from conftest import Opener, Panel, sign_in, sign_in_as_owner


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_has_its_picture(language: str, width: int, panel: Panel, visit: Opener) -> None:
    folder = Path(os.environ.get("SEKISHO_SHOTS", "shots")) / f"{language}-{width}"
    only = set(filter(None, os.environ.get("SEKISHO_SHOTS_ONLY", "").split(",")))
    folder.mkdir(parents=True, exist_ok=True)
    visitors = {
        account: visit(panel.url, language=language, width=width, allow=("404", "410"))
        for account in ("", OPERATOR, OWNER, *OWNERS)
    }
    for account in (OPERATOR, OWNER):
        sign_in(visitors[account], account)
    number, question = panel.play(SCENE)
    codes = panel.play(CODES)
    for owner in OWNERS:
        sign_in_as_owner(visitors[owner], owner, codes[owner])
    for scene in scenes(number, question, panel.play(FRESH_LINK)):
        if only and scene.name not in only:
            continue
        page = visitors[scene.account]
        page.goto(scene.path)
        name = "-".join(filter(None, (scene.name, scene.face)))
        page.screenshot(path=str(folder / f"{name}.png"), full_page=True)
        assert (folder / f"{name}.png").stat().st_size > 0
