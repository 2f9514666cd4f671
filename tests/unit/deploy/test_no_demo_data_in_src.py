"""An installation on a real host carries no demo: no domain, address or network of `demo/` occurs in `src/`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Networks of the demo's address data (RFC 2544's benchmark range).
DEMO_NETWORK = re.compile(r"198\.1[89]\.")


def demo_domains() -> set[str]:
    """Every domain of the demo's provider: customers, alias domains, mail servers, correspondents."""
    text = (ROOT / "demo" / "provider.toml").read_text(encoding="utf-8")
    provider = tomllib.loads(text)
    domains = {domain["name"] for domain in provider["domain"]}
    assert len(domains) == 3
    # Any name under the reserved top-level domains (RFC 2606) that the file mentions.
    return domains | set(re.findall(r"[a-z0-9-]+\.(?:example|test)\b", text))


def source_files() -> Iterator[Path]:
    for path in (ROOT / "src").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".mo":
            yield path


def traces(text: str, domains: set[str]) -> list[str]:
    """What of the demo occurs in a text."""
    found = [domain for domain in domains if domain in text]
    return found + DEMO_NETWORK.findall(text)


def test_src_contains_no_demo_domain_and_no_demo_network() -> None:
    domains = demo_domains()
    guilty = {
        str(path.relative_to(ROOT)): found
        for path in source_files()
        if (found := traces(path.read_bytes().decode(errors="replace"), domains))
    }
    assert guilty == {}


@pytest.mark.parametrize("text", ["mx01.hoshizora-host.example", "x@tayori.example", "198.18.10.0/24"])
def test_the_search_would_find_them(text: str) -> None:
    assert traces(text, demo_domains())
