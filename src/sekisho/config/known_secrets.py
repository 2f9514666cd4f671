"""Every secret that this process's settings lead to, so that its log can leave them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sekisho.config.described import all_settings
from sekisho.config.model import Settings
from sekisho.config.secret_files import ConfigError, read_secret


def known_secrets(settings: Settings) -> list[str]:
    """The secrets in the settings and in the files they name; a file this process may not read is none of its own."""
    found = []
    for one in all_settings():
        if not one.secret:
            continue
        for value in _values(settings, one.path.split(".")):
            if one.secret == "file" and value:  # noqa: S105 - a kind, no password
                try:
                    value = read_secret(value)
                except ConfigError:
                    continue
            # A file may hold several addresses of services, each with its token.
            found += [value, *value.split()]
    return found


def secret_files(settings: Settings) -> list[str]:
    """Every file with a secret that the settings name, each once, as it is named there."""
    paths = [one.path.split(".") for one in all_settings() if one.secret == "file"]  # noqa: S105 - a kind
    return sorted({value for path in paths for value in _values(settings, path) if value})


def _values(holder: Any, path: list[str]) -> Iterator[str]:
    """The values at "guard.auth_policy_key", or "channels[webhook].url_file" of every entry that has such a field."""
    name, *rest = path
    value = getattr(holder, name.partition("[")[0], None)
    for entry in value if isinstance(value, tuple) else (value,):
        if rest and entry is not None:
            yield from _values(entry, rest)
        elif isinstance(entry, str):
            yield entry
