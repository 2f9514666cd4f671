"""P5: after a takeover the worker finds our addresses (IPv4, IPv6) and the domain on blocklists, by real questions to
a DNS server on loopback; an error code, a refusal, silence and a broken list are no listing; what is gone is gone.
Sabotage: tests/sabotage/t58.patch (an error code counts as a listing)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import DOMAIN, OTHER_DOMAIN, Stack

from nameserver import REFUSED, SILENT, Nameserver, answering, list_of
from sekisho.rehearsal.outside import wait_until

V4, V6 = "192.0.2.58", "2001:db8::58"
V4_NAME, V6_NAME = "58.2.0.192", "8.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
SETTINGS = """
[doctor]
addresses = ["{v4}", "{v6}"]
resolver = "127.0.0.1"
resolver_port = {port}

[harm_watch]
blocklists = true
address_lists = ["good.test", "angry.test", "open.test", "sold.test"]
domain_lists = ["names.test", "silent.test"]
every_s = 1
incident_every_s = 1
questions_a_minute = 600
"""


@pytest.fixture
def lists() -> Iterator[Nameserver]:
    records = list_of("good.test", V4_NAME, V6_NAME) | list_of("names.test", DOMAIN, kinds=("domain",))
    # Works, and says "too many questions" about our address; knows no IPv6.
    records |= list_of("angry.test", kinds=("ipv4",)) | {(f"{V4_NAME}.angry.test.", "A"): ["127.255.255.255"]}
    records |= {("open.test.", "A"): REFUSED, ("silent.test.", "A"): SILENT}
    # A dead list whose name was sold: every name has an address.
    sold = ["2.0.0.127", "1.0.0.127", V4_NAME]
    records |= {(f"{name}.sold.test.", "A"): ["198.51.100.7"] for name in sold}
    with answering(records) as server:
        yield server


@pytest.fixture
def watching(stack: Stack, lists: Nameserver) -> Iterator[None]:
    """The worker with the watch on, and the operator to be told."""
    configuration = stack.var / "sekisho.toml"
    before = configuration.read_text()
    configuration.write_text(before + SETTINGS.format(v4=V4, v6=V6, port=lists.port))
    stack.restarted("worker", stack.kill("worker"))
    try:
        yield
    finally:
        configuration.write_text(before)
        stack.restarted("worker", stack.kill("worker"))


def listed(stack: Stack) -> set[tuple[str, str]]:
    """What is listed now, as the record has it: a look at it costs no second of the command's start."""
    return set(stack.our_sql("SELECT subject, zone FROM impact_listing WHERE gone_at IS NULL"))  # type: ignore[arg-type]


def test_listings_are_found_told_and_end_and_an_error_is_none(stack: Stack, lists: Nameserver, watching: None) -> None:
    box = stack.new_box("t58")
    number = stack.shell.run(
        f"from sekisho.incidents import decisions\nresult = decisions.suspend({box.address!r}, 'story', 'operator').pk"
    )
    wanted = {(V4, "good.test"), (V6, "good.test"), (DOMAIN, "names.test")}
    assert wait_until(lambda: listed(stack) >= wanted, 60, pause=0.2) is not None, (listed(stack), lists.asked)
    # Every list has said its word, and the angry one twice, by then.
    asked = f"{V4_NAME}.angry.test"
    tests = "SELECT zone, kind, verdict FROM impact_listlook WHERE subject = ''"
    assert wait_until(lambda: len(stack.our_sql(tests)) == 10 and lists.asked[asked] >= 2, 60, pause=0.2) is not None, (
        stack.our_sql(tests), lists.asked,
    )  # fmt: skip
    told = stack.ask("reputation", "show")["blocklists"]
    states = {(one["list"], one["kind"]): one["verdict"] for one in told["lists"]}
    assert states[("good.test", "ipv4")] == states[("good.test", "ipv6")] == states[("names.test", "domain")] == "works"
    assert states[("angry.test", "ipv4")] == "works" and states[("angry.test", "ipv6")] == "unfit"
    assert states[("open.test", "ipv4")] == "refused" and states[("silent.test", "domain")] == "unanswered"
    assert states[("sold.test", "ipv4")] == "broken"
    assert {(row["subject"], row["list"]) for row in told["listings"]} == wanted
    # Nobody asks a list that does not work about us.
    assert not any(lists.asked[f"{V4_NAME}.{zone}"] for zone in ("open.test", "sold.test"))
    assert not lists.asked[f"{DOMAIN}.silent.test"]
    assert lists.asked[f"{OTHER_DOMAIN}.names.test"] >= 1
    hangs = stack.our_sql("SELECT count(*) FROM impact_listing_incidents WHERE incident_id = ?", number)
    assert hangs == [(3,)]
    alarms = stack.ask("status")["alarms"]
    assert any(f"{V4} is on the blocklist good.test" in alarm for alarm in alarms), alarms

    about = next(row["number"] for row in told["listings"] if row["subject"] == V6)
    stack.command("reputation", "asked", str(about))
    assert stack.our_sql("SELECT asked_at IS NULL FROM impact_listing WHERE id = ?", about) == [(0,)]
    for name in (f"{V4_NAME}.good.test.", f"{V6_NAME}.good.test.", f"{DOMAIN}.names.test."):
        del lists.records[(name, "A")]
    assert wait_until(lambda: not listed(stack), 60, pause=0.2) is not None, listed(stack)
    kinds = stack.our_sql(
        "SELECT kind, count(DISTINCT about) FROM incidents_notice WHERE kind LIKE ? GROUP BY kind", "listing%"
    )
    assert dict(kinds) == {"listing_gone": 3, "listing_new": 3}
