"""The local stack's site database is PostfixAdmin's: our unmanaged models can read and write it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connections


@pytest.mark.django_db(databases=["site"])
def test_every_column_our_models_name_exists() -> None:
    with connections["site"].cursor() as cursor:
        for model in apps.get_app_config("directory").get_models():
            if model._meta.managed:
                continue
            description = connections["site"].introspection.get_table_description(cursor, model._meta.db_table)
            missing = {field.column for field in model._meta.concrete_fields} - {column.name for column in description}
            assert missing <= {"pk"}, model._meta.db_table
