"""Did the Git server, or a project's forge, say that something happened? Webhooks, which nudge this node to look.

Nothing of what they say is read: a forged, a repeated or a late one costs a look and changes nothing.
"""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import dataclass, field

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import Forbidden

from orchestrator.api.web.auth_gate import needs, take_open_request
from orchestrator.api.web.context import AppServices
from orchestrator.api.web.rate_limit import RateLimiter
from orchestrator.core.ports.stores import Cursors
from orchestrator.node import wakeups
from orchestrator.policy.forge_hooks import read_delivery

MAX_BODY_BYTES = 1024 * 1024
"""Of a webhook. It is not read for what it says, only to check who signed it."""
HEARD_MARK, MAX_HEARD = "forge hooks", 1000
"""Deliveries that are remembered. An older one that is sent again has this node look, which is all that it does."""
CALLS_PER_MINUTE = 60
"""Calls that are answered, from each address: a nudge costs a fetch."""


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun; none without a secret."""
    routes = APIBlueprint("hooks", __name__)
    secret = doors.settings.hook_secret.get_secret_value().encode()
    if secret:
        _add_git_hook(routes, doors, secret)
    if doors.settings.forge_secret:
        _add_forge_hook(routes, doors, doors.settings.forge_secret.get_secret_value())
    return routes


def _add_git_hook(routes: APIBlueprint, doors: AppServices, secret: bytes) -> None:
    allowance = RateLimiter(CALLS_PER_MINUTE, time.monotonic)

    @routes.post("/hooks/git", summary="The Git server says that the ledger moved", responses={202: None})
    @needs("open", body_bytes=MAX_BODY_BYTES)
    def hook() -> Response:
        """GitHub's, Gitea's or GitLab's webhook, with SHIFTBOOK_HOOK_SECRET as its secret."""
        take_open_request(allowance)
        if not has_valid_signature(secret, request.get_data(cache=False)):
            raise Forbidden
        wakeups.nudge(doors.settings.home)
        return Response(status=202)


def _add_forge_hook(routes: APIBlueprint, doors: AppServices, secret: str) -> None:
    allowance = RateLimiter(CALLS_PER_MINUTE, time.monotonic)
    heard = HeardDeliveries(doors.stores.marks if doors.stores is not None else None)

    @routes.post(
        "/hooks/forge", summary="A forge says that a project's pull request or issue moved", responses={202: None}
    )
    @needs("open", body_bytes=MAX_BODY_BYTES)
    def forge_hook() -> Response:
        """GitHub's, GitLab's or Forgejo's webhook, with SHIFTBOOK_FORGE_SECRET as its secret. Each counts once."""
        take_open_request(allowance)
        found = read_delivery(dict(request.headers), request.get_data(cache=False), secret, doors.now())
        if found is None:
            raise Forbidden
        if heard.is_new(found.key):
            wakeups.ring_forges(doors.settings.home)
        return Response(status=202)


@dataclass
class HeardDeliveries:
    """Which deliveries came before: the newest of them, over restarts where there is a store."""

    marks: Cursors | None
    _keys: list[str] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def is_new(self, key: str) -> bool:
        """Whether it is the first time; notes it."""
        with self._turn:
            if self.marks is not None:
                self._keys = self.marks.get(HEARD_MARK).split()
            if key in self._keys:
                return False
            self._keys = [*self._keys, key][-MAX_HEARD:]
            if self.marks is not None:
                self.marks.put(HEARD_MARK, " ".join(self._keys))
            return True


def has_valid_signature(secret: bytes, body: bytes) -> bool:
    """Whether one of the signatures that this request bears is right."""
    made = hmac.new(secret, body, "sha256").hexdigest()
    shown = (
        (request.headers.get("X-Hub-Signature-256"), f"sha256={made}"),  # GitHub; Gitea and Forgejo send it, too
        (request.headers.get("X-Gitea-Signature"), made),
        (request.headers.get("X-Gitlab-Token"), secret.decode()),
    )
    checks = [hmac.compare_digest(found.encode("utf-8", "replace"), good.encode()) for found, good in shown if found]
    return any(checks)
