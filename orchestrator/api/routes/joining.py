"""How is a machine that joins by a link taken in? `POST /api/v1/join`, at headquarters."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field
from werkzeug.exceptions import Forbidden

from orchestrator.api.auth.tokens import CallerKind, mint
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import ledger_moved
from orchestrator.api.web.problems import Problem, problem
from orchestrator.app.joining.invitation import AlreadyIn, accept


class JoinRequest(BaseModel):
    """Which machine joins."""

    key: str = Field(max_length=2000, pattern=r"^[!-~]+ [!-~]+$", description="Its node's public SSH key")
    proof: str = Field(max_length=8000, description="That key's signature over the link's token and the key")


class JoinAnswer(BaseModel):
    """What it is given."""

    node: str
    token: str = Field(description="For git and for the event stream; it is not kept here")
    branch: str


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("join", __name__)

    @routes.post(
        "/api/v1/join",
        summary="Takes a machine in by the link that it was given",
        responses={201: JoinAnswer, 409: Problem},
    )
    @needs("join")
    def join(body: JoinRequest) -> tuple[Response, int]:
        """The first key that shows a link owns it; that machine may show it again until it expires. 409: it is in."""
        services, who = app_services(), caller()
        if who.kind is not CallerKind.TOKEN or services.stores is None or not services.settings.serve_git:
            raise Forbidden("this takes the token of a link that headquarters made")
        tokens = services.stores.tokens

        def make(name: str, scopes: tuple[str, ...], until: datetime | None) -> str:
            return mint(tokens, name, scopes, expires=until)[0]

        fleet = services.fleet()
        try:
            given = accept(
                services.settings, fleet, tokens, make, name=who.name, digest=who.digest, key=body.key, proof=body.proof
            )
        except AlreadyIn as error:
            return problem(409, "Already in", str(error)), 409
        finally:
            fleet.bus.remote.close()
        ledger_moved()
        return jsonify(JoinAnswer(node=given.node, token=given.token, branch=given.branch).model_dump()), 201

    return routes
