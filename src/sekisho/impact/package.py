"""The evidence package: a zip of JSON lines with their SHA-256 sums, for the owner or on a recorded legal basis.

It streams: no file is held in memory, so a hundred thousand rows cost what one costs. The same record at the same
moment gives the same octets. `sha256sum -c SHA256SUMS` in the unpacked directory checks every file.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from sekisho.impact.figures import main_figures
from sekisho.impact.model import EvidenceRow, ImpactReport
from sekisho.impact.package_texts import README

Rows = Callable[[str], Iterable[EvidenceRow]]
SUMS = "SHA256SUMS"
# Handed on to the reader in pieces of so many octets.
_PIECE = 64 * 1024
# The program's own, so that the same octets come from every version of zlib in use: 6 is its ordinary level.
_LEVEL = 6
_encode = msgspec.json.Encoder(order="sorted").encode


class _Outlet(io.RawIOBase):
    """What the zip writer writes to; the pieces are taken away between two writes. It cannot seek."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, octets: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(octets))
        return len(octets)

    def taken(self) -> bytes:
        octets = b"".join(self._pieces)
        self._pieces.clear()
        return octets


def stream(report: ImpactReport, rows: Rows, basis: dict[str, str]) -> Iterator[bytes]:
    """The package, piece by piece: README.txt, basis.json, report.json, evidence/NAME.jsonl, SHA256SUMS.

    `rows` gives a figure's evidence, `basis` says who got the package and why.
    """
    outlet, sums = _Outlet(), []
    at = datetime.fromtimestamp(report.made_at, UTC)
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as package:
        for name, pieces in _files(report, rows, basis):
            digest = hashlib.sha256()
            with package.open(_entry(name, at), "w", force_zip64=True) as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                    if octets := outlet.taken():
                        yield octets
            sums.append(f"{digest.hexdigest()}  {name}\n")
        package.writestr(_entry(SUMS, at), "".join(sums))
    yield outlet.taken()


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, at.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _files(report: ImpactReport, rows: Rows, basis: dict[str, str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    names = {figure: f"evidence/{file_name(number, figure)}" for number, figure in enumerate(main_figures(report), 1)}
    made = datetime.fromtimestamp(report.made_at, UTC).isoformat()
    yield "README.txt", [README.format(mailbox=report.mailbox, incident=report.incident, made=made).encode()]
    yield "basis.json", [_encode(basis) + b"\n"]
    yield "report.json", [_encode(report) + b"\n"]
    yield "evidence/index.json", [_encode({path: figure for figure, path in names.items()}) + b"\n"]
    for figure, path in names.items():
        yield path, _lines(rows(figure))


def file_name(number: int, figure: str) -> str:
    """A name that every system takes, whatever stands in the figure's: 007-sent.messages.jsonl."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "-" for sign in figure)
    return f"{number:03d}-{plain[:60].strip('.-') or 'figure'}.jsonl"


def _lines(rows: Iterable[EvidenceRow]) -> Iterator[bytes]:
    piece = bytearray()
    for row in rows:
        piece += _encode(row) + b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
