"""What setup says to the person before the terminal."""

from __future__ import annotations

# (English, Japanese)
Words = tuple[str, str]


class SetupRefused(Exception):
    """Nothing was changed, or everything was put back; the texts say why."""

    def __init__(self, *reasons: Words) -> None:
        super().__init__("; ".join(reason[0] for reason in reasons))
        self.reasons = reasons
