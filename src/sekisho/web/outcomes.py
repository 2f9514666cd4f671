"""What agents read back, said in the viewer's language."""

from __future__ import annotations


def spell(text: str) -> str:
    return text
