"""`var` ends up where Postfix and Dovecot can reach it, whatever directory somebody cloned into."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.deploy import place
from sekisho.deploy.layout import Layout, LayoutError, Ports


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory everybody can reach; pytest's own is neither open nor short."""
    monkeypatch.setattr(place, "LONGEST_VAR", len(bytes(tmp_path)) + 20)
    # Up to pytest-of-…: one level more when the tests run side by side.
    for directory in (tmp_path, *list(tmp_path.parents)[:3]):
        directory.chmod(directory.stat().st_mode | 0o011)
    return tmp_path


def settle(var: Path, root: Path) -> Layout:
    return place.settle(Layout(var=var, ports=Ports()), root / "lib")


def closed(root: Path) -> Path:
    home = root / "home"
    home.mkdir(mode=0o700)
    return home


def test_a_reachable_directory_stays_where_it_is(root: Path) -> None:
    assert settle(root / "var", root).var == root / "var"
    assert (root / "var").is_dir()


def test_a_private_directory_of_our_own_is_opened(root: Path) -> None:
    (root / "var").mkdir(mode=0o700)
    (root / "var" / "kept").touch()
    settle(root / "var", root)
    assert (root / "var").stat().st_mode & 0o777 == 0o755


def test_below_a_closed_directory_var_becomes_a_link_to_an_open_one(root: Path) -> None:
    var = closed(root) / "var"
    layout = settle(var, root)
    assert layout.var.parent == root / "lib"
    assert var.resolve() == layout.var
    assert var.parent.stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_sockets_becomes_a_link(root: Path) -> None:
    assert settle(root / ("x" * 30) / "var", root).var.parent == root / "lib"


def test_the_second_start_finds_the_same_place_and_its_content(root: Path) -> None:
    var = closed(root) / "var"
    (settle(var, root).var / "kept").touch()
    assert (settle(var, root).var / "kept").exists()


def test_removing_var_by_hand_means_a_fresh_start(root: Path) -> None:
    var = closed(root) / "var"
    (settle(var, root).var / "old").touch()
    var.unlink()
    assert not (settle(var, root).var / "old").exists()


def test_it_replaces_no_directory_with_content(root: Path) -> None:
    var = closed(root) / "var"
    var.mkdir()
    (var / "precious").touch()
    with pytest.raises(LayoutError, match="not empty"):
        settle(var, root)
    assert (var / "precious").exists()


def test_it_follows_no_foreign_link(root: Path) -> None:
    var = closed(root) / "var"
    var.symlink_to("/etc")
    with pytest.raises(LayoutError, match="not ours"):
        settle(var, root)
