"""An owner's authenticator app and passkeys as the panel's libraries see them: django-allauth's TOTP, fido2's WebAuthn.

The owner is no account, so allauth's flows cannot be used; the arithmetic and the check of signatures are theirs.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.totp.internal import auth as totp
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import InvalidToken
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sekisho.recovery import contacts, owner_factors
from sekisho.recovery.models import OwnerFactor
from sekisho.web.signing_in import PanelFactorAdapter

# Session keys: the app's key until its first code was typed (encrypted), the challenge of a passkey.
APP_KEY, CHALLENGE = "owner_app_key", "owner_passkey"
# A browser's answer is about 2 kB with RSA keys of security modules; nothing else is read.
LONGEST_ANSWER = 16_384
# What fido2 raises for what is no answer, or not the one to this challenge.
_NONSENSE = (ValueError, TypeError, KeyError, AttributeError, IndexError, InvalidSignature)


# --- the app


def new_app_key(request: HttpRequest) -> str:
    """The key that this browser sets an app up with, the same until `forget_app_key`: a slip of the finger must not
    ask for another photograph."""
    adapter = PanelFactorAdapter()
    kept = request.session.get(APP_KEY)
    if isinstance(kept, str):
        try:
            return adapter.decrypt(kept)
        except InvalidToken:
            pass
    key: str = totp.generate_totp_secret()
    request.session[APP_KEY] = adapter.encrypt(key)
    return key


def forget_app_key(request: HttpRequest) -> None:
    """The key was taken, or given up."""
    request.session.pop(APP_KEY, None)


def app_address(mailbox: str, key: str) -> str:
    """The otpauth: address that authenticator apps read."""
    issuer = PanelFactorAdapter().get_totp_issuer()
    # quote, not urlencode: apps show a "+" as a plus.
    return f"otpauth://totp/{quote(f'{issuer}:{mailbox}')}?secret={key}&issuer={quote(issuer)}"


def sealed(key: str) -> str:
    """The key as it is kept in the row."""
    return PanelFactorAdapter().encrypt(key)


def counter_of(key: str, typed: str) -> int:
    """The counter whose code was typed (RFC 6238), one step either way of now; 0 when none is."""
    for counter in totp.yield_hotp_counters_from_time():
        if compare_user_code(actual=typed, expected=totp.format_hotp_value(totp.hotp_value(key, counter))):
            return int(counter)
    return 0


def shown_by_app(mailbox: str, typed: str) -> OwnerFactor | None:
    """The mailbox's app whose code this is, which is used up by it; None for a wrong, old or used one."""
    now = timezone.now()
    factor = owner_factors.of_mailbox(mailbox, OwnerFactor.APP).first()
    if factor is None or not owner_factors.count_try(factor, now):
        return None
    try:
        counter = counter_of(PanelFactorAdapter().decrypt(factor.secret), typed)
    except InvalidToken:
        # SECRET_KEY was changed without a fallback: the app is worth nothing, and the admin invites anew.
        return None
    if not counter or not owner_factors.opens(factor, contacts.first_sign(mailbox), now):
        return None
    return factor if owner_factors.take_code(factor, counter, now) else None


# --- passkeys


def _server() -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(**PanelFactorAdapter().get_public_key_credential_rp_entity()))


def _credential(factor: OwnerFactor) -> AttestedCredentialData:
    return AttestedCredentialData(websafe_decode(factor.secret))


def ask_for_new_passkey(request: HttpRequest, mailbox: str) -> dict[str, Any]:
    """What the browser makes a passkey from. It must ask for PIN or finger, and be found without a list of ours:
    the page that asks for it tells nobody whether there is one."""
    user = PublicKeyCredentialUserEntity(
        # WebAuthn §14.6.1: no personal information in the handle.
        id=salted_hmac("sekisho.web.owner_keys", mailbox, algorithm="sha256").digest(),
        name=mailbox,
        display_name=mailbox,
    )
    options, request.session[CHALLENGE] = _server().register_begin(
        user,
        [_credential(one) for one in owner_factors.of_mailbox(mailbox, OwnerFactor.PASSKEY)],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options)


def made_passkey(request: HttpRequest, answer: str) -> str:
    """The passkey a browser has just made, as OwnerFactor keeps it; "" for what is none. A challenge serves once."""
    challenge = request.session.pop(CHALLENGE, None)
    if challenge is None or len(answer) > LONGEST_ANSWER:
        return ""
    try:
        made = _server().register_complete(challenge, json.loads(answer))
    except _NONSENSE:
        return ""
    return websafe_encode(bytes(made.credential_data)) if made.credential_data else ""


def ask_for_passkey(request: HttpRequest) -> dict[str, Any]:
    """The challenge for a passkey of this mailbox, without naming any."""
    options, request.session[CHALLENGE] = _server().authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED
    )
    return dict(options)


def shown_by_passkey(request: HttpRequest, mailbox: str, answer: str) -> OwnerFactor | None:
    """The mailbox's passkey that signed this browser's challenge; None for what did not. A challenge serves once."""
    challenge, now = request.session.pop(CHALLENGE, None), timezone.now()
    if challenge is None or len(answer) > LONGEST_ANSWER:
        return None
    enrolled = {bytes(_credential(one)): one for one in owner_factors.of_mailbox(mailbox, OwnerFactor.PASSKEY)}
    try:
        signed = _server().authenticate_complete(
            challenge, [AttestedCredentialData(raw) for raw in enrolled], json.loads(answer)
        )
    except _NONSENSE:
        return None
    factor = enrolled[bytes(signed)]
    if not owner_factors.opens(factor, contacts.first_sign(mailbox), now):
        return None
    owner_factors.note_use(factor, now)
    return factor
