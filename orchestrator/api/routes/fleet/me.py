"""Who is it that asks, who answers, and what may they do? `GET /api/v1/me`, the first question of a client."""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from mobile_bridge.built_page import read_built_page
from pydantic import BaseModel, Field

from orchestrator import __version__
from orchestrator.api.auth.scopes import SCOPES
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import changing_answer, shared_ledger
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.model_competence import BETTER_MODEL
from sync.errors import SyncError

PATIENCE_SECONDS = 0.5
"""Seconds that the first caller waits for backends that nobody looked for yet."""
API_VERSION = 1
"""Grows when an answer changes so that an older client would read it wrongly."""


class OwnModel(BaseModel):
    """The model that answers here. `better`: where a better one comes from, where this one is a toy."""

    name: str
    backend: str
    toy: bool
    better: str


class Myself(BaseModel):
    """The caller and this node."""

    name: str
    kind: str = Field(description="token, ops, local or device")
    scopes: list[str]
    device: str
    node: str
    role: str
    fleet: str
    model: OwnModel
    version: str
    api: int
    page: str = Field(description="The content hash of the page that this node serves; empty where it has none")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("me", __name__)

    @routes.get("/api/v1/me", summary="Who asks, and who answers", responses={200: Myself})
    @needs(*sorted(SCOPES), devices=True)  # type: ignore[arg-type]  # every scope that there is
    def me() -> Response:
        who, settings = caller(), app_services().settings
        told = Myself(
            name=who.name,
            kind=who.kind.value,
            scopes=sorted(who.scopes),
            device=who.device,
            node=settings.node,
            role=settings.role.value,
            fleet=_fleet_name(),
            model=_own_model(),
            version=__version__,
            api=API_VERSION,
            page=built.page if (built := read_built_page()) else "",
        )
        return changing_answer(told.model_dump(mode="json"))

    return routes


def _fleet_name() -> str:
    """The fleet's name; empty where this node is in none, or cannot read its ledger now."""
    if not app_services().settings.ledger:
        return ""
    try:
        return shared_ledger().look().ledger.charter.fleet.name
    except (OrchestratorError, SyncError):
        return ""


def _own_model() -> OwnModel:
    """What this node answers with, as far as it is known."""
    chats = app_services().chats
    listed = chats.router.preferred(PATIENCE_SECONDS) if chats is not None else None
    if chats is None or listed is None:
        return OwnModel(name="", backend="", toy=False, better="")
    toy = chats.router.judge(listed).is_toy
    return OwnModel(name=listed.name, backend=listed.backend, toy=toy, better=BETTER_MODEL if toy else "")
