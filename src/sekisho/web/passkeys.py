"""Whether passkeys can be used here and by whom."""

from __future__ import annotations

import ipaddress

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.http.request import split_domain_port


def passkeys_possible(request: HttpRequest) -> bool:
    """Whether browsers make passkeys for the address this page was asked under.

    WebAuthn (Level 3, §5.1.3) needs a domain name, never an IP address, and a secure context: https or localhost.
    """
    host = split_domain_port(request.get_host())[0]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost"
    return False


def has_passkey(account: AbstractBaseUser) -> bool:
    """Whether the account has enrolled a passkey."""
    return bool(is_mfa_enabled(account, [Authenticator.Type.WEBAUTHN]))
