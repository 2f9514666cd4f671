"""Profiles from one host to another: exported, merged, refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from detection.stream import World, abroad, home

from guard.test_memory import site
from sekisho.cli.profile import profile as command
from sekisho.detection import MailboxProfile
from sekisho.guard import profile_exchange
from sekisho.guard.main import AlreadyRunning, hold_lock
from sekisho.guard.profile_exchange import ExchangeError, Merged, export, merge_file
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.journal import StateFile, write_state

HANAKO, TARO = "hanako@shop.example", "taro@shop.example"


def stored(tmp_path: Path, name: str, **profiles: bytes):  # type: ignore[no-untyped-def]
    (tmp_path / name).mkdir()
    settings = site(tmp_path / name)
    rows = [(f"{local}@shop.example", data) for local, data in profiles.items()]
    ProfileStore(settings.profiles_file).save(rows, b"", Saved(written_at=5.0))
    return settings


def travelled() -> bytes:
    world = World().live(5)
    for _ in range(4):
        world.login(abroad(2))
        world.now += 86_400
    return world.profile.to_bytes()


def test_a_host_takes_over_what_another_learnt(tmp_path: Path) -> None:
    ours = stored(tmp_path, "a", hanako=World().live(20).profile.to_bytes())
    theirs = stored(tmp_path, "b", hanako=travelled(), taro=World().live(9).profile.to_bytes())
    file = tmp_path / "export"
    with hold_lock(Path(theirs.var)):
        assert export(theirs, file) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert merge_file(ours, file) == Merged(added=1, changed=1)
    found, _, saved = ProfileStore(ours.profiles_file).load()
    assert found.keys() == {HANAKO, TARO} and saved.written_at > 5.0
    homes = MailboxProfile.from_bytes(found[HANAKO]).habits.home_countries()
    assert homes == sorted({home()[1].country, abroad(2)[1].country})
    assert merge_file(ours, file) == Merged(unchanged=2)


def test_an_export_holds_no_decisions_and_no_host_tables(tmp_path: Path) -> None:
    theirs = stored(tmp_path, "b", hanako=travelled())
    export(theirs, tmp_path / "export")
    with closing(sqlite3.connect(tmp_path / "export")) as exported:
        assert exported.execute("SELECT count(*) FROM place").fetchone() == (0,)
        assert exported.execute("SELECT count(*) FROM profile").fetchone() == (1,)


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    theirs = stored(tmp_path, "b", hanako=travelled())
    (tmp_path / "export").write_text("mine")
    with pytest.raises(ExchangeError, match="exists"):
        export(theirs, tmp_path / "export")
    assert (tmp_path / "export").read_text() == "mine"
    (tmp_path / "c").mkdir()
    with pytest.raises(ExchangeError, match="no profiles yet"):
        export(site(tmp_path / "c"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_running_guard_is_not_disturbed(tmp_path: Path) -> None:
    ours = stored(tmp_path, "a", hanako=travelled())
    export(ours, tmp_path / "export")
    with hold_lock(Path(ours.var)), pytest.raises(AlreadyRunning):
        merge_file(ours, tmp_path / "export")


def test_hostile_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    ours = stored(tmp_path, "a", hanako=travelled())
    theirs = stored(tmp_path, "b", hanako=b"no profile", taro=travelled() + bytes(5000), jiro=b"")
    rows = [("no mailbox at all", travelled()), ("x" * 400 + "@shop.example", travelled())]
    ProfileStore(theirs.profiles_file).save(rows, b"", Saved())
    assert merge_file(ours, theirs.profiles_file) == Merged(unreadable=5)
    assert ProfileStore(ours.profiles_file).load()[0] == {HANAKO: travelled()}


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_is_no_export_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    ours = stored(tmp_path, "a", hanako=travelled())
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ExchangeError, match="no export"):
        merge_file(ours, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    with pytest.raises(ExchangeError, match="no file"):
        merge_file(ours, tmp_path / "nowhere")


def test_two_names_of_one_mailbox_become_one_profile(tmp_path: Path) -> None:
    ours = stored(tmp_path, "a", hanako=travelled())
    write_state(ours.state_file, StateFile(1.0, {}, {"alias.example": "shop.example"}))
    (tmp_path / "b").mkdir()
    theirs = site(tmp_path / "b")
    rows = [("hanako@alias.example", World().live(20).profile.to_bytes()), ("Taro@shop.example", travelled())]
    ProfileStore(theirs.profiles_file).save(rows, b"", Saved())
    assert merge_file(ours, theirs.profiles_file) == Merged(added=1, changed=1)
    assert ProfileStore(ours.profiles_file).load()[0].keys() == {HANAKO, TARO}


def test_the_command_line_exports_and_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    ours, theirs = stored(tmp_path, "a"), stored(tmp_path, "b", hanako=travelled())
    monkeypatch.setattr("sekisho.cli.profile.settings", lambda: theirs)
    assert "1 profiles written" in CliRunner().invoke(command, ["export", str(tmp_path / "x")]).output
    monkeypatch.setattr("sekisho.cli.profile.settings", lambda: ours)
    assert '"added": 1' in CliRunner().invoke(command, ["merge", str(tmp_path / "x"), "--json"]).output
    assert "1 nothing new" in CliRunner().invoke(command, ["merge", str(tmp_path / "x")]).output
    assert CliRunner().invoke(command, ["merge", str(tmp_path / "nowhere")]).exit_code == 1
    assert profile_exchange.MAX_PROFILE_BYTES == 4096
