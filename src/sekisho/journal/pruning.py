"""Takes old segments of an append log away, whole files only, so that no reader's place in it changes."""

from __future__ import annotations

from pathlib import Path

from sekisho.journal.files import segment_numbers, segment_path


def old_segments(directory: Path, before: float, read_up_to: int) -> list[Path]:
    """Segments whose last record is older than `before` (epoch seconds) and that every reader has left behind
    (`read_up_to`: the lowest segment one of them still reads). Never the newest: the writer has it open."""
    found = []
    for number in segment_numbers(directory)[:-1]:
        path = segment_path(directory, number)
        try:
            if number < read_up_to and path.stat().st_mtime < before:
                found.append(path)
        except FileNotFoundError:
            continue
    return found
