"""The signals' routes: how do suppliers tell the fleet of events, signed, and what became of each?"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import asdict
from typing import Any

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field
from werkzeug.exceptions import Forbidden, UnsupportedMediaType

from missions.plain_data import read_json
from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.web.auth_gate import READERS, needs, take_open_request
from orchestrator.api.web.context import AppServices, app_services
from orchestrator.api.web.ledger_answers import LedgerPage, Page, changing_answer, ledger_moved, redacted, shared_ledger
from orchestrator.api.web.rate_limit import RateLimiter
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.suppliers.signals import Signal
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.mission_filing import RequestLocks, supplier_filing
from orchestrator.workflow.reading.paging import read_cursor, write_cursor
from orchestrator.workflow.signals.cloud_event import MAX_EVENTS
from orchestrator.workflow.signals.intake import DEFERRED, VERDICTS, SignalIntake, SignalResult

SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
SUPPLIER_HEADER, SIGNATURE_HEADER = "X-Shiftbook-Supplier", "X-Hub-Signature-256"
MAX_BODY_BYTES = 1024 * 1024
CALLS_PER_MINUTE = 120
"""Requests of one address, before anything is checked."""
RETRY_SECONDS = "60"
_LOCKS = RequestLocks()


class SignalVerdict(BaseModel):
    """What became of one event. `deferred` ones may be sent again later."""

    id: str
    verdict: str = Field(description="filed, below, no-rule, capped, refused, contradiction, duplicate or deferred")
    why: str
    missions: list[str]


class SignalVerdicts(BaseModel):
    """What became of each, in their order."""

    results: list[SignalVerdict]


class SignalQuery(Page):
    """Which events are wanted."""

    supplier: str = Field("", max_length=80)
    verdict: str = Field("", max_length=40)


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun; no door for suppliers where no secret is set."""
    routes = APIBlueprint("signals", __name__, url_prefix="/api/v1/signals")

    @routes.get("", summary="What suppliers told, the newest first", responses={200: LedgerPage})
    @needs(*READERS)
    def listing(query: SignalQuery) -> Response:
        if query.verdict and query.verdict not in VERDICTS:
            raise WrongSetting("verdict", f"one of {', '.join(VERDICTS)}")
        begun = read_cursor(query.after, (int,))
        found = current_stores().signals.listing(
            supplier=query.supplier,
            verdict=query.verdict,
            before=int(begun[0]) if begun else 0,
            limit=query.limit + 1,
        )
        shown = found[: query.limit]
        following = write_cursor((shown[-1].number,)) if len(found) > query.limit else None
        return changing_answer({"items": [_row(each) for each in shown], "next": following, "tip": ""})

    secrets = doors.settings.supplier_secrets
    if not secrets:
        return routes
    allowance = RateLimiter(CALLS_PER_MINUTE, time.monotonic)

    @routes.post("/ingest", summary="A supplier's events, as CloudEvents 1.0", responses={200: SignalVerdicts})
    @needs("open", body_bytes=MAX_BODY_BYTES)
    def ingest() -> Response:
        """Structured, batched or binary; signed with the supplier's secret (SHIFTBOOK_SIGNAL_SECRETS)."""
        take_open_request(allowance)
        supplier, body = request.headers.get(SUPPLIER_HEADER, ""), request.get_data(cache=False)
        if not is_signed(secrets.get(supplier, ""), body):
            raise Forbidden("the events are not signed with the secret of a supplier that this node knows")
        events = _events(body)
        with _LOCKS(hashlib.sha256(supplier.encode()).hexdigest()):
            results = _take_all(supplier, events)
        if any(each.missions for each in results):
            ledger_moved()
        answer = jsonify({"results": redacted([asdict(each) for each in results])})
        if all(each.verdict == DEFERRED for each in results) and results:
            answer.status_code, answer.headers["Retry-After"] = 429, RETRY_SECONDS
        return answer

    return routes


def is_signed(secret: str, body: bytes) -> bool:
    """Whether the request bears an HMAC-SHA256 with this secret.

    It is of the body; in binary mode of the `ce-` headers before it, each as `name:value` and a line feed, by name.
    """
    made = hmac.new(secret.encode(), _signed_headers() + body, "sha256").hexdigest()
    shown = request.headers.get(SIGNATURE_HEADER, "")
    return bool(secret) and hmac.compare_digest(shown.encode("utf-8", "replace"), f"sha256={made}".encode())


def _signed_headers() -> bytes:
    lines = sorted((name.lower(), value) for name, value in request.headers.items() if name.lower().startswith("ce-"))
    return "".join(f"{name}:{value}\n" for name, value in lines).encode("utf-8", "replace")


def _events(body: bytes) -> list[Any]:
    """The events of this request in their JSON form. Raises UnsupportedMediaType, WrongSetting."""
    kind = request.mimetype
    if kind not in (SINGLE, BATCH, "application/json"):
        raise UnsupportedMediaType(f"send {SINGLE}, {BATCH}, or binary mode with application/json")
    try:
        found = read_json(body)
    except ValueError as error:
        raise WrongSetting("body", "it is no JSON") from error
    if kind == "application/json":  # binary mode: the attributes are headers
        names = {name.lower(): value for name, value in request.headers.items()}
        attributes = {name.removeprefix("ce-"): value for name, value in names.items() if name.startswith("ce-")}
        return [{**attributes, "data": found}]
    events = found if kind == BATCH else [found]
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise WrongSetting("body", f"a list of at most {MAX_EVENTS} events")
    return events


def _take_all(supplier: str, events: list[Any]) -> list[SignalResult]:
    services, stores = app_services(), current_stores()
    part = shared_ledger().look().ledger.charter.suppliers.get(supplier, SupplierPart())
    opened = services.fleet()
    file = supplier_filing(supplier, lambda: opened, stores.marks)
    intake = SignalIntake(supplier=supplier, part=part, signals=stores.signals, file=file, now=services.now)
    try:
        return [intake.take(each) for each in events]
    finally:
        opened.bus.remote.close()


def _row(signal: Signal) -> dict[str, Any]:
    return {
        "supplier": signal.supplier,
        "id": signal.event_id,
        "source": signal.source,
        "type": signal.type,
        "received": signal.received.isoformat(),
        "verdict": signal.verdict,
        "why": signal.why,
        "missions": list(signal.missions),
    }
