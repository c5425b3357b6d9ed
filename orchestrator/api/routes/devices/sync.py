"""The sync routes: how do devices and other nodes hand over operations, and get those of others?

A push is taken whole or not at all, and taken again changes nothing. What is refused is told with the reason, this
node's time, and the number from which to go on; a device corrects its clock or its place by that and comes again.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.device_quota import DeviceQuota, seconds_to_next_day
from mobile_bridge.errors import OperationRefused
from mobile_bridge.intents import INTENT, OUTCOME, is_intent_entity
from mobile_bridge.operations import (
    MAX_OPERATIONS,
    NODE_MARK,
    Operation,
    OperationBatch,
    owner_of,
    push_bytes,
    read_batch,
)
from pydantic import BaseModel, Field
from werkzeug.exceptions import Forbidden, UnsupportedMediaType

from orchestrator.api.auth.tokens import ANY_DEVICE, Caller, CallerKind
from orchestrator.api.routes.devices.state import current_stores, require_own_device
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import AppServices, app_services
from orchestrator.api.web.json_body import SEND_JSON
from orchestrator.api.web.packed_body import packed, read_body
from orchestrator.api.web.problems import Problem, problem
from orchestrator.node import wakeups
from orchestrator.workflow.intents.order_inbox import OrderBringer
from sync.hybrid_clock import MAX_DRIFT_MS

MAX_INTENTS = 20
"""Orders of one push: each may take seconds."""
MAX_ASKED_DEVICES = 50
STATUS_BY_REFUSAL = {"malformed": 422, "foreign": 403, "relayed": 403, "quota": 429, "full": 413}
"""409 for every other reason: the device can mend those by itself."""


class SyncPushAnswer(BaseModel):
    """How many operations were new, how many were here already, and up to which number each device's are held now."""

    accepted: int
    duplicates: int
    held: dict[str, int]
    time: int = Field(description="This node's time, in milliseconds since 1970")


class SyncPullPage(BaseModel):
    """Operations in the order in which this node took them; go on from `cursor`, at once if there is `more`."""

    ops: list[dict[str, Any]]
    cursor: str
    more: bool
    time: int = Field(description="This node's time, in milliseconds since 1970")


class SyncPullQuery(BaseModel):
    """Where to go on; empty: from the beginning. An old cursor of a node that was restored begins anew."""

    after: str = Field("", max_length=200)
    limit: int = Field(500, ge=1, le=MAX_OPERATIONS)


class SyncHandshakeQuery(BaseModel):
    """Which devices' numbers are asked for, separated by commas."""

    device: str = Field("", max_length=100 * MAX_ASKED_DEVICES)


class SyncHandshake(BaseModel):
    """What a device must know before it pushes."""

    node: str
    own: str = Field(description="The name under which the node itself says something")
    epoch: str = Field(description="Another one than before: the node was restored, and may lack what it had")
    held: dict[str, int] = Field(description="Up to which number each device's operations are held; send what follows")
    time: int = Field(description="The node's time, in milliseconds since 1970: correct your clock by it")
    ahead: int = Field(description="Milliseconds by which a stamp may be ahead of that")
    page: int = Field(description="The most operations of one push or one page")
    orders: int = Field(description="The most orders among the operations of one push")
    bytes: int = Field(description="The most bytes of all texts of one push, each with its comma, before it is packed")


REFUSALS: Any = {200: SyncPushAnswer, 409: Problem, 413: Problem, 415: Problem, 422: Problem, 429: Problem}
PUSH_BODY: Any = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["ops"],
                    "properties": {
                        "ops": {"type": "array", "maxItems": MAX_OPERATIONS, "items": {"type": "object"}},
                        "node": {"type": "string", "description": "The node that passes on what others said"},
                    },
                }
            }
        },
    }
}


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("sync", __name__)
    desk = doors.orders

    @routes.get("/sync/handshake", summary="What a device must know before it pushes", responses={200: SyncHandshake})
    @needs("sync")
    def handshake(query: SyncHandshakeQuery) -> Response:
        asked = [name for name in query.device.split(",") if name][:MAX_ASKED_DEVICES]
        found = current_stores().sync_ops.standing(asked)
        told = SyncHandshake(
            node=app_services().settings.node,
            own=found.own,
            epoch=found.epoch,
            held=dict(found.held),
            time=now_ms(),
            ahead=MAX_DRIFT_MS,
            page=MAX_OPERATIONS,
            orders=MAX_INTENTS,
            bytes=push_bytes(app_services().settings.body_bytes),
        )
        return jsonify(told.model_dump())

    @routes.post("/sync/push", summary="Takes a device's operations", responses=REFUSALS, openapi_extensions=PUSH_BODY)
    @needs("sync")
    def push() -> Response:
        """All or none are stored; pushing again changes nothing. The body may be packed with gzip."""
        if not request.is_json:
            raise UnsupportedMediaType(SEND_JSON)
        try:
            batch = read_batch(read_body(request, app_services().settings.body_bytes))
            orders = _require_own(batch)
            quota = None if _speaks_for_all(caller()) else _quota()
            marks = desk.inbox.notes(orders, _bringer()) if desk is not None else {}
            made = current_stores().sync_ops.push(batch.ops, now=now_ms(), quota=quota, marks=marks)
        except OperationRefused as error:
            return _refusal(error)
        try:
            if desk is not None and orders and desk.carry_out(orders, _bringer()):
                wakeups.nudge(app_services().settings.home)
        finally:  # an order that is broken off here is carried out by the worker, which this wakes
            if made.accepted:
                tell_of_sync()
        told = SyncPushAnswer(accepted=made.accepted, duplicates=made.duplicates, held=dict(made.held), time=now_ms())
        return jsonify(told.model_dump())

    @routes.get("/sync/pull", summary="Operations of all devices after a cursor", responses={200: SyncPullPage})
    @needs("sync")
    def pull(query: SyncPullQuery) -> Response:
        found = current_stores().sync_ops.pull(query.after, query.limit)
        more = "true" if found.more else "false"
        end = f'"cursor":{json.dumps(found.cursor)},"more":{more},"time":{now_ms()}'
        return packed(request, f'{{"ops":[{",".join(found.texts)}],{end}}}')

    return routes


def tell_of_sync() -> None:
    """Operations came: this node's worker takes them on, and whoever listens pulls."""
    app_services().sync_signal.ring()
    app_services().events.publish("sync", {})


def now_ms() -> int:
    """This node's time, in milliseconds since 1970."""
    return app_services().now_ms()


def _require_own(batch: OperationBatch) -> list[Operation]:
    """The orders among what the caller may say. Raises Forbidden, OperationRefused."""
    if batch.node:
        if not _speaks_for_all(caller()):
            raise Forbidden("a node that passes on what others said needs a token for all devices: `--device any`")
        return []  # orders are carried out by the node to which the device itself brought them
    owners = {owner_of(op.device) for op in batch.ops}
    if any(owner.startswith(NODE_MARK) for owner in owners):
        raise OperationRefused("foreign", "only nodes say what nodes say")
    for owner in owners:
        require_own_device(owner, writes=True)
    orders = [op for op in batch.ops if is_intent_entity(op.entity)]
    if any(op.field == OUTCOME for op in orders):
        raise OperationRefused("relayed", "what became of an order is said by the node that carried it out")
    if len(orders) > MAX_INTENTS:
        raise OperationRefused("malformed", f"at most {MAX_INTENTS} orders in one push")
    return [op for op in orders if op.kind == "append" and op.field == INTENT]


def _bringer() -> OrderBringer:
    """Who brings the orders of this push."""
    who = caller()
    return OrderBringer(name=who.name, kind=who.kind.value, scopes=who.scopes, digest=who.digest, device=who.device)


def _quota() -> DeviceQuota:
    """How much a device may hand in here."""
    settings = app_services().settings
    return DeviceQuota(day_operations=settings.device_operations, total_bytes=settings.device_megabytes * 1024**2)


def _speaks_for_all(who: Caller) -> bool:
    """Whether a caller may pass on what others said: a program of this machine's own, or a token for all devices."""
    if who.kind is CallerKind.TOKEN:
        return who.device == ANY_DEVICE
    return who.kind in (CallerKind.LOCAL, CallerKind.OPS)


def _refusal(error: OperationRefused) -> Response:
    """A refusal as a problem: what to mend it by stands beside it."""
    status = STATUS_BY_REFUSAL.get(error.kind, 409)
    place = [error.where] if error.kind == "malformed" and error.where else []
    told = {"kind": error.kind, "time": now_ms()} | ({} if error.held is None else {"held": error.held})
    answer = problem(status, "These operations are not taken", error.says, where=place, sync=told)
    if error.kind == "quota":
        answer.headers["Retry-After"] = str(seconds_to_next_day(now_ms()))
    return answer
