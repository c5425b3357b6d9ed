"""Did the Git server say that the ledger was pushed to? A webhook, which nudges this node to look, and nothing else."""

from __future__ import annotations

import hmac
import time

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import Forbidden

from orchestrator.api.web.auth_gate import needs, take_open_request
from orchestrator.api.web.context import AppServices
from orchestrator.api.web.rate_limit import RateLimiter
from orchestrator.node import wakeups

MAX_BODY_BYTES = 1024 * 1024
"""Of a webhook. It is not read for what it says, only to check who signed it."""
CALLS_PER_MINUTE = 60
"""Calls that are answered, from each address: a nudge costs a fetch."""


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun; none without a secret."""
    routes = APIBlueprint("hooks", __name__)
    secret = doors.settings.hook_secret.get_secret_value().encode()
    if not secret:
        return routes
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

    return routes


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
