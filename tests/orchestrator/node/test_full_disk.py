"""Does a node whose disk is full leave the work to those that have room, and does everybody hear why?"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from missions.document import with_fields
from missions.lease import ClaimState
from missions.mission import Status
from missions.selection import NodeCapabilities
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.execution.free_space import FreeSpace, disk_full_reason, is_full_disk_reason
from orchestrator.execution.workspace import cleanup as cleanup_module
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger import claims as claims
from orchestrator.ledger.node_pages import has_full_disk, no_room_reason, render_page
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.workflow.mission_view import find_view, mission_views
from tests.ledgers import FLEET, Peer, Scripted, Ticks, Town, Working, record, working

PATH = "missions/m.md"
FILE = "---\nmax_retries: 3\n---\nDo it.\n"
SMALL_FLEET = FLEET.format(trust="remote") + "[workspaces]\nfree_gib = 0\n"
QUOTA = Outcome(ok=False, summary="No answer.", parked="a quota")


def full(_job: AgentJob, _stop: Stop) -> Outcome:
    """The disk fills while it works."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes that are free for each node, by the name of its home; a node that is not named has a large disk."""
    free: dict[str, int] = {}
    monkeypatch.setattr(cleanup_module, "free_space", lambda home: FreeSpace(size=free.get(home.name, 2**40)))
    return free


Make = Callable[..., Working]


@pytest.fixture
def node(tmp_path: Path) -> Make:
    """A node with a home, a clean-up and a beat that is seen."""

    def make(town: Town, name: str, agent: Scripted | None = None) -> Working:
        ticks, peer, home = Ticks(), town.peer(name), tmp_path / name
        cleanup = Cleanup(
            home=home,
            node=name,
            folders=AttemptDirs(home / "work"),
            chats=ChatDirs(home / "chats", lambda _name: True),
            waiting=tuple,
            now=town.clock,
            clock=ticks,
            tell=lambda *_words, **_facts: None,
        )
        home.mkdir()
        agents = {"builtin": agent} if agent else None
        found = working(peer, home, agents=agents, ticks=ticks, cleanup=cleanup)
        found.node.heartbeat.beat.start()
        assert found.node.heartbeat.beat.move()
        return replace(found, agent=agent or found.agent)

    return make


def resume(peer: Peer) -> bool:
    """A person lets the mission go on, if it is parked; returns whether it was."""
    filed = peer.ledger().open.get("m")
    if filed is None or filed.mission.status is not Status.PARKED:
        return False
    peer.push({PATH: with_fields(peer.text(PATH), {"status": "queued", "reason": None})})
    return True


def test_a_full_node_leaves_the_work_to_those_with_room(node: Make, disks: dict[str, int]) -> None:
    """However little space the fleet asks for, what a run needs counts: nothing is parked, nobody has to resume."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    disks["n1"] = 64 * 2**20
    one, two, ada = node(town, "n1"), node(town, "n2"), town.peer("ada")
    resumed = 0
    for _ in range(6):
        one.settle()
        resumed += resume(ada)
    assert (one.agent.jobs, resumed) == ([], 0)
    assert ada.ledger().open["m"].mission.status is Status.QUEUED
    two.settle()
    assert ada.ledger().archived("m") is not None
    assert ada.archived("m").count("### Attempt") == 1


def test_a_full_node_takes_nothing_over_and_gives_back_its_own(node: Make, disks: dict[str, int]) -> None:
    """A silent node's mission is left to others; what this node held when it was stopped is parked, as nobody else can
    take it while this node beats."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE, "missions/own.md": FILE})
    town.peer("gone").hold("m")
    town.peer("n1", boot="before").hold("own")
    disks["n1"] = 0
    one = node(town, "n1")
    for _ in range(4):
        one.step()
        one.ticks.at += 20
    one.settle()
    assert one.agent.jobs == []
    ledger = one.peer.ledger()
    assert ledger.claims["m"].claim.node == "gone"
    assert ledger.open["own"].mission.status is Status.PARKED


def test_what_a_full_disk_parked_is_kept_for_nobody(node: Make, disks: dict[str, int]) -> None:
    """Resumed, the other node begins it at once, although the first one lives and has its folder."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one, two, ada = node(town, "n1", Scripted(does=full)), node(town, "n2"), town.peer("ada")
    one.settle()
    mission = ada.ledger().open["m"].mission
    assert (mission.status, mission.reason, mission.kept_on) == (Status.PARKED, "the disk of n1 is full", None)
    assert resume(ada)
    disks["n1"] = 0
    one.settle()
    two.settle()
    assert len(two.agent.jobs) == 1
    assert ada.ledger().archived("m") is not None


def test_what_another_reason_parked_is_kept_while_its_node_has_room(node: Make, disks: dict[str, int]) -> None:
    """A quota: the node that keeps the workspace is waited for, unless its page says that its disk is full."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one, two, ada = node(town, "n1", Scripted(does=lambda _job, _stop: QUOTA)), node(town, "n2"), town.peer("ada")
    one.settle()
    assert ada.ledger().open["m"].mission.kept_on == "n1"
    assert resume(ada)
    two.step()
    assert two.agent.jobs == []
    offer = NodeCapabilities(node="n1", role="LOCAL_WORKER")
    ada.push({"heartbeats/n1.md": render_page(offer, Role.LOCAL_WORKER, disk_full=True)})
    two.settle()
    assert len(two.agent.jobs) == 1


def test_a_node_that_was_seen_to_stand_still_is_not_waited_for(node: Make) -> None:
    """Its beat is there, and has not moved for a lease: it is gone, whatever it keeps."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one, two, ada = node(town, "n1", Scripted(does=lambda _job, _stop: QUOTA)), node(town, "n2"), town.peer("ada")
    one.settle()
    for _ in range(4):
        two.step()
        two.ticks.at += 10
    assert resume(ada)
    two.settle()
    assert len(two.agent.jobs) == 1


def test_the_same_ending_at_one_node_is_told_once(node: Make) -> None:
    """A person resumes it again and again: the file says how often, and does not grow by a result each time."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one, ada = node(town, "n1", Scripted(does=full)), town.peer("ada")
    for _ in range(5):
        one.settle()
        assert resume(ada)
    text = ada.text(PATH)
    assert len(one.agent.jobs) == 5
    assert text.count("### Attempt") == 1
    assert text.rstrip().endswith("- ended like this 5 times in a row")


def test_another_ending_is_told_beside_the_one_before(node: Make) -> None:
    """Another reason, another node, an attempt that counts: each has its section."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    does = [full, lambda _job, _stop: QUOTA, full, lambda _job, _stop: Outcome(ok=False, summary="No.", error="no")]
    one, ada = node(town, "n1"), town.peer("ada")
    for each in does:
        one.agent.does = each
        one.settle()
        resume(ada)
    one.agent.does = full
    town.clock.forward(60)
    one.settle()
    assert ada.text(PATH).count("### Attempt") == 5


# -- what people see --------------------------------------------------------------------------------------------------


def announced(found: Working) -> NodePagePublisher:
    """What keeps its page."""
    return NodePagePublisher(
        bus=found.peer.bus,
        reader=found.peer.reader,
        offer=found.scheduler.offer,
        role=Role.LOCAL_WORKER,
        tell=found.node.tell,
        clock=found.ticks,
        spent=lambda _since: (),
        disk=found.node.cleanup,
    )


def test_a_mission_that_waits_for_a_disk_says_so(node: Make, disks: dict[str, int]) -> None:
    """In its row and by itself, when every node that lives has written on its page that its disk is full."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one, two, ada = node(town, "n1"), node(town, "n2"), town.peer("ada")
    disks |= {"n1": 0, "n2": 0}
    reasons = []
    for found in (one, two):
        announced(found).announce()
        ledger = ada.ledger()
        view = find_view(ledger, ada.trust, "m", town.clock())
        assert view is not None
        reasons.append(view.reason)
        assert [row.reason for row in mission_views(ledger, ada.trust, town.clock(), archived=False)] == [view.reason]
    assert reasons == ["", "no node has room on its disk: free some space on n1, n2"]
    disks.clear()
    announced(one).announce()
    assert not has_full_disk(ada.ledger(), "n1")
    assert no_room_reason(ada.ledger()) == ""


def test_room_on_the_disk_changes_the_page(node: Make, disks: dict[str, int]) -> None:
    """It lasts, so it is worth a commit; how much is free is not."""
    found = node(Town({"fleet.toml": SMALL_FLEET}), "n1")
    page = announced(found)
    page.announce()
    tip = found.peer.ledger().tip
    found.ticks.at += 601
    assert not page.step(found.peer.ledger())
    disks["n1"] = 0
    found.ticks.at += 601
    assert page.step(found.peer.ledger())
    assert found.peer.ledger().tip != tip
    assert has_full_disk(found.peer.ledger(), "n1")


@pytest.mark.parametrize(
    "reason",
    [
        "the disk of n1 is full",
        "the disk of n1 is full: 3.0 MiB free, 0.5 GiB needed (workspaces.free_gib)",
        "the disk is full: 63.9 MiB free, 0.5 GiB needed where /srv/x is",
    ],
)
def test_reasons_that_are_one_nodes_disk(reason: str) -> None:
    """Those that the executor, the clean-up and the watch of a run give."""
    assert is_full_disk_reason(reason)


@pytest.mark.parametrize("reason", ["", None, 5, "a quota", "paused by ada", "the disk of n1 is fuller", "the disk"])
def test_reasons_that_are_not(reason: object) -> None:
    """Whatever else stands in a record."""
    assert not is_full_disk_reason(reason)


def test_the_reason_of_a_full_disk_is_known_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What parks an attempt on this very machine is what the fold knows."""
    monkeypatch.setattr("orchestrator.execution.free_space.MIN_FREE_BYTES_RUN", 1 << 60)
    assert is_full_disk_reason(disk_full_reason(tmp_path))


def test_a_released_attempt_is_told_once_too() -> None:
    """A node that is stopped again and again in the same mission."""
    town = Town({"fleet.toml": SMALL_FLEET, PATH: FILE})
    one = town.peer("n1")
    for count in range(1, 4):
        section = f"### Attempt 1 · released · n1 · {count} s\n\nStopped."
        held = one.hold("m")
        assert claims.complete(
            one.bus, held, record(held, section=section, entry=False), state=ClaimState.RELEASED
        ).accepted
        one.fold()
    text = one.text(PATH)
    assert text.count("### Attempt") == 1
    assert "· 3 s\n\nStopped.\n\n- ended like this 3 times in a row" in text
