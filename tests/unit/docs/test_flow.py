"""docs/flow.md is the front door: every function, class and step it names must exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Words in backticks that are no names of ours: files of the barrier, protocol answers, commands.
NEIGHBOURS = {"report", "deny", "contain", "release", "dismiss", "refresh", "postmap -q"}


def named() -> set[str]:
    words = re.findall(r"`([^`\n]+)`", (ROOT / "docs/flow.md").read_text())
    identifiers = (word.rpartition(".")[2] for word in words if re.fullmatch(r"[A-Za-z_][\w.]*", word))
    return {name for name in identifiers if name not in NEIGHBOURS and name != "lmdb"}


def existing() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "src/sekisho").rglob("*.py"))


def test_every_name_in_flow_exists() -> None:
    source = existing()
    missing = [
        name
        for name in sorted(named())
        if not re.search(rf'(?:def|class) {name}\b|"{name}"|/{name}\b|\b{name}\.py', source)
        and not (ROOT / "src/sekisho" / name).exists()
        and not list((ROOT / "src/sekisho").rglob(f"{name}.py"))
    ]
    assert missing == []


def test_it_names_enough_to_mean_something() -> None:
    assert len(named()) > 40
