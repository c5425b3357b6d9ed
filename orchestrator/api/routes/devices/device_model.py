"""Which model may a device have for times without a node, and how does it fetch it? In pieces, each checked by hash."""

from __future__ import annotations

from functools import cache

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.model_pieces import PIECE_BYTES, ModelTooLarge, NoSuchPiece, PiecedFile, PiecedFiles
from pydantic import BaseModel, Field
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable

from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.problems import Problem
from orchestrator.app import wiring
from orchestrator.core.model_competence import Competence, parameters_of

_PIECE = {"description": "The bytes that were asked for", "content": {"application/octet-stream": {}}}
FETCH = "shiftbook models pull embedded"


class DeviceModel(BaseModel):
    """The model that devices are offered."""

    name: str
    good_for: str = Field(description="coding, answers, not measured or toy")
    says: str = Field(description="What it is good for, in a sentence")
    size: int = Field(description="Bytes")
    digest: str = Field(description="SHA-256 of the whole file; the name under which its bytes are asked for")
    piece: int = Field(description="Bytes of each piece but the last")
    pieces: list[str] = Field(description="SHA-256 of each piece, in order")


class DeviceModelPath(BaseModel):
    """A model's file."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes, files = APIBlueprint("device_model", __name__), PiecedFiles()

    @routes.get("/api/v1/device-model", summary="The model that a device may keep", responses={200: DeviceModel})
    @needs("chat", devices=True)
    def offered() -> Response:
        name, file = _offered(files)
        fit = Competence(model=name, parameters=parameters_of(name))
        told = DeviceModel(
            name=name,
            good_for=fit.good_for.value,
            says=fit.verdict,
            size=file.size,
            digest=file.digest,
            piece=PIECE_BYTES,
            pieces=list(file.pieces),
        )
        return jsonify(told.model_dump(mode="json"))

    @routes.get(
        "/api/v1/device-model/<string:digest>",
        summary="Bytes of it: one piece, by a Range header",
        responses={206: _PIECE, 416: Problem},
    )
    @needs("chat", devices=True)
    def piece(path: DeviceModelPath) -> Response:
        _, file = _offered(files)
        if path.digest != file.digest:
            raise NotFound("this node has another model now: ask which")
        wanted = request.range.range_for_length(file.size) if request.range else None
        if wanted is None:
            raise RequestedRangeNotSatisfiable(file.size, description="ask for one piece: Range: bytes=FROM-TO")
        try:
            data = file.read(*wanted)
        except NoSuchPiece as error:
            raise RequestedRangeNotSatisfiable(file.size, description=str(error)) from error
        answer = Response(data, status=206, mimetype="application/octet-stream")
        answer.headers["Content-Range"] = f"bytes {wanted[0]}-{wanted[1] - 1}/{file.size}"
        return answer

    return routes


def _offered(files: PiecedFiles) -> tuple[str, PiecedFile]:
    """The embedded model's name and file. Raises NotFound where this node has none to give."""
    found = wiring.model_for_devices(app_services().settings)
    if found is None:
        raise NotFound(f"this node has no model for devices: `{FETCH}` there fetches one")
    try:
        return found[0], files.look(found[1])
    except ModelTooLarge as error:
        raise NotFound(f"this node's model is too large for a device: {error}") from error
