"""For every test with a database: PostfixAdmin's tables in the `site` database, as the local stack makes them."""

from __future__ import annotations

import pytest
from pytest_django.plugin import DjangoDbBlocker

from sekisho.deploy.render import template


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    from django.db import connections

    with django_db_blocker.unblock(), connections["site"].cursor() as cursor:
        if "mailbox" in connections["site"].introspection.table_names(cursor):
            return
        for statement in template("postfixadmin.sql").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
