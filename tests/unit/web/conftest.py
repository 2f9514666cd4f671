"""The fixed cast, two tenants, and a takeover in one of them."""

from __future__ import annotations

import pytest
from django.test import Client

import casting
from sekisho.incidents.models import Incident


@pytest.fixture
def cast(db: None) -> casting.Cast:
    casting.site()
    return casting.people()


@pytest.fixture
def incident(cast: casting.Cast) -> Incident:
    return casting.takeover()


@pytest.fixture
def sign_in(cast: casting.Cast):  # type: ignore[no-untyped-def]
    """`sign_in("owner")`: a browser in which that person is signed in and reads English."""

    def browser(who: str, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        client.force_login(getattr(cast, who))
        return client

    return browser
