"""The processes: `up` (the local stack), `guard`, `agent`, `worker`, `web`; and the engine on a file of events."""

from __future__ import annotations

import logging
import sys
import time

import click

from sekisho.config import settings


def _log_to_stderr() -> None:
    # One line an event on standard error, in UTC: Django moves its processes to the panel's time zone, the guard has
    # no Django, and lines of two processes must be comparable.
    line = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    line.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(line)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


@click.command()
def guard() -> int:
    """Answer Postfix and Dovecot, judge, write journal and spool (needs no rights)."""
    from sekisho.guard import main as room

    _log_to_stderr()
    return room.run(settings())


@click.command()
def agent() -> int:
    """Keep the barrier and carry out orders on this mail host (root)."""
    from sekisho.directory.start import start_django

    _log_to_stderr()
    start_django()
    from sekisho.containment import agent as room

    return room.run(settings())


@click.command()
def worker() -> int:
    """Take journal and spool into the database, send notices (needs no rights)."""
    from sekisho.directory.start import start_django

    _log_to_stderr()
    start_django()
    from sekisho.incidents import worker as room

    return room.run(settings())


@click.command()
def web() -> int:
    """Serve the panel."""
    from sekisho.web import server as room

    _log_to_stderr()
    return room.run(settings())


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True))
def learn(events: str) -> int:
    """Feed a history of EVENTS (JSON lines) through the engine and write the profiles of its mailboxes."""
    from sekisho.guard import learn as room

    return room.run(events)


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True))
def evaluate(events: str) -> int:
    """Run the engine over EVENTS (JSON lines, "-" for standard input); prints its decisions as JSON lines."""
    from sekisho.guard import evaluate as room

    return room.run(events)


@click.command()
def up() -> int:
    """Start the local stack (two Postfix, Dovecot, all of Sekisho) on 127.0.0.1 and stay until Ctrl-C."""
    from sekisho.deploy import stack

    return stack.up(stack.options_from_environment())
