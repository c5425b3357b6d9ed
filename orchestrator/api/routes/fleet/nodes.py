"""The nodes' routes: which nodes and projects are there, what runs now, and what did a node do?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import LedgerPage, Page, changing_answer, ledger_answer, shared_ledger
from orchestrator.core.errors import NotFound
from orchestrator.workflow.delegation.bus_report import bus_json, findings
from orchestrator.workflow.inbox import InboxItem, question_item
from orchestrator.workflow.reading.fleet_rows import account_page, node_rows, now_page, project_rows
from orchestrator.workflow.reading.mission_list import MissionFilter, mission_page


class NodePath(BaseModel):
    """A node's name."""

    node: str = Field(min_length=1, max_length=100)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("nodes", __name__, url_prefix="/api/v1")

    @routes.get("/now", summary="What runs, what waits, what went wrong, what today cost")
    @needs(*READERS)
    def now() -> Response:
        with shared_ledger().reading() as (fleet, look):
            return changing_answer(now_page(fleet, look, _questions(), _bus_trouble()))

    @routes.get("/fleet", summary="The nodes, as `fleet --json`")
    @needs(*READERS)
    def nodes() -> Response:
        with shared_ledger().reading() as (fleet, look):
            return changing_answer(node_rows(look.ledger, fleet.nodes(), fleet.now()))

    @routes.get("/fleet/accounts", summary="The agents' accounts with their windows, as `fleet accounts --json`")
    @needs(*READERS)
    def accounts() -> Response:
        with shared_ledger().reading() as (fleet, look):
            return changing_answer(account_page(look.ledger, fleet.now()))

    @routes.get("/fleet/bus", summary="How the Redis server is that carries missions, as `bus status --json`")
    @needs(*READERS)
    def bus() -> Response:
        glance = app_services().bus
        if glance is None:
            raise NotFound("no Redis carries missions of this node: they go by the ledger alone")
        return changing_answer(bus_json(glance.condition()))

    @routes.get("/fleet/<node>/history", summary="The missions of a node, page by page", responses={200: LedgerPage})
    @needs(*READERS)
    def history(path: NodePath, query: Page) -> Response:
        look, wanted = shared_ledger().look(), MissionFilter(node=path.node, archived=True)
        return ledger_answer(look.version, lambda: mission_page(look, wanted, after=query.after, limit=query.limit))

    @routes.get("/projects", summary="The projects, as `project list --json`")
    @needs(*READERS)
    def projects() -> Response:
        ledger = shared_ledger().look().ledger
        return ledger_answer(ledger.tip, lambda: project_rows(ledger))

    return routes


def _bus_trouble() -> Iterator[InboxItem]:
    """What of the bus beside the ledger is to be mended."""
    glance = app_services().bus
    for each in findings(glance.condition()) if glance is not None else ():
        title = "The bus beside the ledger cannot be used" if each.broken else "The bus beside the ledger wants a look"
        yield InboxItem(kind="bus", name=f"redis-{each.kind}", title=title, says=each.says, step=each.remedy)


def _questions() -> Iterator[InboxItem]:
    """What chats of this node ask. Whoever may not read chats is not told what one is about to do, either."""
    chats: Any = app_services().chats if "chat" in caller().scopes else None
    for one in chats.chat.approvals.waiting() if chats is not None else ():
        yield question_item(one.id, one.act, one.arguments)
