"""Does a mission rest when it should, keep what it has, and go on where it was?"""

from __future__ import annotations

import errno
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from missions.document import with_fields
from missions.lease import PAUSED_REASON, ClaimState
from missions.mission import Mission, Status
from orchestrator.core.errors import AlreadyDone, NotFound, Refused
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.ledger import claims as claims
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.scheduler import MAX_EXTRA_RESUMES
from orchestrator.workflow.mission_view import find_view
from orchestrator.workflow.orders import Orders
from sync.signatures import make_key
from tests.ledgers import FLEET, Keys, Peer, Scripted, Town, Working, record, working
from tests.waiting import PATIENCE, until

PATH = "missions/m.md"
FILE = "---\nmax_retries: 3\n---\nDo it.\n"
QUOTA = Outcome(ok=False, summary="No answer.", parked="quota:\nask for more with sk-ant-api03-" + "A" * 80)


def said(peer: Peer, **fields: object) -> None:
    """A person writes into the mission's front matter."""
    peer.push({PATH: with_fields(peer.text(PATH), fields)}, "a person's word")  # type: ignore[arg-type]


def mission(peer: Peer) -> Mission:
    """The open mission as the branch has it."""
    return peer.ledger().open["m"].mission


def with_session(does: Outcome) -> Scripted:
    """An agent that leaves a session in its folder, and notes what it finds there."""

    def run(job: AgentJob, _stop: Stop) -> Outcome:
        (job.folder / "session.json").write_text(json.dumps({"session": job.folder.name}))
        (job.folder / "home").mkdir(exist_ok=True)
        return does

    return Scripted(does=run)


def until_stopped(job: AgentJob, stop: Stop) -> Outcome:
    """Works until it is stopped, with a session of its own."""
    (job.folder / "session.json").write_text("{}")
    assert stop.wait(PATIENCE)
    return Outcome(ok=False, summary="Stopped.", error="stopped before it ended", cancelled=True)


def node(town: Town, name: str, folder: Path, agent: Scripted | None = None, boot: str = "one") -> Working:
    """A working node with an agent of the test's own."""
    made = working(town.peer(name, boot=boot), folder / name, agents={"builtin": agent} if agent else None)
    return replace(made, agent=agent or made.agent)


def running(found: Working) -> None:
    """Lets a node take the mission and begin; does not wait for its end."""
    found.node.step()
    assert "m" in found.jobs


def ended(found: Working) -> None:
    """Waits until what runs there is over, and hands it back."""
    for job in list(found.jobs.values()):
        job.thread.join(timeout=PATIENCE)
    found.settle()


def test_a_quota_parks_the_mission_for_a_person(tmp_path: Path) -> None:
    """With its reason in one line and without the key in it; no attempt counts, and nobody tries again by himself."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, Scripted(does=lambda job, stop: QUOTA))
    one.settle()
    found = mission(one.peer)
    assert (found.status, found.attempt, found.epoch, found.kept_on) == (Status.PARKED, 0, 1, "n1")
    assert found.reason is not None
    assert found.reason.startswith("quota: ask for more with ")
    assert "AAAA" not in one.peer.text(PATH)
    assert "### Attempt 1 · parked · n1" in one.peer.text(PATH)
    assert "m-1" not in one.peer.text("SESSION_LOG.md")
    town.clock.forward(86_400)
    one.settle()
    assert len(one.agent.jobs) == 1
    view = find_view(one.peer.ledger(), one.peer.trust, "m", town.clock())
    assert view is not None
    assert (view.status, view.reason, view.kept_on) == ("parked", found.reason, "n1")


def test_a_running_mission_is_paused_by_the_file(tmp_path: Path) -> None:
    """The work stops; the person's reason stands, nothing is in conflict, no attempt counts, and the folder stays."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, Scripted(does=until_stopped))
    running(one)
    said(town.peer("ada"), status="parked", reason="paused by ada")
    one.node.step()
    ended(one)
    found = mission(one.peer)
    assert (found.status, found.reason, found.attempt) == (Status.PARKED, "paused by ada", 0)
    assert not [path for path in one.peer.paths() if path.startswith("conflicts/")]
    assert (tmp_path / "n1" / "work" / "m-1" / "session.json").exists()


def test_a_pause_that_was_taken_back_before_the_fold_is_over(tmp_path: Path) -> None:
    """The node stopped for it, but the file says `queued` again: so it is."""
    town = Town({PATH: FILE})
    one = town.peer("n1")
    held = one.hold("m")
    assert one.end(held, ClaimState.PARKED).accepted
    one.fold()
    assert mission(one).status is Status.PARKED
    said(one, status="queued", reason=None)
    held = one.hold("m")
    assert claims.complete(one.bus, held, record(held), state=ClaimState.PARKED, reason=PAUSED_REASON).accepted
    one.fold()
    found = mission(one)
    assert (found.status, found.reason, found.kept_on) == (Status.QUEUED, None, "n1")


@pytest.mark.parametrize(
    ("state", "status"),
    [(ClaimState.FAILED, Status.PARKED), (ClaimState.RELEASED, Status.PARKED), (ClaimState.PARKED, Status.PARKED)],
)
def test_a_paused_mission_is_not_put_back_to_work(state: ClaimState, status: Status) -> None:
    """Whatever the attempt came to meanwhile, short of an end."""
    town = Town({PATH: FILE})
    one = town.peer("n1")
    held = one.hold("m")
    said(one, status="parked", reason="paused by ada")
    assert one.end(held, state).accepted
    one.fold()
    found = mission(one)
    assert (found.status, found.reason, found.retry_at) == (status, "paused by ada", None)


def test_a_pause_that_comes_after_the_end_changes_nothing() -> None:
    """The mission is done, and that is no conflict."""
    town = Town({PATH: FILE})
    one = town.peer("n1")
    held = one.hold("m")
    said(one, status="parked", reason="paused by ada")
    assert one.end(held, ClaimState.DONE).accepted
    one.fold()
    done = one.ledger().archived("m")
    assert done is not None
    assert (done.mission.status, done.mission.reason) == (Status.DONE, None)
    assert not [path for path in one.paths() if path.startswith("conflicts/")]


@pytest.mark.parametrize(("status", "word"), [("parked", "paused by a person"), ("cancelled", "cancelled by a person")])
def test_what_a_dead_node_held_is_ended_without_work(tmp_path: Path, status: str, word: str) -> None:
    """A person paused or called it off while nobody could hear: whoever takes it over begins nothing."""
    town = Town({PATH: FILE})
    dead = town.peer("n1")
    dead.hold("m")
    said(dead, status=status)
    two = node(town, "n2", tmp_path)
    for _ in range(3):
        two.step()
        two.ticks.at += 20
    two.settle()
    assert two.agent.jobs == []
    filed = two.peer.ledger().open.get("m") or two.peer.ledger().archived("m")
    assert filed is not None
    assert filed.mission.status == status
    assert word in two.peer.text(filed.path)


def test_a_resumed_mission_goes_on_in_its_folder(tmp_path: Path) -> None:
    """The node that parked it works in the same folder, with what the agent left there, and is told so."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, with_session(QUOTA))
    one.settle()
    said(one.peer, status="queued", reason=None)
    one.agent.does = lambda job, stop: Outcome(ok=True, summary="Done.")
    one.settle()
    first, second = one.agent.jobs
    assert (first.goes_on, second.goes_on) == (False, True)
    assert first.folder == second.folder
    assert (first.attempt, second.attempt) == (1, 1)
    done = one.peer.ledger().archived("m")
    assert done is not None
    assert (done.mission.attempt, done.mission.kept_on, done.mission.reason) == (1, None, None)
    assert not second.folder.exists()


@pytest.mark.parametrize("stretch", [1, 4])
def test_another_node_leaves_a_resumed_mission_to_the_one_that_keeps_it_for_a_lease(
    tmp_path: Path, stretch: int
) -> None:
    """As long as that one is there, by the lease that its own beats state; then it starts afresh."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, with_session(QUOTA))
    one.node.heartbeat.beat.stretch = stretch
    one.node.heartbeat.beat.start()
    assert one.node.heartbeat.beat.move()
    one.settle()
    said(one.peer, status="queued", reason=None)
    two = node(town, "n2", tmp_path)
    two.step()
    for _ in range(stretch):
        two.ticks.at += 30 - 1 / stretch
        two.step()
        assert two.agent.jobs == []
    two.ticks.at += 2
    two.settle()
    assert [job.goes_on for job in two.agent.jobs] == [False]
    assert two.peer.ledger().archived("m") is not None


def test_a_node_that_left_is_not_waited_for(tmp_path: Path) -> None:
    """It took its beat down: another takes the resumed mission at once."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, with_session(QUOTA))
    one.settle()
    said(one.peer, status="queued", reason=None)
    two = node(town, "n2", tmp_path)
    two.settle()
    assert len(two.agent.jobs) == 1


def test_work_that_a_restart_cut_off_goes_on(tmp_path: Path) -> None:
    """Although all attempts are spent, in its folder; but not for ever."""
    town = Town({PATH: "---\nmax_retries: 1\n---\nDo it.\n"})
    boots = [
        node(town, "n1", tmp_path, Scripted(does=until_stopped), boot=f"b{n}") for n in range(MAX_EXTRA_RESUMES + 2)
    ]
    for boot in boots[:-1]:
        boot.node.resume()
        boot.node.step()
        assert "m" in boot.jobs
        until(lambda boot=boot: boot.agent.jobs, "it is at work")  # type: ignore[misc]
        assert boot.agent.jobs[0].folder == tmp_path / "n1" / "work" / "m-1"
    assert [boot.agent.jobs[0].goes_on for boot in boots[:-1]] == [False, *[True] * MAX_EXTRA_RESUMES]
    boots[-1].node.resume()
    boots[-1].settle()
    assert boots[-1].agent.jobs == []
    assert mission(boots[-1].peer).status is Status.DEAD
    for boot in boots:
        boot.node.stop_jobs("over")


def test_work_without_a_session_is_not_gone_on_with(tmp_path: Path) -> None:
    """With all its attempts spent it is dead, as ever."""
    town = Town({PATH: "---\nmax_retries: 1\n---\nDo it.\n"})
    cut = threading.Event()
    one = node(town, "n1", tmp_path, Scripted(does=lambda job, stop: Outcome(ok=cut.wait(PATIENCE), summary="Late.")))
    running(one)
    two = node(town, "n1", tmp_path, boot="two")
    two.node.resume()
    two.settle()
    assert two.agent.jobs == []
    assert mission(two.peer).status is Status.DEAD
    cut.set()


class Full:
    """A disk that was full when the attempt began, and not when its mission was claimed."""

    def has_room(self, _ledger: LedgerSnapshot) -> bool:
        """It had."""
        return True

    def full_reason(self, _ledger: LedgerSnapshot) -> str:
        """It has not."""
        return "the disk of n1 is full: 3.0 MiB free"


def full(_job: AgentJob, _stop: Stop) -> Outcome:
    """The disk is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def told(_job: AgentJob, _stop: Stop) -> Outcome:
    """A program says so."""
    return Outcome(ok=False, summary="Failed.", error="fatal: write error: No space left on device")


@pytest.mark.parametrize("does", [full, told])
def test_a_full_disk_parks(tmp_path: Path, does: object) -> None:
    """Anywhere in the attempt: it says which node's disk, and trying again is up to a person."""
    town = Town({PATH: FILE})
    one = node(town, "n1", tmp_path, Scripted(does=does))  # type: ignore[arg-type]
    one.settle()
    found = mission(one.peer)
    assert (found.status, found.reason, found.attempt) == (Status.PARKED, "the disk of n1 is full", 0)


def test_an_attempt_is_not_begun_without_room(tmp_path: Path) -> None:
    """It is parked before anything is written."""
    town = Town({PATH: FILE})
    one = working(town.peer("n1"), tmp_path, disk=Full())
    one.settle()
    assert one.agent.jobs == []
    found = mission(one.peer)
    assert (found.status, found.reason) == (Status.PARKED, "the disk of n1 is full: 3.0 MiB free")


def test_a_mission_tells_what_all_its_attempts_have_cost(tmp_path: Path) -> None:
    """Not what the last one did; one that nobody can price does not take the others' away."""
    town = Town({PATH: FILE})
    costs = iter([0.5, None, 0.25])

    def does(job: AgentJob, stop: Stop) -> Outcome:
        cost = next(costs)
        return Outcome(ok=cost == 0.25, summary="x", error="" if cost == 0.25 else "e", usage=Usage(cost_usd=cost))

    one = node(town, "n1", tmp_path, Scripted(does=does))
    for total in (0.5, 0.5):
        one.settle()
        assert mission(one.peer).cost_usd == total
        town.clock.forward(60)
    one.settle()
    done = one.peer.ledger().archived("m")
    assert done is not None
    assert done.mission.cost_usd == 0.75


# -- a person's orders ------------------------------------------------------------------------------------------------


@pytest.fixture
def ordered(tmp_path: Path) -> tuple[Town, Orders, Orders]:
    """A ledger, its author Ada's orders, and those of somebody whom it does not know."""
    keys = Keys(folder=tmp_path / "keys")
    files = {PATH: FILE, "allowed_signers": keys.signers(ada=["author"]), "fleet.toml": FLEET.format(trust="remote")}
    town = Town(files)
    made = []
    for key in (keys["ada"], make_key(tmp_path / "keys" / "eve", "eve")):
        peer = town.peer("ada", key=key)
        bus = replace(peer.bus, key=key.public)
        made.append(Orders(bus=bus, reader=peer.reader, trust=peer.trust, by="phone"))
    return town, made[0], made[1]


def test_orders_change_the_file_and_say_who(ordered: tuple[Town, Orders, Orders]) -> None:
    """Pause, resume, cancel: each a commit of the person's, which names who asked for it."""
    town, ada, _ = ordered
    peer = town.peer("reader")
    ada.pause("m")
    assert (mission(peer).status, mission(peer).reason) == (Status.PARKED, "paused by ada")
    with pytest.raises(AlreadyDone):
        ada.pause("m")
    ada.resume("m")
    assert (mission(peer).status, mission(peer).reason) == (Status.QUEUED, None)
    with pytest.raises(AlreadyDone):
        ada.resume("m")
    ada.cancel("m")
    assert mission(peer).status is Status.CANCELLED
    commit = peer.bus.store.get(peer.ledger().tip).decode()
    assert "Cancel m\n\nAsked-By: phone" in commit


def test_orders_of_strangers_are_refused(ordered: tuple[Town, Orders, Orders]) -> None:
    """Whoever is not in allowed_signers stops nothing; a mission that is not there is not found."""
    town, ada, eve = ordered
    for order in (eve.pause, eve.resume, eve.cancel, eve.retry):
        with pytest.raises(Refused):
            order("m")
    assert mission(town.peer("reader")).status is Status.QUEUED
    with pytest.raises(NotFound):
        ada.pause("other")


def test_an_order_loses_nobodys_edit(ordered: tuple[Town, Orders, Orders]) -> None:
    """An order is written on the newest state: somebody else's edit of the moment before stays."""
    town, ada, _ = ordered
    line = ada.bus.remote
    other = town.peer("ben")
    line.before_push.append(lambda: other.push({PATH: FILE.replace("Do it", "Do it well")}))  # type: ignore[attr-defined]
    ada.pause("m")
    assert "Do it well." in other.text(PATH)
    assert mission(other).status is Status.PARKED


def test_a_retry_counts_on(ordered: tuple[Town, Orders, Orders]) -> None:
    """Each attempt has a branch and files of its own: a number that came twice could not be pushed a second time."""
    town, ada, _ = ordered
    peer = town.peer("n1")
    for number in (1, 2, 3):
        town.clock.forward(3600)
        held = peer.hold("m")
        assert held.claim.attempt == number
        assert peer.end(held, ClaimState.FAILED, artifacts={"diff": f"+{number}\n"}).accepted
        peer.fold()
    assert mission(peer).status is Status.DEAD
    ada.retry("m")
    again = mission(peer)
    assert (again.status, again.attempt, again.attempts_allowed) == (Status.QUEUED, 3, 6)
    assert peer.hold("m").claim.attempt == 4
