"""The OpenAPI document keeps its word under made-up requests (schemathesis), and docs/api.md lists its operations."""

from __future__ import annotations

import os
from pathlib import Path

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
from sekisho.web.api.urls import api

pytestmark = pytest.mark.django_db(databases=["default", "site"])

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "api.md"
FIRST, LAST = "<!-- operations", "<!-- end of operations -->"


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
    assert len({label for label, _ in seen}) == 15
    assert {200, 404, 422} <= {status for _, status in seen}


def operations() -> str:
    """The table of docs/api.md, from the code."""
    lines = ["", "| operation | scope | what |", "|---|---|---|"]
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, details in methods.items():
            said = " ".join(details["description"].split("\n\n")[0].split())
            lines.append(f"| `{method.upper()} {path.removeprefix('/api/v1')}` | `{scope_of(path, method)}` | {said} |")
    return "\n".join(lines) + "\n"


def scope_of(path: str, method: str) -> str:
    for _, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                if f"/api/v1{prefix_of(router)}{operation.path}" == path and method.upper() in operation.methods:
                    return operation.auth_callbacks[0].scope
    raise LookupError(path)


def prefix_of(router) -> str:
    return next(prefix for prefix, one in api._routers if one is router)


def test_the_list_of_operations_in_the_documents_is_the_codes():
    text = DOCUMENT.read_text()
    before, rest = text.split(FIRST, 1)
    mark, rest = rest.split("\n", 1)
    _, after = rest.split(LAST, 1)
    proper = f"{before}{FIRST}{mark}\n{operations()}{LAST}{after}"
    if "SEKISHO_WRITE_DOCS" in os.environ:
        DOCUMENT.write_text(proper)
    assert text == proper or "SEKISHO_WRITE_DOCS" in os.environ
