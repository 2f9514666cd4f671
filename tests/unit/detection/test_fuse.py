"""The fuse blows after max(10, 1 %) trips in ten minutes, per host and per domain."""

from __future__ import annotations

import pytest

from sekisho.detection.fuse import FUSE_DOMAINS, FUSE_SECONDS, Fuse


@pytest.mark.parametrize(("mailboxes", "most"), [(0, 10), (999, 10), (5000, 50)])
def test_it_blows_for_the_whole_host(mailboxes: int, most: int) -> None:
    fuse = Fuse(mailboxes)
    for number in range(most):
        assert not fuse.is_blown("shop.example", 0.0)
        fuse.record(f"domain{number}.example", 0.0)
    assert fuse.is_blown("shop.example", 0.0)
    assert fuse.is_blown("shop.example", FUSE_SECONDS - 1)
    assert not fuse.is_blown("shop.example", FUSE_SECONDS)


def test_it_blows_for_one_domain_alone() -> None:
    fuse = Fuse(10_000, {"large.example": 3000})
    for _ in range(10):
        fuse.record("small.example", 0.0)
        fuse.record("large.example", 0.0)
    assert fuse.is_blown("small.example", 1.0)
    assert not fuse.is_blown("large.example", 1.0)
    assert not fuse.is_blown("other.example", 1.0)
    fuse.set_sizes(10_000, {"small.example": 2000})
    assert not fuse.is_blown("small.example", 1.0)
    assert fuse.is_blown("large.example", 1.0)


def test_it_forgets_the_domain_that_tripped_longest_ago() -> None:
    fuse = Fuse(10_000_000)
    for _ in range(10):
        fuse.record("first.example", 0.0)
    for number in range(FUSE_DOMAINS):
        fuse.record(f"domain{number}.example", 0.0)
    assert not fuse.is_blown("first.example", 1.0)
