"""What rspamd and Dovecot read about inbound warnings, kept as the record has it (docs/inbound.md).

tenants.json: what each domain wants, for rspamd's plugin, which reads it again when it changes. A Sieve script for each
domain that wants such mail in a folder, beside Dovecot's other scripts: it looks for the header that our plugin alone
sets (rspamd takes every other one away) and leaves all other mail to the owner's own rules. With the database away
both stay.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sekisho.config.inbound import InboundSettings
from sekisho.containment.commands import CommandError
from sekisho.containment.messages import InboundRow
from sekisho.journal import replace_file

HEADER = "X-Sekisho-Warning"
# Names of domains as they may name a file.
_domain_name = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?").fullmatch


class InboundFiles:
    """Only the agent's main loop writes them. `compile_script` raises CommandError."""

    def __init__(self, site: InboundSettings, compile_script: Callable[[Path], None]) -> None:
        self._site = site
        self._compile = compile_script
        # What was last written; None: nothing since the start.
        self._written: tuple[InboundRow, ...] | None = None

    def keep(self, rows: Sequence[InboundRow]) -> bool:
        """Brings the files to what these rows want; whether anything was done. Raises OSError."""
        wanted = tuple(rows)
        if not self._site.directory or wanted == self._written:
            return False
        self._write_tenants(wanted)
        if self._site.scripts:
            self._write_scripts(wanted)
        self._written = wanted
        return True

    def _write_tenants(self, rows: Sequence[InboundRow]) -> None:
        directory = _passable(Path(self._site.directory))
        tenants = [
            {
                "domains": row.domains,
                "level": row.level,
                "tag": row.tag,
                "own": json.loads(row.compared),
                "allowed": row.allowed,
            }
            for row in rows
        ]
        data = json.dumps({"tenants": tenants}, ensure_ascii=False).encode()
        replace_file(directory / "tenants.json", data, mode=0o644)

    def _write_scripts(self, rows: Sequence[InboundRow]) -> None:
        directory = _passable(Path(self._site.scripts))
        folders = {"folder": self._site.folder, "quarantine": self._site.quarantine_folder}
        wanted = {
            f"{domain}.sieve": script_text(folders[row.place])
            for row in rows
            if row.level == "warn" and row.place in folders
            for domain in row.domains
            if _domain_name(domain)
        }
        for path in directory.iterdir():
            if path.suffix in (".sieve", ".svbin") and path.with_suffix(".sieve").name not in wanted:
                path.unlink(missing_ok=True)
        for name, text in wanted.items():
            self._write_script(directory / name, text.encode())

    def _write_script(self, path: Path, data: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes() == data:
                return
        replace_file(path, data, mode=0o644)
        path.chmod(0o644)
        # Uncompiled it works as well; Dovecot then compiles it at each delivery.
        with contextlib.suppress(CommandError):
            self._compile(path)


def script_text(folder: str) -> str:
    """The Sieve script that files mail with a warning."""
    quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
    return (
        "# Written by Sekisho's agent: mail that names somebody it is not from (docs/inbound.md).\n"
        'require ["fileinto", "mailbox"];\n'
        f'if exists "{HEADER}" {{\n  fileinto :create "{quoted}";\n  stop;\n}}\n'
    )


def _passable(directory: Path) -> Path:
    """Makes it where it is missing, so that the mail server may look into it: where it may not, Dovecot defers
    everybody's mail (451)."""
    if not directory.is_dir():
        directory.mkdir(parents=True)
        directory.chmod(0o755)
    return directory
