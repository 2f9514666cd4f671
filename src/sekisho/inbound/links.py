"""Where a link really leads: the host behind the label, the tricks in its address. Nothing is asked anywhere."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from urllib.parse import unquote, urlsplit

import msgspec

# Hosts that hide where a link ends. Those that people meet in Japan and the large ones elsewhere.
SHORTENERS = frozenset(
    "bit.ly t.co goo.gl tinyurl.com ow.ly is.gd buff.ly cutt.ly rb.gy t.ly lnkd.in rebrand.ly shorturl.at tiny.cc v.gd "
    "x.gd ux.nu onl.bz onl.tw onl.la onl.sc qr.paps.jp bitly.com urx.space urx3.nu s.id dub.sh".split()
)
# Second levels under which anybody can register (JPRS' attribute types and their like elsewhere).
_shared = frozenset("ac ad co com ed edu go gov gr lg mil ne net or org".split())
LONGEST_SHOWN = 160


class Target(msgspec.Struct, frozen=True):
    """A link taken apart. `host` as letters, `ascii` as DNS has it (differs for punycode), `tricks`: codes of texts."""

    scheme: str
    host: str
    ascii: str
    shown: str
    tricks: tuple[str, ...] = ()


_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_number = re.compile(r"(?:0x[0-9a-f]{1,8}|\d{1,10})(?:\.(?:0x[0-9a-f]{1,8}|\d{1,10})){0,3}", re.IGNORECASE)
_elsewhere = re.compile(r"[?&/](?:url|u|q|to|target|redirect|redirect_url|redirect_uri|next|dest|link)=(https?(?::|%3a)"
                        r"[^&\s]{3,500})", re.IGNORECASE)  # fmt: skip


def registrable(host: str) -> str:
    """The part of a host that somebody registered, by the usual shapes ("example.co.jp", "example.com").

    Not the Public Suffix List: two hosts are compared here, none is given rights.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _shared:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


def take_apart(written: str) -> Target:
    """A link's target as a browser would understand it; never raises."""
    # Browsers drop these (WHATWG URL, 4.4) and take "\" for "/".
    text = re.sub(r"[\t\r\n]", "", written.strip(" \x00\x0b\x0c\t\r\n"))[:4000]
    found = _scheme.match(text)
    scheme = found[1].lower() if found else ""
    if scheme in ("", "http", "https", "ftp"):
        return _of_web(text[found.end() :] if found else text, scheme, bool(found))
    tricks = ("runs_code",) if scheme in ("javascript", "data", "vbscript", "blob", "file") else ()
    return Target(scheme, "", "", defanged(text), tricks)


def _of_web(rest: str, scheme: str, absolute: bool) -> Target:
    rest = rest.replace("\\", "/")
    if not absolute and not rest.startswith("//"):
        return Target("", "", "", defanged(rest))
    address = f"{scheme or 'https'}://{rest.lstrip('/')}"
    try:
        parts = urlsplit(address)
        netloc, port = parts.netloc, parts.port
    except ValueError:
        return Target(scheme, "", "", defanged(address), ("odd",))
    tricks = []
    if "@" in netloc:
        tricks.append("userinfo")
    name = unicodedata.normalize("NFKC", unquote(netloc.rpartition("@")[2])).lower()
    name = re.sub(r":\d*$", "", name).rstrip(".")[:253]
    if (number := _as_address(name)) is not None:
        return Target(scheme, number, number, defanged(address), (*tricks, "ip"))
    host, ascii_name = letters_of(name), _ascii(name)
    if ascii_name != host or "xn--" in name:
        tricks.append("punycode")
    if registrable(ascii_name) in SHORTENERS or ascii_name in SHORTENERS:
        tricks.append("shortener")
    if port not in (None, 80, 443):
        tricks.append("port")
    if onward := _elsewhere.search(address):
        tricks.append("onward")
        address = f"{scheme or 'https'}://{netloc} -> {unquote(onward[1])}"
    return Target(scheme or "https", host, ascii_name, defanged(address), tuple(tricks))


def _as_address(name: str) -> str | None:
    """A host written as an IP address in any form that a browser takes (decimal, octal, hexadecimal, IPv6)."""
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    if not _number.fullmatch(name):
        return None
    try:
        return str(ipaddress.ip_address(socket.inet_aton(name)))
    except (OSError, ValueError):
        return None


def letters_of(name: str) -> str:
    """A host name with its punycode labels as letters; those that are none stay as they are."""
    return ".".join(_letters(label) for label in name.split("."))


def _letters(label: str) -> str:
    # RFC 1035: 63 octets a label; decoding takes quadratic time, so nothing longer is tried.
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _ascii(name: str) -> str:
    labels = []
    for label in name.split("."):
        if label.isascii() or len(label) > 63:
            labels.append(label)
        else:
            labels.append("xn--" + label.encode("punycode").decode("ascii"))
    return ".".join(labels)


def defanged(text: str) -> str:
    """An address that no program makes a link of: hxxp, [.]; cut where it is long."""
    text = visible(text, LONGEST_SHOWN)
    text = re.sub(r"(?i)\bh(tt)p(s?)(?=:)", r"hxxp\2", text)
    return re.sub(r"(?i)(javascript|data|vbscript|ftp|mailto):", r"\1[:]", text).replace(".", "[.]")


_spacing = re.compile(r"\s+")


def visible(text: str, longest: int = 120) -> str:
    """Somebody's text for showing: no line breaks, signs that print nothing or turn the direction are replaced."""
    text = _spacing.sub(" ", text.strip())
    text = "".join(sign if sign.isprintable() else "\ufffd" for sign in text[: longest + 1])
    return text if len(text) <= longest else text[:longest] + "…"


_host_in_text = re.compile(
    r"(?:https?://)?([a-z0-9](?:[a-z0-9-]{0,62}\.){1,6}[a-z]{2,24})(?=[/:?\s)」）]|$)", re.IGNORECASE
)
_url_in_text = re.compile(r"https?://[^\s<>\"'「」『』（）()【】\u3000]{3,2000}", re.IGNORECASE)
_endings = frozenset(
    "com net org jp info biz io shop xyz top cn me us uk eu app dev site online cc tv co kr tw".split()
)


def host_shown(label: str) -> str:
    """The host that a link's label names, "" where it names none."""
    found = _host_in_text.match(unicodedata.normalize("NFKC", label).strip().lower())
    if found is None or found[1].rpartition(".")[2] not in _endings:
        return ""
    return found[1]


def addresses_in(text: str, most: int) -> list[str]:
    """The web addresses that a plain text names, each once."""
    found: dict[str, None] = {}
    for match in _url_in_text.finditer(text):
        found[match[0].rstrip(".,;:!?。、")] = None
        if len(found) >= most:
            break
    return list(found)
