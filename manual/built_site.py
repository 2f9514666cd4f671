"""A look at a built site: no page may load anything from another host; who reads what is nobody else's business."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

# What a browser fetches without being asked. A link that a person follows is not one of them.
FETCHED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "form": ("action",),
}
# <link> elements that only name another page.
NAMING = {"canonical", "alternate", "next", "prev", "license", "author"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and set((given.get("rel") or "").split()) <= NAMING:
            return
        for name in FETCHED.get(tag, ()):
            if value := given.get(name):
                self.found += [part.split()[0] for part in value.split(",") if part.split()]


def foreign(html: str) -> list[str]:
    """Addresses on other hosts that a page fetches."""
    page = _Page()
    page.feed(html)
    return [one for one in page.found if urlsplit(one).netloc]


def foreign_in_style(css: str) -> list[str]:
    """Addresses on other hosts in a style sheet."""
    parts = css.replace("@import", "url(").split("url(")[1:]
    addresses = [part.split(")")[0].split(";")[0].strip(" '\"") for part in parts]
    return [one for one in addresses if urlsplit(one).netloc and not one.startswith("data:")]


def complain(site: Path) -> int:
    """Prints what is fetched from elsewhere; returns 1 if there is any, or if there is no site."""
    pages, styles = sorted(site.rglob("*.html")), sorted(site.rglob("*.css"))
    said = [f"{page}: fetches {one}" for page in pages for one in foreign(page.read_text(encoding="utf-8"))]
    said += [
        f"{style}: fetches {one}" for style in styles for one in foreign_in_style(style.read_text(encoding="utf-8"))
    ]
    print("\n".join([*said, f"{len(pages)} pages, {len(styles)} style sheets; {len(said)} fetched from elsewhere"]))
    return int(bool(said) or not pages)
