"""The count outside against our own record, as the `sekisho` command shows it. A disagreement is a fault."""

from __future__ import annotations

from sekisho.rehearsal.stage import Stage


def compare_takeover(stage: Stage) -> None:
    """Notes a fault for each figure in which our record differs from what was counted."""
