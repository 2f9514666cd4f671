"""MkDocs' hooks: the few things about the site that its configuration cannot say.

The sources link as readers of the repository need it: `../CHANGELOG.md`, `../SECURITY.md`, files of the code. On the
site the first become pages, and links into the code become plain file names.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Files outside docs/ that are pages of the site.
PAGES = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security-policy.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that stand outside docs/."""
    from mkdocs.structure.files import File, InclusionLevel

    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        text = LINK.sub(_from_the_root, text)
        file = File.generated(config, target, content=text)
        if target != "changelog.md":
            file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def _from_the_root(match: re.Match[str]) -> str:
    return f"[{match[1]}]({match[2].removeprefix('docs/')})"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links out of docs/ lead to their pages on the site, or become text."""
    here = posixpath.dirname(page.file.src_uri)

    def changed(match: re.Match[str]) -> str:
        path, _, anchor = match[2].partition("#")
        place = posixpath.normpath(posixpath.join("docs", here, path))
        if place.startswith("docs/"):
            return match[0]
        if target := PAGES.get(place):
            return f"[{match[1]}]({posixpath.relpath(target, here or '.')}{'#' + anchor if anchor else ''})"
        return match[1]

    return LINK.sub(changed, markdown)


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """Japanese pages say so in their `lang`, and the theme's own words on them are Japanese."""
    config.theme["language"] = "ja" if page.file.src_uri.startswith("ja/") else "en"
    return context
