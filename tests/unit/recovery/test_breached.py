"""The filter of breached passwords: nothing listed is missed, mistakes stay at one in a thousand, damage is noticed."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sekisho.recovery import breached
from sekisho.recovery.breached import PAGE, BreachedError, build, is_breached, read_header, verify

NOW = 1_800_000_000.0


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A filter of two lists: sums as Have I Been Pwned writes them, and plain passwords."""
    sums = sorted(sha1(f"listed-{number}") for number in range(5000))
    (tmp_path / "sums.txt").write_text("".join(f"{line}:{number}\r\n" for number, line in enumerate(sums)))
    plain = "sakura-no-hanamichi-1\n\n blank in front\nひみつのあいことば\nlast without an end"
    (tmp_path / "plain.txt").write_text(plain)
    build([tmp_path / "sums.txt", tmp_path / "plain.txt"], tmp_path / "filter", NOW)
    return tmp_path / "filter"


def test_it_knows_every_listed_password(made: Path) -> None:
    assert all(is_breached(made, f"listed-{number}") for number in range(5000))
    for password in ("sakura-no-hanamichi-1", " blank in front", "ひみつのあいことば", "last without an end"):
        assert is_breached(made, password)
    assert read_header(made).sums == 5004
    assert verify(made).made_at == NOW


def test_it_is_wrong_about_once_in_a_thousand(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("".join(f"listed-{number}\n" for number in range(30_000)))
    header = build([tmp_path / "plain"], tmp_path / "filter", NOW)
    assert header.blocks > 10
    wrong = sum(is_breached(tmp_path / "filter", f"free-{number}") for number in range(20_000))
    # 20 expected; 50 would be a mistake in the arithmetic (seven standard deviations).
    assert wrong < 50
    assert (tmp_path / "filter").stat().st_size < 30_000 * 2 + 2 * PAGE


def test_ordered_sums_fill_the_file_from_the_front() -> None:
    blocks = [breached._spots(bytes.fromhex(f"{place:02x}" * 20), 1000)[0] for place in range(256)]
    assert blocks == sorted(blocks) and blocks[0] == 0 and blocks[-1] == 999


def test_a_line_that_is_no_password_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"short one\n" + b"x" * 5000 + b"\nnext\n" + b"\xff\xfe\n")
    assert build([tmp_path / "list"], tmp_path / "filter", NOW).sums == 3
    assert is_breached(tmp_path / "filter", "short one") and is_breached(tmp_path / "filter", "next")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no line"), (b"\n\n", "no line"), (b"8846F7EAEE8FB117AD06BDD830B7586C:52\n", "NTLM")],
)
def test_a_list_it_cannot_use_leaves_the_former_filter(made: Path, content: bytes, says: str) -> None:
    before = made.read_bytes()
    made.with_name("bad").write_bytes(content)
    with pytest.raises(BreachedError, match=says):
        build([made.with_name("bad")], made, NOW)
    with pytest.raises(FileNotFoundError):
        build([made.with_name("missing")], made, NOW)
    assert made.read_bytes() == before
    assert not list(made.parent.glob(".*.new"))


@pytest.mark.parametrize("place", [3, 40, PAGE - 2, PAGE + 7, -1])
def test_one_changed_byte_is_noticed(made: Path, place: int) -> None:
    content = bytearray(made.read_bytes())
    content[place] ^= 1
    made.write_bytes(content)
    with pytest.raises(BreachedError):
        verify(made)


def test_a_damaged_block_does_not_answer(made: Path) -> None:
    content = bytearray(made.read_bytes())
    for start in range(PAGE, len(content), PAGE):
        content[start] ^= 1
    made.write_bytes(content)
    with pytest.raises(BreachedError, match="damaged"):
        is_breached(made, "listed-1")


@pytest.mark.parametrize("cut", [0, 10, PAGE, -PAGE])
def test_a_file_cut_short_is_noticed(made: Path, cut: int) -> None:
    made.write_bytes(made.read_bytes()[:cut])
    with pytest.raises(BreachedError):
        is_breached(made, "anything")


def test_a_file_of_a_later_version_is_not_guessed_at(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breached, "VERSION", 2)
    with pytest.raises(BreachedError, match="another version"):
        read_header(made)


def test_building_takes_no_more_memory_than_the_filter(tmp_path: Path) -> None:
    """A list of 21 MB beside an address space that could not hold it."""
    (tmp_path / "sums").write_text("".join(f"{sha1(str(number))}:1\n" for number in range(100)) * 5000)
    program = (
        "import sys; from pathlib import Path; from sekisho.recovery.breached import build\n"
        "build([Path(sys.argv[1])], Path(sys.argv[2]), 0.0)"
    )
    # The interpreter alone needs less than 16 MB of data (measured); the sums in memory would be 30 MB more.
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "sums"), str(tmp_path / "filter")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (30 << 20, 30 << 20)),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert read_header(tmp_path / "filter").sums == 500_000
