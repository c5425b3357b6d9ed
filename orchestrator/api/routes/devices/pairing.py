"""How is a device paired over HTTP? What the device says is open to anybody; what a person decides is not."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Literal

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import Forbidden

from orchestrator.api.auth.scopes import DEVICE_SCOPES, LEAST_SCOPES
from orchestrator.api.auth.tokens import CallerKind
from orchestrator.api.routes.devices.sealed import device_access
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.app.devices.device_facts import device_facts, pairing_facts, qr_rows, ticket_facts
from orchestrator.app.devices.fleet_identity import fleet_id
from orchestrator.app.devices.own_addresses import node_urls, page_url

DeviceScope = Literal["look", "chat", "missions", "approvals", "sync", "ops"]
MAX_TEXT = 200


class PairingRequest(BaseModel):
    """What a new device shall be allowed."""

    model_config = ConfigDict(extra="forbid")
    scopes: list[DeviceScope] = Field(default=["look"], min_length=1, max_length=6)
    name: str = Field("", max_length=MAX_TEXT)


class PairingView(BaseModel):
    """A pairing, for whoever decides about it."""

    id: str
    state: str = Field(description="open, claimed, waiting, confirmed or refused")
    why: str
    name: str
    claimed_name: str = Field(description="What the device calls itself")
    scopes: list[str]
    code: str = Field(description="What the device must show, too; empty until it waits")
    rivals: int = Field(description="Other devices that came with the same code")
    tries: int
    expires: datetime


class NewPairing(PairingView):
    """A pairing with the link for the device."""

    link: str = Field(description="For the QR code. What stands behind # is a secret for five minutes")
    urls: list[str]
    fingerprint: str
    qr: list[str] = Field(description="The link as a QR code: rows of 0 and 1, without the quiet zone")


class ClaimBody(BaseModel):
    """A device's claim. Byte strings are in URL-safe base64 without padding."""

    model_config = ConfigDict(extra="forbid")
    fleet: str = Field(max_length=MAX_TEXT)
    public_key: str = Field(max_length=MAX_TEXT)
    name: str = Field(max_length=MAX_TEXT)
    commitment: str = Field(max_length=MAX_TEXT)
    proof: str = Field(max_length=MAX_TEXT)


class ClaimReply(BaseModel):
    """What the node answers."""

    node_key: str
    node_nonce: str
    proof: str


class NonceBody(BaseModel):
    """The device's nonce."""

    model_config = ConfigDict(extra="forbid")
    nonce: str = Field(max_length=MAX_TEXT)


class ConfirmationBody(BaseModel):
    """The code that both sides show."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=20)


class PairingProgress(BaseModel):
    """Where a pairing stands, for the device."""

    state: str
    why: str = ""


class PairedDeviceView(BaseModel):
    """A paired device."""

    id: str
    name: str
    scopes: list[str]
    may: list[str]
    state: str
    created: datetime
    seen: datetime | None
    revoked: datetime | None


class PairingPath(BaseModel):
    """A pairing."""

    pairing: str = Field(max_length=100)


def require_granted(scopes: list[DeviceScope]) -> None:
    """Raises Forbidden where a device or a token would give more than it has. Who has ops may give all."""
    who = caller()
    if who.kind is CallerKind.DEVICE and not frozenset(scopes) <= who.scopes:
        raise Forbidden("a device gives no other more than it may do itself")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("pairings", __name__, url_prefix="/api/v1/pairings")

    @routes.post("", summary="Begins to pair a device", responses={201: NewPairing})
    @needs("ops", devices=True)
    def begin(body: PairingRequest) -> tuple[Response, int]:
        require_granted(body.scopes)
        settings = app_services().settings
        ticket, pairing = device_access().pairing.begin(
            fleet=fleet_id(settings), scopes=body.scopes, urls=node_urls(settings), name=body.name
        )
        facts = ticket_facts(ticket, pairing, page_url(settings))
        return jsonify(facts | {"qr": qr_rows(facts["link"])}), 201

    @routes.get("/<pairing>", summary="A pairing, for whoever decides", responses={200: PairingView})
    @needs("ops", devices=True)
    def look(path: PairingPath) -> Response:
        return jsonify(pairing_facts(device_access().pairing.look(path.pairing)))

    @routes.put("/<pairing>/confirmation", summary="Lets the device in", responses={200: PairedDeviceView})
    @needs("ops", devices=True)
    def confirm(path: PairingPath, body: ConfirmationBody) -> Response:
        """Compare first: the device shows the same code, or somebody stands between."""
        require_granted(sorted(device_access().pairing.look(path.pairing).scopes))  # type: ignore[arg-type]
        return jsonify(device_facts(device_access().pairing.confirm(path.pairing, body.code)))

    @routes.delete("/<pairing>/confirmation", summary="Refuses the device", responses={204: None})
    @needs("ops", devices=True)
    def refuse(path: PairingPath) -> tuple[str, int]:
        device_access().pairing.refuse(path.pairing)
        return "", 204

    @routes.post("/<pairing>/claim", summary="A device claims a pairing", responses={201: ClaimReply})
    @needs("open", anywhere=True, devices=True)
    def claim(path: PairingPath, body: ClaimBody) -> tuple[Response, int]:
        made = device_access().pairing.claim(path.pairing, **body.model_dump())
        reply = ClaimReply(node_key=made.node_key, node_nonce=made.node_nonce, proof=made.proof)
        return jsonify(reply.model_dump()), 201

    @routes.put("/<pairing>/nonce", summary="A device reveals its nonce", responses={200: PairingProgress})
    @needs("open", anywhere=True, devices=True)
    def reveal(path: PairingPath, body: NonceBody) -> Response:
        moved = device_access().pairing.reveal(path.pairing, body.nonce)
        return jsonify(PairingProgress(state=moved.state.value).model_dump())

    @routes.get("/<pairing>/progress", summary="Where a pairing stands", responses={200: PairingProgress})
    @needs("open", anywhere=True, devices=True)
    def progress(path: PairingPath) -> Response:
        found = device_access().pairing.look(path.pairing)
        return jsonify(PairingProgress(state=found.state.value, why=found.why).model_dump())

    return routes


assert set(DeviceScope.__args__) == DEVICE_SCOPES >= LEAST_SCOPES  # type: ignore[attr-defined]
