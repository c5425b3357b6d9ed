"""The filing routes: how does a program file a mission, once, and learn before that what is wrong with its text?"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from missions.attachments.attachment import MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS
from missions.document import MAX_FILE_BYTES
from missions.mission import new_name
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.body_limit import MISSION_BODY_BYTES
from orchestrator.api.web.context import app_services
from orchestrator.api.web.idempotency import asked_by, idempotency_key
from orchestrator.api.web.json_body import NullsAreUnset
from orchestrator.api.web.ledger_answers import ledger_moved, redacted, shared_ledger
from orchestrator.api.web.problems import Problem, problem
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.attaching import GivenFile
from orchestrator.workflow.mission_check import text_problems
from orchestrator.workflow.mission_filing import MissionFiling, MissionRequest

FILED: Any = {"description": "The mission as `mission list --json` prints it"}


class MissionText(NullsAreUnset):
    """A mission as a person wrote it: a whole file, or a sentence."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=MAX_FILE_BYTES)
    name: str = Field("", max_length=100, description="The file's name; made from the title or the text if missing")


class AttachedFile(BaseModel):
    """A file that a mission comes with."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=500, description="Its name; folders are left out")
    content: str = Field(
        max_length=MAX_ATTACHMENT_BYTES * 4 // 3 + 4,
        description="Its bytes in base64: PNG, JPEG, WebP, GIF, PDF or text",
    )

    def given(self) -> GivenFile:
        """The file. Raises WrongSetting."""
        try:
            return GivenFile(name=self.name, data=base64.b64decode(self.content, validate=True))
        except ValueError as error:
            raise WrongSetting("attachments", "the content of a file is no base64") from error


class NewMission(MissionText):
    """The same, to be filed."""

    title: str = Field("", max_length=300)
    attachments: list[AttachedFile] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)


class FoundTextProblem(BaseModel):
    """One thing that is wrong with a text, where, and what to do."""

    line: int | None
    says: str
    step: str


class TextCheck(BaseModel):
    """Whether a text could be filed."""

    ok: bool
    problems: list[FoundTextProblem]


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("filing", __name__, url_prefix="/api/v1/missions")

    @routes.post("", summary="Files a mission, once for each Idempotency-Key", responses={201: FILED, 409: Problem})
    @needs("missions", body_bytes=MISSION_BODY_BYTES)
    def file(body: NewMission) -> tuple[Response, int] | Response:
        """Signed by this node's person, who must have the right; the caller is named in the commit."""
        key = idempotency_key()
        found = text_problems(shared_ledger().look().ledger, body.text)
        if found:
            where = [f"line {found[0].line}"] if found[0].line else ["text"]
            says = "it could not be read as a mission; POST /api/v1/missions/check says what is wrong"
            return problem(422, "This is no mission yet", f"{where[0]}: {says}", where=where)
        services = app_services()
        opened = services.fleet()
        filing = MissionFiling(fleet=lambda: opened, marks=services.stores.marks if services.stores else None)
        try:
            who, files = caller(), tuple(each.given() for each in body.attachments)
            request = MissionRequest(
                text=body.text,
                name=body.name,
                title=body.title,
                by=asked_by(who.name),
                key=key,
                caller=who.key,
                files=files,
            )
            name = filing.file(request)
            view = opened.mission(name).view
        finally:
            opened.bus.remote.close()
        ledger_moved()
        return jsonify(redacted(view.json())), 201

    @routes.post("/check", summary="What would be wrong with a mission's text", responses={200: TextCheck})
    @needs("missions")
    def check(body: MissionText) -> Response:
        """Files nothing."""
        name = new_name(body.name.removesuffix(".md")) if body.name else ""
        found = [FoundTextProblem(**vars(one)) for one in text_problems(shared_ledger().look().ledger, body.text, name)]
        return jsonify(redacted(TextCheck(ok=not found, problems=found).model_dump(mode="json")))

    return routes
