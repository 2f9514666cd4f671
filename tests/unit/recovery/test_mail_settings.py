from __future__ import annotations

import pytest

from sekisho.config import settings
from sekisho.recovery.mail_settings import for_domain

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_domain_shows_its_true_server_name(two_tenants: None) -> None:
    found = for_domain("Ours.test")
    assert found.server_name == "mx01.provider.test"
    assert found.imap_port == settings().mail_server.imap_port


def test_a_domain_without_one_shows_the_installations(two_tenants: None) -> None:
    assert for_domain("theirs.test").server_name == (settings().mail_server.name or settings().host)
