"""For every test with a database: PostfixAdmin's tables in the `site` database, as the local stack makes them."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from pytest_django.plugin import DjangoDbBlocker

from sekisho.deploy.render import template

# How fast the machine is says nothing about the code: a busy one must not turn a property red. `make bench` measures.
# The same examples in every run, so that a red one is the change's fault; `make soak` looks for new ones.
settings.register_profile("sekisho", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None)
settings.load_profile("soak" if os.environ.get("SEKISHO_SOAK") else "sekisho")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long cases to `make soak`: deselected, which the summary counts, never skipped."""
    if os.environ.get("SEKISHO_SOAK"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    from django.db import connections

    from sekisho.incidents.audit_seal import unseal

    with django_db_blocker.unblock(), connections["site"].cursor() as cursor:
        # Tests with transactions of their own empty their tables by DELETE; test_audit puts the trigger back.
        unseal(connections["default"], "delete")
        if "mailbox" in connections["site"].introspection.table_names(cursor):
            return
        for statement in template("postfixadmin.sql").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
