"""The stories' stack: started once, as `sekisho up` starts it, with its own state and ports. Without Postfix and
Dovecot the stories fail; a story that was skipped would promise what nobody tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    running = Stack()
    try:
        running.start()
        yield running
    finally:
        running.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/stack/" in str(item.path):
            item.add_marker(pytest.mark.stack)
