from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Settings
from sekisho.containment.barrier import (
    FILES,
    MAPS,
    BarrierError,
    ensure,
    rows_of,
    rows_to_lower,
    wanted_rows,
)
from sekisho.containment.commands import CommandError
from sekisho.containment.ledger import Entry
from sekisho.containment.work import Tools
from sekisho.wire import replies

from .conftest import ALICE, ALICE_ALIAS, suspended
from .fake_host import FakeHost


def rows_on_disk(tools: Tools) -> dict[str, dict[str, str]]:
    return {file: tools.barrier._read(file) for file in FILES}


def test_a_suspension_has_a_row_for_every_form_in_every_file(tools: Tools) -> None:
    rows = rows_of(suspended(tools))
    for file in ("sasl", "deny", "rcpt", "identity"):
        assert set(rows[file]) == {ALICE, ALICE_ALIAS}, file
    # smtpd remembers a transport as long as it lives, so only the address that queues know has one.
    assert set(rows["transport"]) == {ALICE}
    assert set(rows["lmtp"]) == {f"lmtp/{ALICE}", f"lmtp/{ALICE_ALIAS}"}
    assert rows["rcpt"][ALICE_ALIAS] == replies.INBOUND_SUSPENDED
    # The alias-domain form, too, expands to the real address: no planted forward, no 550.
    assert rows["identity"][ALICE_ALIAS] == ALICE
    assert rows["transport"][ALICE].startswith("retry:4.2.1 ")
    assert rows["sasl"][ALICE].startswith("421 4.7.0 ")


def test_a_restriction_is_the_guards_work_unless_nothing_may_be_sent(tools: Tools) -> None:
    entry = suspended(tools, status="restricted", limit=10)
    assert not any(rows_of(entry).values())
    entry.limit = 0
    rows = rows_of(entry)
    assert rows["sasl"][ALICE] == replies.SUBMISSION_STOPPED
    assert not any(rows[file] for file in FILES if file != "sasl")


names = st.from_regex(r"[a-d]{1,2}@[xy]\.example", fullmatch=True)
entries = st.builds(
    lambda mailbox, other, status, limit, generation: Entry(
        mailbox, generation, status, limit, 0.0, 0.0, [mailbox, other], [mailbox, other]
    ),
    names, names, st.sampled_from(["suspended", "restricted", "released"]), st.sampled_from([None, 0, 10]),
    st.integers(0, 3),
)  # fmt: skip


@given(st.lists(entries, max_size=8))
def test_the_barrier_is_a_function_of_the_ledger(ledger: list[Entry]) -> None:
    wanted = wanted_rows(ledger)
    assert wanted == wanted_rows(msgspec.json.decode(msgspec.json.encode(ledger), type=list[Entry]))
    for entry in ledger:
        if entry.status == "suspended":
            for name in entry.addresses:
                assert wanted["rcpt"][name].startswith("450 4.2.1")
                assert wanted["sasl"][name].startswith("421")
                assert name in wanted["deny"]
    explained = {name for entry in ledger for name in entry.addresses}
    assert all(key.removeprefix("lmtp/") in explained for rows in wanted.values() for key in rows)


def test_raising_twice_changes_nothing_the_second_time(tools: Tools, host: FakeHost) -> None:
    wanted = wanted_rows([suspended(tools)])
    tools.barrier.raise_rows(wanted)
    before = (tools.barrier._directory / "deny").stat().st_mtime
    host.calls.clear()
    tools.barrier.raise_rows(wanted)
    assert not host.count("postmap", "-ri")
    assert (tools.barrier._directory / "deny").stat().st_mtime == before
    tools.barrier.verify(wanted)


def test_a_thousand_suspensions_are_four_postmap_runs(tools: Tools, host: FakeHost) -> None:
    wanted = wanted_rows(
        Entry(f"m{i}@customer.example", 0, "suspended", None, 0, 0, [f"m{i}@customer.example"], [f"m{i}@x.example"])
        for i in range(1000)
    )
    tools.barrier.missing_rows(wanted)
    host.calls.clear()
    tools.barrier.raise_rows(wanted)
    assert host.count("postmap", "-r") == len(MAPS)
    assert not host.count("postmap", "-ri")
    assert all(len(rows_on_disk(tools)[file]) == 1000 for file in FILES)


def test_writing_a_whole_map_keeps_rows_nobody_can_explain(tools: Tools, host: FakeHost) -> None:
    tools.postfix.insert(tools.barrier._directory / "rcpt", {"mallory@customer.example": "450 x"})
    entries = [Entry(f"m{i}@c.example", 0, "suspended", None, 0, 0, [f"m{i}@c.example"], []) for i in range(50)]
    host.calls.clear()
    tools.barrier.raise_rows(wanted_rows(entries))
    assert host.count("postmap", "-r") == 3
    assert "mallory@customer.example" in rows_on_disk(tools)["rcpt"]
    assert not list(tools.barrier._directory.glob("rcpt"))


def test_one_file_that_refuses_does_not_keep_the_others_down(tools: Tools, host: FakeHost) -> None:
    def no_sasl() -> None:
        raise CommandError("postmap did not answer in time")

    entry = suspended(tools)
    host.broken["postmap -ri lmdb:" + str(tools.barrier._directory / "sasl")] = no_sasl  # type: ignore[assignment]
    with pytest.raises(BarrierError, match="sasl"):
        tools.barrier.raise_rows(wanted_rows([entry]))
    host.broken.clear()
    standing = rows_on_disk(tools)
    assert ALICE in standing["deny"]
    assert ALICE in standing["rcpt"]
    assert ALICE not in standing["sasl"]
    with pytest.raises(BarrierError, match="sasl not as wanted"):
        tools.barrier.verify(wanted_rows([entry]))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["deleted", "corrupted"])
def test_a_missing_or_corrupt_file_is_rebuilt_from_the_ledger(
    tools: Tools, host: FakeHost, file: str, how: str
) -> None:
    wanted = wanted_rows([suspended(tools)])
    tools.barrier.raise_rows(wanted)
    path = tools.barrier._path(file)
    if how == "deleted":
        path.unlink()
    elif file in MAPS:
        path.write_bytes(b"\x00garbage")
    else:
        path.write_bytes(b"\xff\xfegarbage\n")
    found = tools.barrier.check(wanted, wanted, thorough=False)
    assert found.rebuilt == [file] or found.restored
    tools.barrier.verify(wanted)
    # A daemon that has the former file open must be told.
    assert host.count("postfix", "reload") == (1 if file in MAPS else 0)
    assert not tools.barrier.check(wanted, wanted, thorough=True).rebuilt


def test_a_replaced_map_makes_postfix_open_it_again(tools: Tools, host: FakeHost) -> None:
    wanted = wanted_rows([suspended(tools)])
    tools.barrier.raise_rows(wanted)
    path = tools.barrier._path("rcpt")
    other = path.with_name("other")
    other.write_text("{}")
    other.rename(path)
    found = tools.barrier.check(wanted, wanted, thorough=False)
    assert f"rcpt: {ALICE}" in found.restored
    assert host.count("postfix", "reload") == 1
    tools.barrier.verify(wanted)


def test_an_untouched_barrier_costs_no_command(tools: Tools, host: FakeHost) -> None:
    wanted = wanted_rows([suspended(tools)])
    tools.barrier.raise_rows(wanted)
    host.calls.clear()
    tools.barrier.check(wanted, wanted, thorough=False)
    assert host.calls == []


def test_a_row_nobody_can_explain_is_told_and_stays(tools: Tools, host: FakeHost) -> None:
    tools.postfix.insert(tools.barrier._directory / "rcpt", {"mallory@customer.example": "450 x"})
    (tools.barrier._directory / "deny").write_text("mallory@customer.example:\n")
    entry = suspended(tools)
    wanted = wanted_rows([entry])
    found = tools.barrier.check(wanted, wanted, thorough=True)
    assert {"rcpt: mallory@customer.example", "deny: mallory@customer.example"} <= set(found.unexplained)
    tools.barrier.lower(rows_to_lower(entry), wanted_rows([]))
    assert "mallory@customer.example" in rows_on_disk(tools)["rcpt"]
    assert "mallory@customer.example" in rows_on_disk(tools)["deny"]


def test_lowering_takes_every_form_away_but_what_another_entry_wants(tools: Tools) -> None:
    old, new = suspended(tools), suspended(tools, generation=1, status="restricted", limit=0)
    tools.barrier.raise_rows(wanted_rows([old]))
    tools.barrier.lower(rows_to_lower(old), wanted_rows([new]))
    standing = rows_on_disk(tools)
    assert standing["sasl"] == dict.fromkeys((ALICE, ALICE_ALIAS), replies.SUBMISSION_STOPPED)
    assert not any(standing[file] for file in FILES if file != "sasl")
    tools.barrier.verify_lowered(rows_to_lower(old), wanted_rows([new]))


def test_a_row_that_did_not_fall_is_noticed(tools: Tools, host: FakeHost) -> None:
    entry = suspended(tools)
    tools.barrier.raise_rows(wanted_rows([entry]))
    tools.postfix.insert(tools.barrier._directory / "transport", {ALICE: "retry:4.2.1 again"})
    host.broken["postmap -d"] = lambda: host._postfix((), "")
    tools.barrier.lower(rows_to_lower(entry), wanted_rows([]))
    with pytest.raises(BarrierError, match="still holds"):
        tools.barrier.verify_lowered(rows_to_lower(entry), wanted_rows([]))


def test_ensure_makes_all_files_from_the_ledger_before_the_servers_start(
    settings: Settings, tools: Tools, host: FakeHost
) -> None:
    suspended(tools)
    for path in Path(settings.barrier).iterdir():
        path.unlink()
    host.calls.clear()
    ensure(settings, host)
    assert ALICE in rows_on_disk(tools)["deny"]
    assert ALICE in rows_on_disk(tools)["rcpt"]
    assert (Path(settings.barrier) / "probe").read_bytes() == b""
    assert not host.count("postfix", "reload")


@pytest.mark.parametrize(
    "name", ["a b@x.example", 'q"q@x.example', "#a@x.example", "a:b@x.example", "", "a\n@x.example"]
)
def test_a_name_that_would_break_a_file_never_reaches_one(tools: Tools, name: str) -> None:
    entry = suspended(tools, addresses=[ALICE, name], login_names=[ALICE, name])
    assert all(name not in rows for rows in rows_of(entry).values())
