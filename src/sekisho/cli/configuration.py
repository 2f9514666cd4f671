"""`sekisho config`: is sekisho.toml right, and what counts?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sekisho.cli.output import Refused, print_json, print_table, say, tell
from sekisho.config import configuration_path, read_settings, read_tables


@click.group()
def config() -> None:
    """The configuration file, sekisho.toml: check it, show what is in effect."""


def _which(file: str) -> Path:
    return Path(file) if file else configuration_path()


@config.command()
@click.argument("file", default="")
def check(file: str) -> None:
    """Check FILE (without it the file in use): every mistake with its path, and secrets that others may read.

    A running process keeps the settings it started with; this looks at the file before a restart does. Exit code 1 when
    something is wrong. A secret that this user may not read is named as well: run it as root, or as the service.
    """
    from sekisho.config.shown import shown, warnings

    path = _which(file)
    entries = shown(read_tables(path), read_settings(path))
    if said := warnings(path, entries):
        raise Refused("\n".join(said))
    given = sum(one.origin == "file" for one in entries)
    tell(
        f"{path} is right: {given} settings given, {len(entries) - given} at their defaults",
        f"{path} に誤りはありません: 指定 {given} 件、既定値 {len(entries) - given} 件",
    )


@config.command()
@click.argument("file", default="")
@click.option("--given", is_flag=True, help="Only what the file says.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(file: str, given: bool, as_json: bool) -> None:
    """Show every setting in effect and where it comes from: the file, or the default. Secrets are hidden."""
    from sekisho.config.shown import shown

    path = _which(file)
    entries = [one for one in shown(read_tables(path), read_settings(path)) if not given or one.origin == "file"]
    if as_json:
        settings = [{"path": one.path, "value": one.value, "from": one.origin} for one in entries]
        print_json({"file": str(path), "settings": settings})
        return
    titles = [say("setting", "設定"), say("value", "値"), say("from", "由来")]
    origins = {"file": str(path), "default": say("default", "既定値")}
    print_table(titles, [[one.path, _text(one.value), origins[one.origin]] for one in entries])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
