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


# The stories that take longest, longest first: one that begins last would keep the whole run waiting.
LONGEST = (
    "t45", "t35", "t14", "t25", "t30", "t46", "t37", "t33", "t27", "t28", "t29", "t31", "t47", "t08", "t03", "t36",
    "t16", "t09", "t15", "t21", "t23", "t32", "t44", "t50",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/stack/" in str(item.path):
            item.add_marker(pytest.mark.stack)
    items.sort(key=lambda item: LONGEST.index(item.path.name[:3]) if item.path.name[:3] in LONGEST else len(LONGEST))
