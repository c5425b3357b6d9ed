"""The access log, one line of JSON a request: who, which route, what came of it, how long it took.

Never what was said: no body, no query, no path as it was typed, no header, and of an error only its kind and place,
because its words may quote a message.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response  # not loaded by the process that only holds the address

LOGGER = logging.getLogger("shiftbook.http")
LOGGER.addHandler(logging.NullHandler())  # without a handler Python prints errors with their words
MAX_LOG_BYTES, MAX_LOG_FILES = 5 * 1024 * 1024, 3


class JsonLineFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's facts; of an exception its kind and the places that it passed."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
        told |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0]:
            frames = traceback.extract_tb(record.exc_info[2])
            told["error"] = record.exc_info[0].__name__
            told["at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(told, ensure_ascii=False)


def log_to_file(path: Path) -> None:
    """Sends the log to a file that is turned over at 5 MiB; two older ones are kept."""
    handler = RotatingFileHandler(path, maxBytes=MAX_LOG_BYTES, backupCount=MAX_LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(JsonLineFormatter())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def install(app: Flask) -> None:
    """Writes a line for every request, when its last byte is out. After `metrics.install`."""
    from flask import g, request

    from orchestrator.api.web.metrics import request_timer, route_of

    @app.after_request
    def note(answer: Response) -> Response:
        caller = g.get("caller")
        facts: dict[str, object] = {"method": request.method[:16], "route": route_of(), "from": request.remote_addr}
        if caller is not None:
            facts |= {"caller": caller.name, "kind": caller.kind.value}
        done = request_timer()

        def write() -> None:
            ms = round(done() * 1000, 1)
            LOGGER.info("request", extra={"facts": {**facts, "status": answer.status_code, "ms": ms}})

        answer.call_on_close(write)
        return answer
