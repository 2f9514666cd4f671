"""Proves that every story can fail: applies each patch of this directory to a copy of the tree, runs its story there.

A patch `tNN.patch` breaks one promise in one line; the story `tests/stack/tNN_*.py` must then have a failing test. A
stack that does not start, or a story that stays green, is an error of this run (exit code 1). Each run starts a stack
of its own, so all take some 20 minutes.

    .venv/bin/python tests/sabotage/soak.py            every sabotage
    .venv/bin/python tests/sabotage/soak.py t04 t07    these
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis", "node_modules")
# The slowest story waits for a minute of a locked database; a start of the stack takes up to half a minute.
LONGEST_STORY_SECONDS = 600


def run_story(patch: Path) -> tuple[bool, str]:
    """Whether the sabotaged story turned red, and what was seen."""
    story = next((ROOT / "tests" / "stack").glob(f"{patch.stem}_*.py"), None)
    if story is None:
        return False, "there is no such story"
    # Short, since unix sockets below it are (deploy.layout); readable, since the guard runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="so-", dir="/tmp") as directory:
        tree = Path(directory) / "t"
        tree.parent.chmod(0o755)
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        applied = subprocess.run(
            ["patch", "-p1", "--quiet", "--no-backup-if-mismatch", "-i", str(patch)],
            cwd=tree,
            capture_output=True,
            text=True,
        )
        if applied.returncode:
            return False, f"the patch does not apply: {applied.stdout.strip()}"
        return _judge(tree, story)


def _judge(tree: Path, story: Path) -> tuple[bool, str]:
    report = tree / "report.xml"
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    if "pytestmark = pytest.mark.soak" in story.read_text():
        # The whole story is left out elsewhere.
        environment["SEKISHO_SOAK"] = "1"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    try:
        done = subprocess.run(
            [*command, f"tests/stack/{story.name}"],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_STORY_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"no end within {LONGEST_STORY_SECONDS} s"
    if not report.exists():
        return False, f"pytest did not run: {done.stdout[-500:]}{done.stderr[-500:]}"
    cases = list(ElementTree.parse(report).iter("testcase"))
    failures = [case for case in cases if case.find("failure") is not None]
    if not failures:
        errors = sum(case.find("error") is not None for case in cases)
        return False, f"{len(cases)} tests, {errors} errors, none failed\n{done.stdout[-1500:]}"
    failure = failures[0].find("failure")
    return True, (failure.get("message") or "").split("\n")[0][:160] if failure is not None else ""


def main() -> int:
    wanted = set(sys.argv[1:])
    patches = [path for path in sorted(Path(__file__).parent.glob("t*.patch")) if not wanted or path.stem in wanted]
    blind = []
    for patch in patches:
        started = time.monotonic()
        red, seen = run_story(patch)
        sys.stdout.write(
            f"{patch.stem}  {'red' if red else 'STILL GREEN'}  {time.monotonic() - started:5.0f} s  {seen}\n"
        )
        sys.stdout.flush()
        if not red:
            blind.append(patch.stem)
    sys.stdout.write(f"{len(patches)} sabotages, {len(patches) - len(blind)} noticed\n")
    return 1 if blind or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
