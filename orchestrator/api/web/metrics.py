"""The metrics of this node's HTTP side, in numbers that Prometheus reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

from orchestrator.api.web.stream_slots import STREAM_SLOTS_KEY, StreamSlots

METRICS_KEY = "shiftbook_metrics"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Upper bounds of the latency buckets, in seconds. A stream counts until its last byte."""


class Metrics:
    """The numbers of one app. A registry of its own: two apps in one process do not mix theirs."""

    def __init__(self, seats: StreamSlots) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "shiftbook_http_requests",
            "Requests by route and status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "shiftbook_http_request_seconds",
            "Time to the last byte.",
            ["route"],
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.tokens = Counter(
            "shiftbook_tokens_generated", "Tokens by model and backend.", ["model", "backend"], registry=self.registry
        )
        self.queue = Gauge("shiftbook_queue_length", "Chats that wait for a model.", registry=self.registry)
        self.streams = Gauge("shiftbook_streams", "Streams that are open now.", registry=self.registry)
        self.streams.set_function(lambda: seats.taken)

    def told(self) -> Response:
        """All of them in Prometheus's text format."""
        return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_PLAIN_1_0_0)


def metrics() -> Metrics:
    """The numbers of the app that serves this request: chat counts tokens and the queue here."""
    return cast(Metrics, current_app.extensions[METRICS_KEY])


def install(app: Flask) -> None:
    """Counts every request of an app. After `stream_slots.install`."""
    counted = app.extensions[METRICS_KEY] = Metrics(app.extensions[STREAM_SLOTS_KEY])

    @app.before_request
    def begin() -> None:
        g.begun = time.monotonic()

    @app.after_request
    def end(answer: Response) -> Response:
        route, seconds = route_of(), request_timer()
        method = request.method if request.method in METHODS else "other"

        def done() -> None:
            counted.requests.labels(route, method, str(answer.status_code)).inc()
            counted.seconds.labels(route).observe(seconds())

        answer.call_on_close(done)
        return answer


def request_timer() -> Callable[[], float]:
    """Tells the seconds since this request began, also when it has ended."""
    begun = g.get("begun", time.monotonic())
    return lambda: time.monotonic() - begun


def route_of() -> str:
    """The rule that this request matched: what the caller typed stays out of numbers and logs."""
    return request.url_rule.rule if request.url_rule else "none"
