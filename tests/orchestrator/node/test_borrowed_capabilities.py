"""Does an agent on a server get what only a laptop has, by a child mission, also while the laptop is away?"""

from __future__ import annotations

from pathlib import Path

import pytest

from missions.mission import Status
from missions.selection import NodeCapabilities
from orchestrator.core.ports.agent import AgentJob, MissionProposal, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import render_page
from orchestrator.workflow.assignment.eligibility import Eligibility
from orchestrator.workflow.assignment.unserved import UnservedMissions
from sync.remote import RefUpdate
from tests.ledgers import FLEET, Keys, Town, Working, working

RULES = FLEET.format(trust="signed") + '[policy.children]\nmax = 3\nshare = 1.0\ncapabilities = ["keyring"]\n'
SIGN = "---\ntitle: Sign the release\ncapabilities: [keyring]\n---\nSign it with the key ring.\n"
AFTER = "---\ntitle: Publish it\ndepends_on: [sign]\n---\nPublish what was signed.\n"


def plans(job: AgentJob, _stop: Stop) -> Outcome:
    """The server's agent: it asks for what it has not, and goes on with the rest."""
    if job.mission.name != "release":
        return Outcome(ok=True, summary="Done.", answer="published")
    asked = (MissionProposal(name="sign", text=SIGN), MissionProposal(name="after", text=AFTER))
    return Outcome(ok=True, summary="Built; the signature is asked for.", answer="built", proposals=asked)


def machine(town: Town, keys: Keys, folder: Path, name: str, *has: str, up: bool = True) -> Working:
    """A node with what its machine has, its page in the ledger and, while it is up, its beat."""
    offer = NodeCapabilities(node=name, role="LOCAL_WORKER", agents=frozenset({"builtin"}), capabilities=frozenset(has))
    peer = town.peer(name, key=keys[name])
    peer.push({f"heartbeats/{name}.md": render_page(offer, Role.LOCAL_WORKER)})
    if up:
        beat = peer.bus.store.put("blob", f"shiftbook beat 1 {name}\n".encode())
        peer.bus.remote.push([RefUpdate(ref=f"refs/shiftbook/beat/{name}", expect=None, new=beat)])
    made = working(peer, folder / name, role=Role.LOCAL_WORKER)
    made.scheduler.offer = offer
    made.scheduler.eligibility = Eligibility(offer=offer)
    made.agent.does = plans
    return made


def status(node: Working, name: str) -> Status:
    """How a mission stands."""
    ledger = node.peer.ledger()
    filed = ledger.open.get(name) or ledger.archived(name)
    assert filed is not None
    return filed.mission.status


@pytest.fixture
def town(keys: Keys) -> Town:
    """anna wants a release, which the server builds and the laptop alone can sign."""
    signers = keys.signers(anna=("admin", "author"), vps=("node",), laptop=("node",))
    town = Town({"fleet.toml": RULES, "allowed_signers": signers})
    town.peer("anna", key=keys["anna"]).push({"missions/release.md": "---\nagent: builtin\n---\nBuild and publish.\n"})
    return town


def test_what_only_the_laptop_has_is_done_there_and_the_server_goes_on_with_it(
    town: Town, keys: Keys, tmp_path: Path
) -> None:
    """The parent ends at once; while the laptop is away its part waits for a day without an attempt, the reason names
    it, other work is done; when it is back it signs, and then the server publishes."""
    vps = machine(town, keys, tmp_path, "vps")
    vps.settle()
    vps.settle()
    assert status(vps, "release") is Status.DONE
    assert [status(vps, name) for name in ("sign", "after")] == [Status.QUEUED, Status.QUEUED]
    for _ in range(4):
        town.clock.forward(6 * 3600)
        vps.ticks.at += 6 * 3600
        vps.settle()
    ledger = vps.peer.ledger()
    assert ledger.open["sign"].mission.attempt == 0
    assert "keyring" in UnservedMissions(ledger).reason(ledger.open["sign"].mission)
    town.peer("anna", key=keys["anna"]).push({"missions/other.md": "Something else.\n"})
    vps.settle()
    assert status(vps, "other") is Status.DONE
    laptop = machine(town, keys, tmp_path, "laptop", "keyring")
    laptop.settle()
    assert [job.mission.name for job in laptop.agent.jobs] == ["sign"]
    for _ in range(4):
        for node in (vps, laptop):
            node.ticks.at += 120  # as long as a fold is left to another node
            node.settle()
    assert [status(vps, name) for name in ("sign", "after")] == [Status.DONE, Status.DONE]
    assert vps.agent.jobs[0].mission.name == "release"


def test_it_waits_for_a_machine_that_is_known_and_away(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Then the reason names it: nobody has to look for what is missing."""
    machine(town, keys, tmp_path, "laptop", "keyring", up=False)
    vps = machine(town, keys, tmp_path, "vps")
    vps.settle()
    vps.settle()
    ledger = vps.peer.ledger()
    assert (
        UnservedMissions(ledger).reason(ledger.open["sign"].mission)
        == "waits for laptop, which can do it and is not up"
    )


def test_without_the_rule_a_person_decides(town: Town, keys: Keys, tmp_path: Path) -> None:
    """The child is shown and not run, however long the laptop is there."""
    town.peer("anna", key=keys["anna"]).push({"fleet.toml": RULES.replace('capabilities = ["keyring"]\n', "")})
    vps, laptop = machine(town, keys, tmp_path, "vps"), machine(town, keys, tmp_path, "laptop", "keyring")
    for node in (vps, laptop, vps, laptop):
        node.settle()
    ledger = vps.peer.ledger()
    word = vps.peer.trust.authorize(ledger, ledger.open["sign"])
    assert (word.trusted, "other machines" in word.why) == (False, True)
    assert "sign" not in [job.mission.name for job in laptop.agent.jobs]
