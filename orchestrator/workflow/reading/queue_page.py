"""The merge queues as programs read them: which approved results wait in which project, and where does one stand?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from missions.mission import Mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.fleet import Fleet

if TYPE_CHECKING:
    from orchestrator.ledger.config.fleet_toml import ProjectPart
    from orchestrator.workflow.merge_queue.queue_places import QueueState


def queue_rows(fleet: Fleet, ledger: LedgerSnapshot, project: str = "") -> list[dict[str, Any]]:
    """The projects that have a merge queue, each as `project queue --json` prints it; or one project, with a queue or
    without. Raises NotFound for one that fleet.toml does not have.
    """
    from orchestrator.workflow.merge_queue.queue_places import queue_state
    from orchestrator.workflow.projects.enrol import require_project

    parts = ledger.charter.projects
    if project:
        require_project(ledger, project)
    wanted = [project] if project else sorted(name for name, part in parts.items() if part.merge_queue)
    return [
        queue_row(name, parts[name], queue_state(ledger, fleet.trust, name, now=fleet.now(), nodes=fleet.nodes))
        for name in wanted
    ]


def queue_row(name: str, part: ProjectPart, state: QueueState) -> dict[str, Any]:
    """One project's queue as plain data."""
    return {"name": name, "merge_queue": part.merge_queue, "batch": part.merge_queue_batch} | state.json()


def queue_place(fleet: Fleet, ledger: LedgerSnapshot, mission: Mission) -> dict[str, Any] | None:
    """Where a mission stands in its project's merge queue; None for one that waits in none."""
    filed = ledger.open.get(mission.name)
    part = ledger.charter.projects.get(filed.mission.about or "") if filed else None
    if filed is None or part is None or not part.merge_queue:
        return None
    from orchestrator.policy.verdict import waits_in_queue  # here: it takes as long as all else of a look at a mission

    if not waits_in_queue(ledger.charter, filed.mission):
        return None
    from orchestrator.workflow.merge_queue.queue_places import queue_state

    project = str(filed.mission.about)
    return queue_state(ledger, fleet.trust, project, now=fleet.now(), nodes=fleet.nodes).place(mission.name)
