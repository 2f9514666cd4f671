"""A configuration profile for iPhone, iPad and Mac: the account's fields, without its password.

Apple's "Device Management" › Profile-Specific Payload Keys › Mail. The identifiers are made of the address (UUIDv5), so
installing the profile a second time replaces the account's settings instead of adding an account. The device asks for
the password and keeps it to itself.
"""

from __future__ import annotations

import plistlib
import uuid
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from sekisho.recovery.mail_settings import MailSettings

CONTENT_TYPE = "application/x-apple-aspen-config"


class CannotSign(Exception):
    """The certificate or its key is missing, unreadable, or of a kind that CMS signatures do not take."""


def profile(found: MailSettings, address: str, provider: str, title: str, explanation: str) -> bytes:
    """The profile of one address as an XML property list; `title` and `explanation` in the reader's language."""
    # The panel's own name space below DNS: the same address gives the same identifiers on every host.
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{address.lower()}.mail.sekisho")
    name = f"sekisho.mail.{'.'.join(reversed(found.domain.split('.')))}.{identity.hex[:12]}"
    account: dict[str, Any] = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{name}.account",
        "PayloadUUID": str(uuid.uuid5(identity, "account")).upper(),
        "PayloadDisplayName": title,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": address,
        "EmailAddress": address,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": found.server_name,
        "IncomingMailServerPortNumber": found.imap_port,
        # Its default is the part before "@".
        "IncomingMailServerUsername": address,
        # False lets the device change to TLS where the server offers it.
        "IncomingMailServerUseSSL": found.security(found.imap_port) == "ssl",
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": found.server_name,
        "OutgoingMailServerPortNumber": found.smtp_port,
        "OutgoingMailServerUsername": address,
        "OutgoingMailServerUseSSL": found.security(found.smtp_port) == "ssl",
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    whole: dict[str, Any] = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": name,
        "PayloadUUID": str(identity).upper(),
        "PayloadDisplayName": title,
        "PayloadDescription": explanation,
        "PayloadOrganization": provider,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [account],
    }
    return plistlib.dumps(whole)


def sign(document: bytes, certificate_file: str, key_file: str) -> bytes:
    """The profile inside a CMS signature (DER), with the certificates of the file: first ours, then its issuers.

    Raises CannotSign. The files are read at each call: a renewed certificate counts without a restart.
    """
    try:
        certificates = x509.load_pem_x509_certificates(Path(certificate_file).read_bytes())
        key = load_pem_private_key(Path(key_file).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise CannotSign(f"{certificate_file}, {key_file}: {error}") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey) or key.public_key() != certificates[0].public_key():
        raise CannotSign(f"{key_file} is no RSA or EC key, or not that of {certificate_file}")
    builder = PKCS7SignatureBuilder().set_data(document).add_signer(certificates[0], key, hashes.SHA256())
    for one in certificates[1:]:
        builder = builder.add_certificate(one)
    return builder.sign(Encoding.DER, [PKCS7Options.Binary])
