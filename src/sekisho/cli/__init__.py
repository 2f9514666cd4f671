"""The command line: the same verbs as the panel and the API, for people with a shell on the mail host.

Who may enter: nobody; it is the top. What it must never do: hold a rule of its own, or take a password as an argument
(arguments are public on the machine). Every room is imported inside the verb that needs it: `sekisho guard` starts
without Django. Exit codes: 0 done, 1 refused or not found (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

import importlib
import sys

import click

from sekisho.cli.output import Refused, say
from sekisho.config import ConfigError

# verb -> module of this room that holds it
_PLACES = {
    "up": "processes",
    "guard": "processes",
    "agent": "processes",
    "worker": "processes",
    "web": "processes",
    "status": "status",
    "config": "configuration",
    "migrate": "migrate",
    "doctor": "doctor",
    "setup": "setup",
    "learn": "processes",
    "evaluate": "processes",
    "replay": "processes",
    "profile": "profile",
    "domain": "directory",
    "admin": "directory",
    "alias": "directory",
    "contact": "directory",
    "mailbox": "mailbox",
    "owner": "owner",
    "app-password": "app_password",
    "explain": "mailbox",
    "deferred": "mailbox",
    "incident": "incident",
    "inbound": "inbound",
    "settings": "planted",
    "travel": "travel",
    "complaint": "complaint",
    "diagnose": "diagnose",
    "notify": "notify",
    "reputation": "reputation",
    "hardening": "hardening",
    "audit": "audit",
    "key": "key",
    "backup": "backup",
    "restore": "backup",
    "verify": "verify",
    "prune": "prune",
    "rehearse": "rehearse",
    "pwned": "pwned",
    "fail2ban-ignore": "sparing",
}


class LazyGroup(click.Group):
    """Imports the module of a verb only when that verb is called (or listed)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        command = getattr(importlib.import_module(f"sekisho.cli.{place}"), cmd_name.replace("-", "_"))
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sekisho")
def sekisho() -> None:
    """Sekisho (関所): a circuit breaker for mailboxes on Postfix and Dovecot."""


def main() -> None:
    """Runs one verb and leaves with its exit code; expected refusals are one line, never a trace."""
    try:
        code = sekisho.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except (Refused, ConfigError) as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(say("stopped", "中断しました"), err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
