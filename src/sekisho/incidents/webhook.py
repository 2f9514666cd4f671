"""A signed webhook, as https://www.standardwebhooks.com/ describes it, so that receivers find a library for it.

Headers: `webhook-id` (the same for every try of one notice: a receiver drops what it has), `webhook-timestamp` (epoch
seconds of this try), `webhook-signature` = "v1," + base64 of HMAC-SHA256 over "id.timestamp.body". Redirects are not
followed. The name is looked up once, each address is judged, and the connection goes to that very address while TLS
checks the name: a name server that answers differently the second time leads nowhere.
Not supported: several secrets at once, asymmetric signatures (v1a).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import socket
import threading
import time
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from sekisho.config import ConfigError, WebhookChannel
from sekisho.config import read_secret as read_secret_file
from sekisho.incidents.channel_failures import ChannelFailed, ChannelMisconfigured
from sekisho.incidents.channel_texts import ChannelMessage

# A receiver near or far answers in a second or two; each step may take this long …
STEP_S = 5.0
# … and all of them together this long, however slowly it drips (a pinned thread is one channel's loss only).
WHOLE_S = 20.0
# The specification's bounds for a secret: 24 to 64 bytes.
SECRET_BYTES = range(24, 65)


def signature(secret: bytes, delivery: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def read_secret(path: str) -> bytes:
    """The secret in a file: base64, with or without "whsec_"; raises ChannelMisconfigured."""
    text = read_private(path).removeprefix("whsec_")
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ChannelMisconfigured(f"{path} holds no base64") from None
    if len(secret) not in SECRET_BYTES:
        raise ChannelMisconfigured(f"{path} must hold 24 to 64 bytes in base64 (openssl rand -base64 32)")
    return secret


def read_private(path: str) -> str:
    """The text of a file that only its owner and group may read; raises ChannelMisconfigured."""
    try:
        return read_secret_file(path)
    except ConfigError as error:
        raise ChannelMisconfigured(str(error)) from None


def send(channel: WebhookChannel, message: ChannelMessage) -> None:
    """Posts the message; raises ChannelFailed unless the receiver says 2xx."""
    secret, url = read_secret(channel.secret_file), urlsplit(read_private(channel.url_file))
    _check_form(channel, url)
    body = json.dumps(message.facts | {"id": message.delivery}, ensure_ascii=False).encode()
    timestamp = int(time.time())
    headers = {
        "Host": url.netloc.rpartition("@")[2],
        "Content-Type": "application/json",
        "User-Agent": "sekisho",
        "webhook-id": message.delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message.delivery, timestamp, body),
    }
    connection = _connection(channel, url)
    status = _post(connection, f"{url.path or '/'}{'?' + url.query if url.query else ''}", body, headers)
    if status == 410:
        # The specification's word for "never again".
        raise ChannelFailed("HTTP 410", for_good=True)
    if not 200 <= status < 300:
        raise ChannelFailed(f"HTTP {status}")


def _check_form(channel: WebhookChannel, url: SplitResult) -> None:
    schemes = ("https", "http") if channel.allow_private else ("https",)
    if url.scheme not in schemes or not url.hostname or url.username or url.fragment:
        raise ChannelMisconfigured(f"{channel.url_file} must hold an https address without a user name")


def _connection(channel: WebhookChannel, url: SplitResult) -> HTTPConnection:
    name = url.hostname or ""
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError, UnicodeError):
        raise ChannelFailed("its name cannot be looked up") from None
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not channel.allow_private and not all(is_public(address) for address in addresses):
        # Also when only one of several is private: the next lookup might give that one alone.
        raise ChannelFailed("its name leads to a private address (allow_private)")
    if url.scheme == "http":
        return HTTPConnection(addresses[0], port, timeout=STEP_S)
    return HTTPSConnection(
        addresses[0],
        port,
        timeout=STEP_S,
        server_hostname=name,
        assert_hostname=name,
        cert_reqs="CERT_REQUIRED",
        ca_certs=channel.ca_file or None,
    )


# RFC 6052: the last 32 bits are the IPv4 address that is really meant.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet and not to our own machines, networks or a cloud's metadata."""
    found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or inner or found
    return found.is_global and not found.is_multicast


def _post(connection: HTTPConnection, target: str, body: bytes, headers: dict[str, str]) -> int:
    late = threading.Event()

    def cut() -> None:
        late.set()
        try:
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    watchdog = threading.Timer(WHOLE_S, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", target, body=body, headers=headers, preload_content=False)
        # What it says besides the status is not read: it is of no use, and it may have no end.
        status: int = connection.getresponse().status
    except (OSError, HTTPError, HTTPException, CertificateError) as error:
        raise ChannelFailed("too slow" if late.is_set() else type(error).__name__) from None
    finally:
        watchdog.cancel()
        connection.close()
    if late.is_set():
        # A head that we cut off ourselves reads like a whole one.
        raise ChannelFailed("too slow")
    return status
