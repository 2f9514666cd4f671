"""Plain text as people write it in mails, cut into what a page shows: "■ " begins a heading, "・" or "- " a list line.

No markup is read and none is made here: the template escapes each line and makes addresses into links (urlize).
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import override

HEADING = ("■ ", "■")
ITEM = ("・", "- ", "• ")


@dataclass(frozen=True)
class Block:
    """`kind`: heading (one line), list (its lines), or text (lines of one paragraph)."""

    kind: str
    lines: tuple[str, ...]


def blocks_of(text: str) -> list[Block]:
    """The text in blocks, in its order; an empty line ends a paragraph and a list."""
    found: list[Block] = []
    kind = ""
    lines: list[str] = []
    for line in [*(one.strip() for one in text.split("\n")), ""]:
        now, bare = _kind_of(line)
        if lines and (now != kind or now == "heading"):
            found.append(Block(kind, tuple(lines)))
            lines = []
        kind = now
        if bare:
            lines.append(bare)
    return found


def _kind_of(line: str) -> tuple[str, str]:
    for kind, signs in (("heading", HEADING), ("list", ITEM)):
        for sign in signs:
            if line.startswith(sign):
                return kind, line.removeprefix(sign).strip()
    return ("text", line) if line else ("", "")


def original_advice(language: str) -> str:
    """Our own advice as plain text, to begin from."""
    with override(language):
        page = str(render_to_string("web/parts/advice_original.html"))
    for tag, sign in (("h2", "\n■ "), ("h3", "\n■ "), ("li", "・" if language == "ja" else "- "), ("p", "")):
        page = page.replace(f"<{tag}>", sign)
    lines = [line.strip() for line in html.unescape(strip_tags(page)).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
