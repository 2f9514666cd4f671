"""The list of networks that are not to be banned: owners at home, nobody else."""

from __future__ import annotations

from pathlib import Path

from sekisho.detection import MailboxProfile
from sekisho.detection.places import network_key
from sekisho.guard.profiles import Profiles
from sekisho.guard.spared import Spared, SparedFile, is_spared, write_spared
from sekisho.guard.standing import Standing
from sekisho.journal import MailboxState, StateFile
from sekisho.journal.records import Status

OWNER, COLLEAGUE = "owner@x.test", "colleague@x.test"
# A row of habits is days seen and the last day; `note_day` makes it, as learning does.
HOME, ONCE, ELSEWHERE = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"


def profile(**days: int) -> MailboxProfile:
    from sekisho.detection.habits import note_day

    made = MailboxProfile()
    for name, count in days.items():
        for day in range(count):
            note_day(made.habits.networks, network_key({"home": HOME, "once": ONCE}[name]), 20_000 + day, 32)
    return made


def list_for(tmp_path: Path, status: Status) -> Path:
    standing = Standing()
    standing.take_state(StateFile(1.0, {OWNER: MailboxState(status, 0, None, 1.0)}))
    packed = {OWNER: profile(home=5, once=1).to_bytes(), COLLEAGUE: MailboxProfile().to_bytes()}
    file = tmp_path / "spared.json"
    SparedFile(file, standing, Profiles(packed)).refresh(7.0)
    return file


def test_it_spares_where_the_owner_of_a_suspended_mailbox_is_at_home(tmp_path: Path) -> None:
    file = list_for(tmp_path, "suspended")
    assert is_spared(file, "192.0.2.77")
    assert is_spared(file, "::ffff:192.0.2.77")


def test_it_spares_neither_a_network_seen_once_nor_a_stranger(tmp_path: Path) -> None:
    file = list_for(tmp_path, "suspended")
    assert not is_spared(file, "198.51.100.7")
    assert not is_spared(file, "203.0.113.7")


def test_it_goes_on_during_probation_when_old_devices_still_knock(tmp_path: Path) -> None:
    assert is_spared(list_for(tmp_path, "probation"), "192.0.2.77")


def test_an_active_or_restricted_mailbox_spares_nobody(tmp_path: Path) -> None:
    assert not is_spared(list_for(tmp_path, "restricted"), "192.0.2.77")


def test_it_writes_again_only_when_the_mailboxes_changed(tmp_path: Path) -> None:
    standing, file = Standing(), tmp_path / "spared.json"
    spared = SparedFile(file, standing, Profiles({OWNER: profile(home=5).to_bytes()}))
    standing.take_state(StateFile(1.0, {OWNER: MailboxState("suspended", 0, None, 1.0)}))
    spared.refresh(1.0)
    first = file.read_bytes()
    spared.refresh(2.0)
    assert file.read_bytes() == first
    standing.take_state(StateFile(3.0, {}))
    spared.refresh(3.0)
    assert not is_spared(file, "192.0.2.77")


def test_a_missing_or_broken_list_and_what_is_no_address_spare_nobody(tmp_path: Path) -> None:
    file = tmp_path / "spared.json"
    assert not is_spared(file, "192.0.2.77")
    file.write_text("{")
    assert not is_spared(file, "192.0.2.77")
    write_spared(file, Spared(1.0, frozenset({network_key(HOME), 0})))
    assert not is_spared(file, "no address")
    assert is_spared(file, "192.0.2.77")


def test_a_full_disk_is_logged_and_tried_again(tmp_path: Path) -> None:
    standing = Standing()
    standing.take_state(StateFile(1.0, {OWNER: MailboxState("suspended", 0, None, 1.0)}))
    spared = SparedFile(tmp_path / "missing" / "spared.json", standing, Profiles({}))
    spared.refresh(1.0)
    assert spared.due() == {OWNER}
