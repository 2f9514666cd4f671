"""Long lists ask the databases as often as short ones."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from casting import DOMAIN
from sekisho.directory import provision
from sekisho.directory.models import SiteDomain, SiteMailbox

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def queries(client, name: str) -> int:
    with CaptureQueriesContext(connections["default"]) as ours, CaptureQueriesContext(connections["site"]) as site:
        assert client.get(reverse(name)).status_code == 200
    return len(ours) + len(site)


@pytest.mark.parametrize("name", ["mailboxes", "enforcement", "admins", "incidents", "domains"])
def test_a_list_asks_no_more_often_when_it_is_longer(name, incident, sign_in):
    client = sign_in("operator")
    client.get(reverse(name))
    before = queries(client, name)
    for number in range(12):
        SiteDomain.objects.create(domain=f"d{number}.example")
        SiteMailbox.objects.create(
            username=f"n{number}@{DOMAIN}", password="x", maildir="x", local_part="x", domain=DOMAIN
        )
    provision.add_admin("one-more", "some password", domains=[DOMAIN])
    assert queries(client, name) <= before
