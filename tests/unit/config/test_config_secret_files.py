"""Secrets in files: who may read them, and systemd's credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config.secret_files import MOST_BYTES, ConfigError, read_secret


def written(path: Path, mode: int = 0o640, text: str = " a secret\n") -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_closed_file_is_read_without_its_line_end(mode: int, tmp_path: Path) -> None:
    assert read_secret(str(written(tmp_path / "key", mode))) == "a secret"


@pytest.mark.parametrize(
    ("mode", "said"), [(0o644, "chmod o="), (0o602, "chmod o="), (0o601, "chmod o="), (0o660, "chmod g-w")]
)
def test_a_file_that_others_can_read_or_write_is_refused(mode: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        read_secret(str(written(tmp_path / "key", mode)))


def test_what_is_no_secret_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(str(tmp_path))
    with pytest.raises(ConfigError, match="more than"):
        read_secret(str(written(tmp_path / "long", text="x" * (MOST_BYTES + 1))))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    with pytest.raises(ConfigError, match="UTF-8"):
        read_secret(str(tmp_path / "binary"))


def test_a_credential_is_read_from_systemds_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="LoadCredential=policy-key:"):
        read_secret("credential:policy-key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    written(tmp_path / "policy-key", 0o400)
    assert read_secret("credential:policy-key") == "a secret"


@pytest.mark.parametrize("name", ["", "../shadow", "a/b", ".hidden"])
def test_a_credential_cannot_name_another_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="plain file name"):
        read_secret(f"credential:{name}")
