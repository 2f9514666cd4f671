"""Every setting as a value: path, unit, bounds, default, reason. For errors, `sekisho config` and the reference."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect as kinds

from sekisho.config.model import Settings

# The version whose changelog names no settings yet: all of them came with it.
FIRST_VERSION = "0.1"


@dataclass(frozen=True)
class Setting:
    """One setting. `path` is "guard.policy.port"; in arrays of tables "channels[webhook].name", "webmail[].name"."""

    path: str
    wants: str
    # "port", "seconds", "bits"; "" for what is no number.
    unit: str
    required: bool
    # What the code uses where the file is silent; None where it is required.
    default: Any
    reason: str
    since: str
    # "text": a secret itself; "file": a file with one; "": none.
    secret: str
    # The type as msgspec takes it, to try a value.
    annotation: Any


@dataclass(frozen=True)
class Section:
    """One table of the file: its path ("" for the top), what it is about, its settings."""

    path: str
    about: str
    settings: tuple[Setting, ...]


@cache
def sections() -> tuple[Section, ...]:
    """All tables of the file in the order of the model, the top first."""
    return tuple(_sections(Settings, "", ""))


def all_settings() -> tuple[Setting, ...]:
    """Every setting of every table."""
    return tuple(setting for section in sections() for setting in section.settings)


def _sections(model: type[msgspec.Struct], path: str, about: str) -> Iterator[Section]:
    words, inner, own = reasons(model), [], []
    info = table_of(model)
    by_name = {field.name: field.type for field in msgspec.structs.fields(model)}
    tag = [_tag_setting(info, path)] if info.tag_field else []
    for field in info.fields:
        where = f"{path}.{field.encode_name}" if path else field.encode_name
        kind = plain(field.type)
        if tables := structs_in(kind):
            array = isinstance(kind, kinds.VarTupleType)
            inner += [(one.cls, where + _mark(one, array), words.get(field.name, "")) for one in tables]
        else:
            own.append(_setting(field, where, words.get(field.name, ""), by_name[field.name]))
    said = " ".join(filter(None, (inspect.getdoc(model) or "", about)))
    yield Section(path, said, tuple(tag + own))
    for cls, where, why in inner:
        yield from _sections(cls, where, why)


def table_of(model: type[msgspec.Struct]) -> kinds.StructType:
    """What msgspec knows of a model's fields."""
    return cast(kinds.StructType, kinds.type_info(model))


def _tag_setting(info: kinds.StructType, path: str) -> Setting:
    name, tag = str(info.tag_field), str(info.tag)
    why = "Which kind of table this is."
    return Setting(f"{path}.{name}", f'"{tag}"', "", True, None, why, FIRST_VERSION, "", str)


def _mark(table: kinds.StructType, array: bool) -> str:
    return f"[{table.tag or ''}]" if array else ""


def structs_in(kind: kinds.Type) -> list[kinds.StructType]:
    """The tables a field may hold: itself, one of several, or the items of an array."""
    kind = plain(kind)
    if isinstance(kind, kinds.StructType):
        return [kind]
    if isinstance(kind, kinds.VarTupleType):
        return structs_in(kind.item_type)
    if isinstance(kind, kinds.UnionType):
        return [one for one in kind.types if isinstance(one, kinds.StructType)]
    return []


def plain(kind: kinds.Type) -> kinds.Type:
    """A type without what stands beside it."""
    return plain(kind.type) if isinstance(kind, kinds.Metadata) else kind


def _extra(kind: kinds.Type) -> dict[str, str]:
    return dict(kind.extra or {}) if isinstance(kind, kinds.Metadata) else {}


def _setting(field: kinds.Field, path: str, reason: str, annotation: Any) -> Setting:
    extra = _extra(field.type)
    since = re.search(r"\bSince (\d[\d.]*\d)\.?", reason)
    return Setting(
        path=path,
        wants=wanted(field.type),
        unit=extra.get("unit", ""),
        required=field.required,
        default=None if field.required else _default(field),
        reason=reason.replace(since.group(0), "").strip() if since else reason,
        since=since.group(1) if since else FIRST_VERSION,
        secret=extra.get("secret", ""),
        annotation=annotation,
    )


def _default(field: kinds.Field) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def wanted(kind: kinds.Type) -> str:
    """What a value must be, in words: "a port, 1 to 65535"."""
    unit, kind = _extra(kind).get("unit", ""), plain(kind)
    if isinstance(kind, kinds.IntType | kinds.FloatType):
        return _number(kind, unit)
    if isinstance(kind, kinds.BoolType):
        return "true or false"
    if isinstance(kind, kinds.LiteralType):
        return "one of " + ", ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, kinds.StrType):
        return _text(kind)
    if isinstance(kind, kinds.VarTupleType):
        bounds = [f"at least {kind.min_length}"] * bool(kind.min_length)
        bounds += [f"at most {kind.max_length}"] * bool(kind.max_length)
        return ", ".join(["a list of " + wanted(kind.item_type).removeprefix("a ").replace("text", "texts"), *bounds])
    if isinstance(kind, kinds.UnionType):
        return ", or ".join(wanted(one) for one in kind.types)
    raise TypeError(f"a setting of a type without words: {kind}")


def _number(kind: kinds.IntType | kinds.FloatType, unit: str) -> str:
    name = {"port": "a port", "": "a whole number" if isinstance(kind, kinds.IntType) else "a number"}
    whole = "a whole number" if isinstance(kind, kinds.IntType) else "a number"
    said = name.get(unit, f"{whole} of {unit}")
    if kind.ge is not None and kind.le is not None:
        return f"{said}, {kind.ge:g} to {kind.le:g}"
    return f"{said}, at least {kind.ge:g}" if kind.ge is not None else said


def _text(kind: kinds.StrType) -> str:
    if kind.pattern:
        return f"a text that matches {kind.pattern}"
    if kind.min_length and kind.max_length:
        return f"a text of {kind.min_length} to {kind.max_length} characters"
    return "a text that is not empty" if kind.min_length else "a text"


@cache
def reasons(model: type[msgspec.Struct]) -> dict[str, str]:
    """The comment above each field of a model, as one line. Source: the model's own source text."""
    source = inspect.getsource(model)
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = " ".join(_comments_above(lines, node.lineno - 1))
    return found


def _comments_above(lines: list[str], index: int) -> list[str]:
    comments: list[str] = []
    while index > 0 and (line := lines[index - 1].strip()).startswith("#"):
        comments.insert(0, line.lstrip("# "))
        index -= 1
    return comments
