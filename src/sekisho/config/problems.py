"""What is wrong with the values of a file, all of it at once, each with its exact path and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect as kinds

from sekisho.config.described import Setting, all_settings, plain, sections, structs_in, table_of
from sekisho.config.model import Settings
from sekisho.config.texts import forward_policy_problem, inbound_text_problem, reason_text_problem

# Longer values are cut in an error; a line of a terminal.
MOST_SHOWN = 60


def problems_of(found: Mapping[str, Any]) -> list[str]:
    """Every problem of a decoded file, "PATH: what is wrong"; [] for one that can be used."""
    return list(_table_problems(found, table_of(Settings), "", "")) or list(_contradictions(found))


def _table_problems(found: Mapping[str, Any], table: kinds.StructType, path: str, place: str) -> Iterator[str]:
    """`path`: where it stands in the file, "channels[1]"; `place`: its name among the settings, "channels[webhook]"."""
    fields = {field.encode_name: field for field in table.fields}
    for name, value in found.items():
        if name in fields:
            kind = plain(fields[name].type)
            yield from _value_problems(value, kind, _join(path, name), _join(place, name))
        elif name != table.tag_field:
            yield f"{_join(path, name)}: unknown{_meant(name, list(fields), path)}"
    for name, field in fields.items():
        if field.required and name not in found:
            yield f"{_join(path, name)}: missing{_what_for(_join(place, name))}"


def _what_for(place: str) -> str:
    for setting in all_settings():
        if setting.path == place:
            return f"; it must be {setting.wants}. {setting.reason}"
    return f"; the table [{place}] must be there"


def _value_problems(value: Any, kind: kinds.Type, path: str, place: str) -> Iterator[str]:
    tables = structs_in(kind)
    if not tables:
        yield from _leaf_problems(value, path, place)
    elif not isinstance(kind, kinds.VarTupleType):
        yield from _one_table(value, tables, path, place, "")
    elif not isinstance(value, list):
        yield f"{path}: must be an array of tables, [[{path}]]"
    else:
        if kind.max_length is not None and len(value) > kind.max_length:
            yield f"{path}: has {len(value)} tables; at most {kind.max_length}"
        for number, one in enumerate(value):
            yield from _one_table(one, tables, f"{path}[{number}]", place, "[{}]")


def _one_table(value: Any, tables: list[kinds.StructType], path: str, place: str, mark: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: must be a table, [{path}]"
        return
    table = tables[0]
    if table.tag_field:
        by_tag = {str(one.tag): one for one in tables}
        tag = value.get(table.tag_field)
        if not isinstance(tag, str) or tag not in by_tag:
            wants = "one of " + ", ".join(f'"{name}"' for name in by_tag)
            yield f"{_join(path, table.tag_field)}: {_not(tag, wants) if tag is not None else f'missing; {wants}'}"
            return
        table = by_tag[tag]
    yield from _table_problems(value, table, path, place + mark.format(table.tag or ""))


def _leaf_problems(value: Any, path: str, place: str) -> Iterator[str]:
    setting = next(one for one in all_settings() if one.path == place)
    try:
        msgspec.convert(value, setting.annotation)
    except msgspec.ValidationError:
        yield f"{path}: {_not(value, setting.wants, bool(setting.secret))}{_nearest(value, setting)}"


def _not(value: Any, wants: str, secret: bool = False) -> str:
    shown = "what stands there" if secret else _shown(value)
    return f"{shown} is not {wants}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "…"


def _nearest(value: Any, setting: Setting) -> str:
    kind = plain(kinds.type_info(setting.annotation))
    if not isinstance(kind, kinds.LiteralType) or not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value, [str(one) for one in kind.values], 1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _meant(name: str, siblings: list[str], path: str) -> str:
    """The setting that was probably meant: one of the same table, or one of that very name elsewhere."""
    if near := difflib.get_close_matches(name, siblings, 1):
        return f"; did you mean {_join(path, near[0])}?"
    tables = [section.path for section in sections()]
    elsewhere = [one.path for one in all_settings() if one.path.rpartition(".")[2] == name]
    elsewhere += [table for table in tables if table and table.rpartition(".")[2].partition("[")[0] == name]
    return f"; did you mean {elsewhere[0]}?" if elsewhere else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _contradictions(found: Mapping[str, Any]) -> Iterator[str]:
    """What no single value shows; every value has its proper type by now."""
    guard = found["guard"]
    given = [name for name in ("auth_policy_key", "auth_policy_key_file") if guard.get(name)]
    if len(given) == 2:
        yield "guard.auth_policy_key: given, and guard.auth_policy_key_file as well; keep one of them"
    if not given:
        yield "guard.auth_policy_key: missing; it or guard.auth_policy_key_file must be given"
    yield from _forward_policy(guard.get("forward_policy", {}))
    for path, text, judge in (
        ("inbound_text", found.get("inbound_text", ""), inbound_text_problem),
        ("guard.reason_text", guard.get("reason_text", ""), reason_text_problem),
    ):
        if problem := judge(text):
            yield f"{path} {problem}"
    yield from _site_problems(found.get("site", {}))
    issuers = [one["issuer"] for one in found["web"].get("single_sign_on", ())]
    if len(set(issuers)) != len(issuers):
        yield "web.single_sign_on: an issuer is named twice"
    names = [channel["name"] for channel in found.get("channels", ())]
    if doubled := {name for name in names if names.count(name) > 1 or name == "mail"}:
        yield f"channels: the name {min(doubled)} is taken"


def _forward_policy(found: Mapping[str, Any]) -> Iterator[str]:
    """Another policy server behind the guard."""
    if found.get("header") and found.get("header_file"):
        yield "guard.forward_policy.header: given, and header_file as well; keep one of them"
    if problem := forward_policy_problem(found.get("url", ""), found.get("header", "")):
        yield f"guard.forward_policy.{problem}"


# What each statement of [site] begins with, and what must stand in it.
_SITE_STATEMENTS = {
    "mailboxes": ("SELECT", ("address", "domain", "password", "active", "name")),
    "domains": ("SELECT", ("domain",)),
    "alias_domains": ("SELECT", ("alias_domain", "target_domain")),
    "set_password": ("UPDATE", (":password", ":mailbox")),
    "set_active": ("UPDATE", (":active", ":mailbox")),
}


def _site_problems(site: Mapping[str, Any]) -> Iterator[str]:
    """One statement each, of its kind, with the words that are looked for."""
    if any(site.values()) and not (site.get("mailboxes") and site.get("domains")):
        yield "site: both mailboxes and domains must be given"
    for name, (verb, words) in _SITE_STATEMENTS.items():
        text = site.get(name, "").strip()
        if not text:
            continue
        missing = [word for word in words if not re.search(rf"(?<![\w:]){word}\b", text)]
        if not text.upper().startswith(verb):
            yield f"site.{name}: must begin with {verb}"
        elif ";" in text:
            yield f"site.{name}: must be one statement, without a semicolon"
        elif missing:
            yield f"site.{name}: lacks {', '.join(missing)}"
