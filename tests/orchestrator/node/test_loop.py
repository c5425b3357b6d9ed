"""What does a node's loop make of a bad day? Whole nodes without processes: real ledgers in memory, scripted agents."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.errors import BrokenLedger, Refused
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.node.precedence import HQ_LOOK_SECONDS
from orchestrator.node.rounds.fold_duty import GROUP_DELAY_SECONDS, GROUP_SIBLINGS
from orchestrator.node.rounds.polling_turn import PollingTurn
from orchestrator.node.rounds.round_trouble import ALARM_AFTER_ROUNDS
from orchestrator.policy.turn_order import MAX_STEP_SECONDS
from sync.errors import HistoryRewritten
from sync.objects import load_commit
from sync.remote import RefUpdate
from tests.ledgers import FLEET, ROOT, Scripted, Town, Working, working
from tests.waiting import PATIENCE, until

MISSION = {"missions/m.md": "Do it.\n"}
HQ_PAGE = "---\nrole: HEADQUARTERS\n---\n"


@dataclass
class Bad:
    """Maintenance that raises what the test says."""

    error: Exception | None
    steps: int = 0

    def step(self, _ledger: LedgerSnapshot) -> bool:
        """Raises it."""
        self.steps += 1
        if self.error is not None:
            raise self.error
        return False


def troubled(folder: Path, error: Exception, *, once: bool = False) -> tuple[Working, Bad]:
    """A node with one mission to do, whose maintenance goes wrong in every round."""
    found, bad = working(Town(MISSION).peer("n1"), folder, once=once), Bad(error)
    found.node.maintenance = bad  # type: ignore[assignment]  # one method of it
    return found, bad


def events(found: Working, event: str) -> list[str]:
    """What it told of one kind."""
    return [words for kind, words in found.told if kind == event]


@pytest.mark.parametrize("error", [ZeroDivisionError("no way"), KeyError("m"), MemoryError(), AssertionError()])
def test_a_surprise_costs_a_round_and_not_the_node(tmp_path: Path, error: Exception) -> None:
    """It is told with its kind, the next round goes on, and the mission is done all the same."""
    found, bad = troubled(tmp_path, error)
    for _ in range(6):
        found.step()
    assert bad.steps == 6
    assert found.peer.ledger().archived("m") is not None
    assert all(type(error).__name__ in words for words in events(found, "internal"))
    bad.error = None
    found.settle()
    assert found.node.trouble.sound


def test_a_surprise_slows_the_loop_down(tmp_path: Path) -> None:
    """As trouble with the remote does: one second, two, four, and thirty at most; the next good round ends it."""
    found, bad = troubled(tmp_path, ZeroDivisionError("no way"))
    pauses = []
    for _ in range(8):
        found.step()
        pauses.append(found.node.pause.seconds)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    bad.error = None
    found.settle()
    assert found.node.pause.seconds <= 5.0


def test_the_same_surprise_round_after_round_is_an_alarm(tmp_path: Path) -> None:
    """Once, after so many in a row; another surprise in between begins the count anew."""
    found, bad = troubled(tmp_path, ZeroDivisionError("no way"))
    for _ in range(ALARM_AFTER_ROUNDS - 1):
        found.step()
    bad.error = KeyError("m")
    found.step()
    bad.error = ZeroDivisionError("no way")
    for _ in range(ALARM_AFTER_ROUNDS - 1):
        found.step()
    assert events(found, "alarm") == []
    for _ in range(10):
        found.step()
    assert len(events(found, "alarm")) == 1
    assert "rounds in a row ended in ZeroDivisionError: no way" in events(found, "alarm")[0]


def test_rounds_that_all_end_in_a_surprise_are_not_completed(tmp_path: Path) -> None:
    """Such a node hands nothing back, so it must let go of what it holds; a remote that is away proves nothing ill."""
    found, bad = troubled(tmp_path, ZeroDivisionError("no way"))
    progress = found.node.heartbeat.progress
    progress.completed()
    for _ in range(4):
        found.ticks.at += 100
        found.step()
    assert progress.stalled
    bad.error = OSError("the disk is away")
    found.step()
    assert not progress.stalled


@pytest.mark.parametrize(
    "error", [HistoryRewritten("refs/heads/main", "0" * 40, "1" * 40), Refused("no"), BrokenLedger("no fleet.toml")]
)
def test_what_a_node_must_not_survive_ends_it(tmp_path: Path, error: Exception) -> None:
    """A remote that was tampered with, and a fleet for which it may or can not work."""
    found, _ = troubled(tmp_path, error)
    with pytest.raises(type(error)):
        found.step()


def test_a_run_once_does_not_hide_a_surprise(tmp_path: Path) -> None:
    """Nobody would try again: the command fails with it."""
    found, _ = troubled(tmp_path, ZeroDivisionError("no way"), once=True)
    with pytest.raises(ZeroDivisionError):
        found.step()


def test_trouble_is_told_once_and_its_end_too(tmp_path: Path) -> None:
    """The line breaks for a few rounds, and nothing is thrown away."""
    found = working(Town(MISSION).peer("n1"), tmp_path)
    found.step()
    found.peer.line.cut = True
    for _ in range(3):
        assert not found.step()
    assert not found.node.trouble.online
    found.peer.line.cut = False
    found.settle()
    assert set(events(found, "remote")) == {"cannot reach line: cut; trying again", "reachable again"}
    assert found.peer.ledger().archived("m") is not None


def test_two_nodes_under_one_name_are_one_too_many(tmp_path: Path) -> None:
    """The one whose beat was moved by somebody else ends, and says what to do."""
    found = working(Town().peer("n1"), tmp_path)
    found.node.heartbeat.duplicate_node = True
    with pytest.raises(Refused, match="SHIFTBOOK_NODE_ID"):
        found.node.step()


def slow(started: threading.Event, over: threading.Event) -> Callable[[AgentJob, Stop], Outcome]:
    """Work that goes on until the test ends it."""

    def does(_job: AgentJob, stop: Stop) -> Outcome:
        started.set()
        while not over.is_set() and not stop.is_set():
            time.sleep(0.01)
        return Outcome(ok=over.is_set(), summary="Done.", cancelled=not over.is_set())

    return does


def test_a_running_attempt_is_no_hung_loop(tmp_path: Path) -> None:
    """It may take hours in its thread, while rounds are completed beside it."""
    started, over = threading.Event(), threading.Event()
    found = working(Town(MISSION).peer("n1"), tmp_path, agents={"builtin": Scripted(does=slow(started, over))})
    found.node.step()
    assert started.wait(PATIENCE)
    for _ in range(10):
        found.ticks.at += 250
        found.node.step()
        assert not found.node.heartbeat.progress.stalled
    over.set()
    found.node.jobs.join(PATIENCE)
    found.settle()
    assert found.peer.ledger().archived("m") is not None


def test_a_drained_node_finishes_its_work_and_takes_no_other(tmp_path: Path) -> None:
    """It hands back what ran, folds it, and takes its beat down."""
    started, over = threading.Event(), threading.Event()
    town = Town(MISSION)
    found = working(town.peer("n1"), tmp_path, agents={"builtin": Scripted(does=slow(started, over))})
    thread = threading.Thread(target=found.node.run)
    thread.start()
    assert started.wait(PATIENCE)
    town.peer("ada").push({"missions/other.md": "Do that.\n"})
    found.node.drain()
    over.set()
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive()
    ledger = found.peer.ledger()
    assert (list(ledger.open), ledger.archived("m") is not None, ledger.beats) == (["other"], True, {})


def test_a_draining_node_is_heard_until_its_work_is_done(tmp_path: Path) -> None:
    """Its beat goes on, so nobody else answers what people write meanwhile; it is over when the node leaves."""
    started, over = threading.Event(), threading.Event()
    town = Town(MISSION | {"heartbeats/n1.md": HQ_PAGE.replace("\n---\n", "\npolls: yes\n---\n")})
    found = working(town.peer("n1"), tmp_path, agents={"builtin": Scripted(does=slow(started, over))})
    turn = found.node.polling = PollingTurn(
        me="n1",
        role=Role.HEADQUARTERS,
        liveness=found.scheduler.liveness,
        fenced=lambda: found.node.heartbeat.fenced,
        gaps=lambda: found.node.heartbeat.heartbeat_gaps,
        clock=time.monotonic,
    )
    thread = threading.Thread(target=found.node.run)
    thread.start()
    try:
        assert started.wait(PATIENCE)
        until(lambda: turn.may_poll, "it polls")
        found.node.drain()
        assert turn.may_poll
        looked = turn._observed
        until(lambda: turn._observed > looked, "it looks on")
        assert turn.may_poll
    finally:
        over.set()
        thread.join(timeout=PATIENCE)
    assert not turn.may_poll


def test_a_draining_node_with_a_surprise_in_every_round_ends(tmp_path: Path) -> None:
    """What it could not hand back waits in its outbox for the next start."""
    found, _ = troubled(tmp_path, ZeroDivisionError("no way"))
    hand_back = found.node.attempts.handback.hand_back

    def breaks(*_asked: object) -> object:
        raise ZeroDivisionError("no way")

    found.node.attempts.handback.hand_back = breaks  # type: ignore[method-assign, assignment]
    found.node.step()
    found.node.drain()
    assert not found.node._goes_on(moved=found.node.step())
    found.node.attempts.handback.hand_back = hand_back  # type: ignore[method-assign]


def test_what_was_claimed_before_a_break_of_the_beats_is_given_back(tmp_path: Path) -> None:
    """The attempt is told to stop before it begins: its lease may be somebody else's."""
    town = Town(MISSION)
    found = working(town.peer("n1"), tmp_path)
    seen: list[bool] = []

    def does(_job: AgentJob, stop: Stop) -> Outcome:
        seen.append(stop.is_set())
        return Outcome(ok=False, summary="Stopped.", cancelled=True)

    found.agent.does = does
    ledger = found.peer.ledger()
    taken = found.scheduler.claim(ledger, 1)
    found.node.heartbeat.heartbeat_gaps += 1
    found.node.attempts.begin(taken)
    found.node.jobs.join(PATIENCE)
    found.node.attempts.hand_back()
    assert seen == [True]
    assert found.peer.ledger().claims["m"].claim.state is ClaimState.RELEASED


def test_usage_that_cannot_be_noted_costs_no_result(tmp_path: Path) -> None:
    """The database is away: people hear of it, and the mission is done."""

    class Away:
        def record(self, _attempt: object) -> None:
            raise RuntimeError("no database")

    found = working(Town(MISSION).peer("n1"), tmp_path)
    found.node.attempts.usage = Away()
    found.settle()
    assert found.peer.ledger().archived("m") is not None
    assert events(found, "usage") == ["what m took could not be noted: no database"]


def test_sightings_that_cannot_be_written_cost_no_round(tmp_path: Path) -> None:
    """A full disk must not keep a node from handing back what it has done."""

    class Unwritable:
        def update(self, _beats: object, _now: object) -> object:
            raise OSError(28, "No space left on device")

    found = working(Town(MISSION).peer("n1"), tmp_path)
    found.node.feed.sightings = Unwritable()  # type: ignore[assignment]  # one method of it
    found.settle()
    assert found.peer.ledger().archived("m") is not None
    assert "when nodes were seen to move cannot be noted" in events(found, "disk")[0]


def beside_headquarters(town: Town, folder: Path) -> tuple[Working, float]:
    """A worker that has seen headquarters beat and a result that waits; in how many seconds it would fold that."""
    worker = working(town.peer("n1"), folder, role=Role.LOCAL_WORKER)
    blob = worker.peer.bus.store.put("blob", b"shiftbook beat 1\n")
    worker.peer.bus.remote.push([RefUpdate(ref="refs/shiftbook/beat/hq", expect=None, new=blob)])
    town.peer("n0").attempt("m")
    worker.node.step()
    due = worker.node.folding.due_in()
    assert due is not None
    return worker, due


def test_a_worker_folds_after_its_wait_and_headquarters_at_once(tmp_path: Path) -> None:
    """Somebody else could have; nobody did."""
    town = Town(MISSION | {"heartbeats/hq.md": HQ_PAGE})
    worker, due = beside_headquarters(town, tmp_path / "n1")
    assert 0 < due <= 2 * HQ_LOOK_SECONDS + MAX_STEP_SECONDS
    assert worker.node.pause.seconds <= due
    worker.ticks.at += due
    worker.node.step()
    assert worker.peer.ledger().archived("m") is not None
    town.peer("ada").push({"missions/n.md": "Do it.\n"})
    town.peer("n0").attempt("n")
    working(town.peer("hq"), tmp_path / "hq").node.step()
    assert town.peer("ada").ledger().archived("n") is not None


def test_a_worker_leaves_the_fold_to_whoever_is_at_it(tmp_path: Path) -> None:
    """One of the results that waited is on the branch: its wait begins anew for the others."""
    town = Town(MISSION | {"heartbeats/hq.md": HQ_PAGE})
    worker, due = beside_headquarters(town, tmp_path / "n1")
    worker.ticks.at += due - 1
    town.peer("hq").fold()
    town.peer("ada").push({"missions/n.md": "Do it.\n"})
    town.peer("n0").attempt("n")
    worker.node.step()
    assert worker.node.folding.due_in() == due


@pytest.mark.parametrize("siblings", [GROUP_SIBLINGS - 1, GROUP_SIBLINGS])
def test_a_busy_fleets_results_share_a_fold(siblings: int, tmp_path: Path) -> None:
    """While many missions are in work the first result waits for others, and no longer than it says."""
    names = [f"w{number}" for number in range(siblings)]
    town = Town({f"missions/{name}.md": "Do it.\n" for name in ["m", "n", *names]} | {"heartbeats/hq.md": HQ_PAGE})
    town.peer("n0").claim(*names)
    hq = working(town.peer("hq"), tmp_path)
    hq.node.drain()
    town.peer("n1").attempt("m")
    hq.node.step()
    if siblings < GROUP_SIBLINGS:
        assert hq.peer.ledger().archived("m") is not None
        return
    assert hq.node.folding.due_in() == GROUP_DELAY_SECONDS
    assert hq.node.pause.seconds <= GROUP_DELAY_SECONDS
    hq.ticks.at += GROUP_DELAY_SECONDS / 2
    town.peer("n2").attempt("n")
    hq.node.step()
    assert hq.node.folding.due_in() == GROUP_DELAY_SECONDS / 2
    hq.ticks.at += GROUP_DELAY_SECONDS / 2
    before = hq.peer.ledger().tip
    hq.node.step()
    ledger = hq.peer.ledger()
    assert None not in {ledger.archived("m"), ledger.archived("n")}
    assert load_commit(ledger.store, ledger.tip).parents == (before,)


def test_a_budget_that_cannot_be_looked_up_holds_its_mission_and_no_other(tmp_path: Path) -> None:
    """The database is away: a paid mission waits, what costs nothing is done."""
    from orchestrator.core.errors import StoreFailed

    class Away:
        def day_budget_reason(self, _ledger: object, mission: object) -> str:
            if mission.name == "paid":  # type: ignore[attr-defined]
                raise StoreFailed("here", "locked")
            return ""

        def meter(self, _ledger: object, _mission: object) -> None:
            return None

        def settle(self, _meter: object) -> None:
            return None

    town = Town({**MISSION, "missions/paid.md": "Do that.\n"})
    found = working(town.peer("n1"), tmp_path, budget=Away())  # type: ignore[arg-type]
    found.settle()
    ledger = found.peer.ledger()
    assert (list(ledger.open), ledger.archived("m") is not None) == (["paid"], True)
    assert ledger.open["paid"].mission.status is Status.QUEUED
    assert events(found, "budget")[0].startswith("paid waits: its budget cannot be looked up: ")


def test_a_nodes_page_is_written_when_it_starts(tmp_path: Path) -> None:
    """Before it takes anything on, so that the others know what it can do."""
    found = working(Town().peer("n1"), tmp_path, once=True)
    found.node.page = NodePagePublisher(
        bus=found.peer.bus,
        reader=found.peer.reader,
        offer=found.scheduler.offer,
        role=Role.LOCAL_WORKER,
        tell=found.node.tell,
        clock=found.ticks,
        spent=lambda _since: (),
    )
    found.node.run()
    assert 'agents: "builtin, command"' in found.peer.text("heartbeats/n1.md")


def test_every_result_says_who_answered(tmp_path: Path) -> None:
    """The division that a mission is addressed to, by the name that the fleet gave it: told to the agent, in the file's
    field and in its result. What is addressed to another node's division is left alone."""
    persona = '[nodes.n1.divisions.general]\nname = "Mara"\nvoice = "short"\n'
    files = {
        "fleet.toml": str(ROOT["fleet.toml"]) + persona,
        "missions/m.md": "---\nto: n1/general\n---\nDo it.\n",
        "missions/other.md": "---\nto: n2/general\n---\nDo it.\n",
    }
    found = working(Town(files).peer("n1"), tmp_path, offered=["builtin"])
    found.settle()
    ledger = found.peer.ledger()
    done = ledger.archived("m")
    assert done is not None
    assert done.mission.answered_by == "Mara, general of n1"
    assert "- by Mara, general of n1" in (ledger.text(done.path) or "")
    assert [job.place for job in found.agent.jobs] == ["You are Mara, general of n1. How you speak: short."]
    assert list(ledger.open) == ["other"]


def test_a_mistake_of_the_nodes_ends_the_attempt_that_it_hits(tmp_path: Path) -> None:
    """What an agent's part hands over is nothing that can be told: it failed, and neither slot nor claim is held."""
    found = working(Town(MISSION).peer("n1"), tmp_path)
    found.agent.does = lambda _job, _stop: Outcome(ok=True, summary=None)  # type: ignore[arg-type]
    found.settle(4)
    ledger = found.peer.ledger()
    assert (found.jobs, ledger.open["m"].mission.attempt) == ({}, 1)
    assert "failed" in ledger.text("missions/m.md")
    assert "The node made a mistake." in ledger.text("missions/m.md")


def test_a_mistake_beside_a_result_does_not_cost_it(tmp_path: Path) -> None:
    """A model's server answers with what its adapter did not know, when it was only to word the memo."""
    town = Town({**MISSION, "fleet.toml": FLEET.format(trust="remote") + '[handoff]\nmemo_words = "model"\n'})
    found = working(town.peer("n1"), tmp_path)
    found.agent.does = lambda _job, _stop: Outcome(ok=True, summary="Done.")

    def words(_told: str) -> str:
        raise KeyError("choices")

    found.node.attempts.executor = replace(found.executor, words=words)
    found.settle()
    text = (found.peer.ledger().archived("m") or pytest.fail("it is not done")).path
    assert "a mistake beside this result: KeyError('choices')" in found.peer.text(text)
