"""The stories' stack: started once, as `sekisho up` starts it, with its own state and ports. Without Postfix and
Dovecot the stories fail; a story that was skipped would promise what nobody tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Stack, places_of


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    running = Stack()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def places_of_its_own(request: pytest.FixtureRequest, stack: Stack) -> None:
    """The running story's owners are at home where no other story has tried wrong passwords."""
    stack.home = places_of(request.module.__name__)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/stack/" in str(item.path):
            item.add_marker(pytest.mark.stack)
