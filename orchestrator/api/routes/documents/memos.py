"""The memos' routes: what did finished missions report?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.ledger_answers import LedgerPage, Page, ledger_answer, shared_ledger
from orchestrator.workflow.reading.journal_page import memo_page, whole_memo


class MemosQuery(Page):
    """Which memos."""

    project: str | None = Field(None, max_length=100, description="Empty: those of no project")


class MemoPath(BaseModel):
    """A memo's id, or the beginning of it."""

    memo_id: str = Field(min_length=1, max_length=128)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("memos", __name__, url_prefix="/api/v1/memos")

    @routes.get("", summary="Memos, the newest first", responses={200: LedgerPage})
    @needs(*READERS)
    def listing(query: MemosQuery) -> Response:
        with shared_ledger().reading() as (fleet, look):
            memos = fleet.memos
        return ledger_answer(
            look.ledger.tip,
            lambda: memo_page(memos.newest, project=query.project, after=query.after, limit=query.limit),
        )

    @routes.get("/<memo_id>", summary="One memo with its text")
    @needs(*READERS)
    def one(path: MemoPath) -> Response:
        with shared_ledger().reading() as (fleet, look):
            memos = fleet.memos
        return ledger_answer(look.ledger.tip, lambda: whole_memo(memos.find(path.memo_id)))

    return routes
