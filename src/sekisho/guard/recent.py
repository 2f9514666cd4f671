"""A bounded memory of the latest keys: two dictionaries that take turns, constant time, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps at least the `size` keys put last, at most twice as many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._newer: dict[str, T] = {}
        self._older: dict[str, T] = {}

    def put(self, key: str, value: T) -> None:
        if len(self._newer) >= self._size:
            self._older, self._newer = self._newer, {}
        self._newer[key] = value

    def get(self, key: str) -> T | None:
        """The value put last under a key; None when it is not remembered (any more)."""
        found = self._newer.get(key)
        return found if found is not None else self._older.get(key)

    def values(self) -> Iterator[T]:
        """All that is remembered, each key's newest value."""
        yield from self._newer.values()
        yield from (value for key, value in self._older.items() if key not in self._newer)

    def forget(self, key: str) -> None:
        self._newer.pop(key, None)
        self._older.pop(key, None)
