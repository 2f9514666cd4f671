"""docs/reference/settings.md: every setting of sekisho.toml, from its model and the comments in it."""

from __future__ import annotations

import json
from typing import Any

from manual.words import linked, made, table
from sekisho.config.described import Section, Setting, sections

HEAD = """# Settings

Every setting of `sekisho.toml`. The file is looked for at `$SEKISHO_CONFIG`, `$SEKISHO_VAR/sekisho.toml`,
`./var/sekisho.toml` and `/etc/sekisho/sekisho.toml`, in this order. `sekisho config check` names every mistake with
its path; `sekisho config show` prints what is in effect and where it comes from. A process reads the file once, when
it starts.

Settings marked "file with a secret" take a path, or `credential:NAME` for systemd's `LoadCredential=NAME:…`. Such a
file must be closed to everybody but its owner and group. What is not in this file is a rule that operators change in
the panel.
"""


def page() -> str:
    """The page's text."""
    return made(HEAD) + "".join(_section(section) for section in sections())


def _section(section: Section) -> str:
    if not section.settings:
        return ""
    title = f"`{_heading(section)}`" if section.path else "At the top of the file"
    rows = [[f"`{_name(section, one)}`", _wants(one), one.unit, _default(one), linked(one.reason), one.since]
            for one in section.settings]  # fmt: skip
    about = f"{linked(section.about)}\n\n" if section.path else ""
    return f"\n## {title}\n\n{about}" + table(["setting", "value", "unit", "default", "why", "since"], rows)


def _heading(section: Section) -> str:
    name, bracket, kind = section.path.partition("[")
    kind = kind.rstrip("]")
    if not bracket:
        return f"[{name}]"
    return f"[[{name}]]" + (f' kind = "{kind}"' if kind else "")


def _name(section: Section, setting: Setting) -> str:
    return setting.path.removeprefix(f"{section.path}.") if section.path else setting.path


def _wants(setting: Setting) -> str:
    said = setting.wants.removeprefix("a ")
    return {"file": "file with a secret", "text": f"{said}, secret"}.get(setting.secret, said).replace('"', "`")


def _default(setting: Setting) -> str:
    return "required" if setting.required else f"`{_toml(setting.default)}`"


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
