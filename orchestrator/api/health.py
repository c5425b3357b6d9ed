"""Is this node alive, and is it ready to answer?"""

from __future__ import annotations

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from orchestrator.api.house import House, house


class Health(BaseModel):
    """A sign of life. It asks nothing of anybody else, so it is fast whatever else is slow."""

    status: str = "ok"
    node: str
    role: str


def blueprint(_: House) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("health", __name__)

    @routes.get("/health", summary="A sign of life", responses={200: Health})
    def health() -> Response:
        settings = house().settings
        return jsonify(Health(node=settings.node, role=settings.role.value).model_dump())

    return routes
