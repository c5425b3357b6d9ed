"""The evidence's routes: which files did the tests of the last attempt leave, and what is in one?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field
from werkzeug.exceptions import NotFound as HttpNotFound

from missions.attachments.file_kind import TEXT
from missions.evidence.bundle import MAX_EVIDENCE_FILES
from missions.mission import slug
from orchestrator.api.routes.missions.orders import MissionPath
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.ledger_answers import ledger_answer, shared_ledger
from orchestrator.workflow.kept_evidence import evidence_json, shown_evidence


class EvidencePath(MissionPath):
    """One file, by its number in the list."""

    number: int = Field(ge=1, le=MAX_EVIDENCE_FILES)


class EvidenceQuery(BaseModel):
    """Which bytes are meant: another attempt may have ended meanwhile."""

    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="As the list tells it; 404 if it is another file now"
    )


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("mission_evidence", __name__, url_prefix="/api/v1/missions")

    @routes.get("/<name>/evidence", summary="What the tests of the last attempt left: files, and reports of tests")
    @needs(*READERS)
    def listing(path: MissionPath) -> Response:
        """As `mission evidence --json`: `files` with their numbers, `reports`, and what was left out and why."""
        with shared_ledger().reading() as (fleet, look):
            detail = fleet.mission(slug(path.name))
        return ledger_answer(look.version, lambda: evidence_json(detail.evidence))

    @routes.get("/<name>/evidence/<int:number>", summary="One of these files, as it is")
    @needs(*READERS)
    def one(path: EvidencePath, query: EvidenceQuery) -> Response:
        """Text, a picture (PNG, JPEG, WebP, GIF) or a download; never a kind that a browser would run."""
        with shared_ledger().reading() as (fleet, look):
            detail = fleet.mission(slug(path.name))
            files = detail.evidence.files if detail.evidence else ()
            here = dict(enumerate(files, 1)).get(path.number)
            if here is None or query.sha256 not in ("", here.sha256):
                raise HttpNotFound("there is no such file (any more): look at the result again")
            found = shown_evidence(look.ledger, detail.view, path.number)
        kind = f"{TEXT}; charset=utf-8" if found.media == TEXT else found.media
        answer = Response(found.data, content_type=kind)
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return routes
