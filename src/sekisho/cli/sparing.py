"""`sekisho fail2ban-ignore`: whether failed logins from an address are a locked-out owner's devices."""

from __future__ import annotations

import shutil
import sys

import click

from sekisho.config import configuration_path, settings

# For /etc/fail2ban/jail.d/; every jail asks before it bans, and goes on banning when the command is missing.
JAIL = """\
# Made by `sekisho fail2ban-ignore --jail`; put it into /etc/fail2ban/jail.d/sekisho.local.
# Devices of the owner of a suspended or just recovered mailbox go on trying the old password from home or the office:
# those addresses are not banned. Everybody else is, as before.
[DEFAULT]
ignorecommand = {command} fail2ban-ignore <ip>
# fail2ban asks at each failed login; an answer is good for a minute.
ignorecache = key="<ip>", max-count=10000, max-time=60
"""


@click.command("fail2ban-ignore")
@click.argument("address", required=False)
@click.option("--jail", is_flag=True, help="Print the configuration for fail2ban instead.")
def fail2ban_ignore(address: str | None, jail: bool) -> int:
    """Exit 0 when ADDRESS must not be banned: an owner of a suspended or just recovered mailbox is at home there.

    Meant for fail2ban's `ignorecommand` (docs/fail2ban.md). Anything else exits 1, also when the list is missing:
    then bans go on as they would without Sekisho.
    """
    if jail:
        click.echo(JAIL.format(command=_command()), nl=False)
        return 0
    if address is None:
        raise click.UsageError("an ADDRESS or --jail is needed")
    from sekisho.guard.spared import is_spared

    return 0 if is_spared(settings().spared_file, address) else 1


def _command() -> str:
    """This program with the configuration it runs on: fail2ban has neither our directory nor our environment."""
    program = shutil.which(sys.argv[0]) or sys.argv[0]
    return f"/usr/bin/env SEKISHO_CONFIG={configuration_path().absolute()} {program}"
