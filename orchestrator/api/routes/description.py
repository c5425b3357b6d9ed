"""What does this node serve: the description at `/openapi.json` (OpenAPI 3.1)?"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any, cast

from flask import Response, current_app, jsonify
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.openapi import OpenAPI

from orchestrator.api.web.auth_gate import Need, need_of, needs, served
from orchestrator.api.web.problems import PROBLEM_TYPE

PROBLEM = {"$ref": "#/components/schemas/Problem"}
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `shiftbook token new`, or a one-hour ops token",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "The same token as the password; for git"},
}


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("description", __name__, doc_ui=False)

    @routes.get("/openapi.json")
    @needs("open")
    def openapi() -> Response:
        return jsonify(openapi_document(cast(OpenAPI, current_app)))

    return routes


def openapi_document(app: OpenAPI) -> dict[str, Any]:
    """The description of the routes that this node's role serves, with what the gate may answer for each."""
    settings = app.extensions["shiftbook"].settings
    needed = _needs_by_operation(app)
    said: dict[str, Any] = {**app.api_doc, "paths": {}}
    for path, item in app.api_doc["paths"].items():
        kept = {
            method: _with_gate(operation, needed[path, method])
            for method, operation in item.items()
            if (path, method) in needed and served(needed[path, method], settings.policy)
        }
        if kept:
            said["paths"][path] = kept
    components = said.get("components", {})
    said["components"] = {**components, "securitySchemes": SCHEMES}
    said["components"]["schemas"] = {
        name: _without_definitions(schema) for name, schema in components["schemas"].items()
    }
    said["servers"] = [{"url": "/"}]
    return said


def _needs_by_operation(app: OpenAPI) -> dict[tuple[str, str], Need]:
    """What each operation asks for, by path and method as the description writes them."""
    found = {}
    for rule in app.url_map.iter_rules():
        need = need_of(app, rule.endpoint)
        path = "".join(f"{{{part}}}" if is_name else part for is_name, part in _parts(rule.rule))
        for method in rule.methods or ():
            if need is not None:
                found[path, method.lower()] = need
    return found


def _parts(rule: str) -> list[tuple[bool, str]]:
    """A rule such as `/device/<string:id>/history` in pieces: whether each is a name, and its text."""
    pieces = enumerate(rule.replace(">", "<").split("<"))
    return [(n % 2 == 1, piece.rpartition(":")[2] if n % 2 else piece) for n, piece in pieces]


def _with_gate(operation: dict[str, Any], need: Need) -> dict[str, Any]:
    """The operation with everything that may be answered before its route is reached, or when that fails."""
    takes = "parameters" in operation or "requestBody" in operation
    statuses = {400, 403, 404, 421, 500, 503}
    statuses |= {401, 429} if need.scope != "open" else set()
    statuses |= {422} if takes else set()
    statuses |= {414} if "parameters" in operation else set()
    statuses |= {413, 415} if "requestBody" in operation else set()
    said = operation.get("responses", {}).items()
    told = {code: _as_sent(answer) for code, answer in said if takes or code != "422"}
    if not any(code < "400" for code in told):
        told["200"] = {"description": "What the same command's `--json` prints, or a stream"}
    for status in sorted(statuses):
        if str(status) not in told or status == 422:
            told[str(status)] = _problem(status)
    security: list[dict[str, list[str]]] = []  # `{}`: none is needed on loopback until a token was made
    if need.scope != "open":
        security += [{name: []} for name in ("bearer", "basic")[: 2 if need.basic else 1]]
        security.append({})
    return {**operation, "responses": told, "security": security, "x-scope": " or ".join((need.scope, *need.more))}


def _as_sent(answer: dict[str, Any]) -> dict[str, Any]:
    """A described answer with the types that it really has: problems are problem+json, a stream is not one text."""
    content = {}
    for kind, media in answer.get("content", {}).items():
        if media.get("schema") == PROBLEM:
            kind = PROBLEM_TYPE
        content[kind] = {} if kind == "text/event-stream" else media
    return {**answer, "content": content} if content else answer


def _problem(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_TYPE: {"schema": PROBLEM}},
    }
    if status in {429, 503}:
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "string"}}}
    return answer


def _without_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the definitions that stand beside it already."""
    return {name: value for name, value in schema.items() if name != "$defs"}
