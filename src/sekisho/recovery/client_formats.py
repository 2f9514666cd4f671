"""A domain's mail settings in the formats that mail programs fetch by themselves. Values to bytes, no I/O.

They answer by domain, never by mailbox, and hold no password. XML is built by ElementTree, so every value is escaped,
whatever an operator wrote as his name or a stranger as his address. None of them repairs an account that exists: for
that there are the help pages.
"""

from __future__ import annotations

import base64
import hashlib
import json
import xml.etree.ElementTree as ElementTree
from xml.parsers import expat

from sekisho.recovery.mail_settings import MailSettings

# draft-ietf-mailmaint-autoconfig, section "XML data format".
_SOCKETS = {"ssl": "SSL", "starttls": "STARTTLS", "none": "plain"}
# The same in Outlook's words: cc511507, "Plan to automatically configure user accounts in Outlook".
_ENCRYPTION = {"ssl": "SSL", "starttls": "TLS", "none": "None"}
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
# A request is an address and two namespaces; 8 KiB is ten times the largest seen.
LARGEST_REQUEST = 8192


class NotARequest(Exception):
    """The body is no Autodiscover request that we would read."""


def _add(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = text


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def autoconfig(found: MailSettings, provider: str, help_url: str) -> bytes:
    """Thunderbird's (and Evolution's, KMail's, FairEmail's …) format: draft-ietf-mailmaint-autoconfig-06, version 1.1.

    The user name is a placeholder that the program fills in, so the answer is the same for every mailbox.
    """
    root = ElementTree.Element("clientConfig", version="1.1")
    one = ElementTree.SubElement(root, "emailProvider", id=found.domain)
    _add(one, "domain", found.domain)
    _add(one, "displayName", provider)
    _add(one, "displayShortName", provider)
    for kind, server, port in (
        ("imap", "incomingServer", found.imap_port),
        ("pop3", "incomingServer", found.pop3_port),
        ("smtp", "outgoingServer", found.smtp_port),
    ):
        part = ElementTree.SubElement(one, server, type=kind)
        _add(part, "hostname", found.server_name)
        _add(part, "port", str(port))
        _add(part, "socketType", _SOCKETS[found.security(port)])
        _add(part, "authentication", "password-cleartext")
        _add(part, "username", "%EMAILADDRESS%")
    documentation = ElementTree.SubElement(one, "documentation", url=help_url)
    _add(documentation, "descr", "メーラーの設定", lang="ja")
    _add(documentation, "descr", "Settings of the mail program", lang="en")
    return _bytes(root)


def autodiscover(found: MailSettings, address: str) -> bytes:
    """Outlook's "plain old XML" (MS-OXDSCLI, section 2.2.4). `address` is the one asked for, as it was written."""
    root = ElementTree.Element("Autodiscover", xmlns=RESPONSE)
    response = ElementTree.SubElement(root, "Response", xmlns=OUTLOOK)
    account = ElementTree.SubElement(response, "Account")
    _add(account, "AccountType", "email")
    _add(account, "Action", "settings")
    for kind, port in (("IMAP", found.imap_port), ("POP3", found.pop3_port), ("SMTP", found.smtp_port)):
        part = ElementTree.SubElement(account, "Protocol")
        encryption = _ENCRYPTION[found.security(port)]
        for name, text in (
            ("Type", kind),
            ("Server", found.server_name),
            ("Port", str(port)),
            ("DomainRequired", "off"),
            ("LoginName", address),
            ("SPA", "off"),
            ("SSL", "on" if encryption == "SSL" else "off"),
            ("Encryption", encryption),
            ("AuthRequired", "on"),
        ):
            _add(part, name, text)
        if kind == "SMTP":
            _add(part, "UsePOPAuth", "off")
            _add(part, "SMTPLast", "off")
    return _bytes(root)


def autodiscover_error(code: int, message: str) -> bytes:
    """Outlook's form of a refusal: 600 for a request that cannot be read, 500 for an address that is not ours."""
    root = ElementTree.Element("Autodiscover", xmlns=RESPONSE)
    error = ElementTree.SubElement(ElementTree.SubElement(root, "Response"), "Error")
    _add(error, "ErrorCode", str(code))
    _add(error, "Message", message)
    _add(error, "DebugData", "")
    return _bytes(root)


def requested_address(body: bytes) -> str:
    """The EMailAddress of an Autodiscover request; raises NotARequest.

    Robustness: a document type is refused before it is read, so no entity is ever expanded.
    """
    if len(body) > LARGEST_REQUEST:
        raise NotARequest("too large")
    parts: list[str] = []
    open_elements: list[str] = []

    def refuse(*_arguments: object) -> None:
        raise NotARequest("a document type")

    def text(data: str) -> None:
        if open_elements and open_elements[-1] == "EMailAddress":
            parts.append(data)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: open_elements.append(name.rpartition(" ")[2])
    parser.EndElementHandler = lambda _: open_elements.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise NotARequest(str(error)) from error
    return "".join(parts).strip()


def pacc(found: MailSettings, provider: str) -> bytes:
    """Experimental: draft-ietf-mailmaint-pacc-02. It knows implicit TLS on the default ports and nothing else: b""
    where ours are others."""
    defaults = {"imap": (found.imap_port, 993), "pop3": (found.pop3_port, 995), "smtp": (found.smtp_port, 465)}
    protocols = {name: {"host": found.server_name} for name, (ours, theirs) in defaults.items() if ours == theirs}
    if not found.tls or "imap" not in protocols or "smtp" not in protocols:
        return b""
    value = {
        "protocols": protocols,
        "authentication": {"password": True},
        "info": {"provider": {"name": provider}},
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def pacc_digest(document: bytes) -> str:
    """What the TXT record of a PACC document says: its SHA-256, in base64."""
    return base64.b64encode(hashlib.sha256(document).digest()).decode()


def dns_records(found: MailSettings, panel_host: str, provider: str) -> str:
    """Records for the domain's zone, in its file's own words: SRV of RFC 6186 and 8314, the two names that mail
    programs ask, PACC. "." as a target says that a service is not offered there. `panel_host` is "" where the panel
    has no name in DNS: then there are no records that lead to it."""

    def srv(name: str, port: int, offered: bool, target: str = found.server_name, priority: int = 0) -> str:
        value = f"{priority} 1 {port} {target}." if offered else "0 0 0 ."
        return f"{f'{name}._tcp.{found.domain}.':<40} IN SRV   {value}"

    def pair(over_tls: str, plain: str, port: int, priority: int = 0) -> list[str]:
        at_once = found.security(port) == "ssl"
        return [srv(over_tls, port, at_once, priority=priority), srv(plain, port, not at_once, priority=priority)]

    lines = pair("_imaps", "_imap", found.imap_port)
    # 10: RFC 6186, section 3.4, prefers IMAP by the lower number.
    lines += pair("_pop3s", "_pop3", found.pop3_port, priority=10)
    lines += pair("_submissions", "_submission", found.smtp_port)
    if not panel_host:
        return "\n".join(lines) + "\n"
    lines.append(srv("_autodiscover", 443, True, target=panel_host))
    for name in ("autoconfig", "autodiscover"):
        lines.append(f"{f'{name}.{found.domain}.':<40} IN CNAME {panel_host}.")
    if document := pacc(found, provider):
        lines.append(f"{f'ua-auto-config.{found.domain}.':<40} IN CNAME {panel_host}.")
        value = f'"v=UAAC1; a=sha256; d={pacc_digest(document)}"'
        lines.append(f"{f'_ua-auto-config.{found.domain}.':<40} IN TXT   {value}")
    return "\n".join(lines) + "\n"
