"""The decisions' routes: why does a result wait, and what does a person say to it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from missions.mission import MAX_COMMENT_CHARS, slug
from orchestrator.api.web.auth_gate import READERS, caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.idempotency import asked_by
from orchestrator.api.web.json_body import NullsAreUnset
from orchestrator.api.web.ledger_answers import changing_answer, ledger_moved, redacted, shared_ledger
from orchestrator.api.web.problems import Problem
from orchestrator.workflow.approval.decide import Approval


class DecisionPath(BaseModel):
    """A mission's name."""

    name: str = Field(max_length=200)


class DecisionBody(NullsAreUnset):
    """A person's word on a result. `commit`, or the `digest` of the diff, is what they looked at: if the result is
    another one by now, 409."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["approved", "rejected"]
    comment: str = Field(
        "", max_length=MAX_COMMENT_CHARS, description="A rejection needs one: the next attempt reads it"
    )
    on_approval: Literal["", "merge", "push", "pull_request", "nothing"] = Field(
        "", description="Empty: what the project says"
    )
    commit: str = Field("", max_length=40)
    digest: str = Field("", max_length=64, description="As the diff was shown with it")


class MissionDecision(BaseModel):
    """What was decided. `on_approval` is what a node does with the branch now; empty if nothing is to be done."""

    mission: str
    state: Literal["approved", "rejected"]
    by: str
    on_approval: str


class FiredRule(BaseModel):
    """One rule that was asked."""

    rule: str
    passed: bool
    says: str


class AgentStanding(BaseModel):
    """How far the agent is trusted with this kind of work in this project, and on what evidence."""

    tier: Literal["untried", "trusted", "proven"]
    points: int
    accepted: int
    rejected: int
    failed: int
    missions: list[str]


class MissionExplanation(BaseModel):
    """Why a mission is where it is."""

    mission: str
    status: str
    rules: list[FiredRule]
    standing: AgentStanding | None = None
    tools: list[str] | None = None


DECISION_RESPONSES: Any = {200: MissionDecision, 409: Problem}


@contextmanager
def open_approval() -> Iterator[Approval]:
    """The door; a project's server is left to the nodes, so that no request waits for it."""
    fleet = replace(app_services().fleet(), cache=None)
    try:
        yield fleet.approval
    finally:
        fleet.bus.remote.close()


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("decisions", __name__, url_prefix="/api/v1/missions")

    @routes.get("/<name>/approval", summary="Each rule that fired for a mission", responses={200: MissionExplanation})
    @needs(*READERS)
    def reasons(path: DecisionPath) -> Response:
        with shared_ledger().reading() as (fleet, _):
            told = replace(fleet, cache=None).approval.why(slug(path.name)).json()
        return changing_answer(MissionExplanation.model_validate(told, strict=False).model_dump(mode="json"))

    @routes.put("/<name>/approval", summary="Approves or rejects a result, once", responses=DECISION_RESPONSES)
    @needs("approvals", "ops")
    def decide(path: DecisionPath, body: DecisionBody) -> Response:
        """Signed by this node's person, who must have the right; the caller is named beside. A second word is 409."""
        name, by = slug(path.name), asked_by(f"{caller().name} over HTTP")
        seen = {"commit": body.commit, "digest": body.digest, "by": by}
        with open_approval() as asked:
            if body.state == "rejected":
                said = asked.reject(name, body.comment, **seen)
            else:
                said = asked.approve(name, how=body.on_approval, comment=body.comment, **seen)
        ledger_moved()  # this machine's node does the rest
        told = MissionDecision(mission=name, state=body.state, by=said.by, on_approval=said.how)
        return jsonify(redacted(told.model_dump(mode="json")))

    return routes
