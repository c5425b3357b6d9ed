"""May a mission run unsandboxed, on a node where no sandbox works?

Only the work of an agent that is trusted most, and a command line that a person has signed as it is: without a sandbox
it can read and write what the node's user can.
"""

from __future__ import annotations

from missions.agent_trust import TrustTier
from missions.mission import UPDATE_AGENT, Mission

ANSWERING_AGENTS = frozenset({"builtin", "review", UPDATE_AGENT})
"""Agents that start nothing of a mission's for one without a project: they answer, or do what its task alone says."""


def sandbox_required_reason(mission: Mission, tier: TrustTier) -> str:
    """Why `mission` must not run without a sandbox, in words with the next step; "" when it may.

    `tier` is how far its agent is trusted with this kind of work in this project. What an agent proposed (`parent`) is
    no person's line, whoever trusted it since.
    """
    if mission.worker == "command" and mission.parent is None:
        return ""
    if tier is TrustTier.PROVEN or (mission.worker in ANSWERING_AGENTS and mission.about is None):
        return ""
    known = f"{mission.worker} is {tier} with this kind of work, and only {TrustTier.PROVEN} agents run without one"
    return f"no sandbox works on this node, and {known}: install bubblewrap"
