"""How does the app serve the ledger to git? Three routes of the smart protocol (gitprotocol-http(5)), and no other."""

from __future__ import annotations

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge, ServiceUnavailable, UnsupportedMediaType

from orchestrator.api.auth.tokens import CallerKind
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import AppServices, app_services
from orchestrator.git_server.http_backend import BrokenRequest, CgiRequest, TooManyRequests

FETCH_SERVICE, PUSH_SERVICE = "git-upload-pack", "git-receive-pack"


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun; none where this machine does not serve its ledger."""
    routes = APIBlueprint("git", __name__)
    if doors.git is None:
        return routes
    place, roof = f"/git/{doors.git.name}.git", doors.git.push_bytes

    @routes.get(f"{place}/info/refs", summary="The refs of the ledger, for git", doc_ui=False)
    @needs("git:read", "git", basic=True)
    def advertise() -> Response:
        service = request.args.get("service", "")
        if service not in (FETCH_SERVICE, PUSH_SERVICE):
            raise Forbidden("this is served to git over the smart protocol only")
        return _serve_git("/info/refs", f"service={service}", service)

    @routes.post(f"{place}/{FETCH_SERVICE}", summary="A fetch, for git", doc_ui=False)
    @needs("git:read", "git", basic=True)
    def fetch() -> Response:
        return _serve_git(f"/{FETCH_SERVICE}", "", FETCH_SERVICE)

    @routes.post(f"{place}/{PUSH_SERVICE}", summary="A push, for git", doc_ui=False)
    @needs("git", basic=True, body_bytes=roof)
    def push() -> Response:
        return _serve_git(f"/{PUSH_SERVICE}", "", PUSH_SERVICE)

    return routes


def _serve_git(path: str, query: str, service: str) -> Response:
    who = caller()
    if service == PUSH_SERVICE and "git" not in who.scopes:
        raise Forbidden("a push takes a token with the scope git")
    if request.method == "POST" and request.content_type != f"application/x-{service}-request":
        raise UnsupportedMediaType("this is served to git only")
    ask = CgiRequest(
        method=request.method,
        path=path,
        query=query,
        kind=request.content_type or "",
        encoding=request.headers.get("Content-Encoding", ""),
        protocol=request.headers.get("Git-Protocol", ""),
        length=request.content_length if request.method == "POST" else 0,
        who="" if who.kind is CallerKind.LOCAL else who.name,
        client_address=request.remote_addr or "",
    )
    door = app_services().git
    assert door is not None
    try:
        reply = door.ask(ask, request.stream)
    except TooManyRequests as error:
        raise ServiceUnavailable(str(error), retry_after=2) from error
    except BrokenRequest as error:
        raise BadRequest(str(error)) from error
    except RequestEntityTooLarge:
        raise
    except OSError as error:
        raise BadRequest("the request's body ended early") from error
    answer = Response(reply, status=reply.status, direct_passthrough=True)
    answer.headers.clear()
    answer.headers.extend(reply.headers)
    answer.call_on_close(reply.close)
    return answer
