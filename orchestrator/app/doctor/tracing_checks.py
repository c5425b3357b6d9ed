"""Checks of tracing: do spans leave as the OTEL_* variables say, and is there somebody who takes them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from urllib.parse import unquote

import httpx

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.factories.tracer_factory import ENDPOINTS, hindrance, wanted_exporter
from orchestrator.core.own_installation import document_place, extra_command

WHAT = "tracing"
DEFAULT = "http://localhost:4318/v1/traces"
"""Where the SDK sends to if nothing is said."""
SECONDS = 5.0
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


def check_tracing(environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """Whether spans leave, and where to. Nothing where no variable asks for it."""
    exporter = wanted_exporter(environment)
    if not exporter:
        return
    why = hindrance(exporter, environment)
    if why:
        how = document_place("docs/operating.md", "Traces")
        remedy = f"set it as is said there: {how}; until then nothing is traced"
        yield CheckResult(what=WHAT, health=CheckStatus.POOR, says=why, remedy=remedy)
    elif find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        says = "OpenTelemetry is not installed: nothing is traced"
        yield CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy=extra_command("otel"))
    elif exporter == "console":
        yield CheckResult(what=WHAT, health=CheckStatus.GOOD, says="spans are printed (OTEL_TRACES_EXPORTER=console)")
    else:
        yield _collector(traces_address(environment), _headers(environment))


def traces_address(environment: Mapping[str, str]) -> str:
    """Where spans are sent: the address for traces as it is, the one for everything with the path of traces."""
    own, common = (environment.get(name, "").strip() for name in ENDPOINTS)
    return own or (f"{common.rstrip('/')}/v1/traces" if common else DEFAULT)


def _collector(url: str, headers: Mapping[str, str]) -> CheckResult:
    """Sends a request without spans, which is a whole one."""
    where = _without_secrets(url)
    kind = {"Content-Type": "application/x-protobuf"}
    try:
        code = httpx.post(url, content=b"", headers={**headers, **kind}, timeout=SECONDS).status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        says = f"nobody takes spans at {where}: {type(error).__name__}"
        remedy = "start the collector, or set OTEL_EXPORTER_OTLP_ENDPOINT; the node works on without"
        return CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy=remedy)
    if code < 300:
        return CheckResult(what=WHAT, health=CheckStatus.GOOD, says=f"spans are taken at {where}")
    remedy = "is its path /v1/traces, and what it was given in OTEL_EXPORTER_OTLP_HEADERS right?"
    says = f"spans are not taken at {where}: it answers {code}"
    return CheckResult(what=WHAT, health=CheckStatus.POOR, says=says, remedy=remedy)


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    """`name=value,name=value`, percent-encoded; what is no such pair is left out, as the SDK does."""
    said = next((environment[name] for name in HEADERS if environment.get(name)), "")
    pairs = (pair.partition("=") for pair in said.split(","))
    return {unquote(name).strip(): unquote(value).strip() for name, equals, value in pairs if equals and name.strip()}


def _without_secrets(url: str) -> str:
    """Without the name and the password that may stand before the host, and what comes behind the path."""
    scheme, mark, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
