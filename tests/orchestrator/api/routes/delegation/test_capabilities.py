"""What a node says that it can do, asked over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import render_page
from tests.ledgers import FLEET
from tests.orchestrator.api.conftest import Build, ServedFleet, bearer

PATH = "/api/v1/factory/capabilities"
PERSONA = '[nodes.desk.divisions.coder]\nname = "Mara"\nvoice = "short"\n'


def refused(report: Any) -> dict[str, str]:
    """What the node may not do, each with the reason."""
    return {row["what"]: row["why"] for row in report["may"] if not row["allowed"]}


def test_headquarters_says_what_it_announced(serve: Callable[..., ServedFleet]) -> None:
    """Agents and kinds of work from its page, personas from fleet.toml; its role forbids nothing, its switches do."""
    offer = NodeCapabilities(
        node="desk", role="HEADQUARTERS", capabilities=frozenset({"gpu"}), agents=frozenset({"builtin", "claude"})
    )
    page = render_page(offer, Role.HEADQUARTERS)
    fleet = serve({"heartbeats/desk.md": page, "fleet.toml": FLEET.format(trust="remote") + PERSONA}, ledger="x")
    report = fleet.get(PATH)
    assert (report["node"], report["role"], report["announced"]) == ("desk", "HEADQUARTERS", True)
    assert (report["capabilities"], report["agents"]) == (["gpu"], ["builtin", "claude"])
    assert refused(report) == {
        "do work of its own when idle": "ENABLE_PROACTIVE_AUTONOMY is off",
        "be a bot of Telegram": "ENABLE_TELEGRAM_POLL is off",
    }
    coder = next(each for each in report["divisions"] if each["division"] == "coder")
    assert coder == {"division": "coder", "name": "Mara", "voice": "short", "tasks": ["coding_task"]}


def test_a_worker_says_what_its_role_and_settings_forbid(build: Build) -> None:
    """Only what they allow is offered, each refusal with the role or setting that is its reason."""
    site = build(Role.LOCAL_WORKER, device_sync=True, enable_vp_coder=False, capabilities="keyring", http="0.0.0.0:1")
    answer = site.client.get(PATH, headers=bearer(site.token("look")))
    report = answer.get_json()
    why = refused(report)
    assert why["change projects (coding_task)"] == "ENABLE_VP_CODER is off"
    assert why["issue ops tokens"] == "headquarters alone does (FACTORY_ROLE=HEADQUARTERS)"
    assert "LOCAL_WORKER" in why["serve every route over HTTP"]
    assert {"serve the web page", "work on missions"} & why.keys() == set()
    assert (report["capabilities"], report["announced"]) == (["keyring"], False)


def test_a_worker_without_devices_does_not_even_say_that(build: Build) -> None:
    """/health alone."""
    site = build(Role.LOCAL_WORKER, http="0.0.0.0:1")
    assert site.client.get(PATH, headers=bearer(site.token("look"))).status_code == 404
