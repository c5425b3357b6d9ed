"""Does this process trace what it does, and where to? As the standard OTEL_* variables say; else nothing is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from orchestrator.core import tracing
from orchestrator.core.events import Tell

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTERS = ("otlp", "console")


def wanted_exporter(environment: Mapping[str, str]) -> str:
    """What OTEL_TRACES_EXPORTER names, `otlp` where only an address is given; empty where nothing is to be traced."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    said = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if said == "none":
        return ""
    return said or ("otlp" if any(environment.get(name) for name in ENDPOINTS) else "")


def open_tracing(node: str, tell: Tell) -> Callable[[], None]:
    """Has this process' spans taken, if that is wanted; returns what sends the last of them. What hinders it is told,
    and hinders nothing else."""
    exporter = wanted_exporter(os.environ)
    if not exporter:
        return lambda: None
    why = _hindrance(exporter, os.environ)
    if why:
        tell("tracing", f"nothing is traced: {why}", once=True)
        return lambda: None
    from orchestrator.adapters.telemetry.otel_tracer import open_otel_tracer

    tracer = open_otel_tracer(node, exporter, tell)
    tracing.set_tracer(tracer)
    return tracer.close


def _hindrance(exporter: str, environment: Mapping[str, str]) -> str:
    """Why it cannot be done; empty if it can."""
    if exporter not in EXPORTERS:
        return f"OTEL_TRACES_EXPORTER is {exporter}; {', '.join(EXPORTERS)} and none are known"
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        return f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; http/protobuf is spoken here"
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        return "OpenTelemetry is not installed: pip install 'shiftbook[otel]'"
    return ""
