"""Does `shiftbook doctor` say whether spans leave, and whether anybody takes them?"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from orchestrator.app.doctor import tracing_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.tracing_checks import check_tracing, traces_address
from orchestrator.core.own_installation import extra_command
from tests.otlp_receiver import otlp_receiver
from tests.servers import free_port


def test_a_collector_that_takes_spans() -> None:
    """It is sent a request without any, with the headers that were set, and no span is made up."""
    with otlp_receiver() as collector:
        said = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, odd"}
        (one,) = check_tracing(said)
        assert (one.health, one.says) == (CheckStatus.GOOD, f"spans are taken at {collector.url}/v1/traces")
        assert (collector.spans, collector.raw) == ([], [b""])
        assert {name.lower(): value for name, value in collector.headers[0].items()}["x-key"] == "a b"


@pytest.mark.parametrize("status", [401, 404, 503])
def test_one_that_refuses(status: int) -> None:
    """Its code is told, and what to look at."""
    with otlp_receiver() as collector:
        collector.status = status
        (one,) = check_tracing({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"})
    assert (one.health, one.says.endswith(f"it answers {status}")) == (CheckStatus.POOR, True)
    assert "/v1/traces" in one.remedy


@pytest.mark.parametrize("address", ["http://u:hush@127.0.0.1:{port}", "http://[", "collector:4317"])
def test_nobody_there(address: str) -> None:
    """No fault of the node, which works on; what stands before the host is not shown."""
    (one,) = check_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": address.format(port=free_port())})
    assert (one.health, "hush" in one.says) == (CheckStatus.POOR, False)
    assert "the node works on without" in one.remedy


@pytest.mark.parametrize(
    ("said", "health", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "console"}, CheckStatus.GOOD, "spans are printed"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, CheckStatus.POOR, "OTEL_TRACES_EXPORTER is zipkin"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            CheckStatus.POOR,
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc",
        ),
    ],
)
def test_what_the_variables_say(said: dict[str, str], health: CheckStatus, words: str) -> None:
    """What no collector is needed to know."""
    (one,) = check_tracing(said)
    assert (one.health, one.says.startswith(words)) == (health, True)


@pytest.mark.parametrize(
    "said",
    [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}],
)
def test_where_nothing_is_traced(said: dict[str, str]) -> None:
    """Nothing is said."""
    assert [*check_tracing(said)] == []


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    assert find_spec("opentelemetry") is not None
    monkeypatch.setattr(tracing_checks, "find_spec", lambda _name: None)
    (one,) = check_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert (one.health, one.remedy) == (CheckStatus.POOR, extra_command("otel"))


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d/t"}, "http://d/t"),
    ],
)
def test_where_spans_are_sent(said: dict[str, str], address: str) -> None:
    """As the SDK does it."""
    assert traces_address(said) == address
