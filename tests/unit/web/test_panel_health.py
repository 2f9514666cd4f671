"""The panel's health endpoints: without a session, under any name, and without a word about anybody."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from sekisho.web import health

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_probe_needs_no_session_and_no_host_name() -> None:
    client = Client(headers={"host": "10.0.0.7:8080"})
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer["Cache-Control"] == "no-store"
        assert not answer.cookies


def test_a_database_that_does_not_answer_is_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def cursor(self) -> None:
            raise OperationalError("could not connect to 10.0.0.9 as sekisho")

        def close(self) -> None: ...

    monkeypatch.setattr(health, "connections", {"default": Away(), "site": health.connections["site"]})
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "waits_for": ["database"]}
    assert Client().get("/health/live").status_code == 200


def test_other_methods_and_paths_are_refused() -> None:
    assert Client().post("/health/live").status_code == 405
    assert Client().get("/health/secrets").status_code == 404
