"""Tracing is on where the standard variables say so, and nothing of it is loaded elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from orchestrator.app.factories.tracer_factory import open_tracing, wanted_exporter
from orchestrator.core import tracing
from orchestrator.core.own_installation import extra_command
from orchestrator.core.tracing import SilentTracer
from tests.buses import Told
from tests.otlp_receiver import otlp_receiver


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of whoever runs the tests; nobody traces afterwards."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    yield
    tracing.set_tracer(SilentTracer())


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, ""),
        ({"OTEL_SERVICE_NAME": "x"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": " OTLP "}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ""),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ""),
        ({"OTEL_SDK_DISABLED": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp"),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], exporter: str) -> None:
    """An address is enough; whoever says none means it."""
    assert wanted_exporter(environment) == exporter


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "otlp, console and none are known"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf is spoken here"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "http/protobuf"),
    ],
)
def test_what_cannot_be_done_is_told_and_hinders_nothing(
    environment: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; the process works on without traces."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told = Told()
    open_tracing("hq", told)()
    assert says in told.text
    assert not tracing.is_traced()


def test_a_process_sends_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """What closes it sends the rest."""
    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        close = open_tracing("hq", Told())
        assert tracing.is_traced()
        with tracing.span("mission.attempt", mission="fix"):
            pass
        close()
        assert [span.name for span in receiver.spans] == ["mission.attempt"]


PROBE = """
import sys
for part in {modules!r}: __import__(part)
from orchestrator.app.factories.tracer_factory import open_tracing
open_tracing("hq", lambda *words, **facts: print(*words))()
print(sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk"))[:3])
"""
MODULES = ("orchestrator.app.node_process", "orchestrator.cli.mission.filing", "orchestrator.api.app")


def probe(*words: str, **environment: str) -> str:
    """What a fresh process says."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    script = PROBE.format(modules=MODULES)
    done = subprocess.run(
        [sys.executable, *words, "-c", script], capture_output=True, text=True, env=plain | environment, check=True
    )
    return done.stdout


def test_without_a_word_nothing_of_it_is_loaded() -> None:
    """Neither by a node, nor by a command, nor by the API."""
    assert probe().strip() == "[]"


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    """A machine whose environment names a collector, and which has no SDK, or no exporter."""
    script = f"import sys; sys.modules[{missing!r}] = None\n{PROBE.format(modules=())}"
    environment = dict(os.environ) | {"OTEL_TRACES_EXPORTER": "otlp"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert "nothing is traced" in done.stdout, done.stderr
    assert extra_command("otel") in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
    ],
)
def test_a_value_that_the_sdk_refuses_ends_nothing(name: str, value: str) -> None:
    """Whatever it raises, when it is imported or made: one line, and the process works on without traces."""
    after = "from orchestrator.core import tracing; print('goes on', tracing.is_traced())"
    environment = {key: word for key, word in os.environ.items() if not key.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", f"{PROBE.format(modules=())}\n{after}"],
        capture_output=True,
        text=True,
        env=environment | {"OTEL_TRACES_EXPORTER": "otlp", name: value},
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if "nothing is traced" in line and "OTEL_" in line and "ValueError" in line], lines
    assert lines[-1] == "goes on False"
    assert "Traceback" not in done.stderr
