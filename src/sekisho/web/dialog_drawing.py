"""A mail program's dialog as a drawing of our own, with the real values as text: what to type into which field.

Lengths are units of the drawing, which is WIDTH wide and scales with the page.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sekisho.recovery.mail_programs import Dialog

WIDTH = 360
_MARGIN, _TITLE, _LINE, _BOX = 20, 38, 18, 28
_LABEL_SIZE, _VALUE_SIZE = 12.0, 14.0


@dataclass(frozen=True)
class Words:
    """A line of text with its baseline and size."""

    text: str
    y: float
    size: float


@dataclass(frozen=True)
class Box:
    """A field: its label above, its frame, its value inside."""

    label: Words
    top: float
    value: Words
    only: bool


@dataclass(frozen=True)
class Drawing:
    """What parts/dialog.html draws."""

    title: Words
    headings: list[Words]
    boxes: list[Box]
    height: float
    # The frame of the window, half a stroke inside; a field's left edge, its text's, and their widths.
    inner: float
    left: float = _MARGIN
    text_left: float = _MARGIN + 9
    box_width: float = WIDTH - 2 * _MARGIN
    box_height: float = _BOX
    width: int = WIDTH


def _fitted(text: str, size: float, room: float) -> float:
    """The size at which the text fits: a Japanese letter is as wide as it is high, others some six tenths of that."""
    letters = sum(1.0 if unicodedata.east_asian_width(one) in "WFA" else 0.62 for one in text)
    return round(min(size, room / letters), 2) if letters else size


def draw(dialog: Dialog) -> Drawing:
    """The drawing of one dialog."""
    room = WIDTH - 2 * _MARGIN
    headings, boxes = [], []
    y: float = _TITLE
    for heading, rows in dialog.groups:
        y += 26
        headings.append(Words(heading, y, _fitted(heading, 13, room)))
        y += 4
        for row in rows:
            y += _LINE
            label = Words(row.label, y, _fitted(row.label, _LABEL_SIZE, room))
            value = Words(row.value, y + 6 + 19, _fitted(row.value, _VALUE_SIZE, room - 18))
            boxes.append(Box(label, y + 6, value, row.only))
            y += 6 + _BOX + 4
    height = y + _MARGIN
    return Drawing(Words(dialog.name, 25, _fitted(dialog.name, 14, room)), headings, boxes, height, height - 2)
