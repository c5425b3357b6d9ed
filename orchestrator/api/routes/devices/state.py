"""The state of a device: what does it say of itself, and what did it say before?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from orchestrator.api.auth.tokens import DEVICE_ID_PATTERN
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.core.ports.stores import Stores

MAX_STATE_BYTES = 64 * 1024
"""Bytes of one report: a thousand of each device are kept."""


class DeviceReport(BaseModel):
    """What a device says of itself: any JSON object."""

    model_config = ConfigDict(extra="forbid")
    device_id: str = Field(pattern=DEVICE_ID_PATTERN)
    state: dict[str, Any]


class ReportedDeviceState(BaseModel):
    """One report. `seq` counts a device's reports from 1."""

    device: str
    seq: int
    state: dict[str, Any]
    when: datetime


class DeviceHistory(BaseModel):
    """Reports, newest first. `next` goes into `before` for older ones."""

    states: list[ReportedDeviceState]
    next: int | None = None


class DevicePath(BaseModel):
    """A device."""

    device_id: str = Field(max_length=100)


class DeviceHistoryQuery(BaseModel):
    """Which reports."""

    limit: int = Field(50, ge=1, le=500)
    before: int | None = Field(None, ge=1, le=2**31 - 1)


def current_stores() -> Stores:
    """This node's stores. Raises ServiceUnavailable where it has none."""
    found = app_services().stores
    if found is None:
        raise ServiceUnavailable("this node keeps nothing of devices")
    return found


def require_own_device(device: str, *, writes: bool) -> None:
    """Raises Forbidden where the caller's token belongs to another device."""
    if not app_services().door.speaks_for(caller(), device, writes=writes):
        raise Forbidden(
            "this token belongs to another device: `shiftbook token new NAME --scope sync --device DEVICE` makes one"
        )


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("devices", __name__)

    @routes.post("/device/state", summary="A device says how it is", responses={201: ReportedDeviceState})
    @needs("sync", "chat", body_bytes=MAX_STATE_BYTES)
    def report(body: DeviceReport) -> tuple[Response, int]:
        require_own_device(body.device_id, writes=True)
        kept = current_stores().devices.put_state(body.device_id, body.state, app_services().now())
        return jsonify(ReportedDeviceState(**asdict(kept)).model_dump(mode="json")), 201

    @routes.get(
        "/device/<device_id>/history", summary="What a device said, newest first", responses={200: DeviceHistory}
    )
    @needs("sync", "chat")
    def history(path: DevicePath, query: DeviceHistoryQuery) -> Response:
        require_own_device(path.device_id, writes=False)
        found = current_stores().devices.history(path.device_id, limit=query.limit, before=query.before)
        more = found[-1].seq if len(found) == query.limit and found[-1].seq > 1 else None
        states = [ReportedDeviceState(**asdict(each)) for each in found]
        return jsonify(DeviceHistory(states=states, next=more).model_dump(mode="json"))

    return routes
