"""Rules for a mailbox password, and the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec


class PasswordProblem(msgspec.Struct, frozen=True):
    """Why a password is refused: a code for programs, and what to do now, in Japanese and English."""

    code: str
    ja: str
    en: str


def problems(password: str, address: str, words: Sequence[str] = ()) -> list[PasswordProblem]:
    """What is wrong with a password for a mailbox; empty: it may be used. Never alters it."""
    raise NotImplementedError


def generate(randbelow: Callable[[int], int], style: Literal["random", "words"] = "random") -> str:
    """A password that passes the rules. `randbelow(n)` draws from 0 … n−1 (secrets.randbelow)."""
    raise NotImplementedError
