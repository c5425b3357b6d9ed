"""Spans of one mission meet in one trace, whoever makes them, and nothing leaves with them that should not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator.adapters.telemetry import otel_tracer
from orchestrator.adapters.telemetry.mission_ids import MissionTrace
from orchestrator.adapters.telemetry.otel_tracer import MAX_CHARS, OtelTracer, open_otel_tracer
from orchestrator.core import tracing
from orchestrator.core.tracing import FILING, SilentTracer
from tests.buses import Told
from tests.otlp_receiver import otlp_receiver
from tests.waiting import PATIENCE, until


class Machine:
    """One process' tracer, with what it sent."""

    def __init__(self, node: str) -> None:
        self.out = InMemorySpanExporter()
        self.tracer = OtelTracer(node=node, processor=SimpleSpanProcessor(self.out))

    @property
    def spans(self):  # type: ignore[no-untyped-def]
        """By name."""
        return {span.name: span for span in self.out.get_finished_spans()}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of whoever runs the tests; nobody traces afterwards."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    yield
    tracing.set_tracer(SilentTracer())


def test_machines_that_never_met_write_into_one_trace() -> None:
    """The filing is its first span, and the others hang on it, though no id was carried."""
    hq, vps = Machine("hq"), Machine("vps")
    hq.tracer.record(FILING, hq.tracer.moment(), "fix", {})
    with vps.tracer.span("mission.attempt", "fix", {"epoch": 1}), vps.tracer.span("mission.round", "fix", {}):
        pass
    hq.tracer.record("mission.fold", hq.tracer.moment(), "fix", {})
    filed, attempt, turn = hq.spans[FILING], vps.spans["mission.attempt"], vps.spans["mission.round"]
    fold = hq.spans["mission.fold"]
    assert len({span.context.trace_id for span in (filed, attempt, turn, fold)}) == 1
    assert filed.parent is None
    assert attempt.parent.span_id == fold.parent.span_id == filed.context.span_id
    assert turn.parent.span_id == attempt.context.span_id
    assert attempt.attributes == {"shiftbook.epoch": 1, "shiftbook.mission": "fix"}
    assert vps.spans["mission.attempt"].resource.attributes["service.instance.id"] == "vps"


def test_another_mission_within_is_another_trace() -> None:
    """A fold within whatever is no part of it; a call of a model within an attempt is."""
    one = Machine("hq")
    with one.tracer.span("mission.attempt", "a", {}):
        one.tracer.record("mission.fold", one.tracer.moment(), "b", {})
        with one.tracer.span("chat.call", "", {}):
            pass
    found = one.spans
    assert found["mission.fold"].context.trace_id != found["mission.attempt"].context.trace_id
    assert found["chat.call"].parent.span_id == found["mission.attempt"].context.span_id


def test_two_ledgers_may_have_a_mission_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace of their own keeps their traces apart in one collector."""
    traces = set()
    for value in ("", "service.namespace=shop", "service.namespace=mill"):
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", value)
        one = Machine("hq")
        one.tracer.record(FILING, 0, "fix", {})
        traces.add(one.spans[FILING].context.trace_id)
    assert len(traces) == 3
    assert MissionTrace.of("fix") == MissionTrace.of("fix")
    assert MissionTrace.of("fix").trace_id in traces


def test_threads_do_not_take_each_others_ids() -> None:
    """Eight file at once while others trace what is no mission's."""
    one = Machine("hq")

    def work(number: int) -> None:
        for turn in range(20):
            one.tracer.record(FILING, 0, f"m{number}-{turn}", {})
            with one.tracer.span("chat.call", "", {}):
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    spans = one.out.get_finished_spans()
    filed = [span for span in spans if span.name == FILING]
    assert {span.context.trace_id for span in filed} == {
        MissionTrace.of(f"m{number}-{turn}").trace_id for number in range(8) for turn in range(20)
    }
    assert len({span.context.span_id for span in spans}) == 320


def test_no_secret_leaves_and_no_long_text() -> None:
    """Neither in a fact, nor in an error's words, nor in the reason why something failed."""
    one, token = Machine("hq"), "ghp_" + "a1B2" * 9

    def fail() -> None:
        with one.tracer.span("a", "m", {"said": f"use {token}"}) as span:
            span.note(more=token, long="x" * 10_000)
            raise ValueError(f"bad {token}")

    with pytest.raises(ValueError, match="bad"):
        fail()
    with one.tracer.span("b", "m", {}) as span:
        span.fail(f"{token} is wrong")
    told = "".join(span.to_json() for span in one.out.get_finished_spans())
    assert token not in told
    assert "is wrong" in told
    assert len(one.spans["a"].attributes["shiftbook.long"]) == MAX_CHARS
    assert one.spans["a"].status.description.startswith("ValueError: bad")
    assert one.spans["a"].events == (), "an exception's traceback stays here"


def test_spans_arrive_at_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """By OTLP over HTTP, as the standard variables say: address, headers, packing, names."""
    monkeypatch.setattr(otel_tracer, "CLOSE_SECONDS", PATIENCE)
    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=open")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        tracer = open_otel_tracer("vps", "otlp", Told())
        with tracer.span("mission.attempt", "fix", {"epoch": 2, "ok": True}) as span:
            span.fail("no")
        tracer.close()
        (found,) = receiver.spans
        assert (found.name, found.failed, found.facts["shiftbook.epoch"]) == ("mission.attempt", "no", "2")
        assert int(found.trace, 16) == MissionTrace.of("fix").trace_id
        assert (found.resource["service.name"], found.resource["service.instance.id"]) == ("shiftbook", "vps")
        assert {key.lower(): value for key, value in receiver.headers[0].items()}["x-key"] == "open"


@pytest.mark.parametrize("how", ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"])
def test_a_name_that_somebody_chose_stays(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard's two ways to name a service."""
    monkeypatch.setenv(how, "mine" if how.endswith("NAME") else "service.name=mine")
    one = Machine("hq")
    one.tracer.record("a", 0, "m", {})
    assert one.spans["a"].resource.attributes["service.name"] == "mine"


@pytest.mark.parametrize("fault", ["refuses", "hangs", "away"])
def test_a_collector_that_fails_costs_nobody_anything(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work goes on at once, and the end waits a few seconds at most."""
    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url if fault != "away" else "http://127.0.0.1:9")
        receiver.status = 503 if fault == "refuses" else 200
        receiver.held = threading.Event() if fault == "hangs" else None
        told = Told()
        tracer = open_otel_tracer("vps", "otlp", told)
        for number in range(3000):
            tracer.record("mission.fold", 0, f"m{number}", {})
        monkeypatch.setattr(otel_tracer, "CLOSE_SECONDS", 0.5)
        tracer.close()
        if fault == "hangs":
            assert "spans" in [each.name for each in threading.enumerate()], "what is sent is left, not waited for"
        assert receiver.spans == []
        if fault != "hangs":
            until(lambda: "OpenTelemetry: " in told.text, "a word of the exporter's")
        assert len(told.lines) == len(set(told.lines)) < 10, "each kind of complaint once"


def test_where_nobody_traces_nothing_happens() -> None:
    """The silent one takes everything, and passes what goes wrong on."""
    assert not tracing.is_traced()
    with tracing.span("a", mission="m", x=1) as span:
        span.note(y=2)
        span.fail("no")
    tracing.record("b", tracing.moment(), mission="m")
    with pytest.raises(KeyError), tracing.span("c"):
        raise KeyError("x")
    one = Machine("hq")
    tracing.set_tracer(one.tracer)
    assert tracing.is_traced()
    with tracing.span("d", mission="m", x=1):
        pass
    assert json.loads(one.out.get_finished_spans()[0].to_json())["attributes"] == {
        "shiftbook.x": 1,
        "shiftbook.mission": "m",
    }


def test_the_exporter_for_a_look_prints() -> None:
    """`OTEL_TRACES_EXPORTER=console`, for whoever tries it out."""
    tracer = open_otel_tracer("hq", "console", Told())
    assert isinstance(tracer.processor, BatchSpanProcessor)
    tracer.record("a", 0, "m", {})
    tracer.close()


def test_a_share_of_missions_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are left out follows from the trace's id: every machine leaves out the same, and no mission is in parts."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    hq, vps = Machine("hq"), Machine("vps")
    for number in range(60):
        hq.tracer.record(FILING, 0, f"m{number}", {})
        with vps.tracer.span("mission.attempt", f"m{number}", {}):
            vps.tracer.record("mission.round", 0, f"m{number}", {})
    filed = [span.context.trace_id for span in hq.out.get_finished_spans()]
    done = [span.context.trace_id for span in vps.out.get_finished_spans()]
    assert 10 < len(filed) < 50
    assert sorted(done) == sorted(filed * 2)
