"""May a mission run on this node, and with which tools, whichever thread asks?"""

from __future__ import annotations

import threading

from missions.mission import Mission
from orchestrator.policy.mission_safety import MissionSafety
from tests.ledgers import FLEET, Town

POLICY = FLEET.format(trust="remote") + '[policy]\ntools = {untried = ["read"]}\n'
CODING = Mission(name="m", title="m", body="x", task="coding_task", project="shop", agent="claude")


def test_without_a_sandbox_an_untried_agent_does_not_run() -> None:
    """With one it does; and who starts nothing needs none."""
    peer = Town({"fleet.toml": POLICY}).peer("n1")
    ledger = peer.ledger()
    bare = MissionSafety(store=peer.bus.store, sandboxed=False)
    assert "install bubblewrap" in bare.unsafe_reason(ledger, CODING)
    assert MissionSafety(store=peer.bus.store, sandboxed=True).unsafe_reason(ledger, CODING) == ""
    assert bare.unsafe_reason(ledger, Mission(name="q", title="q", body="why?")) == ""


def test_tools_are_those_of_the_agents_tier() -> None:
    """As fleet.toml says; None where it says nothing."""
    peer = Town({"fleet.toml": POLICY}).peer("n1")
    assert MissionSafety(store=peer.bus.store, sandboxed=True).tools(peer.ledger(), CODING) == ("read",)
    other = Town().peer("n1")
    assert MissionSafety(store=other.bus.store, sandboxed=True).tools(other.ledger(), CODING) is None


def test_any_thread_may_ask() -> None:
    """The loop and every attempt ask at the same time, each of its own ledger."""
    peer = Town({"fleet.toml": POLICY}).peer("n1")
    safety, ledger, said = MissionSafety(store=peer.bus.store, sandboxed=False), peer.ledger(), list[object]()
    threads = [
        threading.Thread(
            target=lambda: said.extend((safety.tools(ledger, CODING), safety.unsafe_reason(ledger, CODING) != ""))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, said)) == ["('read',)"] * 8 + ["True"] * 8
