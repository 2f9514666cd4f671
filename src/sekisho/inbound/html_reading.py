"""What an HTML mail shows and where its links lead: tags are cut out in linear time, each is read by html.parser.

The parser never sees the whole page: on malformed input it is quadratic (Python 3.11), and it would take what stands in
a script for text. Conditional comments are read as what they hold, for Outlook shows that.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import msgspec

# A tag with tracking parameters and styles has some 2,000 characters.
LONGEST_TAG = 8000
# So many "<" that begin no readable tag, and the rest is taken as text: a broken page has a few.
MOST_BROKEN = 300
MOST_LINKS = 200
LONGEST_LABEL = 200
_tag = re.compile(r"""<[A-Za-z/!?](?:[^"'<>]++|"[^"]*+"|'[^']*+')*+>""")
_blocks = frozenset({"p", "br", "div", "tr", "td", "li", "h1", "h2", "h3", "table"})
_unseen = frozenset({"style", "script", "title", "head"})


class Link(msgspec.Struct, frozen=True):
    """Where something leads (as written) and what a person sees there. kind: link, form, refresh."""

    target: str
    label: str
    kind: str = "link"


class Page(msgspec.Struct, frozen=True):
    """An HTML text as a person would read it. `asks`: it has fields for typing a password into the mail itself."""

    text: str
    links: tuple[Link, ...]
    asks: bool
    scripts: bool
    cut: bool


class _Tags(HTMLParser):
    # Tags alone are fed: nothing that stands between them may be waited for.
    CDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[Link] = []
        self.asks = self.scripts = False
        self._open: str | None = None
        self._label: list[str] = []
        self._hidden = ""

    def text(self, text: str) -> None:
        """Text between two tags."""
        if self._hidden:
            return
        self.words.append(text)
        if self._open is not None:
            self._label.append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in reversed(attrs)}
        if tag in ("a", "area"):
            self.close_link()
            if "href" in found:
                self._open = found["href"]
        elif tag == "form" and found.get("action"):
            self.add(Link(found["action"], "", "form"))
        elif tag == "input":
            self.asks = self.asks or found.get("type", "").lower() == "password"
        elif tag == "img" and self._open is not None:
            self._label.append(found.get("alt", ""))
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.add(Link(found.get("content", "").partition("=")[2], "", "refresh"))
        self.scripts = self.scripts or tag == "script" or any(name.startswith("on") for name in found)
        if tag in _unseen:
            self._hidden = tag
        elif tag in _blocks:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden or tag == "body":
            self._hidden = ""
        if tag == "a":
            self.close_link()
        elif tag in _blocks:
            self.words.append("\n")

    def close_link(self) -> None:
        if self._open is not None:
            self.add(Link(self._open, " ".join("".join(self._label).split())[:LONGEST_LABEL]))
        self._open, self._label = None, []

    def add(self, link: Link) -> None:
        if len(self.links) < MOST_LINKS:
            self.links.append(link)


def read(source: str) -> Page:
    """The page's text and links; never raises, linear in the source's length."""
    tags, place, broken = _Tags(), 0, 0
    while place < len(source):
        start = source.find("<", place)
        if start < 0 or broken > MOST_BROKEN:
            tags.text(html.unescape(source[place:]))
            break
        tags.text(html.unescape(source[place:start]))
        if source.startswith("<!--", start):
            place = _after_comment(source, start)
            broken += place == start + 4
            continue
        found = _tag.match(source, start, start + LONGEST_TAG)
        if found is None:
            broken += 1
            tags.text("<")
            place = start + 1
            continue
        _feed(tags, found[0])
        place = found.end()
    tags.close_link()
    return Page("".join(tags.words), tuple(tags.links), tags.asks, tags.scripts, broken > MOST_BROKEN)


def _feed(tags: _Tags, tag: str) -> None:
    try:
        tags.feed(tag)
    except (AssertionError, ValueError):
        # Robustness: the library asserts on some declarations (<![x). Nothing of it is left over for the next tag.
        pass
    tags.rawdata = ""


def _after_comment(source: str, start: int) -> int:
    if source.startswith("<!--[", start):
        return start + 5
    end = source.find("-->", start + 4)
    return end + 3 if end >= 0 else start + 4
