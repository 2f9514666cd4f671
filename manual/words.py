"""Small pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MADE = "<!-- Made from the code by `make docs`; edits here are lost. -->"


def made(text: str) -> str:
    """A page with a note for whoever wants to edit it, below its title."""
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{MADE}\n{rest}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line ends within cells are taken care of."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def linked(text: str) -> str:
    """Text of a comment in which "docs/notices.md" becomes a link that works from docs/reference/."""
    return re.sub(r"\bdocs/([a-z0-9-]+)\.md", r"[\1](../\1.md)", text)
