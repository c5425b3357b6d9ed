"""How does a browser get the web page? Its files below `/app/`, under a policy that lets no other script run."""

from __future__ import annotations

from functools import cache

from flask import Response, redirect, request, send_file
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.built_page import PageFile, read_built_page
from pydantic import BaseModel, Field
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from orchestrator.api.web.auth_gate import needs
from orchestrator.core.own_installation import reinstall_command

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self' http: ws: https: wss:",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types svelte-trusted-html default",
    )
)
"""SQLite and the model on the device are WebAssembly and start workers from blobs; other nodes are on other origins."""
PERMISSIONS_POLICY = (
    "camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), serial=(), display-capture=()"
)
NOT_BUILT = """Shiftbook's web page is not in this installation.

A released wheel has it. Made from a clone it needs npm's registry: once that can be reached, type on the machine that
serves this

    {command}

and start the node again.
Everything else works: `shiftbook` in a terminal says what waits for you.
"""
LASTING = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"


class PagePath(BaseModel):
    """A file of the page, or a screen's address."""

    path: str = Field(max_length=500)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("page", __name__)

    @routes.get("/", summary="Leads to the page", doc_ui=False)
    @needs("open", devices=True)
    def root() -> AnyResponse:
        return redirect("/app/", code=302)

    @routes.get("/app", summary="Leads to the page", doc_ui=False)
    @needs("open", devices=True)
    def without_slash() -> AnyResponse:
        return redirect("/app/", code=308)

    @routes.get("/app/", summary="The web page", doc_ui=False)
    @needs("open", devices=True)
    def index() -> Response:
        return page_response("")

    @routes.get("/app/<path:path>", summary="The web page's screens and files", doc_ui=False)
    @needs("open", devices=True)
    def screen(path: PagePath) -> Response:
        return page_response(path.path)

    return routes


def page_response(path: str) -> Response:
    """The file for this address, as the browser takes it. Raises NotFound."""
    page = read_built_page()
    if page is None:
        words = NOT_BUILT.format(command=reinstall_command())
        return _with_policies(Response(words, status=404, mimetype="text/plain"))
    file = page.find(path)
    if file is None:
        raise NotFound("the page has no such file")
    return _with_policies(_sent(file))


def _sent(file: PageFile) -> Response:
    packed = file.packed and request.accept_encodings["gzip"] > 0
    if packed or not file.packed:
        answer = send_file(file.path, mimetype=file.kind, conditional=False, etag=False, max_age=None)
    else:
        answer = Response(file.plain())
    answer.content_type = file.kind  # which says its charset; a media type would get one more
    answer.headers["Cache-Control"] = LASTING if file.lasting else ASKED_AGAIN
    answer.vary.add("Accept-Encoding")
    answer.set_etag(f"{file.etag}-gzip" if packed else file.etag)
    if packed:
        answer.content_encoding = "gzip"
    answer.make_conditional(request)
    return answer


def _with_policies(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    answer.headers["Permissions-Policy"] = PERMISSIONS_POLICY
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.headers["X-Frame-Options"] = "DENY"
    return answer
