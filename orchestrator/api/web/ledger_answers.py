"""Answers of the ledger: how is what it says sent, redacted, and not sent again to whoever has it already?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from flask import Flask, Response, current_app, jsonify, request
from pydantic import BaseModel, Field

from handoff.secrets.redact import redact
from orchestrator.api.web.context import SERVICES_KEY, app_services
from orchestrator.node import wakeups
from orchestrator.workflow.reading.paging import MAX_CURSOR_CHARS
from orchestrator.workflow.reading.shared_ledger import SharedLedger

SHARED_LEDGER_KEY = "shiftbook_shared_ledger"
SHORT_CHARS = 2_000
"""Characters of a text whose redacted form is remembered among thousands of others."""


class Page(BaseModel):
    """Which page of a list: `after` is the `next` of the page before."""

    after: str = Field("", max_length=MAX_CURSOR_CHARS)
    limit: int = Field(50, ge=1, le=200)


class LedgerPage(BaseModel):
    """A page of a list. `next` goes into `after` for the following one; null at the end. `tip`: the ledger's commit."""

    items: list[dict[str, Any]]
    next: str | None = None
    tip: str = ""


def install(app: Flask) -> None:
    """Gives an app its one view of the ledger. After its services are set."""
    app.extensions[SHARED_LEDGER_KEY] = SharedLedger(
        fleet=lambda: app.extensions[SERVICES_KEY].fleet(),
        clock=time.monotonic,
        moved=lambda: app.extensions[SERVICES_KEY].change_signal.rang,
    )


def shared_ledger() -> SharedLedger:
    """The ledger that all requests of this process share, for reading."""
    return cast(SharedLedger, current_app.extensions[SHARED_LEDGER_KEY])


def ledger_moved() -> None:
    """For whoever changed the ledger: the next answer is of the new state, and this machine's node looks at once."""
    shared_ledger().expire()
    wakeups.nudge(app_services().settings.home)


def ledger_answer(version: str, make: Callable[[], Any]) -> Response:
    """What `make` says, as JSON with an ETag; 304 without making it where the caller has this version already.

    `version` names the state that the answer is a function of, together with the request's path and query.
    """
    words = f"{version}\0{request.full_path}"
    tag = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    answer = Response(status=304) if tag in request.if_none_match else jsonify(redacted(make()))
    answer.set_etag(tag)
    return answer


def changing_answer(data: Any) -> Response:
    """What changes with time as well, as JSON; 304 where the caller has these very words already."""
    answer = jsonify(redacted(data))
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def redacted(data: Any) -> Any:
    """Plain data without secrets in its texts."""
    if isinstance(data, str):
        return _short(data) if len(data) <= SHORT_CHARS else _long(data)
    if isinstance(data, dict):
        return {key: redacted(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [redacted(value) for value in data]
    return data


@lru_cache(maxsize=16_384)
def _short(text: str) -> str:
    return redact(text).text


@lru_cache(maxsize=64)
def _long(text: str) -> str:
    return redact(text).text
