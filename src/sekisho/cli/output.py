"""What verbs print: plain sentences in English or Japanese (by LC_ALL, LC_MESSAGES, LANG), tables, JSON."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import click

# Far beyond any password; a file given by mistake is not read to its end.
MOST_PASSWORD_BYTES = 4096


class Refused(Exception):
    """The verb was refused or found nothing; the text is for the person at the terminal (exit code 1)."""


def in_japanese() -> bool:
    """Whether the terminal asks for Japanese."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.lower().startswith("ja")
    return False


def say(english: str, japanese: str) -> str:
    """The sentence in the terminal's language."""
    return japanese if in_japanese() else english


def tell(english: str, japanese: str) -> None:
    """Prints the sentence in the terminal's language."""
    click.echo(say(english, japanese))


def print_json(value: object) -> None:
    """Prints a value as JSON; times as ISO 8601 with their zone."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain, indent=2))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def local_time(value: datetime | None) -> str:
    """A time in the terminal's zone, to the second; "" for none."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else ""


def width(text: str) -> int:
    """Columns in a terminal: East Asian wide and full-width characters take two (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows under their titles, columns aligned."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(width(cell) for cell in column) for column in zip(titles, *lines, strict=True)]
    for line in [list(titles), *lines]:
        padded = (cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def read_password(prompted: bool) -> str:
    """The password: the first line of standard input, or asked for twice at the terminal.

    Nothing is cut from it but the line end: a blank that came along must be refused and shown, not swallowed.
    """
    if prompted:
        return str(click.prompt(say("New password", "新しいパスワード"), hide_input=True, confirmation_prompt=True))
    line = sys.stdin.buffer.readline(MOST_PASSWORD_BYTES)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Refused(say("the password is not UTF-8", "パスワードが UTF-8 ではありません")) from None


@contextmanager
def databases() -> Iterator[None]:
    """Starts Django for a verb and turns the refusals of the rooms into one line with exit code 1."""
    from sekisho.directory.start import start_django

    start_django()
    from django.db import DatabaseError
    from django.http import Http404

    from sekisho.directory.provision import ProvisionError
    from sekisho.incidents import audit
    from sekisho.incidents.changes import NotAllowed, Overtaken
    from sekisho.recovery.flow import PasswordRefused, RecoveryFailed

    try:
        with audit.entered_by("cli"):
            yield
    except PasswordRefused as refusal:
        reasons = [say(problem.en, problem.ja) for problem in refusal.problems]
        raise Refused("\n".join([say("The password is refused:", "このパスワードは使えません:"), *reasons])) from None
    except (ProvisionError, NotAllowed, RecoveryFailed) as refusal:
        raise Refused(str(refusal)) from None
    except Overtaken:
        raise Refused(
            say("somebody else changed it just now; look again", "ほかの人が同時に変更しました。確認してください")
        ) from None
    except Http404 as missing:
        raise Refused(say(f"not found: {missing}", f"見つかりません: {missing}")) from None
    except DatabaseError as error:
        raise Refused(
            say(
                f"the database does not answer, nothing was changed: {error}",
                f"データベースが応答しません。変更はされていません: {error}",
            )
        ) from None


def actor() -> str:
    """Who acts, for the audit trail: the system's name of the person, as sudo tells it."""
    import getpass

    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@terminal"
