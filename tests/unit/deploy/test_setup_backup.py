"""What setup wrote can be taken back, also after the site has changed its files, and never by guessing."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from sekisho.config import Settings, settings
from sekisho.deploy.doctor.findings import ToolFailed
from sekisho.deploy.setup import act, edits
from sekisho.deploy.setup.backup import MANIFEST, Backup, standing
from sekisho.deploy.setup.findings import SetupRefused
from sekisho.deploy.setup.plan import FileEdit, Plan
from sekisho.deploy.setup.survey import Places, Survey

OLD = "a = b\nlist = x, y\n"
NEW = edits.append(edits.put_first(OLD, "list", "sekisho_rcpt"), ["sekisho_rcpt = z"])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(act, "check", lambda places: None)
    monkeypatch.setattr(act, "reload", lambda places: None)
    return msgspec.structs.replace(settings(), var=str(tmp_path / "var"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(str(tmp_path), str(tmp_path / "dovecot.conf"), str(tmp_path / "sekisho.toml"))


def written(tmp_path: Path, site: Settings, *edited: FileEdit) -> Backup:
    """As `apply` does it, without a mail server."""
    kept = Backup.begin(act.backups(site), edited, str(tmp_path), str(tmp_path / "dovecot.conf"))
    for edit in edited:
        Path(edit.path).write_bytes(edits.exact_bytes(edit.new))
    kept.save("applied")
    return kept


def test_untouched_files_come_back_to_the_byte_with_their_rights(tmp_path: Path, site: Settings, places: Places):
    main, link, real = tmp_path / "main.cf", tmp_path / "linked.cf", tmp_path / "real.cf"
    content = b"# caf\xe9\n" + OLD.encode()
    main.write_bytes(content)
    main.chmod(0o640)
    real.write_text(OLD)
    link.symlink_to(real)
    new = tmp_path / "sekisho-first.conf"
    first = [
        FileEdit(str(main), edits.read_exact(main), edits.append(edits.read_exact(main), ["x"])),
        FileEdit(str(link), OLD, NEW),
        FileEdit(str(new), None, "ours\n"),
    ]
    written(tmp_path, site, *first)
    act.revert(site, places)
    assert main.read_bytes() == content and main.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink() and real.read_text() == OLD
    assert not new.exists()
    assert standing(act.backups(site)) == []
    with pytest.raises(SetupRefused, match="nothing"):
        act.revert(site, places)


def test_of_a_file_that_the_site_has_changed_only_our_lines_go(tmp_path: Path, site: Settings, places: Places):
    main = tmp_path / "main.cf"
    main.write_text(OLD)
    written(tmp_path, site, FileEdit(str(main), OLD, NEW))
    main.write_text(main.read_text().replace("x, y", "x, y, mine") + "more = 1\n")
    shown, told = act.revert(site, places, dry_run=True)
    assert "-sekisho_rcpt = z" in shown and "only our lines" in told[0][0]
    assert "$sekisho_rcpt" in main.read_text()
    act.revert(site, places)
    assert main.read_text() == "a = b\nlist = x, y, mine\nmore = 1\n"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("sekisho_rcpt = z", "sekisho_rcpt = z, mine"),
        lambda text: text.replace(edits.END, ""),
        lambda text: text + "other = $sekisho_rcpt\n",
    ],
)
def test_it_refuses_with_the_difference_where_our_lines_were_changed(tmp_path, site, places, spoil):  # type: ignore[no-untyped-def]
    main, other = tmp_path / "main.cf", tmp_path / "master.cf"
    main.write_text(OLD)
    other.write_text(OLD)
    written(tmp_path, site, FileEdit(str(main), OLD, NEW), FileEdit(str(other), OLD, NEW))
    main.write_text(spoil(main.read_text()))
    spoilt = main.read_text()
    with pytest.raises(SetupRefused, match=r"\+\+\+ "):
        act.revert(site, places)
    assert (main.read_text(), other.read_text()) == (spoilt, NEW)


def test_two_runs_are_taken_back_together(tmp_path: Path, site: Settings, places: Places):
    main = tmp_path / "main.cf"
    main.write_text(OLD)
    written(tmp_path, site, FileEdit(str(main), OLD, NEW))
    more = edits.append(edits.put_first(edits.strip(NEW), "a", "sekisho_sasl"), ["sekisho_sasl = s"])
    written(tmp_path, site, FileEdit(str(main), NEW, more))
    act.revert(site, places)
    assert main.read_text() == OLD


def test_a_run_that_was_killed_is_taken_back(tmp_path: Path, site: Settings, places: Places):
    one, two = tmp_path / "main.cf", tmp_path / "master.cf"
    one.write_text(OLD)
    two.write_text(OLD)
    kept = Backup.begin(
        act.backups(site), (FileEdit(str(one), OLD, NEW), FileEdit(str(two), OLD, NEW)), str(tmp_path), "/d"
    )
    assert kept.manifest.state == "begun" and (kept.directory / MANIFEST).stat().st_mode & 0o777 == 0o600
    one.write_text(NEW)
    act.revert(site, places)
    assert (one.read_text(), two.read_text()) == (OLD, OLD)


def test_a_failed_check_on_the_way_back_leaves_everything_as_it_is(tmp_path, site, places, monkeypatch):  # type: ignore[no-untyped-def]
    main = tmp_path / "main.cf"
    main.write_text(OLD)
    written(tmp_path, site, FileEdit(str(main), OLD, NEW))

    def fails(places: Places) -> None:
        raise ToolFailed("postfix: fatal: bad parameter")

    monkeypatch.setattr(act, "check", fails)
    with pytest.raises(SetupRefused, match="put back"):
        act.revert(site, places)
    assert main.read_text() == NEW and len(standing(act.backups(site))) == 1


def test_a_damaged_copy_is_not_used(tmp_path: Path, site: Settings, places: Places):
    main = tmp_path / "main.cf"
    main.write_text(OLD)
    kept = written(tmp_path, site, FileEdit(str(main), OLD, NEW))
    (kept.directory / "0.before").write_text("something else")
    with pytest.raises(ValueError, match="damaged"):
        act.revert(site, places)
    assert main.read_text() == NEW


def test_copies_are_for_root_alone(tmp_path: Path, site: Settings):
    main = tmp_path / "main.cf"
    main.write_text(OLD)
    kept = written(tmp_path, site, FileEdit(str(main), OLD, NEW))
    assert os.stat(kept.directory).st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept.directory.iterdir())


@pytest.mark.parametrize("failing", ["check", "reload"])
def test_a_failed_check_after_writing_puts_everything_back_by_itself(  # type: ignore[no-untyped-def]
    tmp_path, site, places, monkeypatch, failing
):
    main, new = tmp_path / "main.cf", tmp_path / "sekisho-first.conf"
    main.write_text(OLD)
    main.chmod(0o640)
    seen: list[str] = []

    def fails(places: Places) -> None:
        seen.append(main.read_text())
        if len(seen) == 1:
            raise ToolFailed("doveconf: Fatal: unknown setting")

    monkeypatch.setattr(act, "lay_ground", lambda found: None)
    monkeypatch.setattr(act, "_judge", lambda site: None)
    monkeypatch.setattr(act, failing, fails)
    plan = Plan((FileEdit(str(new), None, "ours\n"), FileEdit(str(main), OLD, NEW)))
    with pytest.raises(SetupRefused, match="unknown setting; every file was put back"):
        act.apply(Survey(places, site, plan, ()))
    # It was written, and the servers were told to read the old files again.
    assert seen[0] == NEW and (failing == "check" or seen[1] == OLD)
    assert main.read_text() == OLD and main.stat().st_mode & 0o777 == 0o640 and not new.exists()
    assert standing(act.backups(site)) == []
