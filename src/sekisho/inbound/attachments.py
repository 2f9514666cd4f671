"""What an attachment is, by its first octets and its listing, against what its name says. Nothing is unpacked."""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zipfile

import msgspec

from sekisho.inbound.links import visible
from sekisho.inbound.mail_reading import Attachment

# What runs by a double click on Windows, and what brings such a file past the warning about downloaded files.
RUNS = frozenset(
    "exe scr com pif bat cmd vbs vbe js jse wsf wsh hta ps1 msi msp msix appx jar lnk url cpl reg chm scf iso img vhd "
    "vhdx inf application gadget apk dll settingcontent-ms one library-ms".split()
)
SHOWS = frozenset("pdf doc docx xls xlsx ppt pptx txt jpg jpeg png gif csv rtf zip mp3 mp4 wav".split())
MACROS = frozenset("docm dotm xlsm xltm xlam pptm potm ppam".split())
PAGES = frozenset("html htm shtml xhtml mht mhtml svg".split())
# A central directory of this size lists some thousand files; reading more is work for nothing.
MOST_LISTING = 256 * 1024
MOST_LISTED = 5
# A text compresses 1:10 to 1:20; Deflate cannot go beyond 1:1032.
BOMB_RATIO = 200
BOMB_OCTETS = 1024**3
# Where the first octets of documents with scripts are looked through.
LOOKED_THROUGH = 2 * 1024 * 1024
_KINDS = (
    (b"%PDF-", "pdf"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"MZ", "exe"), (b"\x7fELF", "exe"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (b"L\x00\x00\x00\x01\x14\x02\x00", "lnk"), (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x1f\x8b", "gz"), (b"{\\rtf", "rtf"), (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"MSCF", "cab"), (b"#!", "script"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "one"),
)  # fmt: skip
# Which kinds belong to which endings; an ending that is not here is compared with nothing.
_FITS = {
    "pdf": {"pdf"}, "docx": {"zip"}, "xlsx": {"zip"}, "pptx": {"zip"}, "docm": {"zip"}, "xlsm": {"zip"}, "zip": {"zip"},
    "doc": {"ole", "rtf", "zip"}, "xls": {"ole", "zip"}, "ppt": {"ole"}, "jpg": {"jpg"}, "jpeg": {"jpg"},
    "png": {"png"}, "gif": {"gif"}, "rtf": {"rtf"}, "rar": {"rar"}, "7z": {"7z"},
}  # fmt: skip


class Found(msgspec.Struct, frozen=True):
    """One attachment's verdict: its name for showing, what it is, codes of texts, and names listed in it."""

    name: str
    kind: str
    signs: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


def look_at(attachment: Attachment) -> Found:
    """What this attachment is; never raises."""
    name = unicodedata.normalize("NFKC", attachment.name)
    plain = re.sub(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "", name).strip().rstrip(".").lower()
    endings = plain.split(".")[1:]
    ending = endings[-1].strip() if endings else ""
    kind = _kind(attachment.content)
    signs = []
    if re.search(r"[\u202a-\u202e\u2066-\u2069]", name):
        signs.append("name_turned")
    if kind in ("exe", "lnk", "one", "iso") or ending in RUNS:
        signs.append("runs")
        if len(endings) > 1 and endings[-2].strip() in SHOWS:
            signs.append("two_endings")
    if ending in PAGES or attachment.declared == "text/html" or kind == "html":
        signs.append("page")
    if ending in _FITS and kind not in _FITS[ending]:
        signs.append("other_kind")
    more, listed = _inside(attachment.content, kind, ending)
    return Found(_shown(name), kind or ending or "unknown", tuple(dict.fromkeys([*signs, *more])), listed)


def _shown(name: str) -> str:
    return visible(name, 100)


def _kind(content: bytes) -> str:
    for first, kind in _KINDS:
        if content.startswith(first):
            return kind
    if content[32769:32774] == b"CD001":
        return "iso"
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" if start.startswith((b"<!doctype html", b"<html", b"<script", b"<svg")) else ""


def _inside(content: bytes, kind: str, ending: str) -> tuple[list[str], tuple[str, ...]]:
    part = content[:LOOKED_THROUGH]
    if kind == "zip":
        return _in_zip(content, ending)
    if kind == "ole":
        macros = b"_\x00V\x00B\x00A\x00_\x00P\x00R\x00O\x00J\x00E\x00C\x00T" in part or b"Attribut\x00e VB_" in part
        locked = b"E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e" in part
        return ["macros"] * macros + ["locked"] * locked, ()
    if kind == "pdf":
        acts = bool(re.search(rb"/(?:JavaScript|JS|Launch|EmbeddedFile)\b", part))
        return ["pdf_acts"] * acts + ["locked"] * (b"/Encrypt" in part), ()
    if kind == "rtf":
        return ["macros"] * (b"\\objdata" in part or b"\\objupdate" in part), ()
    if ending in MACROS:
        return ["macros"], ()
    return (["unseen"], ()) if kind in ("rar", "7z", "gz", "cab") else ([], ())


def _in_zip(content: bytes, ending: str) -> tuple[list[str], tuple[str, ...]]:
    """The listing at a zip file's end, as far as it is of a size that one may read."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - 66_000))
    if end < 0 or len(content) < end + 22 or b"PK\x06\x07" in content[max(0, end - 20) : end]:
        return ["unseen"], ()
    entries, size = struct.unpack("<HL", content[end + 10 : end + 16])
    if size > MOST_LISTING:
        return ["unseen"], ()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
    except Exception:
        # Robustness: BadZipFile, and what else the library raises for a listing that contradicts itself.
        return ["unseen"], ()
    return _listing(files, ending) if entries else ([], ())


def _listing(files: list[zipfile.ZipInfo], ending: str) -> tuple[list[str], tuple[str, ...]]:
    names = [one.filename for one in files]
    lower = [name.lower() for name in names]
    signs = []
    if any(one.flag_bits & 1 for one in files):
        signs.append("locked")
    if any(name.endswith("vbaproject.bin") for name in lower) or ending in MACROS:
        signs.append("macros")
    packed, unpacked = sum(one.compress_size for one in files), sum(one.file_size for one in files)
    if unpacked > BOMB_OCTETS or (unpacked > 10_000_000 and unpacked > BOMB_RATIO * max(1, packed)):
        signs.append("bomb")
    running = [name for name, low in zip(names, lower, strict=True) if low.rpartition(".")[2] in RUNS]
    if running:
        signs.append("runs_inside")
    is_office = "[content_types].xml" in lower
    listed = running or ([] if is_office else names)
    return signs, tuple(_shown(name) for name in listed[:MOST_LISTED])
