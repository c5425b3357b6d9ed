"""What does an attempt that failed cost its agent, and what does one that was spared?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from missions.lease import ClaimState
from orchestrator.ledger import claims
from tests.ledgers import record
from tests.orchestrator.workflow.approval.conftest import scenes
from tests.orchestrator.workflow.approval.scene import Scene

__all__ = ["scenes"]
FINISHED = "2026-11-21T12:05:00Z"


@pytest.mark.parametrize(("spared", "failed"), [(0, 1), (1, 0)])
def test_what_was_no_doing_of_the_agent_costs_it_nothing(
    scenes: Callable[..., Scene], spared: int, failed: int
) -> None:
    """One attempt fails, the next one is accepted."""
    scene = scenes(on_approval="nothing")
    node = scene.peer("n1")
    held = node.hold("m")
    said = record(held, finished=FINISHED, fields={"finished": FINISHED, **({"spared": spared} if spared else {})})
    assert claims.complete(node.bus, held, said, state=ClaimState.FAILED).accepted
    node.fold()
    scene.hand_in()
    scene.door("anna").approve("m")
    assert (scene.mission().attempt, scene.mission().spared) == (2, spared)
    standing = scene.door("anna").why("m").standing
    assert standing is not None
    assert (standing.accepted, standing.failed) == (1, failed)
