"""The merge queues' route: which approved results wait to be merged, in which order, and what is tested now?"""

from __future__ import annotations

from functools import cache
from typing import Literal

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.ledger_answers import changing_answer, shared_ledger
from orchestrator.workflow.reading.queue_page import queue_rows


class MergeQueuesQuery(BaseModel):
    """Of which project."""

    project: str = Field("", max_length=100, description="Empty: every project that has a merge queue")


class WaitingResult(BaseModel):
    """An approved result that waits. `decided` is a time."""

    place: int
    mission: str
    title: str
    commit: str
    branch: str
    decided_by: str
    decided: str
    tested_now: bool
    state: Literal["waiting", "testing", "landing", "stopped"] = Field(
        description="`landing`: it is pushed now, and nobody takes it back any more; `stopped`: the queue stands still"
    )


class MergeQueue(BaseModel):
    """A project's queue, the next result first. Times and names are empty where there is none."""

    name: str = Field(description="The project")
    merge_queue: bool
    batch: int = Field(description="How many results are tested together at most")
    missions: list[WaitingResult]
    node: str = Field(description="Who tests them, or puts them on the default branch")
    base: str = Field(description="The commit of the default branch on which they are tested")
    testing: list[str]
    landing: list[str]
    since: str
    trouble: str = Field(description="Why it stands still")
    silent_since: str = Field(description="Since when its node does not beat")
    taken_over_at: str = Field(description="When another node may take it from a silent one")
    says: str = Field(description="What is done with it now, in one line")


class MergeQueues(BaseModel):
    """The queues, by their projects' names."""

    items: list[MergeQueue]
    tip: str = Field(description="The ledger's commit")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("merge_queues", __name__, url_prefix="/api/v1")

    @routes.get("/merge-queues", summary="The merge queues, as `project queue --json`", responses={200: MergeQueues})
    @needs(*READERS)
    def queues(query: MergeQueuesQuery) -> Response:
        """With `project` that one, also if it has no merge queue; 404 for one that there is not."""
        with shared_ledger().reading() as (fleet, look):
            told = MergeQueues.model_validate(
                {"items": queue_rows(fleet, look.ledger, query.project), "tip": look.ledger.tip}
            )
        return changing_answer(told.model_dump(mode="json"))

    return routes
