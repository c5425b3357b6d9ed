"""How are this node's problems told to OpenAI's clients, as their own errors?"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from pydantic import BaseModel

from missions.plain_data import read_json
from orchestrator.api.web.problems import PROBLEM_TYPE

ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
ERROR_STATUSES = (400, 401, 403, 404, 413, 415, 421, 429, 500, 503)


class OpenAIErrorDetail(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """OpenAI's error object."""

    error: OpenAIErrorDetail


ERROR_RESPONSES: Any = dict.fromkeys(ERROR_STATUSES, OpenAIError)
"""The answers of a route on `/v1` besides the good one."""


def to_openai_error(answer: Response) -> Response:
    """A problem on `/v1` as OpenAI's error; their servers say 400 for what ours call 422."""
    if not request.path.startswith("/v1/") or answer.mimetype != PROBLEM_TYPE:
        return answer
    problem = read_json(answer.get_data())
    status = 400 if answer.status_code == 422 else answer.status_code
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    where = next(iter(problem.get("where", ())), None) or None
    code = "context_length_exceeded" if "tokens" in problem else None
    message = problem.get("detail") or problem["title"]
    error = OpenAIError(error=OpenAIErrorDetail(message=message, type=kind, param=where, code=code))
    answer.set_data(error.model_dump_json())
    answer.status_code, answer.content_type = status, "application/json"
    return answer
