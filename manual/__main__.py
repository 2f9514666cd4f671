"""`make docs` writes what of the reference the code has outgrown; `python -m manual site DIR` looks at a site."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"


def pages() -> dict[Path, Callable[[], str]]:
    """Every generated page and what makes it."""
    from manual import api, cli, replies, settings

    return {
        REFERENCE / "settings.md": settings.page,
        REFERENCE / "cli.md": cli.page,
        REFERENCE / "api.md": api.page,
        REFERENCE / "replies.md": replies.page,
    }


def write() -> int:
    """Writes the pages that differ; returns 0."""
    REFERENCE.mkdir(exist_ok=True)
    for path, make in pages().items():
        text = make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")
    return 0


def start_django() -> None:
    """The panel's REST API describes itself only within Django; the tests' settings need no installation."""
    sys.path.insert(0, str(ROOT / "tests"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "testing_settings"
    import django

    django.setup()


if __name__ == "__main__":
    if sys.argv[1:2] == ["site"]:
        from manual.built_site import complain

        sys.exit(complain(Path(sys.argv[2])))
    start_django()
    sys.exit(write())
