"""Which devices are paired, what may each do, and how is one shut out? And how does one get a session."""

from __future__ import annotations

from functools import cache
from typing import cast

from flask import Response, current_app, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.device_name import check_device_name
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import Forbidden, NotFound

from orchestrator.api.auth.tokens import CallerKind
from orchestrator.api.routes.devices.pairing import DeviceScope, PairedDeviceView, require_granted
from orchestrator.api.routes.devices.sealed import device_access
from orchestrator.api.web.auth_gate import REVOCATION_KEY, SEALED_DEVICE_KEY, caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import shared_ledger
from orchestrator.api.web.revocation import RevocationWatch
from orchestrator.app.devices.device_facts import device_facts
from orchestrator.app.devices.fleet_addresses import believed, reachable_urls
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.ledger.node_pages import announced_nodes
from sync.errors import SyncError


class PairedDevicePath(BaseModel):
    """A paired device."""

    device: str = Field(max_length=100)


class PairedDeviceList(BaseModel):
    """Paired devices; a device sees itself alone."""

    items: list[PairedDeviceView]


class PairedDeviceChange(BaseModel):
    """What is to be changed."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(None, max_length=200)
    scopes: list[DeviceScope] | None = Field(None, min_length=1, max_length=6)


class NodeAddresses(BaseModel):
    """Where a node may be reached. `fingerprint`: of its key; addresses count only for a node that has that key."""

    node: str
    fingerprint: str
    urls: list[str] = Field(description="The nearest first")


class CandidateList(BaseModel):
    """Nodes and their addresses."""

    items: list[NodeAddresses]


class DeviceSession(BaseModel):
    """A session of a device."""

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN`, over TLS or on this machine only")
    seconds: float


def _is_other(device: str) -> bool:
    """Whether the caller is a device that asks for another one without steering the fleet."""
    who = caller()
    return who.kind is CallerKind.DEVICE and "ops" not in who.scopes and who.device != device


def _others() -> list[NodeAddresses]:
    """What the fleet's other nodes say of where they are; nothing where no ledger can be read."""
    try:
        ledger = shared_ledger().look().ledger
    except (OrchestratorError, SyncError):
        return []  # a device without these still has this node's
    pages = ((name, each.reached) for name, each in announced_nodes(ledger).items())
    found = believed(pages, signers=ledger.signers, own=app_services().settings.node)
    return [NodeAddresses(node=one.node, fingerprint=one.fingerprint, urls=list(one.urls)) for one in found]


def _missing() -> NotFound:
    return NotFound("no such device is paired with this node: `shiftbook device list` shows them")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("paired_devices", __name__, url_prefix="/api/v1")

    @routes.get("/devices", summary="The paired devices", responses={200: PairedDeviceList})
    @needs("ops", "look", devices=True)
    def listing() -> Response:
        rows = device_access().stores.paired.listing()
        return jsonify({"items": [device_facts(each) for each in rows if not _is_other(each.id)]})

    @routes.get("/devices/<device>", summary="One paired device", responses={200: PairedDeviceView})
    @needs("ops", "look", devices=True)
    def one(path: PairedDevicePath) -> Response:
        rows = device_access().stores.paired.listing()
        found = next((each for each in rows if each.id == path.device and not _is_other(each.id)), None)
        if found is None:
            raise _missing()
        return jsonify(device_facts(found))

    @routes.get("/candidates", summary="Where nodes may be reached now", responses={200: CandidateList})
    @needs("look", "chat", "missions", "approvals", "sync", "ops", devices=True)
    def candidates() -> Response:
        """A device asks again now and then: addresses of a network change. This node first, then the fleet's others."""
        settings = app_services().settings
        urls = list(reachable_urls(settings))
        own = NodeAddresses(node=settings.node, fingerprint=device_access().channels.fingerprint, urls=urls)
        return jsonify(CandidateList(items=[own, *_others()]).model_dump())

    _add_changes(routes)
    return routes


def _add_changes(routes: APIBlueprint) -> None:
    @routes.patch("/devices/<device>", summary="Renames it, or says what it may", responses={200: PairedDeviceView})
    @needs("ops", devices=True)
    def change(path: PairedDevicePath, body: PairedDeviceChange) -> Response:
        """What it may do counts from its next request on."""
        if body.scopes is not None:
            require_granted(body.scopes)
        try:
            name = None if body.name is None else check_device_name(body.name)
        except ValueError as error:
            raise WrongSetting("name", str(error)) from error
        found = device_access().stores.paired.change(path.device, name=name, scopes=body.scopes)
        if found is None:
            raise _missing()
        return jsonify(device_facts(found))

    @routes.delete("/devices/<device>", summary="Shuts a device out, for good", responses={204: None})
    @needs("ops", "look", "chat", "missions", "approvals", "sync", devices=True)
    def revoke(path: PairedDevicePath) -> tuple[str, int]:
        """At once: what runs of its is cut. A device may do that to itself."""
        who = caller()
        if "ops" not in who.scopes and not (who.kind is CallerKind.DEVICE and who.device == path.device):
            raise Forbidden("this takes a token with the scope ops")
        if not device_access().stores.paired.revoke(path.device):
            raise _missing()
        cast(RevocationWatch, current_app.extensions[REVOCATION_KEY]).cut(path.device)
        return "", 204

    @routes.post("/sessions", summary="A device's session, for calls over TLS", responses={201: DeviceSession})
    @needs("look", "chat", "missions", "approvals", "sync", "ops", devices=True)
    def session() -> tuple[Response, int]:
        """Only by a sealed request: what gets one is the device's key."""
        device = request.environ.get(SEALED_DEVICE_KEY)
        if device is None:
            raise Forbidden("a session is given to a sealed request alone")
        token, seconds = device_access().sessions.begin(device)
        return jsonify(DeviceSession(token=token, seconds=seconds).model_dump()), 201
