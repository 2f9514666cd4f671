"""Edits of a site's own configuration that can be taken back exactly: from text to text, only `read_exact` reads.

There are three kinds, and `strip` undoes each of them wherever it finds it, also in a file that the site has changed
since: a block between two comment lines; a name of ours, `$sekisho_…,`, put in front of a list; a line of the site's
switched off by `#sekisho# `. Postfix' grammar: postconf(5) and master(5), "line continuation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

BEGIN = "# sekisho setup: begin (`sekisho setup --revert` takes these lines away)"
END = "# sekisho setup: end"
OFF = "#sekisho# "

_BLOCK = re.compile(rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", re.DOTALL | re.MULTILINE)
_OFF = re.compile(rf"^{re.escape(OFF)}", re.MULTILINE)
_NAME = re.compile(r" ?\$sekisho_\w+,")


def read_exact(path: Path) -> str:
    """A file's text from which its very bytes can be made again (`exact_bytes`); raises OSError."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def exact_bytes(text: str) -> bytes:
    """The bytes of a text that `read_exact` read, or that was made of one."""
    return text.encode("utf-8", "surrogateescape")


def block(lines: Sequence[str]) -> str:
    """The lines between our two marks."""
    return "\n".join([BEGIN, *lines, END, ""])


def blocks(text: str) -> list[str]:
    """Every block of ours in a text, marks included."""
    return [match.group() for match in _BLOCK.finditer(text)]


def strip(text: str) -> str:
    """The text without anything of ours."""
    return _OFF.sub("", _NAME.sub("", _BLOCK.sub("", text)))


def is_marked(text: str) -> bool:
    """Whether anything that looks like ours is in the text."""
    return bool(re.search(r"sekisho setup:|\$sekisho_\w|^#sekisho#", text, re.MULTILINE))


def append(text: str, lines: Sequence[str]) -> str:
    """The text with a block at its end; unchanged without lines."""
    if not lines:
        return text
    return (text if text.endswith("\n") or not text else text + "\n") + block(lines)


def insert(text: str, lines: Sequence[str], after: re.Pattern[str] | None = None) -> str:
    """The text with a block at its beginning, or behind the last line that matches `after`."""
    physical = text.splitlines(keepends=True)
    found = [number for number, line in enumerate(physical) if after and after.match(line)]
    place = found[-1] + 1 if found else 0
    if place and not physical[place - 1].endswith("\n"):
        physical[place - 1] += "\n"
    return "".join([*physical[:place], block(lines), *physical[place:]])


def _entries(lines: Sequence[str]) -> Iterator[list[int]]:
    """Numbers of the physical lines of each logical one; comments and empty lines belong to none."""
    current: list[int] = []
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and current:
            current.append(number)
            continue
        if current:
            yield current
        current = [number]
    if current:
        yield current


def _definition(lines: Sequence[str], name: str) -> list[int]:
    """The last definition of a main.cf parameter, the one that holds; empty without one."""
    pattern = re.compile(rf"{re.escape(name)}\s*=")
    return next((entry for entry in reversed(list(_entries(lines))) if pattern.match(lines[entry[0]])), [])


def value_of(text: str, name: str) -> str | None:
    """A main.cf parameter as it stands there, unexpanded; None when the file does not define it."""
    lines = text.splitlines(keepends=True)
    entry = _definition(lines, name)
    if not entry:
        return None
    whole = " ".join(lines[number].strip() for number in entry)
    return whole.partition("=")[2].strip()


def put_first(text: str, name: str, ours: str) -> str:
    """`$ours,` in front of a parameter's value; raises KeyError when main.cf does not define it."""
    lines = text.splitlines(keepends=True)
    entry = _definition(lines, name)
    if not entry:
        raise KeyError(name)
    lines[entry[0]] = re.sub(
        rf"^{re.escape(name)}\s*=", lambda match: f"{match.group()} ${ours},", lines[entry[0]], count=1
    )
    return "".join(lines)


def switch_off(text: str, name: str) -> str:
    """Makes comments of every definition of a main.cf parameter."""
    lines = text.splitlines(keepends=True)
    while entry := _definition(lines, name):
        for number in entry:
            lines[number] = OFF + lines[number]
    return "".join(lines)


def put_first_in_service(text: str, service: str, kind: str, name: str, ours: str) -> str:
    """`$ours,` in front of what a master.cf service gives a parameter by `-o`; raises KeyError without one."""
    lines = text.splitlines(keepends=True)
    plain = re.compile(rf"(-o\s+{re.escape(name)}=)")
    braced = re.compile(rf"(-o\s*\{{\s*{re.escape(name)}\s*=)")
    for entry in _entries(lines):
        if lines[entry[0]].split()[:2] != [service, kind]:
            continue
        for number in entry:
            for pattern, gap in ((plain, ""), (braced, " ")):
                changed = pattern.sub(rf"\g<1>{gap}${ours},", lines[number], count=1)
                if changed != lines[number]:
                    lines[number] = changed
                    return "".join(lines)
    raise KeyError(f"{service}/{kind}/{name}")


def insert_in_service(text: str, service: str, kind: str, new: Sequence[str]) -> str:
    """A block behind the last line of a master.cf service; raises KeyError without that service."""
    lines = text.splitlines(keepends=True)
    for entry in _entries(lines):
        if lines[entry[0]].split()[:2] == [service, kind]:
            last = entry[-1]
            lines[last] = lines[last] if lines[last].endswith("\n") else lines[last] + "\n"
            return "".join([*lines[: last + 1], block(new), *lines[last + 1 :]])
    raise KeyError(f"{service}/{kind}")


def overrides(text: str, service: str, kind: str) -> frozenset[str]:
    """Names of the parameters that a master.cf service sets by `-o`."""
    lines = text.splitlines(keepends=True)
    for entry in _entries(lines):
        if lines[entry[0]].split()[:2] == [service, kind]:
            whole = " ".join(lines[number] for number in entry)
            return frozenset(re.findall(r"-o\s*\{?\s*(\w+)\s*=", whole))
    return frozenset()


def has_service(text: str, service: str, kind: str) -> bool:
    """Whether master.cf has this service."""
    lines = text.splitlines(keepends=True)
    return any(lines[entry[0]].split()[:2] == [service, kind] for entry in _entries(lines))
