"""The listing of missions and what stands below it: which are there, what belongs to one, and what did it change?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field
from werkzeug.exceptions import NotFound as HttpNotFound

from missions.fields import described_fields
from missions.mission import slug
from orchestrator.api.routes.missions.orders import MissionPath
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.ledger_answers import LedgerPage, Page, ledger_answer, shared_ledger
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.approval.comparison import attempts_json
from orchestrator.workflow.approval.diff_hunks import diff_digest, diff_json
from orchestrator.workflow.approval.diff_pictures import MAX_PICTURES, diff_pictures, pictures_json
from orchestrator.workflow.reading.mission_list import MissionFilter, mission_page
from orchestrator.workflow.reading.mission_page import mission_json
from orchestrator.workflow.reading.queue_page import queue_place
from orchestrator.workflow.reading.status_order import STATUS_ORDER


class MissionsQuery(Page):
    """Which missions. Several states are parted by commas."""

    state: str = Field("", max_length=200)
    project: str | None = Field(None, max_length=100, description="Empty: those of no project")
    q: str = Field("", max_length=200, description="Looked for in names, titles and reasons")
    archived: bool = Field(False, description="Finished ones, too")

    def wanted(self) -> MissionFilter:
        """The same as a filter. Raises WrongSetting for a state that no mission can have."""
        states = frozenset(word for word in self.state.split(",") if word)
        if states - set(STATUS_ORDER):
            raise WrongSetting("state", f"one or more of {', '.join(STATUS_ORDER)}")
        return MissionFilter(states=states, project=self.project, text=self.q, archived=self.archived)


class PicturePath(MissionPath):
    """One of a result's pictures, by its number in the list."""

    number: int = Field(ge=0, le=MAX_PICTURES)


class PictureQuery(BaseModel):
    """Of which diff."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="As the list of pictures tells it")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("mission_reading", __name__, url_prefix="/api/v1/missions")

    @routes.get("", summary="Missions, page by page: what needs somebody first", responses={200: LedgerPage})
    @needs(*READERS)
    def listing(query: MissionsQuery) -> Response:
        wanted, look = query.wanted(), shared_ledger().look()
        return ledger_answer(look.version, lambda: mission_page(look, wanted, after=query.after, limit=query.limit))

    @routes.get("/fields", summary="What a mission's front matter may say")
    @needs(*READERS)
    def fields() -> Response:
        return ledger_answer("fields", described_fields)

    @routes.get("/<name>", summary="One mission with its timeline, as `mission show --json`")
    @needs(*READERS)
    def one(path: MissionPath) -> Response:
        shared, name = shared_ledger(), slug(path.name)

        def made() -> dict[str, Any]:
            with shared.reading() as (fleet, look):
                detail = fleet.mission(name)
                queue = queue_place(fleet, look.ledger, detail.view)
            return mission_json(look.ledger, detail, queue)

        return ledger_answer(shared.look().version, made)

    @routes.get("/<name>/attempts", summary="Several attempts side by side, as `mission compare --json`")
    @needs(*READERS)
    def attempts(path: MissionPath) -> Response:
        """By the group's name, or that of one of its attempts."""
        with shared_ledger().reading() as (fleet, look):
            told = attempts_json(look.ledger, fleet.trust, slug(path.name))
        return ledger_answer(look.version, lambda: told)

    @routes.get("/<name>/diff", summary="What the last attempt changed, file by file")
    @needs(*READERS)
    def diff(path: MissionPath) -> Response:
        """Bounded: of a huge diff the beginning is shown. `digest` binds an approval to what was shown."""
        with shared_ledger().reading() as (fleet, look):
            view, text = fleet.diff(slug(path.name))
        return ledger_answer(look.version, lambda: diff_json(text, view.commit or ""))

    @routes.get("/<name>/pictures", summary="The pictures that the last attempt brought")
    @needs(*READERS)
    def pictures(path: MissionPath) -> Response:
        """Those that are wholly in the diff: PNG, JPEG, WebP and GIF. `digest` is the diff's."""
        with shared_ledger().reading() as (fleet, look):
            view, text = fleet.diff(slug(path.name))
        return ledger_answer(look.version, lambda: pictures_json(text, view.commit or ""))

    @routes.get("/<name>/pictures/<int:number>", summary="One of them, as it is")
    @needs(*READERS)
    def picture(path: PicturePath, query: PictureQuery) -> Response:
        """Bytes, of the very diff that was looked at; never a kind that a browser would run."""
        with shared_ledger().reading() as (fleet, _):
            view, text = fleet.diff(slug(path.name))
        found = diff_pictures(text) if diff_digest(text, view.commit or "") == query.digest else []
        if path.number >= len(found):
            raise HttpNotFound("there is no such picture (any more): look at the result again")
        answer = Response(found[path.number].data, mimetype=found[path.number].kind.media)
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Content-Disposition"] = "attachment"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    return routes
