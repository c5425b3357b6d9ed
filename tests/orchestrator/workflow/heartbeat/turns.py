"""How do tests take turns of the heartbeat?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.core.roles import Role
from orchestrator.ledger.heartbeat.probe_phrases import Request
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.heartbeat.probe import Finding, Probe, ProbeScene
from orchestrator.workflow.heartbeat.probe_plugins import BUILT_IN
from orchestrator.workflow.heartbeat.turn import HeartbeatTurn
from tests.ledgers import FLEET, Keys, Peer, Town

SIGNED, OPEN = FLEET.format(trust="signed"), FLEET.format(trust="remote")


class Scripted:
    """A probe that finds what the test says."""

    def __init__(self, *found: Finding) -> None:
        self.found, self.asked = list(found), list[str]()

    def __call__(self, scene: ProbeScene, request: Request) -> list[Finding]:
        self.asked.append(scene.node)
        return self.found


def turn(
    peer: Peer,
    home: Path,
    *,
    role: Role = Role.LOCAL_WORKER,
    probes: Mapping[str, Probe] | None = None,
    **more: Mapping[str, Path],
) -> HeartbeatTurn:
    """A node's turns."""
    return HeartbeatTurn(
        bus=peer.bus,
        reader=peer.reader,
        trust=Trust(peer.bus.store),
        role=role,
        home=home,
        probes={**BUILT_IN, **(probes or {})},
        commands=more.get("commands", {}),
        clones=lambda _ledger: more.get("clones", {}),
    )


def signed_town(keys: Keys, checklist: str, fleet: str = SIGNED) -> Town:
    """A ledger that trusts signatures, whose checklist anna has signed; n1 and n2 work."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    town = Town({"fleet.toml": fleet, "allowed_signers": signers})
    town.peer("anna", key=keys["anna"]).push({"HEARTBEAT.md": checklist})
    return town
