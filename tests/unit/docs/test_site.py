"""The site's navigation and links lead somewhere, and nothing is fetched from other hosts. MkDocs is not needed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from manual.built_site import complain, foreign, foreign_in_style
from manual.site_hooks import LINK, PAGES

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
SOURCES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "README.ja.md", ROOT / "SECURITY.md"]
# A picture of a page, for the first look: half a second on a slow line.
MOST_PICTURE_BYTES = 150_000


def named(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list):
        for one in nav:
            yield from named(one)
    elif isinstance(nav, dict):
        for one in nav.values():
            yield from named(one)


def test_every_page_of_the_navigation_exists_and_every_page_is_in_it() -> None:
    pages = list(named(SITE["nav"]))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert sorted(set(pages) - there - set(PAGES.values())) == []
    assert sorted(there - set(pages)) == [], "name these pages in the nav of mkdocs.yml"
    assert len(pages) == len(set(pages))


def anchors(path: Path) -> set[str]:
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    titles = re.findall(r"(?m)^#+ (.+)$", text)
    # As MkDocs makes them: letters of ASCII, the rest dropped, blanks and hyphens one hyphen.
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title.lower(), flags=re.ASCII).strip()) for title in titles}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    wrong = []
    for match in LINK.finditer(text):
        target, _, anchor = match[2].partition("#")
        place = Path(posixpath.normpath(path.parent / target)) if target else path
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            wrong.append(match[2])
    assert wrong == []


def test_the_theme_brings_its_own_fonts_and_names_nobody() -> None:
    assert SITE["theme"]["font"] is False
    assert SITE["extra"]["generator"] is False
    assert "analytics" not in SITE["extra"]
    assert SITE["strict"] is True
    assert all("mermaid" not in path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))


def test_pictures_are_small() -> None:
    heavy = [path.name for path in (DOCS / "images").iterdir() if path.stat().st_size > MOST_PICTURE_BYTES]
    assert heavy == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.test/x.js"></script>', ["https://cdn.test/x.js"]),
        ('<link rel="stylesheet" href="//fonts.test/css">', ["//fonts.test/css"]),
        ('<link rel="preconnect" href="https://fonts.test">', ["https://fonts.test"]),
        ('<img srcset="a.png 1x, https://x.test/b.png 2x">', ["https://x.test/b.png"]),
        ('<link rel="canonical" href="https://docs.test/"><a href="https://x.test">x</a><img src="../a.png">', []),
    ],
)
def test_what_a_page_fetches_from_elsewhere_is_found(html: str, found: list[str]) -> None:
    assert foreign(html) == found


def test_what_a_style_sheet_fetches_from_elsewhere_is_found(tmp_path: Path) -> None:
    css = "@import 'https://a.test/x.css'; b { d: url(\"//b.test/y.png\") } c { src: url(data:font/x) } d { e: url(f) }"
    assert foreign_in_style(css) == ["https://a.test/x.css", "//b.test/y.png"]
    assert complain(tmp_path) == 1  # no page at all is no site
    (tmp_path / "index.html").write_text("<p>x</p>")
    assert complain(tmp_path) == 0
    (tmp_path / "x.css").write_text(css)
    assert complain(tmp_path) == 1


@pytest.mark.parametrize(
    "path", [*sorted((DOCS / "ja").glob("*.md")), ROOT / "README.ja.md"], ids=lambda path: path.name
)
def test_no_japanese_sentence_is_broken_over_lines(path: Path) -> None:
    # Browsers show a line end as a blank, which has no place within a Japanese sentence.
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    assert re.findall(r".{3}[、。ぁ-んァ-ヶ一-龠]\n[ >]*[ぁ-んァ-ヶ一-龠].{3}", text) == []
