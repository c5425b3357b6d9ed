"""Does this process trace what it does, and where to? As the standard OTEL_* variables say; else nothing is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from orchestrator.core import tracing
from orchestrator.core.events import Tell
from orchestrator.core.own_installation import extra_command

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTERS = ("otlp", "console")
MAX_CHARS = 500
"""Characters of what the SDK says when it does not start."""


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
    why = hindrance(exporter, os.environ)
    if why:
        tell("tracing", f"nothing is traced: {why}", once=True)
        return lambda: None
    try:
        from orchestrator.adapters.telemetry.otel_tracer import open_otel_tracer

        tracer = open_otel_tracer(node, exporter, tell)
    except ImportError as error:
        why = f"OpenTelemetry is not installed whole ({error}): {extra_command('otel')}"
    except (
        Exception
    ) as error:  # the SDK says what is wrong with an OTEL_* value by whatever it raises, also when imported
        why = f"OpenTelemetry does not start as the OTEL_* variables say: {type(error).__name__}: {_one_line(error)}"
    else:
        tracing.set_tracer(tracer)
        return tracer.close
    tell("tracing", f"nothing is traced: {why}", once=True)
    return lambda: None


def _one_line(error: Exception) -> str:
    from handoff.secrets.redact import redact

    return redact(" ".join(str(error).split())).text[:MAX_CHARS]


def hindrance(exporter: str, environment: Mapping[str, str]) -> str:
    """Why nothing of it needs to be loaded; empty if it is to be tried."""
    if exporter not in EXPORTERS:
        return f"OTEL_TRACES_EXPORTER is {exporter}; {', '.join(EXPORTERS)} and none are known"
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        return f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; http/protobuf is spoken here"
    return ""
