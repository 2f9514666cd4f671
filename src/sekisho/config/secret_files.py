"""Secrets that stand in files of their own, so that sekisho.toml can be shown to anybody.

A setting that names such a file takes a path, or `credential:NAME` for systemd's `LoadCredential=NAME:…`: the file NAME
in the directory of `$CREDENTIALS_DIRECTORY`, which systemd lets nobody read but the service (systemd.exec(5),
"Credentials").
"""

from __future__ import annotations

import os
from pathlib import Path

CREDENTIAL = "credential:"
# Passwords, keys and a handful of addresses; a file given by mistake is not read to its end.
MOST_BYTES = 4096


class ConfigError(Exception):
    """The configuration file is missing or wrong; the text says where and what to do."""


def secret_path(named: str) -> Path:
    """The file a setting names; raises ConfigError for a credential where systemd has given none."""
    if not named.startswith(CREDENTIAL):
        return Path(named)
    name = named.removeprefix(CREDENTIAL)
    if not name or "/" in name or name.startswith("."):
        raise ConfigError(f"{named}: a credential's name is a plain file name")
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ConfigError(f"{named}: this process was given no credentials (LoadCredential={name}:… in its unit)")
    return Path(directory) / name


def read_secret(named: str) -> str:
    """The text of such a file without blanks at its ends; raises ConfigError with what is wrong and what to do.

    It must be closed to everybody but its owner and group, and its group may not write it: who can write a secret
    knows it.
    """
    path = secret_path(named)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o007:
                raise ConfigError(f"{path} is open to everybody on this machine (chmod o= it)")
            if mode & 0o020:
                raise ConfigError(f"{path} can be written by its group (chmod g-w it)")
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or type(error).__name__})") from None
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path} has more than {MOST_BYTES} bytes: no secret of ours is that long")
    try:
        return text.decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
