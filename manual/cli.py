"""docs/reference/cli.md: every verb of the command line, from its parser."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from unittest import mock

import click

from manual.words import linked, made, table

HEAD = """# Command line

`sekisho VERB`; in a checkout `.venv/bin/sekisho`. Exit codes: 0 done, 1 refused or not found (the reason is on
standard error), 2 wrong usage. `--json` is on every listing. Texts are Japanese where `LC_ALL`, `LC_MESSAGES` or
`LANG` say so, else English. Passwords are never arguments, which are public on the machine: they come by standard
input.
"""


def page() -> str:
    """The page's text."""
    # For this page only: a test that makes it must not change the language of those after it.
    with mock.patch.dict(os.environ, {"LC_ALL": "C.UTF-8"}):
        from sekisho.cli import sekisho

        found = list(_commands(sekisho, ["sekisho"]))
        index = table(["verb", "what"], [[f"[`{' '.join(words[1:])}`](#{_anchor(words)})", _first(command)]
                                         for words, command in found])  # fmt: skip
        return made(HEAD) + "\n" + index + "".join(_command(words, command) for words, command in found)


def _commands(group: click.Group, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, [*words, name])
        else:
            yield [*words, name], command


def _anchor(words: list[str]) -> str:
    return "-".join(words)


def _first(command: click.Command) -> str:
    return " ".join(_help(command).split("\n\n")[0].split())


def _help(command: click.Command) -> str:
    # \b keeps click from wrapping a paragraph; \f ends what is for people at the terminal.
    return inspect.cleandoc(command.help or "").partition("\f")[0].replace("\b\n", "").strip()


def _command(words: list[str], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(words))
    usage = " ".join([*words, *command.collect_usage_pieces(context)])
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    rows = [[f"`{_names(one)}`", _said(one)] for one in options]
    listed = "\n" + table(["option", "what"], rows) if rows else ""
    return f"\n## {' '.join(words)}\n\n```text\n{usage}\n```\n\n{linked(_help(command))}\n{listed}"


def _names(option: click.Option) -> str:
    names = ", ".join(option.opts) + (" / " + ", ".join(option.secondary_opts) if option.secondary_opts else "")
    if option.is_flag or option.count:
        return names
    kind = option.type
    value = (
        "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else (option.metavar or kind.name.upper())
    )
    return f"{names} {value}"


def _said(option: click.Option) -> str:
    notes = ["needed"] * option.required + ["may be repeated"] * option.multiple
    return " ".join(filter(None, [linked(option.help or ""), f"({', '.join(notes)})" if notes else ""]))
