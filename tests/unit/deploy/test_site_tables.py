"""The local stack's site database is PostfixAdmin's: our unmanaged models can read and write it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connections

from sekisho.deploy import database
from sekisho.deploy.layout import Layout, Ports


@pytest.mark.django_db(databases=["site"])
def test_every_column_our_models_name_exists() -> None:
    with connections["site"].cursor() as cursor:
        for model in apps.get_app_config("directory").get_models():
            if model._meta.managed:
                continue
            description = connections["site"].introspection.get_table_description(cursor, model._meta.db_table)
            missing = {field.column for field in model._meta.concrete_fields} - {column.name for column in description}
            assert missing <= {"pk"}, model._meta.db_table


def test_no_other_local_user_reads_password_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database.ground, "group_id", os.getgid)
    layout = Layout(var=tmp_path, ports=Ports())
    layout.site_database.parent.mkdir()
    database.make_site_database(layout)
    assert layout.site_database.stat().st_mode & 0o7777 == 0o660
    layout.site_database.chmod(0o664)
    database.share_site_database(layout)
    assert layout.site_database.stat().st_mode & 0o7777 == 0o660
