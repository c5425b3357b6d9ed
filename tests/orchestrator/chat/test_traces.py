"""Each call of a chat's model is a span, with its figures and without a word of what was said."""

from __future__ import annotations

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator.adapters.telemetry.otel_tracer import OtelTracer
from orchestrator.core import tracing
from tests.orchestrator.chat.conftest import Talk


def test_a_call_is_a_span_without_its_words(talk: Talk) -> None:
    """Model, tokens and how it ended; neither question nor answer leaves."""
    out = InMemorySpanExporter()
    tracing.set_tracer(OtelTracer(node="desk", processor=SimpleSpanProcessor(out)))
    try:
        talk.say("Tell me of the aardvark")
    finally:
        tracing.set_tracer(tracing.SilentTracer())
    spans = [span for span in out.get_finished_spans() if span.name == "chat.call"]
    assert len(spans) == len(talk.model.prompts) >= 1
    facts = spans[-1].attributes
    assert facts is not None
    assert (facts["shiftbook.model"], facts["shiftbook.finish"]) == ("scripted", "stop")
    assert facts["shiftbook.tokens_in"] > 0  # type: ignore[operator]
    told = "".join(span.to_json() for span in out.get_finished_spans())
    assert "aardvark" not in told
    assert "It is so" not in told
