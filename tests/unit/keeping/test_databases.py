"""A server's database goes into a file and out of it whole or not at all; the real servers' round is in story t45."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sekisho.config import settings
from sekisho.keeping import backup, databases
from sekisho.keeping.databases import DatabaseFailed


def dumped(tmp_path: Path, engine: str, content: bytes) -> Path:
    path = tmp_path / databases.DUMPS[engine]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return tmp_path


def test_a_mariadb_dump_that_was_cut_off_is_noticed(tmp_path: Path) -> None:
    whole = b"INSERT INTO `incidents_audit` VALUES (1);\n" * 20 + b"-- Dump completed on 2026-11-25  0:46:34\n"
    databases.check_dump("mysql", dumped(tmp_path, "mysql", whole))
    for cut in (whole[:-40], whole[:100], b""):
        with pytest.raises(DatabaseFailed, match="cut off"):
            databases.check_dump("mysql", dumped(tmp_path, "mysql", cut))


def test_the_last_line_counts_only_at_the_end(tmp_path: Path) -> None:
    quoted = b"-- Dump completed on 2026-11-25\n" + b"INSERT INTO `incidents_audit` VALUES (1);\n" * 20
    with pytest.raises(DatabaseFailed, match="cut off"):
        databases.check_dump("mysql", dumped(tmp_path, "mysql", quoted))


def test_what_is_no_dump_of_postgresql_is_noticed_by_its_own_program(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFailed, match=r"^pg_restore: error: .*valid archive"):
        databases.check_dump(
            "postgresql",
            dumped(tmp_path, "postgresql", b"no dump at all, but long enough for its program to look at" * 20),
        )


def test_a_failed_load_puts_the_former_content_back(tmp_path: Path) -> None:
    source, former, filled = tmp_path / "source", tmp_path / "former", []

    def fill(path: Path) -> None:
        filled.append(path)
        if path == source:
            raise DatabaseFailed("mariadb: ERROR 1064 at line 7")

    with pytest.raises(DatabaseFailed, match=r"line 7; the former content was put back$"):
        databases._fill_or_put_back(fill, source, former)
    assert filled == [source, former]


def test_a_former_content_that_cannot_be_put_back_is_said_to_be_missing(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        raise DatabaseFailed(f"{path.name} failed")

    with pytest.raises(DatabaseFailed, match=r"source failed; the former content could not .*: former failed"):
        databases._fill_or_put_back(fill, tmp_path / "source", tmp_path / "former")


def test_half_a_copy_of_the_former_content_is_not_left_behind(tmp_path: Path) -> None:
    former = tmp_path / "database.sql"

    def write() -> None:
        former.write_text("half of it")
        raise DatabaseFailed("mariadb-dump: no space left")

    with pytest.raises(DatabaseFailed, match="no space"):
        databases._dump_aside(former, write)
    assert not former.exists()


DENIED = "ERROR 1142 (42000) at line 3: TRIGGER command denied"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (DENIED, DENIED),
        ("pg_restore: error: it says no: ERROR: why\nCommand was: CREATE TABLE x\n", "error: it says no: ERROR: why"),
        ("one\ntwo\n", "two"),
        ("", "exit status 3"),
    ],
)
def test_a_program_that_fails_is_quoted_where_it_says_why(words: str, reason: str) -> None:
    assert databases._reason("pg_restore", words, 3) == reason


def test_no_trigger_and_no_password_is_in_what_mariadb_dump_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('p"w\\d\n')
    secret.chmod(0o600)
    database = msgspec.structs.replace(settings().database, engine="mysql", name="sekisho", password_file=str(secret))
    with databases._mariadb(database) as option:
        words = databases._mariadb_dump(option, database, tmp_path / "out")
        file = Path(option.partition("=")[2])
        assert file.stat().st_mode & 0o777 == 0o600 and 'password="p\\"w\\\\d"' in file.read_text()
    assert "--skip-triggers" in words and not any('p"w' in word for word in words)
    assert not file.exists()


def test_a_database_that_is_the_sites_too_is_neither_backed_up_nor_replaced(tmp_path: Path) -> None:
    found = settings()
    shared = msgspec.structs.replace(found, site_database=found.database)
    with pytest.raises(DatabaseFailed, match="a database of its own"):
        backup.write_backup(shared, tmp_path / "b.tar.gz")
    assert not list(tmp_path.iterdir())
    databases.require_own(found)
