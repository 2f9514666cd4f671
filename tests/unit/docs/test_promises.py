"""docs/promises.md names a story for every promise, and every story and sabotage is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STORIES = {path.name[:3]: path for path in (ROOT / "tests" / "stack").glob("t[0-9][0-9]_*.py")}
TABLE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
PROMISES = {row.group(1): set(row.group(2).split()) for row in re.finditer(r"(?m)^\| (P\d) .*\| ([t\d ]+) \|$", TABLE)}


def test_no_promise_is_without_a_story() -> None:
    assert sorted(PROMISES) == [f"P{number}" for number in range(1, 8)]
    assert all(PROMISES.values())


def test_every_story_named_exists_and_says_its_promise() -> None:
    for promise, stories in PROMISES.items():
        for story in stories:
            assert story in STORIES, f"{promise} names {story}, which is not there"
            assert promise in STORIES[story].read_text(encoding="utf-8").split('"""')[1], (
                f"{story} does not name {promise}"
            )


def test_every_story_proves_a_promise_and_is_told() -> None:
    named = set().union(*PROMISES.values())
    assert set(STORIES) == named
    for story in STORIES:
        assert re.search(rf"(?m)^\| {story} \| .+ \|$", TABLE), f"{story} is not told in docs/promises.md"


def test_every_story_has_a_sabotage_that_it_names() -> None:
    for story, path in STORIES.items():
        patch = ROOT / "tests" / "sabotage" / f"{story}.patch"
        assert patch.exists(), f"{story} has no sabotage"
        assert f"tests/sabotage/{story}.patch" in path.read_text(encoding="utf-8").replace("\n", " ")
        changed = [line for line in patch.read_text().splitlines() if re.match(r"^[-+](?![-+])", line)]
        assert 1 <= len(changed) <= 2, f"{patch.name} changes more than one line"


@pytest.mark.parametrize("patch", sorted((ROOT / "tests" / "sabotage").glob("*.patch")), ids=lambda path: path.stem)
def test_every_sabotage_applies_to_the_present_tree(patch: Path) -> None:
    done = subprocess.run(
        ["patch", "-p1", "--dry-run", "--force", "-i", str(patch)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
