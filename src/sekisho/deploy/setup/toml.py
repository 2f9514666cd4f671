"""Completes sekisho.toml: what is there stays as it is, what is missing is written in marked blocks."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from sekisho.deploy.setup import edits

Table = Mapping[str, Any]
_HEADER = re.compile(r"^\[(?P<name>[\w.]+)\]\s*(#.*)?$")


def _assignment(name: str, value: object) -> str:
    """A line of TOML; JSON's strings, numbers, booleans and lists of strings are TOML's as well."""
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _missing(present: Table, wanted: Table) -> dict[str, Any]:
    """What `wanted` has and `present` has not, table by table."""
    found: dict[str, Any] = {}
    for name, value in wanted.items():
        if isinstance(value, Mapping):
            there = present.get(name, {})
            if isinstance(there, Mapping) and (rest := _missing(there, value)):
                found[name] = rest
        elif name not in present:
            found[name] = value
    return found


def _tables(missing: Table, path: str = "") -> list[tuple[str, list[str]]]:
    """(table's dotted name, its lines) for every table with lines of its own; "" is the top."""
    lines = [_assignment(name, value) for name, value in missing.items() if not isinstance(value, Mapping)]
    found = [(path, lines)] if lines else []
    for name, value in missing.items():
        if isinstance(value, Mapping):
            found += _tables(value, f"{path}.{name}".lstrip("."))
    return found


def complete(text: str, wanted: Table) -> str:
    """The text with everything of `wanted` that it lacks; raises tomllib.TOMLDecodeError for a broken one."""
    present = tomllib.loads(text)
    at_end: list[str] = []
    for name, lines in _tables(_missing(present, wanted)):
        if not name:
            text = edits.insert(text, lines)
        elif any(found and found["name"] == name for found in map(_HEADER.match, text.splitlines())):
            text = edits.insert(text, lines, re.compile(rf"\[{re.escape(name)}\]"))
        else:
            at_end += ["", f"[{name}]", *lines]
    return edits.append(text, at_end)
