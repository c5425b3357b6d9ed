"""A mission that came over a bus is one trace: filed, done by a worker, recorded and folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator.adapters.telemetry.otel_tracer import OtelTracer
from orchestrator.core import tracing
from orchestrator.workflow.delegation.task_types import TaskJob
from tests.buses import envelope, work_off, worker
from tests.orchestrator.node.mission_bus.test_recorder import Fleet, fleet

__all__ = ["fleet"]


@pytest.fixture
def out() -> Iterator[InMemorySpanExporter]:
    """The spans that ended."""
    found = InMemorySpanExporter()
    tracing.set_tracer(OtelTracer(node="hq", processor=SimpleSpanProcessor(found)))
    yield found
    tracing.set_tracer(tracing.SilentTracer())


def facts(span: ReadableSpan) -> Mapping[str, Any]:
    """What it says."""
    return span.attributes or {}


def test_from_its_filing_to_its_fold(fleet: Fleet, out: InMemorySpanExporter) -> None:
    """However often headquarters looks: each step once, below the first."""
    fleet.bus.publish(envelope("Fix-It"), 1)
    fleet.bus.publish(envelope("other"), 1)
    for _ in range(2):
        fleet.recorder.step()
    fleet.work("desk")
    for _ in range(2):
        fleet.recorder.step()
    fleet.hq.fold()
    spans = [span for span in out.get_finished_spans() if facts(span)["shiftbook.mission"] == "fix-it"]
    assert [span.name for span in spans] == ["mission.file", "mission.task", "mission.record", "mission.fold"]
    assert len({span.context.trace_id for span in spans}) == 1
    assert spans[0].parent is None
    assert {span.parent.span_id for span in spans[1:] if span.parent} == {spans[0].context.span_id}
    assert (facts(spans[1])["shiftbook.node"], facts(spans[1])["shiftbook.task_type"]) == ("desk", "probe")
    others = {span.context.trace_id for span in out.get_finished_spans()} - {spans[0].context.trace_id}
    assert len(others) == 1


@pytest.mark.parametrize("losses", ["lose_answers", "lose_pushes", "marks"])
def test_a_mission_has_one_first_span(fleet: Fleet, out: InMemorySpanExporter, losses: str) -> None:
    """However often it comes, in whichever company, and although an answer is lost: it is filed once."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    (first,) = fleet.bus.requests(5)
    if losses != "marks":
        setattr(fleet.person.line, losses, 1)
    fleet.recorder.filing.file([first, first])
    if losses == "marks":
        fleet.marks.kept.clear()
    fleet.bus.publish(envelope("b"), 1)
    fleet.recorder.filing.file([first, *fleet.bus.requests(5)])
    assert [facts(span)["shiftbook.mission"] for span in out.get_finished_spans()] == ["a", "b"]


def test_a_task_that_fails_says_why(fleet: Fleet, out: InMemorySpanExporter) -> None:
    """Each attempt has its span; what is not filed has no first one."""

    def fail(job: TaskJob) -> None:
        raise RuntimeError("no paper")

    fleet.bus.publish(envelope("a", max_retries=2), 1)
    work_off(worker(fleet.bus, "desk", {"probe": fail}, clock=fleet.ticks))
    first, second = out.get_finished_spans()
    assert {first.name, second.name} == {"mission.task"}
    assert [facts(span)["shiftbook.attempt"] for span in (first, second)] == [1, 2]
    assert first.status.description == "RuntimeError: no paper"
    assert not first.status.is_ok
