"""WCAG 2.2 AA by axe-core, on every page, in both languages, on the narrowest screen and a wide one, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from scenes import CODES, FRESH_LINK, OPERATOR, OWNER, OWNERS, SCENE, Scene, scenes

from conftest import Opener, Panel, sign_in, sign_in_as_owner

# axe-core's names of the rules that WCAG 2.2 A and AA demand.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}

# What answers a visitor without a page: pictures, files, endpoints of programs.
WALK = """
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.contrib.auth import get_user_model
values = {
    "address": "mori@hana.example", "number": NUMBER, "domain": "hana.example", "item": 1, "token": "0123",
    "campaign": 1,
}
values |= {"account": 1, "prefix": "0123", "kind": "message", "language": "ja", "name": "mail", "figure": "x"}
def patterns(resolver, prefix=""):
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        elif not entry.namespace:
            # A namespace is the REST API's: programs read it.
            yield from patterns(entry)
visitor = Client(headers={"host": "127.0.0.1"})
visitor.force_login(get_user_model().objects.get(username="operator"))
result = []
for entry in patterns(get_resolver()):
    if not entry.name:
        continue
    names = entry.pattern.converters
    try:
        from django.urls import reverse
        answer = visitor.get(reverse(entry.name, kwargs={name: values[name] for name in names}))
    except Exception as failure:
        result.append(f"{entry.name}: {failure!r}")
        continue
    if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
        result.append(entry.name)
"""


@pytest.fixture(scope="module")
def played(panel: Panel) -> tuple[int, str]:
    number, token = panel.play(SCENE)
    return number, token


def breaches(page: Page, scene: Scene) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{scene.path} ({scene.account or 'nobody'}): {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found
    ]


@pytest.mark.parametrize(
    ("language", "width"),
    [
        ("ja", 320),
        # The others take three minutes each, which a clean clone's 25 minutes have not: `make soak`.
        pytest.param("en", 1280, marks=pytest.mark.soak),
        pytest.param("ja", 1280, marks=pytest.mark.soak),
        pytest.param("en", 320, marks=pytest.mark.soak),
    ],
)
def test_no_page_breaks_a_rule_of_wcag(language, width, panel: Panel, visit: Opener, played: tuple[int, str]):
    # The phone at night, the desk by day.
    scheme = "dark" if width == 320 else "light"
    visitors = {
        # 404, 410: links that are over have a page, too.
        account: visit(panel.url, language=language, width=width, color_scheme=scheme, allow=("404", "410"))
        for account in ("", OPERATOR, OWNER, *OWNERS)
    }
    for account in (OPERATOR, OWNER):
        sign_in(visitors[account], account)
    codes = panel.play(CODES)
    for owner in OWNERS:
        sign_in_as_owner(visitors[owner], owner, codes[owner])
    found = []
    for scene in scenes(*played, panel.play(FRESH_LINK)):
        page = visitors[scene.account]
        answer = page.goto(scene.path)
        assert answer is not None and answer.status in (200, 404, 410), scene
        found += breaches(page, scene)
    assert not found, "\n".join(found)


def test_every_page_is_walked_through(panel: Panel, played: tuple[int, str]):
    pages = set(panel.play(WALK.replace("NUMBER", str(played[0]))))
    assert "dashboard" in pages
    assert pages - {scene.name for scene in scenes(*played, "")} == set()
