"""Every setting has its reason, its unit and its bounds; what is described is what the code does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import inspect as kinds
from test_config_problems import read, text_of

from sekisho.config.described import Setting, all_settings, plain, sections

SETTINGS = all_settings()


def test_it_finds_the_settings_of_every_kind_of_table() -> None:
    paths = {setting.path for setting in SETTINGS}
    assert {"mode", "guard.policy.port", "web.single_sign_on[].issuer", "channels[webhook].url_file"} <= paths
    assert {"channels[apprise].name", "webmail[].table_prefix", "site_database.engine"} <= paths
    assert len(paths) == len(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_has_a_reason(setting: Setting) -> None:
    assert len(setting.reason) > 10, f"{setting.path}: write a comment above it in src/sekisho/config/model.py"
    assert setting.reason.endswith("."), f"{setting.path}: its comment is no whole sentence"


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.path or "top")
def test_every_table_says_what_it_is_about(section) -> None:
    assert len(section.about) > 10, f"[{section.path}]: its class has no docstring"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_every_number_has_a_unit_and_bounds(setting: Setting) -> None:
    kind = plain(kinds.type_info(setting.annotation))
    if isinstance(kind, kinds.IntType | kinds.FloatType):
        assert setting.unit and kind.ge is not None and kind.le is not None, setting.path


def test_every_setting_that_names_a_secret_says_so() -> None:
    usual = ("_key", "secret_file", "password_file", "nonce_file", "url_file")
    by_name = {one.path for one in SETTINGS if one.path.endswith(usual)}
    marked = {one.path for one in SETTINGS if one.secret}
    # Read by OpenSSL's rules, beside its certificate.
    assert by_name - marked == {"mail_server.profile_key"}


def value_at(settings: msgspec.Struct, path: str) -> object:
    found: object = settings
    for name in path.split("."):
        found = getattr(found, name)
    return found


def test_the_described_default_is_what_a_silent_file_gives(tmp_path: Path) -> None:
    silent = read(tmp_path, text_of())
    optional = [one for one in SETTINGS if not one.required and "[" not in one.path and not one.secret == "text"]
    assert len(optional) > 50
    for setting in optional:
        assert value_at(silent, setting.path) == setting.default, setting.path
