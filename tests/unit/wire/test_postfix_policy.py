"""Postfix policy requests: recorded dialogues, round trip, arbitrary bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.postfix_policy import (
    _ORDER,
    MAX_ATTRIBUTES,
    PolicyRequest,
    _from_attributes,
    _split,
    format_action,
    parse_request,
)

GOLDEN = Path(__file__).parents[2] / "golden"
RECORDED = [block for block in (GOLDEN / "postfix-policy-3.7.txt").read_bytes().split(b"\n\n") if block]
MINIMAL = b"request=smtpd_access_policy\nprotocol_state=RCPT"

# What a value can be on the wire: anything but NUL and line end.
values = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=60)
numbers = st.integers(min_value=0, max_value=10**18 - 1)
requests = st.builds(
    PolicyRequest,
    protocol_state=values.filter(bool),
    client_address=values,
    client_name=values,
    helo_name=values,
    sender=values,
    recipient=values,
    recipient_count=numbers,
    queue_id=values,
    instance=values,
    size=numbers,
    sasl_method=values,
    sasl_username=values,
    policy_context=values,
)


def block_of(request: PolicyRequest, order: list[str]) -> bytes:
    known = {name: str(getattr(request, name)) for name in PolicyRequest.__struct_fields__}
    known["request"] = "smtpd_access_policy"
    return "\n".join(f"{name}={known.get(name, '')}" for name in order).encode()


def test_it_reads_every_recorded_state() -> None:
    assert len(RECORDED) == 7
    parsed = {request.protocol_state: request for request in map(parse_request, RECORDED)}
    assert set(parsed) == {"CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY"}
    assert parsed["CONNECT"].sasl_username == ""
    assert parsed["END-OF-MESSAGE"] == PolicyRequest(
        protocol_state="END-OF-MESSAGE",
        client_address="127.0.0.1",
        client_name="unknown",
        helo_name="pc",
        sender="alice@ours.test",
        recipient="x@internet.test",
        recipient_count=1,
        queue_id="CB05C24821D",
        instance="1bb0.6b04f017.c8346.0",
        size=43,
        sasl_method="PLAIN",
        sasl_username="alice@ours.test",
        policy_context="submission",
    )


def test_both_ways_of_reading_agree_on_the_recorded_requests() -> None:
    for block in RECORDED:
        assert _from_attributes(_split(block.decode())) == parse_request(block)


def test_the_quick_way_takes_the_fields_in_their_order() -> None:
    taken = [name for name in _ORDER if name in PolicyRequest.__struct_fields__]
    assert tuple(taken) == PolicyRequest.__struct_fields__


@given(requests)
def test_what_postfix_writes_is_read_back(request: PolicyRequest) -> None:
    assert parse_request(block_of(request, _ORDER)) == request


@given(requests, st.permutations([*_ORDER, "mail_version", "attribute_of_the_future"]))
def test_the_order_of_attributes_and_unknown_ones_do_not_matter(request: PolicyRequest, order: list[str]) -> None:
    assert parse_request(block_of(request, order)) == request


def test_it_keeps_equal_signs_plus_signs_and_utf8() -> None:
    request = parse_request(MINIMAL + "\nsasl_username=a=b+c=d@例え.test\nsender==\nrecipient=".encode())
    assert (request.sasl_username, request.sender, request.recipient) == ("a=b+c=d@例え.test", "=", "")


def test_a_value_cannot_start_another_attribute() -> None:
    request = parse_request(MINIMAL + b"\nhelo_name=x sasl_username=victim@ours.test\nsasl_username=mallory@ours.test")
    assert request.sasl_username == "mallory@ours.test"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"", "="),
        (b"protocol_state=RCPT", "request"),
        (b"request=junk_policy\nprotocol_state=RCPT", "request"),
        (b"request=smtpd_access_policy", "protocol_state"),
        (MINIMAL + b"\nsasl_username", "="),
        (MINIMAL + b"\nsender=a\0b", "NUL"),
        (MINIMAL + b"\nsender=\xff", "UTF-8"),
        (MINIMAL + b"\nsize=-1", "size"),
        (MINIMAL + b"\nsize=1_0", "size"),
        (MINIMAL + "\nrecipient_count=٣".encode(), "recipient_count"),
        (MINIMAL + b"\nsize=" + b"9" * 5000, "size"),
        (MINIMAL + b"\nsasl_username=alice@ours.test\nsasl_username=bob@ours.test", "twice"),
        (MINIMAL + b"\nsender=" + b"a" * 8192, "8 KiB"),
        (MINIMAL + b"".join(b"\nx%d=" % n + b"a" * 8000 for n in range(9)), "64 KiB"),
        (MINIMAL + b"".join(b"\nx%d=" % n for n in range(MAX_ATTRIBUTES)), "100"),
    ],
)
def test_it_refuses_what_no_smtpd_sends_and_names_the_reason(block: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        parse_request(block)


def test_an_error_does_not_repeat_values() -> None:
    with pytest.raises(WireError) as caught:
        parse_request(MINIMAL + b"\nsize=secret")
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=300))
@example(MINIMAL + b"\n")
@example(b"\n\n\n")
def test_arbitrary_bytes_raise_nothing_but_wire_errors(data: bytes) -> None:
    for block in (data, MINIMAL + b"\n" + data):
        try:
            assert parse_request(block).protocol_state
        except WireError:
            pass


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200))
def test_an_action_goes_out_as_one_line_and_an_empty_one(action: str) -> None:
    wire = format_action(action)
    assert wire == f"action={action}\n\n".encode()
    assert wire.count(b"\n") == 2


@pytest.mark.parametrize("action", ["", "DUNNO\n\naction=OK", "450 4.2.1 停止中", "OK\r"])
def test_it_refuses_actions_postfix_would_misread(action: str) -> None:
    with pytest.raises(WireError):
        format_action(action)
