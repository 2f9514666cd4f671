"""A Dovecot of another Debian: its programs stand first in the PATH, and the machine's own stays the third party's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.deploy import dovecot_root
from sekisho.deploy.ground import GroundError
from sekisho.deploy.layout import Layout, Ports, layout_from_environment


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with programs that name themselves."""
    for path in dovecot_root.PROGRAMS.values():
        program = tmp_path / "tree" / path.lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "tree/etc").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def layout(tmp_path: Path, tree: Path) -> Layout:
    return Layout(tmp_path / "var", Ports(), tree)


def test_it_writes_a_script_for_each_program_and_puts_them_first(layout: Layout, tree: Path) -> None:
    dovecot_root.install(layout)
    assert (tree / "etc/passwd").read_bytes() == Path("/etc/passwd").read_bytes()
    assert (tree / str(layout.var).lstrip("/")).is_dir()
    environment = {"PATH": "/usr/bin:/bin"}
    dovecot_root.use(layout, environment)
    dovecot_root.use(layout, environment)
    directory = dovecot_root.programs_directory(layout)
    assert environment["PATH"] == f"{directory}:/usr/bin:/bin"
    assert {path.name for path in directory.iterdir()} == set(dovecot_root.PROGRAMS)
    for name, program in dovecot_root.PROGRAMS.items():
        text = (directory / name).read_text()
        # The full path: `chroot` looks a bare name up in the PATH, where it would find the script again.
        assert f" {name} {layout.dovecot_root} {layout.var} {program} " in text
        assert (directory / name).stat().st_mode & 0o111


def test_the_third_party_keeps_the_machines_own(layout: Layout) -> None:
    assert dovecot_root.dovecot_of(layout, "theirs") == "/usr/sbin/dovecot"
    assert dovecot_root.dovecot_of(layout, "ours") == str(dovecot_root.programs_directory(layout) / "dovecot")


def test_only_with_a_tree_the_agent_may_enter_it(layout: Layout) -> None:
    assert set(dovecot_root.capabilities(layout)) == {"sys_admin", "sys_chroot"}
    assert dovecot_root.capabilities(Layout(layout.var, Ports())) == ()


def test_a_tree_without_dovecot_is_named(layout: Layout, tree: Path) -> None:
    (tree / "usr/bin/sievec").unlink()
    with pytest.raises(GroundError, match=r"/usr/bin/sievec; make it by setup/trixie\.sh"):
        dovecot_root.install(layout)


def test_without_a_tree_nothing_stands_before_the_machines_programs(layout: Layout, tmp_path: Path) -> None:
    dovecot_root.install(layout)
    plain = Layout(layout.var, Ports())
    dovecot_root.install(plain)
    assert list(dovecot_root.programs_directory(plain).iterdir()) == []
    environment = {"PATH": "/usr/bin"}
    dovecot_root.use(plain, environment)
    assert environment == {"PATH": "/usr/bin"}
    assert dovecot_root.dovecot_of(plain, "ours") == dovecot_root.dovecot_of(plain, "theirs") == "dovecot"


def test_the_tree_is_named_in_the_environment(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    monkeypatch.setenv("SEKISHO_DOVECOT_ROOT", str(tree))
    assert layout_from_environment().dovecot_root == tree
    monkeypatch.setenv("SEKISHO_DOVECOT_ROOT", "")
    assert layout_from_environment().dovecot_root is None
