"""How is an error told over HTTP? As problem+json (RFC 9457), never with a stack nor with what the caller sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Flask, Response, jsonify, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from handoff.secrets.redact import redact
from missions.errors import MissionError
from orchestrator.api.web.access_log import LOGGER
from orchestrator.core.errors import (
    AlreadyDone,
    ContextTooLong,
    ModelUnavailable,
    NotFound,
    OrchestratorError,
    QueueFull,
    Refused,
    StoreFailed,
    WrongPrompt,
    WrongSetting,
)
from sync.errors import SyncError

OBJECT_ERRORS = {"model_type", "model_attributes_type", "dict_type"}
UNION_BRANCH = re.compile(r"str|int|bool|(list|dict)\[.*\]")
"""How Pydantic names the kinds that a value may have, among the places of an error."""
PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error as every route tells it."""

    type: str = Field("about:blank", description="What kind of problem it is; about:blank where the status says it")
    title: str = Field(description="The problem in a few words")
    status: int = Field(description="The HTTP status")
    detail: str = Field("", description="What is wrong and what to do")
    where: list[str] = Field(default_factory=list, description="Fields of the request that are wrong, as paths")
    tokens: int | None = Field(None, description="Tokens of a prompt that is too long")
    roof: int | None = Field(None, description="Tokens that the model holds")
    sync: dict[str, Any] | None = Field(
        None, description="Why operations are not taken: `kind`, this node's `time`, the number `held` last"
    )


def problem(
    status: int, title: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """An answer with this problem."""
    body = Problem(status=status, title=title, detail=redact(detail).text, **more)  # type: ignore[arg-type]  # pydantic checks it
    answer = jsonify(body.model_dump(exclude_none=True))
    answer.status_code, answer.content_type = status, PROBLEM_TYPE
    answer.headers.update(headers or {})
    return answer


def register_error_handlers(app: Flask) -> None:
    """Makes every error of this app a problem."""
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(OrchestratorError, _orchestrator_problem)
    app.register_error_handler(MissionError, _mission_problem)
    app.register_error_handler(SyncError, _ledger_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def validation_problem(error: ValidationError) -> Response:
    """422 with the places that are wrong. Pydantic's own answer holds the input; this one does not."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(map(str, _place(each["type"], each["loc"]))) for each in found]
    says = "an object belongs here" if found[0]["type"] in OBJECT_ERRORS else found[0]["msg"]
    says = says.removeprefix("Value error, ")
    first = f"{places[0]}: {says}" if places and places[0] else says
    return problem(422, "The request is not valid", first, where=places)


def _place(kind: str, where: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where it is wrong; of a field that nobody knows only where it stands, because its name is the caller's."""
    known = where[:-1] if kind == "extra_forbidden" else where
    return tuple(part for part in known if not UNION_BRANCH.fullmatch(str(part)))


STATUS_BY_ERROR: dict[type[OrchestratorError], tuple[int, str]] = {
    WrongSetting: (422, "This cannot be used"),
    WrongPrompt: (422, "This cannot be asked"),
    NotFound: (404, "Not found"),
    Refused: (403, "Refused"),
    AlreadyDone: (409, "Done or decided already"),
    ModelUnavailable: (503, "No model can answer"),
    QueueFull: (503, "Too many wait"),
    StoreFailed: (503, "The database does not answer"),
}
DETAIL_BY_STATUS = {
    404: "nothing is served there; /openapi.json describes what is",
    405: "not with this method; `Allow` says with which",
}
"""For what our routes did not word themselves."""
MIN_ECHO_CHARACTERS = 3
"""Words of the caller's that are shorter than this are nobody's secret."""
ECHO_CHARACTERS = 16
"""A piece of this length that the caller sent, too, is theirs."""
PLAIN_WORD = re.compile(r"[A-Za-z_]+")
"""What may stand in the caller's text and in our own by chance."""


class LeftOut:
    """What stands where an error quotes its caller."""

    def __repr__(self) -> str:
        return "…"

    def __format__(self, how: str) -> str:
        return "…"


LEFT_OUT = LeftOut()


def _orchestrator_problem(error: OrchestratorError) -> Response:
    if isinstance(error, ContextTooLong):
        return problem(400, "The prompt is too long", str(error), tokens=error.tokens, roof=error.roof)
    status, title = next(
        (what for kind, what in STATUS_BY_ERROR.items() if isinstance(error, kind)), (500, "It failed")
    )
    if status == 500:
        return _unexpected_problem(error)
    if isinstance(error, StoreFailed):
        LOGGER.error("the store failed", exc_info=error)
        return problem(status, title, headers={"Retry-After": "5"})
    return problem(status, title, _told(error), headers=_retry_headers(error))


def _retry_headers(error: OrchestratorError) -> dict[str, str]:
    """When to ask again, where that may help."""
    return {"Retry-After": str(error.retry_after)} if isinstance(error, QueueFull | ModelUnavailable) else {}


def _mission_problem(error: MissionError) -> Response:
    return problem(422, "This cannot be used", _told(error))


def _ledger_problem(error: SyncError) -> Response:
    LOGGER.error("the ledger failed", exc_info=error)  # its words may name a URL with a password in it
    return problem(503, "The ledger does not answer", headers={"Retry-After": "10"})


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # made by `invalid`
    said = (
        error.description
        if error.description != type(error).description
        else DETAIL_BY_STATUS.get(status, error.description)
    )
    detail = "" if status == 500 else (said or "")
    headers = {name: value for name, value in error.get_headers() if name.lower() not in {"content-type", "location"}}
    return problem(status, error.name, detail, headers=headers)


def _unexpected_problem(error: Exception) -> Response:
    LOGGER.error("unforeseen error", exc_info=error)
    return problem(500, "Something went wrong here", "http.log in the node's home says where")


def _told(error: OrchestratorError | MissionError) -> str:
    """An error's words without what the caller sent: our errors are worded for terminals.

    What an error quotes is kept apart from its fixed words. Where one keeps it there, only what cannot be an ordinary
    word is taken out.
    """
    every = set(_heard())
    heard = {word for word in every if len(word) >= MIN_ECHO_CHARACTERS}
    if error.quoted:
        heard |= every & set(map(str, error.quoted))
        return error.words.format(*(LEFT_OUT if _is_echo(each, heard) else each for each in error.quoted))
    text = str(error)
    for word in sorted((word for word in heard if not PLAIN_WORD.fullmatch(word)), key=len, reverse=True):
        text = text.replace(word, str(LEFT_OUT))
    return text


def _heard() -> Iterator[str]:
    """Every text of the request."""
    yield from map(str, (request.view_args or {}).values())
    yield from request.args.values()
    with suppress(HTTPException):  # it is no JSON
        yield from _strings(request.get_json()) if request.is_json else ()


def _is_echo(quoted: object, heard: set[str]) -> bool:
    """Whether something of the caller's stands in it."""
    if isinstance(quoted, int | float):
        return False
    text = str(quoted)
    pieces = {text[at : at + ECHO_CHARACTERS] for at in range(max(1, len(text) - ECHO_CHARACTERS + 1))} - {""}
    return any(word in text or any(piece in word for piece in pieces) for word in heard)


def _strings(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for name, value in body.items():
            yield name
            yield from _strings(value)
    elif isinstance(body, list):
        for value in body:
            yield from _strings(value)
