"""A stranger's mail taken apart within strict limits: headers, texts, attachments. Nothing is fetched or unpacked.

The work is bounded before Python's parser sees the mail, since that parser is not: reading parameters takes quadratic
time in a header's length, each line is looked at once per open boundary, and nested messages nest its calls. What is
beyond a limit is Unreadable with a word that says which, so that a person can be told.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import policy
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser

import msgspec

# Postfix takes 10,240,000 octets by default; a forwarded mail grows by a third (base64) where it is wrapped once more.
MOST_OCTETS = 8 * 1024 * 1024
# 8 MiB of base64 in lines of 76 characters are 110,000.
MOST_LINES = 200_000
# A newsletter has three boundaries, a forwarded thread with attachments some ten.
MOST_BOUNDARIES = 60
# Lines times boundaries is what the parser does; this much is two seconds on a busy machine.
MOST_LOOKS = 2_000_000
# Messages attached to messages attached to messages: a person forwards once or twice.
MOST_NESTED = 12
MOST_PARTS = 60
MOST_HEADERS = 400
# Received lines of large mailers have 600 characters, a References header 2,000.
LONGEST_HEADER = 4000
# What a mail says at all, in characters; more is read by nobody, and phishing is short.
MOST_TEXT = 200_000
# RFC 2047 names any charset; Python's codecs among them that are none (idna, punycode) take quadratic time.
CHARSETS = {
    "us-ascii": "utf-8", "ascii": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "utf-16": "utf-16", "utf-7": "utf-7",
    "iso-2022-jp": "iso2022_jp_ext", "iso-2022-jp-ms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
    "cp932": "cp932", "windows-31j": "cp932", "ms932": "cp932", "euc-jp": "euc_jp", "x-euc-jp": "euc_jp",
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5", "euc-kr": "euc_kr",
    "ks_c_5601-1987": "cp949", "koi8-r": "koi8_r", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "iso-8859-2": "iso8859_2", "iso-8859-15": "iso8859_15", "windows-1250": "cp1250", "windows-1251": "cp1251",
    "windows-1252": "cp1252", "windows-1254": "cp1254", "windows-1256": "cp1256", "windows-874": "cp874",
}  # fmt: skip


class Unreadable(Exception):
    """The mail is beyond a limit, or none. The text is one word: big, complex, broken, no_mail, outlook, empty."""


class Attachment(msgspec.Struct, frozen=True):
    """A part that is no text of the mail: its name as it claims, the type it claims, its octets."""

    name: str
    declared: str
    content: bytes


class Mail(msgspec.Struct, frozen=True):
    """A mail taken apart. `headers`: (name in lower case, decoded value) from the top; `raw`: the same, as written."""

    headers: tuple[tuple[str, str], ...]
    raw: tuple[tuple[str, str], ...]
    texts: tuple[str, ...] = ()
    html: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    # Something was left out: further parts, or the rest of a long text.
    cut: bool = False

    def first(self, name: str) -> str:
        """The first header of this name (lower case), "" for none."""
        return next((value for found, value in self.headers if found == name), "")

    def raw_first(self, name: str) -> str:
        """The same as written, encoded words and all."""
        return next((value for found, value in self.raw if found == name), "")


def parse(data: bytes) -> Message:
    """The library's message; raises Unreadable."""
    data = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not data:
        raise Unreadable("empty")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        # Outlook's own .msg is an OLE2 file, not a mail.
        raise Unreadable("outlook")
    if len(data) > MOST_OCTETS:
        raise Unreadable("big")
    _refuse_bombs(data)
    try:
        return BytesParser(policy=policy.compat32).parsebytes(data)
    except (Exception, RecursionError) as error:
        # Robustness: the library raises many kinds for hostile mail, and each is an answer, not a fault.
        raise Unreadable("broken") from error


_typed = re.compile(rb"(?im)^content-(?:type|disposition)[ \t]*:")
_unfolded = re.compile(rb"\r?\n(?![ \t])")


def _refuse_bombs(data: bytes) -> None:
    lower = data.lower()
    lines = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    boundaries = lower.count(b"boundary")
    if lines > MOST_LINES or boundaries > MOST_BOUNDARIES or lines * (boundaries + 1) > MOST_LOOKS:
        raise Unreadable("complex")
    if lower.count(b"message/") > MOST_NESTED:
        raise Unreadable("complex")
    for place in _typed.finditer(data):
        end = _unfolded.search(data, place.end(), place.end() + LONGEST_HEADER)
        if end is None and len(data) > place.end() + LONGEST_HEADER:
            raise Unreadable("complex")


def take_apart(message: Message) -> Mail:
    """Headers, texts and attachments of one message; raises Unreadable for what is none."""
    raw = tuple(raw_headers(message))
    headers = tuple((name, decoded(value)) for name, value in raw)
    names = {name for name, _ in headers}
    if not names & {"from", "received", "return-path"}:
        raise Unreadable("no_mail")
    texts: list[str] = []
    html: list[str] = []
    attachments: list[Attachment] = []
    room, cut = MOST_TEXT, False
    for number, part in enumerate(_leaves(message)):
        if number >= MOST_PARTS:
            cut = True
            break
        try:
            kind, name = part.get_content_type(), file_name(part)
            content = _content(part)
        except Exception as error:
            # Robustness: as in `parse`; a part that the library falls over is the sender's doing.
            raise Unreadable("broken") from error
        if kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
            text = in_letters(content, str(part.get_content_charset() or ""))
            cut = cut or len(text) > room
            (html if kind == "text/html" else texts).append(text[:room])
            room -= min(room, len(text))
        else:
            attachments.append(Attachment(name, kind, content))
    return Mail(headers, raw, tuple(texts), tuple(html), tuple(attachments), cut)


def raw_headers(message: Message) -> Iterator[tuple[str, str]]:
    """(name in lower case, value on one line) from the top, as written; bounded in number and length."""
    for number, (name, value) in enumerate(message.raw_items()):
        if number >= MOST_HEADERS:
            return
        octets = str(value)[:LONGEST_HEADER].encode("utf-8", "surrogateescape")
        yield name.lower()[:100], " ".join(in_letters(octets, "").split())


def _leaves(message: Message) -> Iterator[Message]:
    """Parts without parts of their own; an attached message is a leaf, whatever is in it."""
    waiting = [message]
    while waiting:
        part = waiting.pop(0)
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() != "message":
            waiting[:0] = [one for one in inner[:MOST_PARTS] if isinstance(one, Message)]
        else:
            yield part


def _content(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):
        return inner[0].as_bytes() if inner and isinstance(inner[0], Message) else b""
    # Without decoding the library replaces every octet that is not ASCII.
    octets = part.get_payload(decode=True)
    return octets if isinstance(octets, bytes) else b""


def _unbase64(text: bytes) -> bytes:
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


def file_name(part: Message) -> str:
    """The file name a part claims, decoded, "" for none."""
    return decoded(str(part.get_filename() or ""))[:300]


def in_letters(octets: bytes, charset: str) -> str:
    """Octets as text: the charset named if it is a known one, else UTF-8 or what a Japanese Windows writes."""
    named = CHARSETS.get(charset.strip().strip("\"'").lower())
    if named and named != "utf-8":
        return octets.decode(named, "replace")
    for codec in ("utf-8", "cp932"):
        try:
            return octets.decode(codec)
        except UnicodeDecodeError:
            continue
    return octets.decode("utf-8", "replace")


def decoded(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except Exception:
        # Robustness: HeaderParseError, and what else the library raises for words that are encoded wrongly.
        return value
    return " ".join("".join(_piece(piece, charset) for piece, charset in pieces).split())


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    # What stands between encoded words comes back as the library had packed it.
    return in_letters(piece, charset) if charset else piece.decode("raw-unicode-escape", "replace")


def attached_messages(message: Message, most: int) -> list[Message]:
    """The messages that somebody attached: message/rfc822, or a file named .eml; at most so many.

    Raises Unreadable where one of them is beyond a limit; an attached Outlook file is Unreadable("outlook").
    """
    found: list[Message] = []
    for number, part in enumerate(_leaves(message)):
        if number >= MOST_PARTS or len(found) >= most:
            break
        inner = part.get_payload()
        name = file_name(part).lower()
        if part.get_content_type() == "message/rfc822" and isinstance(inner, list) and isinstance(inner[0], Message):
            found.append(_unwrapped(part, inner[0]))
        elif name.endswith(".eml"):
            found.append(parse(_content(part)))
        elif name.endswith(".msg"):
            raise Unreadable("outlook")
    return found


def _unwrapped(part: Message, inner: Message) -> Message:
    """RFC 2046 5.2.1 forbids encoding an attached message; some programs do, and the library leaves it so."""
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding != "base64" or any(True for _ in inner.raw_items()):
        return inner
    return parse(_unbase64(str(inner.get_payload()).encode("utf-8", "surrogateescape")))
