"""The authorization gate, the one check before every route: host, role, caller, scope, allowance, size.

A route says what it needs with `@needs(...)`, written below its `@routes.get(...)`. A route that says nothing is
served to nobody.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    InternalServerError,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

from orchestrator.api.auth.device_access import DeviceAccess
from orchestrator.api.auth.peer import is_own_program
from orchestrator.api.auth.scopes import DEVICE_SCOPES
from orchestrator.api.auth.tokens import LOCAL_CALLER, Authenticator, Caller, CallerKind
from orchestrator.api.web import body_limit
from orchestrator.api.web.context import SERVICES_KEY, AppServices, app_services
from orchestrator.api.web.disconnects import came_over_connection, came_over_tls, request_socket
from orchestrator.api.web.rate_limit import RateLimiter, network_of
from orchestrator.api.web.revocation import RevocationWatch
from orchestrator.core.roles import PAGE_SWITCH, HttpSurface, RolePolicy

Scope = Literal["open", "look", "chat", "sync", "ops", "missions", "approvals", "git", "git:read", "join"]
READERS: tuple[Scope, ...] = ("look", "missions", "approvals", "ops")
"""The scopes that open what only reads the fleet: whoever may give orders may look, too."""
View = TypeVar("View", bound=Callable[..., object])
NEED_ATTRIBUTE = "shiftbook_need"
RATE_LIMITER_KEY = "shiftbook_allowance"
REVOCATION_KEY = "shiftbook_revocation"
SEALED_DEVICE_KEY = "shiftbook.sealed_device"
"""In the environment of a request that came sealed: its device. No header gets there (their names begin with HTTP_)."""
ELSEWHERE = frozenset({"cross-site", "same-site"})
"""What browsers say of a page that is not of this origin; another port of this machine is of the same site."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WELCOME_SECONDS = 1.0
"""Seconds for which a caller's welcome in a stream is not asked for again."""
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Range"
EXPOSED_HEADERS = "ETag, Retry-After"
"""The headers that a page of an allowed origin may send, and may read."""
PROXY_HEADERS = ("Forwarded", "Via", "X-Real-IP", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "CDN-Loop")
PROXY_HEADER_PREFIXES = ("x-forwarded-", "x-original-", "x-envoy-", "cf-")
"""What proxies add, and how the names of more of that begin. A request that has one does not come from this machine,
whatever its address says."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one route asks for."""

    scope: Scope
    more: tuple[Scope, ...] = ()
    """Scopes that open it just as well."""
    always: bool = False
    """Served whatever the role is."""
    devices: bool = False
    """Served by a worker, too, if SHIFTBOOK_DEVICE_SYNC=1."""
    headquarters: bool = False
    """Served by headquarters alone."""
    loopback: bool = False
    """On a loopback address no token is asked for, even where some have been made, nor whose program it is."""
    basic: bool = False
    """A token may come as the password of HTTP Basic, for clients that know nothing else (git)."""
    body_bytes: int = 0
    """The largest body; 0: what SHIFTBOOK_BODY_BYTES says."""
    carried_bytes: int = 0
    """Of a door to other routes, which hold what it carries to their own roofs: the largest of those, if
    SHIFTBOOK_BODY_BYTES says less."""
    anywhere: bool = False
    """Pages of every origin may call it: what it does takes a key or a secret that no browser sends by itself."""


class Misdirected(HTTPException):
    """The Host header is not a name of this node: a page elsewhere may have had its own name point here."""

    code = 421
    description = (
        "this node is not known by that name; SHIFTBOOK_HOSTS lists the names under which a proxy may reach it"
    )


def needs(
    scope: Scope,
    *more: Scope,
    always: bool = False,
    devices: bool = False,
    headquarters: bool = False,
    loopback: bool = False,
    basic: bool = False,
    body_bytes: int = 0,
    carried_bytes: int = 0,
    anywhere: bool = False,
) -> Callable[[View], View]:
    """Marks a route with what it asks for; "open" asks for nobody's word (its route checks by itself, if at all).

    Of the marked routes a LOCAL_WORKER serves those with `always`, and if SHIFTBOOK_DEVICE_SYNC=1 those with `devices`
    and those of what a device may be let do; every other role serves all but those with `headquarters`, which are
    headquarters' own.
    """
    need = Need(
        scope=scope,
        more=more,
        always=always,
        devices=devices,
        headquarters=headquarters,
        loopback=loopback,
        basic=basic,
        body_bytes=body_bytes,
        carried_bytes=carried_bytes,
        anywhere=anywhere,
    )

    def mark(view: View) -> View:
        setattr(view, NEED_ATTRIBUTE, need)
        return view

    return mark


def caller() -> Caller:
    """Who makes this request. Only for routes with a scope."""
    return cast(Caller, g.caller)


def still_welcome() -> Callable[[], bool]:
    """Asks again, while an answer streams, whether this request's caller would be let in now: a token that was revoked
    gets nothing more. Asked as often as once a second, the store is asked."""
    who, door, devices, shown = caller(), app_services().door, app_services().devices, request.authorization
    secret, asked = (shown.token or shown.password or "") if shown else "", [time.monotonic(), True]

    def welcome() -> bool:
        if time.monotonic() - asked[0] >= WELCOME_SECONDS:
            asked[:] = [time.monotonic(), _is_welcome(who, secret, door, devices)]
        return bool(asked[1])

    return welcome


def _is_welcome(who: Caller, secret: str, door: Authenticator, devices: DeviceAccess | None) -> bool:
    if who.kind is CallerKind.LOCAL:
        return not door.closed()
    if who.kind is CallerKind.DEVICE:  # with less than it came with it asks anew, and the gate says what is left
        found = None if devices is None else devices.stores.paired.find(who.device)
        return found is not None and who.scopes <= found.scopes
    return door.who(secret) is not None


def need_of(app: Flask, endpoint: str | None) -> Need | None:
    """What the route of this endpoint asks for; None where it does not say."""
    return getattr(app.view_functions.get(endpoint or ""), NEED_ATTRIBUTE, None)


def served(need: Need, policy: RolePolicy) -> bool:
    """Whether a node with this policy serves such a route: the row "HTTP surface" of docs/roles.md's table."""
    if need.headquarters and not policy.publishes:
        return False
    if need.always or policy.http is HttpSurface.FULL:
        return True
    return policy.http is HttpSurface.DEVICES and (need.devices or need.scope in DEVICE_SCOPES - {"ops"})


def _way_to_it(need: Need, policy: RolePolicy) -> str:
    """What has a node serve a route that it does not, if a setting of it does."""
    devices = served(need, replace(policy, http=HttpSurface.DEVICES))
    return f"; {PAGE_SWITCH} has it serve the page and devices" if devices else ""


def guard(app: Flask, clock: Callable[[], float]) -> None:
    """Puts the gate before every route of this app."""
    doors: AppServices = app.extensions[SERVICES_KEY]
    app.extensions[RATE_LIMITER_KEY] = RateLimiter(doors.settings.rate, clock)
    if doors.devices is not None:
        app.extensions[REVOCATION_KEY] = RevocationWatch(doors.devices.in_force)
    app.before_request(_authorize)
    app.after_request(_add_response_headers)


def _authorize() -> Response | None:
    _check_host()
    if request.url_rule is None:
        return None  # Flask answers 404 or 405 itself
    need = need_of(current_app, request.endpoint)
    if need is None:
        raise InternalServerError
    settings = app_services().settings
    if not served(need, settings.policy):
        why = f"a {settings.role.value} does not serve this{_way_to_it(need, settings.policy)}"
        if request.accept_mimetypes["text/html"] > request.accept_mimetypes["application/json"]:
            return Response(f"{why}\n", status=404, mimetype="text/plain")  # a person reads it, in a browser
        raise NotFound(why)
    if not need.anywhere:
        _check_origin()
    if request.method == "OPTIONS":
        return Response(status=204, headers={"Allow": ", ".join(sorted(request.url_rule.methods or ()))})
    body_limit.limit(request, need.body_bytes or max(settings.body_bytes, need.carried_bytes))
    if need.anywhere:
        _take_allowance(f"from {network_of(request.remote_addr or '')}")
    if need.scope != "open":
        _admit(need)
    return None


def _admit(need: Need) -> None:
    """Takes the caller in. Raises Unauthorized, Forbidden, TooManyRequests."""
    g.caller = _authenticate(need)
    if g.caller.kind is CallerKind.DEVICE:
        _watch_for_revocation(g.caller)
    if g.caller.kind is not CallerKind.LOCAL:
        _take_allowance(g.caller.key)
    if not {need.scope, *need.more} & g.caller.scopes:
        raise Forbidden(f"this takes a token with the scope {need.scope}")


def _check_host() -> None:
    """On loopback only: elsewhere there is no request without a token, and a page has none to send.

    Over TLS a page of another name would not be here: the certificate is for none but this node's.
    """
    settings = app_services().settings
    if (settings.http is None or settings.http.loopback) and not came_over_tls():
        name = (urlsplit(f"//{request.host}").hostname or "").rstrip(".") if request.host else ""
        if name not in LOCAL_NAMES | settings.hosts:
            raise Misdirected


def _check_origin() -> None:
    """A page of another site may make a browser send requests; it must not have them obeyed."""
    origin = request.headers.get("Origin")
    if origin is not None:
        ours = origin in app_services().settings.cors or origin == request.host_url.rstrip("/")
    else:  # what a page merely embeds comes without an origin, but browsers say that it comes from elsewhere
        elsewhere = request.headers.get("Sec-Fetch-Site") in ELSEWHERE
        followed = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method in {"GET", "HEAD"}
        ours = not elsewhere or followed  # a link; a form that is sent changes something
    if not ours:
        raise Forbidden("pages of that origin may not use this node; SHIFTBOOK_CORS lists those that may")


def _authenticate(need: Need) -> Caller:
    sealed = request.environ.get(SEALED_DEVICE_KEY)
    if sealed is not None:
        return _sealed_caller(sealed)
    shown = request.authorization
    secret = shown.token if shown and shown.type == "bearer" else None
    if need.basic and shown and shown.type == "basic":
        secret = shown.password
    if shown is None and "Authorization" not in request.headers:
        found = _local_caller(need)
    else:
        found = app_services().door.who(secret) if secret else None
    if found is None:
        way = "basic" if need.basic else "bearer"
        raise Unauthorized(
            "send `Authorization: Bearer TOKEN`; `shiftbook token new NAME` makes one",
            www_authenticate=WWWAuthenticate(way, {"realm": "shiftbook"}),
        )
    if found.kind is CallerKind.DEVICE and _came_in_clear():
        _end_session(secret or "")
        raise Forbidden("a device's session is for TLS: this one was sent in clear and is over; seal the call")
    return found


def _sealed_caller(device_id: str) -> Caller:
    """The device whose key sealed the request that holds this one."""
    devices = app_services().devices
    found = None if devices is None else devices.sessions.caller(device_id)
    if found is None:
        raise Unauthorized("this device is not paired with this node (any more)")
    return found


def _came_in_clear() -> bool:
    """Whether others on the line could read the request, as far as can be seen here."""
    if request.is_secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https":
        return False
    try:
        return not ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return True


def _end_session(secret: str) -> None:
    devices = app_services().devices
    if devices is not None:
        devices.sessions.end(secret)


def _watch_for_revocation(who: Caller) -> None:
    """Has the request cut when its device is revoked while it runs."""
    watch: RevocationWatch = current_app.extensions[REVOCATION_KEY]
    g.running = watch.begin(who.device, request_socket())


def _local_caller(need: Need) -> Caller | None:
    """The caller that shows nothing: a program of this node's own user, as long as nobody made a token."""
    http = app_services().settings.http
    near = (http is None or http.loopback) and not _came_through_proxy() and not came_over_tls()
    by_name = (urlsplit(f"//{request.host}").hostname or "").rstrip(".") in LOCAL_NAMES
    if not near or not by_name:
        return None
    if need.loopback:
        return LOCAL_CALLER
    own = not came_over_connection() or is_own_program(request_socket())
    return LOCAL_CALLER if own and not app_services().door.closed() else None


def _came_through_proxy() -> bool:
    """Whether a proxy's hand shows. nginx adds no header by itself, but speaks HTTP/1.0 to what is behind it."""
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or any(name in request.headers for name in PROXY_HEADERS):
        return True
    return any(name.lower().startswith(PROXY_HEADER_PREFIXES) for name in request.headers.keys())  # noqa: SIM118  # not a dict


def _take_allowance(whose: str) -> None:
    take_or_refuse(cast(RateLimiter, current_app.extensions[RATE_LIMITER_KEY]), whose)


def take_or_refuse(allowance: RateLimiter, whose: str) -> None:
    """Counts a request against a caller's allowance. Raises TooManyRequests, which says when to come again."""
    wait = allowance.take(whose)
    if wait > 0:
        raise TooManyRequests("this token or address came too often", retry_after=max(1, round(wait + 0.5)))


def take_open_request(allowance: RateLimiter) -> None:
    """The same for a request that shows no token: it counts against the network from which it came."""
    take_or_refuse(allowance, network_of(request.remote_addr or ""))


def _add_response_headers(answer: Response) -> Response:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "no-referrer")
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.vary.add("Origin")
    if "running" in g:
        watch: RevocationWatch = current_app.extensions[REVOCATION_KEY]
        answer.call_on_close(partial(watch.end, g.running))
    origin = request.headers.get("Origin")
    need = need_of(current_app, request.endpoint)
    if origin and (origin in app_services().settings.cors or (need is not None and need.anywhere)):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = answer.headers.get("Allow", "")
            answer.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            answer.headers["Access-Control-Max-Age"] = "600"
            if request.headers.get("Access-Control-Request-Private-Network") == "true":
                answer.headers["Access-Control-Allow-Private-Network"] = "true"
    return answer
