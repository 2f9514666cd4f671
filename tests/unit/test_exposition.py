"""The listener for metrics and probes: asked over real HTTP, by friends and by others."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from sekisho.exposition import Exposition


class Told:
    alive = True
    hindrances: list[str] = []


@pytest.fixture
def told() -> Iterator[tuple[Exposition, Told]]:
    told = Told()
    families = lambda: [GaugeMetricFamily("sekisho_test", "A test.", value=7)]  # noqa: E731
    exposition = Exposition("guard", 0, families, lambda: told.alive, lambda: told.hindrances)
    assert exposition.start()
    yield exposition, told
    exposition.stop()


def get(exposition: Exposition, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{exposition.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_can_be_read_by_prometheus(told: tuple[Exposition, Told]) -> None:
    status, text = get(told[0], "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert families["sekisho_test"].samples[0].value == 7
    assert families["sekisho_build_info"].samples[0].labels["process"] == "guard"


def test_health_says_what_is_waited_for(told: tuple[Exposition, Told]) -> None:
    exposition, state = told
    assert get(exposition, "/health/live") == get(exposition, "/health/ready") == (200, '{"status": "ok"}')
    state.hindrances = ["database"]
    status, text = get(exposition, "/health/ready")
    assert status == 503 and json.loads(text) == {"status": "not ready", "waits_for": ["database"]}
    assert get(exposition, "/health/live")[0] == 200
    state.alive = False
    assert get(exposition, "/health/live")[0] == 503


def test_other_paths_and_methods_are_refused(told: tuple[Exposition, Told]) -> None:
    assert get(told[0], "/")[0] == 404
    with socket.create_connection(("127.0.0.1", told[0].port), timeout=10) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b" 501 " in client.recv(1000).splitlines()[0]


def test_a_silent_client_keeps_nobody_waiting_for_long(told: tuple[Exposition, Told]) -> None:
    with socket.create_connection(("127.0.0.1", told[0].port), timeout=10):
        began = time.monotonic()
        assert get(told[0], "/health/live")[0] == 200
        assert time.monotonic() - began < 8


def test_a_port_in_use_is_no_reason_not_to_work(told: tuple[Exposition, Told]) -> None:
    other = Exposition("worker", told[0].port, list, lambda: True, list)
    assert not other.start()
    other.stop()
