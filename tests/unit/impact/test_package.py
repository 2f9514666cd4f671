from __future__ import annotations

import io
import json
import subprocess
import zipfile
from functools import partial

import pytest

from reporting import FORMULA, report, rows
from sekisho.impact import package, tables
from sekisho.impact.figures import main_figures

BASIS = {"basis": "legal", "text": "差押許可状 令和8年第1号", "actor": "operator"}


def made(count: int = 3) -> bytes:
    return b"".join(package.stream(report(), partial(rows, count=count), BASIS))


def test_the_package_holds_each_figures_evidence_and_says_who_got_it():
    with zipfile.ZipFile(io.BytesIO(made())) as found:
        assert found.testzip() is None
        index = json.loads(found.read("evidence/index.json"))
        assert sorted(index.values()) == sorted(main_figures(report()))
        path = next(path for path, figure in index.items() if figure == "sent.delivered")
        lines = [json.loads(line) for line in found.read(path).splitlines()]
        assert [line["facts"]["recipient"] for line in lines][:1] == ["nakamura@yubin.test"]
        assert json.loads(found.read("basis.json")) == BASIS
        assert "通信の秘密" in found.read("README.txt").decode()


def test_sha256sum_checks_every_file_and_finds_a_change(tmp_path):
    with zipfile.ZipFile(io.BytesIO(made())) as found:
        found.extractall(tmp_path)
        names = set(found.namelist())
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked.stdout
    assert len(checked.stdout.splitlines()) == len(names) - 1
    (tmp_path / "report.json").write_text("{}")
    again = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert again.returncode == 1 and "report.json: FAILED" in again.stdout


def test_the_same_record_makes_the_same_octets():
    assert made() == made()


def test_it_streams_and_holds_no_more_than_a_piece():
    pieces = list(package.stream(report(), partial(rows, count=20_000), BASIS))
    assert len(pieces) > 20 and max(map(len, pieces)) < 1_000_000


def test_a_figures_name_never_leads_out_of_the_directory():
    assert package.file_name(7, "../../etc/passwd") == "007-etc-passwd.jsonl"
    assert package.file_name(8, "日本") == "008-figure.jsonl"


@pytest.mark.parametrize("lines", [tables.report_lines(report()), tables.evidence_lines(rows("read.fetched"))])
def test_no_cell_is_a_formula_and_no_name_breaks_a_line(lines):
    text = "".join(lines)
    assert FORMULA.replace('"', '""') in text and f",{FORMULA[:5]}" not in text and f'"{FORMULA[:5]}' not in text
    assert text.startswith("\ufeff")


def test_a_fact_that_comes_late_is_not_lost():
    from sekisho.impact.model import EvidenceRow

    early = [EvidenceRow("f", "a", str(n), 0.0, {"x": n}) for n in range(600)]
    text = "".join(tables.evidence_lines([*early, EvidenceRow("f", "b", "z", 0.0, {"y": "late"})]))
    assert text.splitlines()[-1].endswith("y: late")
