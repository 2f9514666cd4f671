"""A first start that was interrupted begins again; a finished one is never touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sekisho.deploy.database import FirstLoad
from sekisho.deploy.ground import GroundError
from sekisho.deploy.layout import Layout, Ports


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "db").mkdir()
    return Layout(var=tmp_path, ports=Ports())


def fill(layout: Layout) -> None:
    for database in (layout.our_database, layout.site_database):
        database.write_text("rows")
        database.with_name(database.name + "-wal").write_text("more rows")


def test_an_interrupted_first_start_leaves_nothing_behind(layout: Layout) -> None:
    FirstLoad(layout).begin()
    fill(layout)
    FirstLoad(layout).begin()
    assert {path.name for path in (layout.var / "db").iterdir()} == {"unfinished", "engine"}


def test_databases_of_one_kind_are_not_taken_for_another(layout: Layout) -> None:
    first = FirstLoad(replace(layout, database="mariadb"))
    first.begin()
    first.end()
    with pytest.raises(GroundError, match="SEKISHO_DATABASE=mariadb"):
        FirstLoad(layout).begin()
    again = FirstLoad(replace(layout, database="mariadb"))
    again.begin()
    assert not again.is_first


def test_databases_from_before_there_was_a_choice_are_sqlites(layout: Layout) -> None:
    fill(layout)
    first = FirstLoad(layout)
    first.begin()
    assert not first.is_first
    with pytest.raises(GroundError, match="SEKISHO_DATABASE=sqlite"):
        FirstLoad(replace(layout, database="postgresql")).begin()


def test_a_finished_first_start_is_kept(layout: Layout) -> None:
    first = FirstLoad(layout)
    first.begin()
    fill(layout)
    first.end()
    FirstLoad(layout).begin()
    assert layout.site_database.read_text() == "rows"
    assert not (layout.var / "db" / "unfinished").exists()
