"""For every test with a database: PostfixAdmin's tables in the `site` database, as the local stack makes them."""

from __future__ import annotations

import pytest
from hypothesis import settings
from pytest_django.plugin import DjangoDbBlocker

from sekisho.deploy.render import template

# How fast the machine is says nothing about the code: a busy one must not turn a property red. `make bench` measures.
settings.register_profile("sekisho", deadline=None)
settings.load_profile("sekisho")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    from django.db import connections

    with django_db_blocker.unblock(), connections["site"].cursor() as cursor:
        if "mailbox" in connections["site"].introspection.table_names(cursor):
            return
        for statement in template("postfixadmin.sql").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
