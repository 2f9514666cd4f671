"""A first start that was interrupted begins again; a finished one is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.deploy.database import FirstLoad
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
    assert [path.name for path in (layout.var / "db").iterdir()] == ["unfinished"]


def test_a_finished_first_start_is_kept(layout: Layout) -> None:
    first = FirstLoad(layout)
    first.begin()
    fill(layout)
    first.end()
    FirstLoad(layout).begin()
    assert layout.site_database.read_text() == "rows"
    assert not (layout.var / "db" / "unfinished").exists()
