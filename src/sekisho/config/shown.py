"""The values in effect and where each comes from; what of the files they name is amiss. Secrets stay hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sekisho.config.described import all_settings
from sekisho.config.model import Settings
from sekisho.config.secret_files import ConfigError, read_secret, secret_path

HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Shown:
    """A setting as it counts: its path in the file ("channels[1].name"), its value, from "file" or "default"."""

    path: str
    value: Any
    origin: str
    # Whether the value names a file with a secret in it.
    names_secret: bool = False


def shown(found: Mapping[str, Any], values: Settings) -> list[Shown]:
    """Every setting in effect. `found` is what stands in the file, `values` what was made of it."""
    return list(_shown(found, values, "", ""))


def _shown(found: Mapping[str, Any], table: msgspec.Struct, path: str, place: str) -> Iterator[Shown]:
    info = table.__struct_config__
    if info.tag_field:
        yield Shown(f"{path}.{info.tag_field}", info.tag, "file")
    inner = []
    for field in msgspec.structs.fields(table):
        value, name, where = getattr(table, field.name), _join(path, field.encode_name), _join(place, field.encode_name)
        if isinstance(value, msgspec.Struct):
            inner.append((found.get(field.encode_name, {}), value, name, where))
        elif _is_array(where):
            for number, one in enumerate(value):
                mark = f"[{one.__struct_config__.tag or ''}]"
                inner.append((found[field.encode_name][number], one, f"{name}[{number}]", where + mark))
        else:
            yield _leaf(name, where, value, field.encode_name in found)
    for deeper in inner:
        yield from _shown(*deeper)


def _is_array(place: str) -> bool:
    return any(setting.path.startswith(f"{place}[") for setting in all_settings())


def _leaf(path: str, place: str, value: Any, given: bool) -> Shown:
    kind = next(setting.secret for setting in all_settings() if setting.path == place)
    shown = HIDDEN if kind == "text" and value else value
    return Shown(path, shown, "file" if given else "default", names_secret=kind == "file")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def warnings(path: Path, entries: list[Shown]) -> list[str]:
    """What no decoding can see: secrets that others on this machine may read, or that are not there."""
    said = []
    if any(one.value == HIDDEN for one in entries) and path.stat().st_mode & 0o007:
        said.append(f"{path} holds a secret and is open to everybody on this machine (chmod o= it)")
    for one in entries:
        if one.names_secret and one.value:
            said += _secret_warnings(one)
    return said


def _secret_warnings(one: Shown) -> list[str]:
    try:
        if not read_secret(one.value):
            return [f"{one.path}: {secret_path(one.value)} is empty"]
    except ConfigError as error:
        return [f"{one.path}: {error}"]
    return []
