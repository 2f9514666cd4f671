"""From the file to Settings: where it is found, how it is read, once per process."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from sekisho.config.model import Settings
from sekisho.config.problems import problems_of
from sekisho.config.secret_files import ConfigError


def configuration_path() -> Path:
    """The file this process must read; raises ConfigError when there is none."""
    if named := os.environ.get("SEKISHO_CONFIG"):
        return Path(named)
    candidates = [Path(os.environ.get("SEKISHO_VAR", "var")) / "sekisho.toml", Path("/etc/sekisho/sekisho.toml")]
    for path in candidates:
        if path.exists():
            return path
    raise ConfigError(f"no configuration at {' or '.join(map(str, candidates))}; `make run` makes one")


def read_tables(path: Path) -> dict[str, Any]:
    """What stands in a TOML file, as it stands there; raises ConfigError with line and column of a syntax error."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def configuration_name() -> str:
    """The file's path as people are told it; its bare name where the settings came some other way."""
    try:
        return str(configuration_path())
    except ConfigError:
        return "sekisho.toml"


def read_settings(path: Path) -> Settings:
    """The settings in a TOML file; raises ConfigError naming the file and every setting that is wrong, one a line."""
    return settings_of(read_tables(path), path)


def settings_of(found: dict[str, Any], path: Path) -> Settings:
    """The settings in tables that stand in `path`, or will; raises ConfigError like `read_settings`."""
    if problems := problems_of(found):
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    try:
        return msgspec.convert(found, Settings)
    except msgspec.ValidationError as error:  # a type whose rules `problems` does not know
        raise ConfigError(f"{path}: {error}") from error


@cache
def settings() -> Settings:
    """This process's settings, read at the first call."""
    return read_settings(configuration_path())
