"""How is an error told over HTTP? As problem+json (RFC 9457), never with a stack nor with what the caller sent."""

from __future__ import annotations

from flask import Flask, Response, current_app, jsonify
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from missions.errors import MissionError
from orchestrator.errors import ContextTooLong, ModelUnavailable, NotFound, OrchestratorError, Refused, WrongSetting
from sync.errors import SyncError

TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error as every route tells it."""

    type: str = Field("about:blank", description="What kind of problem it is; about:blank where the status says it")
    title: str = Field(description="The problem in a few words")
    status: int = Field(description="The HTTP status")
    detail: str = Field("", description="What is wrong and what to do")
    where: list[str] = Field(default_factory=list, description="Fields of the request that are wrong, as paths")
    tokens: int | None = Field(None, description="Tokens of a prompt that is too long")
    roof: int | None = Field(None, description="Tokens that the model holds")


def problem(
    status: int, title: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """An answer with this problem."""
    body = Problem(status=status, title=title, detail=detail, **more)  # type: ignore[arg-type]  # pydantic checks it
    answer = jsonify(body.model_dump(exclude_none=True))
    answer.status_code, answer.content_type = status, TYPE
    answer.headers.update(headers or {})
    return answer


def tell_errors(app: Flask) -> None:
    """Makes every error of this app a problem."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OrchestratorError, _ours)
    app.register_error_handler(MissionError, lambda error: problem(422, "This cannot be used", str(error)))
    app.register_error_handler(SyncError, lambda error: problem(503, "The ledger does not answer", str(error)))
    app.register_error_handler(Exception, _unforeseen)


def invalid(error: ValidationError) -> Response:
    """422 with the places that are wrong. Pydantic's own answer holds the input; this one does not."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(str(part) for part in each["loc"]) for each in found]
    first = f"{places[0]}: {found[0]['msg']}" if places and places[0] else found[0]["msg"]
    return problem(422, "The request is not valid", first, where=places)


STATUS: dict[type[OrchestratorError], tuple[int, str]] = {
    WrongSetting: (422, "This cannot be used"),
    NotFound: (404, "Not found"),
    Refused: (403, "Refused"),
    ModelUnavailable: (503, "No model can answer"),
}


def _ours(error: OrchestratorError) -> Response:
    if isinstance(error, ContextTooLong):
        return problem(400, "The prompt is too long", str(error), tokens=error.tokens, roof=error.roof)
    status, title = next((what for kind, what in STATUS.items() if isinstance(error, kind)), (500, "It failed"))
    return problem(status, title, str(error) if status < 500 or status == 503 else "")


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # made by `invalid` or by werkzeug for a redirect
    detail = "" if status >= 500 else (error.description or "")
    headers = {name: value for name, value in error.get_headers() if name.lower() not in {"content-type", "location"}}
    return problem(status, error.name, detail, headers=headers)


def _unforeseen(error: Exception) -> Response:
    current_app.logger.error("unforeseen error", exc_info=error)
    return problem(500, "Something went wrong here", "The node's log has the details")
