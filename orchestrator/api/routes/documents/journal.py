"""The journal's routes: which entries did sessions leave, and which of them say what is looked for?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import LedgerPage, Page, ledger_answer, shared_ledger
from orchestrator.app import wiring
from orchestrator.workflow.journal.entry_places import entry_json
from orchestrator.workflow.reading.journal_page import found_entries, log_page

MAX_MATCHES = 50
"""Parts of entries that one search finds."""


class LogQuery(Page):
    """Which entries. With `q` the best matches, in one page."""

    project: str | None = Field(None, max_length=100, description="Empty: the fleet's own log")
    q: str = Field("", max_length=200)


class EntryPath(BaseModel):
    """An entry's id, or the beginning of it."""

    entry: str = Field(min_length=1, max_length=128)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("journal", __name__, url_prefix="/api/v1/log")

    @routes.get("", summary="Entries, the newest first, or those that say something", responses={200: LedgerPage})
    @needs(*READERS)
    def listing(query: LogQuery) -> Response:
        with shared_ledger().reading() as (fleet, look):
            book, ledger = wiring.logbook(app_services().settings, fleet), look.ledger

        def found() -> dict[str, Any]:
            if not query.q.strip():
                return log_page(ledger, project=query.project, after=query.after, limit=query.limit)
            hits = book.search(query.q, project=query.project, limit=min(query.limit, MAX_MATCHES))
            return found_entries(ledger, hits)

        return ledger_answer(ledger.tip, found)

    @routes.get("/<entry>", summary="One entry whole")
    @needs(*READERS)
    def one(path: EntryPath) -> Response:
        with shared_ledger().reading() as (fleet, look):
            book, ledger = wiring.logbook(app_services().settings, fleet), look.ledger
        return ledger_answer(ledger.tip, lambda: entry_json(ledger.store, *book.entry(path.entry)))

    return routes
