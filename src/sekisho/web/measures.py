"""The panel's metrics: how many requests ended how, and how long they took; of all its processes together.

prometheus_client's files for several processes hold the counts; they live in a directory that ends with the panel
(web.server). No path is a label: there are too many, and some hold an address.
"""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram

from sekisho.web.middleware import Handler

# A registry of its own: nobody collects from the process that counts.
_OWN = CollectorRegistry()
REQUESTS = Counter("sekisho_web_requests", "Requests by their answer's class.", ["status"], registry=_OWN)
# Seconds. Pages take some tens of milliseconds; a password's hash a tenth of a second; 30 s is the end.
SECONDS = Histogram(
    "sekisho_web_request_seconds",
    "How long requests took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
    registry=_OWN,
)


class MeasureMiddleware:
    """Counts and times every request."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began, status = time.perf_counter(), "5xx"
        try:
            response = self.get_response(request)
            status = f"{response.status_code // 100}xx"
            return response
        finally:
            SECONDS.observe(time.perf_counter() - began)
            REQUESTS.labels(status).inc()
