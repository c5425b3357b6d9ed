"""How are spans given to OpenTelemetry: in which trace, with which words, to which exporter?"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import NonRecordingSpan, Status, StatusCode

from handoff.secrets.redact import redact
from orchestrator import __version__
from orchestrator.adapters.telemetry.mission_ids import MissionIdGenerator, MissionTrace
from orchestrator.core.events import Tell
from orchestrator.core.tracing import FILING, Fact, Span

MAX_CHARS = 500
"""Characters of a text that leaves with a span."""
CLOSE_SECONDS = 3.0
"""Seconds that a process waits at its end for what was not sent yet."""
PREFIX = "shiftbook."


@dataclass(frozen=True)
class OtelSpan:
    """The port Span over one of OpenTelemetry's."""

    inner: trace.Span

    def note(self, **facts: Fact) -> None:
        """Adds facts."""
        self.inner.set_attributes(_attributes(facts))

    def fail(self, why: str) -> None:
        """It did not come to what it should."""
        self.inner.set_status(Status(StatusCode.ERROR, _clean(why)))


@dataclass(kw_only=True)
class OtelTracer:
    """The port Tracer. `processor` takes the spans that end; what it does about a collector that is away is its own."""

    node: str
    processor: SpanProcessor
    _ids: MissionIdGenerator = field(default_factory=MissionIdGenerator)
    _provider: TracerProvider = field(init=False)
    _tracer: trace.Tracer = field(init=False)
    _namespace: str = field(init=False)

    def __post_init__(self) -> None:
        own = {SERVICE_INSTANCE_ID: self.node, SERVICE_VERSION: __version__}
        named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        resource = Resource.create(own if named else own | {SERVICE_NAME: "shiftbook"})
        self._namespace = str(resource.attributes.get(SERVICE_NAMESPACE, ""))
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(self.processor)
        self._tracer = self._provider.get_tracer("shiftbook", __version__)

    @contextmanager
    def span(self, name: str, mission: str, facts: Mapping[str, Fact]) -> Iterator[Span]:
        """A span from here to the end of the block."""
        inner = self._start(name, mission, facts, None)
        made = OtelSpan(inner)
        with trace.use_span(inner, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield made
            except BaseException as error:
                made.fail(f"{type(error).__name__}: {error}")
                raise

    def moment(self) -> int:
        """Nanoseconds by this machine's clock, as spans have them."""
        return time.time_ns()

    def record(self, name: str, began: int, mission: str, facts: Mapping[str, Fact]) -> None:
        """A span of something that is over."""
        self._start(name, mission, facts, began).end()

    def close(self) -> None:
        """Sends what was not sent yet. The SDK's own limit does not hold while its exporter tries again and again."""
        flush = threading.Thread(target=self._provider.force_flush, name="spans", daemon=True)
        flush.start()
        flush.join(CLOSE_SECONDS)

    def _start(self, name: str, mission: str, facts: Mapping[str, Fact], began: int | None) -> trace.Span:
        told = _attributes({**facts, "mission": mission} if mission else facts)
        if not mission:
            return self._tracer.start_span(name, attributes=told, start_time=began)
        ids = MissionTrace.of(mission, self._namespace)
        if name == FILING:
            with self._ids.making(ids):
                return self._tracer.start_span(name, Context(), attributes=told, start_time=began)
        outer = trace.get_current_span().get_span_context()
        within = None if outer.trace_id == ids.trace_id else trace.set_span_in_context(NonRecordingSpan(ids.parent))
        return self._tracer.start_span(name, within, attributes=told, start_time=began)


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {PREFIX + name: _clean(value) if isinstance(value, str) else value for name, value in facts.items()}


def _clean(text: str) -> str:
    return redact(text).text[:MAX_CHARS]


class _Complaints(logging.Handler):
    """What the SDK has to say goes where this node's other events go, each kind of it once."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes one; called with the handler's lock held."""
        if str(record.msg) not in self._told:
            self._told.add(str(record.msg))
            self._tell("tracing", f"OpenTelemetry: {_clean(record.getMessage())}")


def open_otel_tracer(node: str, exporter: str, tell: Tell) -> OtelTracer:
    """The tracer for an exporter of OTEL_TRACES_EXPORTER: `console`, or `otlp`, by HTTP and as OTEL_EXPORTER_OTLP_*
    say."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers[:], logger.propagate = [_Complaints(tell)], False
    return OtelTracer(node=node, processor=BatchSpanProcessor(_exporter(exporter)))


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
