"""The OpenAPI document keeps its word under made-up requests (schemathesis)."""

from __future__ import annotations

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings

import casting
from sekisho.directory import api_keys
from sekisho.web.api import keys

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def wsgi(db):
    """The application on the test's own connections, which a request must not close."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_no_made_up_request_breaks_the_documents_word(wsgi, cast, monkeypatch):
    incident = casting.takeover()
    monkeypatch.setattr(keys, "MOST_REQUESTS", 1_000_000)
    _, key = api_keys.make(cast.operator, "made up", api_keys.SCOPES, "tests", timezone.now())
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", wsgi)
    seen = []
    for operation in (result.ok() for result in document.get_all_operations()):
        # 6 requests an operation, a hundred in all: some seconds. The same in every run.
        @settings(
            max_examples=6,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            # Half of them about what is there: else all would be 404.
            if case.path_parameters and len(seen) % 2:
                there = {"address": casting.VICTIM, "number": incident.pk, "domain": casting.DOMAIN}
                case.path_parameters = {name: there[name] for name in case.path_parameters}
            # A valid request may be refused by the present state (422): a suspended mailbox is not restricted.
            stateless = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
            answer = case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=stateless)
            assert answer.status_code < 500
            seen.append((case.operation.label, answer.status_code))

        ask()
    assert len({label for label, _ in seen}) == 21
    assert {200, 404, 422} <= {status for _, status in seen}
