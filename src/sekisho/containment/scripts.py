"""What a Sieve script does with arriving mail, as far as a takeover is concerned: sends it away or throws it away.

Reads RFC 5228 (language), RFC 3894 (:copy), RFC 5230 (vacation), RFC 5429 (reject), RFC 5435 with RFC 5436 (notify by
mailto), RFC 6609 (include). A conditional action counts like an unconditional one: an intruder's filter on "invoice" is
worse than a forward of everything. A target that is computed (RFC 5229, variables) counts as outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

# Dovecot refuses scripts above 1 MiB (sieve_max_script_size), and includes nested deeper than 10.
SCRIPT_CHARACTERS = 1024 * 1024
INCLUDE_DEPTH = 10
# Scripts read for one; whoever includes more than these has something to hide, and counts as sending mail outside.
MOST_INCLUDED = 50


class ScriptEffects(NamedTuple):
    """Where a script sends mail to, and whether it throws some away or answers it."""

    # Addresses as written, also ours; "" for one that is computed.
    targets: tuple[str, ...]
    discards: bool
    vacation: bool
    # Folders it files mail into, as written; "" for one that is computed.
    folders: tuple[str, ...] = ()

    def outside(self, our_domains: Collection[str]) -> list[str]:
        """The targets that are not addresses of our domains."""
        return [t for t in self.targets if t.rpartition("@")[2].rstrip(".").lower() not in our_domains]


_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*|/\*.*?\*/)
      | (?P<text>text:[ \t]*(?:\#[^\n]*)?\r?\n(?P<lines>.*?)^\.\r?$)
      | "(?P<string>(?:[^"\\]|\\.)*)"
      | (?P<tag>:[A-Za-z_][\w.]*)
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<number>\d+[KMGkmg]?)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


class _Token(NamedTuple):
    kind: str
    value: str


def _tokens(script: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(script[:SCRIPT_CHARACTERS]):
        if found["blank"]:
            continue
        if found["text"] is not None:
            yield _Token("string", found["lines"])
        elif found["string"] is not None:
            yield _Token("string", re.sub(r"\\(.)", r"\1", found["string"], flags=re.DOTALL))
        elif found["word"]:
            yield _Token("word", found["word"].lower())
        else:
            yield _Token(found.lastgroup or "mark", found[0].lower())


def _commands(script: str) -> Iterator[tuple[str, list[_Token]]]:
    """Each command or test with its arguments up to the next `;`, `{` or word."""
    name, arguments = "", list[_Token]()
    for token in _tokens(script):
        if token.kind == "word" or (token.kind == "mark" and token.value in ";{}"):
            if name:
                yield name, arguments
            name, arguments = (token.value, []) if token.kind == "word" else ("", [])
        else:
            arguments.append(token)
    if name:
        yield name, arguments


def _targets(name: str, arguments: list[_Token]) -> list[str]:
    strings = [argument.value for argument in arguments if argument.kind == "string"]
    if name == "redirect":
        # The address is the last string: tags such as :notify (RFC 6009) bring strings of their own before it.
        return [_address(strings[-1] if strings else "")]
    if name == "notify":
        return [_address(s[7:].partition("?")[0]) for s in strings if s.lower().startswith("mailto:")]
    return []


def _address(text: str) -> str:
    text = text.strip()
    if found := re.search(r"<([^<>]*)>\s*$", text):
        text = found[1]
    return "" if "${" in text else text


def _folders(name: str, arguments: list[_Token]) -> list[str]:
    if name != "fileinto":
        return []
    # The folder is the last string: `:flags` and `:specialuse` bring strings of their own before it.
    strings = [argument.value for argument in arguments if argument.kind == "string"]
    folder = strings[-1] if strings else ""
    return ["" if "${" in folder else folder]


def read_script(script: str, include: Callable[[str], str]) -> ScriptEffects:
    """What a script does; `include` gives the text of another personal script by name ("" for none).

    Each script is read once, however often it is included: what it does is the same each time.
    """
    found = _Found()
    _read(script, include, 0, {}, found)
    targets, folders = dict.fromkeys(found.targets), dict.fromkeys(found.folders)
    return ScriptEffects(tuple(targets), found.discards, found.vacation, tuple(folders))


@dataclass
class _Found:
    targets: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    discards: bool = False
    vacation: bool = False


def _read(script: str, include: Callable[[str], str], depth: int, seen: dict[str, int], found: _Found) -> None:
    for name, arguments in _commands(script):
        found.targets += _targets(name, arguments)
        found.folders += _folders(name, arguments)
        found.discards |= name in ("discard", "reject", "ereject")
        found.vacation |= name == "vacation"
        if name == "include" and depth < INCLUDE_DEPTH:
            for other in [a.value for a in arguments if a.kind == "string"]:
                # Read at a greater depth, its own includes may not have been.
                if seen.get(other, INCLUDE_DEPTH) <= depth:
                    continue
                if other not in seen and len(seen) >= MOST_INCLUDED:
                    found.targets.append("")
                    return
                seen[other] = depth
                _read(include(other), include, depth + 1, seen, found)
