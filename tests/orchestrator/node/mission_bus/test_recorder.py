"""Headquarters' recorder: what comes over a bus is filed once and recorded once, and the ledger's word stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.roles import Role
from orchestrator.node.mission_bus.filing import KEYS, forget_old_keys
from orchestrator.node.mission_bus.recorder import SHOW_SECONDS, MissionRecorder
from orchestrator.node.mission_bus.threads import BusThreads
from orchestrator.workflow.delegation.envelope import read_envelope
from sync.errors import RemoteUnreachable
from tests.buses import Marks, Told, envelope, recorder, result, work_off, worker
from tests.ledgers import FLEET, Keys, Peer, Ticks, Town, working
from tests.memory_bus import MemoryBus
from tests.waiting import PATIENCE, until

SPECIAL = "---\ntask: general_task\ncapabilities: [task-probe]\n---\nprobe:do it\n"


@dataclass
class Fleet:
    """A ledger in memory, a bus beside it, and headquarters' recorder."""

    town: Town = field(default_factory=Town)
    ticks: Ticks = field(default_factory=Ticks)
    marks: Marks = field(default_factory=Marks)
    bus: MemoryBus = field(init=False)
    person: Peer = field(init=False)
    hq: Peer = field(init=False)
    recorder: MissionRecorder = field(init=False)

    def __post_init__(self) -> None:
        self.bus = MemoryBus(self.ticks)
        self.person, self.hq = self.town.peer("ann"), self.town.peer("hq")
        self.recorder = recorder(self.bus, self.person, self.hq, self.marks, ticks=self.ticks)

    def again(self, bus: MemoryBus | None = None) -> None:
        """Headquarters was killed, and starts again; on another copy of the bus, if there is one."""
        self.bus = bus or self.bus
        self.recorder = recorder(self.bus, self.person, self.hq, self.marks, ticks=self.ticks)

    def work(self, name: str = "w", **answer: Any) -> None:
        """A worker that does what the tests' missions are."""
        handler = {"probe": lambda _job: answer or {"ok": True}}
        work_off(worker(self.bus, name, handler, clock=self.ticks))

    def status(self, name: str) -> Status:
        """Where a mission stands in the ledger."""
        ledger = self.hq.ledger()
        filed = ledger.open.get(name) or ledger.archived(name)
        assert filed is not None, name
        return filed.mission.status

    def told(self) -> str:
        """What the recorder told."""
        assert isinstance(self.recorder.tell, Told)
        return self.recorder.tell.text

    def unsettled(self) -> list[str]:
        """The results that are still there."""
        return [json.loads(each.body)["job_id"] for each in self.bus.results(100)]


@pytest.fixture
def fleet() -> Fleet:
    """A fleet without missions."""
    return Fleet()


def test_a_mission_goes_from_the_bus_into_the_ledger_and_back(fleet: Fleet) -> None:
    """Filed as a file with its text, done by a worker, recorded, folded; the archive says who did it."""
    fleet.bus.publish(envelope("Fix-It", "probe:look into it", key="k", priority=7), 7)
    assert fleet.recorder.step()
    assert fleet.person.text("missions/fix-it.md") == (
        "---\ntask: general_task\npriority: 7\ncapabilities: [task-probe]\ntimeout_seconds: 60\n---\n"
        "probe:look into it\n"
    )
    fleet.work("desk", found="nothing")
    assert fleet.recorder.step()
    assert fleet.recorder.recorded == 1
    assert fleet.hq.fold().missions == {"fix-it": Status.DONE}
    text = fleet.hq.archived("fix-it")
    assert "over the bus, by desk" in text
    assert '"found": "nothing"' in text
    assert not fleet.recorder.step()
    assert fleet.unsettled() == []


def test_many_are_filed_and_recorded_in_one_push_each(fleet: Fleet) -> None:
    """One commit for a batch of missions, one atomic push for a batch of results, one fold."""
    for number in range(25):
        fleet.bus.publish(envelope(f"m{number}"), 1)
    before = fleet.hq.ledger().tip
    fleet.recorder.step()
    filed = fleet.hq.ledger()
    assert len(filed.open) == 25
    assert list(filed.store.between(filed.tip, before)) == [filed.tip]
    fleet.work()
    fleet.recorder.step()
    assert fleet.recorder.recorded == 25
    closed = fleet.hq.ledger().claims
    assert {held.claim.state for held in closed.values()} == {ClaimState.DONE}
    assert len(fleet.hq.fold().missions) == 25


def test_a_mission_is_filed_once_whatever_dies(fleet: Fleet) -> None:
    """After the push and before the note, after the note and before the bus is told: the same mission, one file."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    (request,) = fleet.bus.requests(10)
    assert fleet.recorder.filing.file([request]) == [(request, "")]
    fleet.again()
    assert fleet.recorder.filing.file([request]) == [(request, "")]
    fleet.marks.kept.clear()  # even the database is lost
    tip = fleet.hq.ledger().tip
    assert fleet.recorder.filing.file([request]) == [(request, "")]
    assert fleet.hq.ledger().tip == tip
    assert fleet.recorder.filing.key("a") == "k"


def test_the_same_key_under_another_name_is_the_same_mission(fleet: Fleet) -> None:
    """Also where the bus has forgotten that it had it."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    fleet.again(MemoryBus(fleet.ticks))
    assert fleet.bus.publish(envelope("b", key="k"), 1)
    fleet.recorder.step()
    assert list(fleet.hq.ledger().open) == ["a"]


def test_what_was_filed_and_deleted_is_refused_when_it_comes_again(fleet: Fleet) -> None:
    """On a bus that has forgotten it: it is not filed a second time, and nobody waits for that."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    fleet.person.push({"missions/a.md": None})
    fleet.recorder.step()
    fleet.again(MemoryBus(fleet.ticks))
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    assert fleet.hq.ledger().open == {}
    ((_, why),) = fleet.bus.dead_letters
    assert why == "it was filed as a, which is deleted: take another job_id and idempotency_key"
    assert fleet.bus.claim("w", 5) == []


def test_two_of_one_name_in_one_batch(fleet: Fleet) -> None:
    """The first is filed, the second refused with its reason."""
    fleet.bus.publish(envelope("a", key="one"), 1)
    fleet.bus.publish(envelope("A", "probe:other", key="two"), 1)
    fleet.recorder.step()
    assert "probe:do it" in fleet.person.text("missions/a.md")
    ((_, why),) = fleet.bus.dead_letters
    assert why == "there is another mission a already: take another job_id"


@pytest.mark.parametrize("place", ["missions/a.md", "archive"])
def test_nobody_takes_over_a_persons_mission_by_its_name(fleet: Fleet, place: str) -> None:
    """An envelope named like a mission that is there, open or finished, changes nothing of it."""
    fleet.person.push({"missions/a.md": "A person's own.\n"})
    if place == "archive":
        fleet.hq.attempt("a")
        fleet.hq.fold()
    fleet.bus.publish(envelope("a", "general_task:evil"), 1)
    fleet.recorder.step()
    assert "another mission a" in fleet.bus.dead_letters[0][1]
    assert "A person's own." in (fleet.hq.archived("a") if place == "archive" else fleet.person.text("missions/a.md"))
    for _ in range(3):
        fleet.recorder.step()
        fleet.hq.fold()
    assert fleet.unsettled() == []
    assert fleet.status("a") is (Status.DONE if place == "archive" else Status.QUEUED)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (envelope("readme"), "readme"),
        (envelope("a", "general_task:x", payload={"task": "general_task:x", "context": {"run": "rm -rf /"}}), ""),
        (envelope("a", payload={"task": "general_task:x", "context": {"project": "nowhere"}}), "unknown project"),
        (envelope("a", payload={"task": "general_task:x", "context": {"scope": {"a": 1}}}), "payload.context.scope"),
        (envelope("a", payload={"task": "probe:x", "context": {"to": "desk"}}), "whoever offers that task type"),
        (envelope("a", payload={"task": "general_task:x", "context": {"agent": "root"}}), "agent"),
    ],
)
def test_what_cannot_be_filed_is_dead_with_its_reason(fleet: Fleet, body: str, reason: str) -> None:
    """And what a person alone may write is no field: it stands below the text."""
    fleet.bus.publish(body, 1)
    fleet.recorder.step()
    if reason:
        assert reason in fleet.bus.dead_letters[0][1]
        assert fleet.hq.ledger().open == {}
    else:
        assert fleet.hq.ledger().open["a"].mission.run is None


@pytest.mark.parametrize(
    ("task", "kind", "opening"),
    [
        ("bootstrap_repo", "coding_task", "Set this project up so that it builds, and its tests run."),
        ("research_task", "general_task", "Find out, and say where each finding is from."),
        ("coding_task", "coding_task", "do it"),
        ("general_task", "general_task", "do it"),
    ],
)
def test_each_type_of_the_ledger_has_its_task(fleet: Fleet, task: str, kind: str, opening: str) -> None:
    """Four words for two kinds of work."""
    fleet.bus.publish(envelope("a", payload={"task": f"{task}:do it", "context": {"project": "shop"}}), 1)
    fleet.recorder.step()
    mission = fleet.hq.ledger().open["a"].mission
    assert (mission.task, mission.capabilities) == (kind, ())
    assert mission.body.startswith(opening)


def test_one_result_counts_whatever_the_bus_doubles(fleet: Fleet) -> None:
    """Two in one batch, one after the fold, one from another copy of the bus: the first is the mission's."""
    fleet.bus.publish(envelope("a"), 1)
    fleet.recorder.step()
    copy = MemoryBus(fleet.ticks)
    copy.publish(envelope("a"), 1)
    fleet.work("first", n=1)
    (said,) = fleet.bus.results(1)
    fleet.bus._results["9-9"] = said.__class__(entry="9-9", body=said.body.replace("1", "2"), worker="second")
    fleet.recorder.step()
    fleet.hq.fold()
    fleet.again(copy)
    fleet.work("third", n=3)
    fleet.recorder.step()
    assert fleet.recorder.refused == 1
    assert "it is over in the ledger" in fleet.told()
    assert fleet.hq.fold().missions == {}
    text = fleet.hq.archived("a")
    assert ("by first" in text, "by second" in text, "by third" in text) == (True, False, False)
    assert fleet.hq.text("SESSION_LOG.md").count("<!-- entry: a-1 -->") == 1


def test_a_recorder_that_dies_after_its_push_records_once(fleet: Fleet) -> None:
    """The result is on the bus still, and the ledger has it: by the claim, or by the archive."""
    fleet.bus.publish(envelope("a"), 1)
    fleet.recorder.step()
    fleet.work()
    said = fleet.bus.results(10)
    fleet.recorder.step()
    for folded in (False, True):
        fleet.bus._results.update({each.entry: each for each in said})
        fleet.again()
        if folded:
            fleet.hq.fold()
        fleet.recorder.step()
        assert (fleet.recorder.recorded, fleet.recorder.refused) == (0, 1)
    assert fleet.hq.archived("a").count("### Attempt") == 1


def test_what_a_node_has_in_the_ledger_is_its_to_end(fleet: Fleet) -> None:
    """A result from the bus does not take a claimed mission away."""
    fleet.person.push({"missions/a.md": "Do it.\n"})
    node = fleet.town.peer("desk")
    held = node.hold("a")
    fleet.bus.publish(envelope("x"), 1)
    fleet.bus._results["1-1"] = _received(result("a"))
    fleet.recorder.step()
    assert "desk has it in the ledger" in fleet.told()
    assert node.end(held).accepted
    fleet.hq.fold()
    assert "by hand" not in fleet.hq.archived("a")


def test_a_race_with_a_node_has_one_winner(fleet: Fleet) -> None:
    """A node claims between the look and the push: nothing of that mission is recorded, the rest of the batch is."""
    for name in ("a", "b"):
        fleet.bus.publish(envelope(name), 1)
    fleet.recorder.step()
    fleet.work()
    node = fleet.town.peer("desk")
    fleet.hq.line.before_push.append(lambda: node.hold("a"))
    fleet.recorder.step()
    assert fleet.recorder.recorded == 1
    claims = fleet.hq.ledger().claims
    assert (claims["a"].claim.node, claims["a"].claim.state) == ("desk", ClaimState.RUNNING)
    assert (claims["b"].claim.node, claims["b"].claim.state) == ("hq", ClaimState.DONE)


def test_a_lost_answer_of_the_remote_records_once(fleet: Fleet) -> None:
    """The push arrived, its answer did not; and a push that did not arrive is made again."""
    for losses in ("lose_answers", "lose_pushes"):
        job = losses.replace("_", "-")
        fleet.bus.publish(envelope(job), 1)
        fleet.recorder.step()
        fleet.work()
        setattr(fleet.hq.line, losses, 1)
        fleet.recorder.step()
        assert fleet.hq.fold().missions == {job: Status.DONE}
        assert fleet.hq.archived(job).count("### Attempt") == 1


def test_what_failed_on_the_bus_is_dead_in_the_ledger(fleet: Fleet) -> None:
    """The bus has spent its attempts: it does not go round again until a person says so."""
    fleet.bus.publish(envelope("a", "paint:it"), 1)
    fleet.recorder.step()
    fleet.work()
    fleet.recorder.step()
    assert fleet.hq.fold().missions == {"a": Status.DEAD}
    assert "unknown task type" in fleet.person.text("missions/a.md")
    fleet.again(MemoryBus(fleet.ticks))
    fleet.recorder.step()
    assert fleet.bus.claim("w", 5) == []


def test_an_unsigned_word_changes_no_project(fleet: Fleet) -> None:
    """A foreign SUCCESS on a coding mission waits for a person: no node has signed what was done."""
    text = envelope("a", payload={"task": "coding_task:mend", "context": {"project": "shop"}})
    fleet.bus.publish(text, 1)
    fleet.recorder.step()
    fleet.bus._results["1-1"] = _received(result("a"))
    fleet.recorder.step()
    assert fleet.hq.fold().missions == {"a": Status.PARKED}
    assert "nothing that a node has signed" in (fleet.hq.ledger().open["a"].mission.reason or "")


@pytest.mark.parametrize(
    "body",
    [
        *(
            "",
            "{",
            "[1]",
            '{"job_id": "a"}',
            '{"job_id": "a", "status": "MAYBE"}',
            '{"job_id": 7, "status": "SUCCESS"}',
        ),
        result("a", result="y" * 300_000),
        '{"job_id": "' + "a" * 90 + '", "status": "SUCCESS"}',
    ],
)
def test_what_is_no_result_is_told_and_dropped(fleet: Fleet, body: str) -> None:
    """It ends no loop, and is not read for ever."""
    fleet.bus.publish(envelope("a"), 1)
    fleet.recorder.step()
    fleet.bus._results["1-1"] = _received(body)
    fleet.recorder.step()
    assert fleet.recorder.refused == 1
    assert fleet.status("a") is Status.QUEUED
    assert fleet.bus.results(10) == []


def test_results_of_missions_that_nobody_filed_are_told_and_dropped(fleet: Fleet) -> None:
    """There is nothing that they could be recorded for."""
    fleet.bus._results["1-1"] = _received(result("ghost"))
    fleet.recorder.step()
    assert fleet.unsettled() == ["ghost"], "it may have come between the two looks"
    fleet.recorder.step()
    assert "the ledger has no such mission" in fleet.told()
    assert fleet.unsettled() == []


def test_a_result_that_is_there_before_its_request_waits_for_it(fleet: Fleet) -> None:
    """A quick worker is done between the look at the requests and the one at the results."""
    looked = fleet.bus.requests

    def look_first(count: int) -> Any:
        found = looked(count)
        fleet.bus.publish(envelope("quick"), 1)
        fleet.work()
        return found

    fleet.bus.requests = look_first  # type: ignore[method-assign]
    fleet.recorder.step()
    fleet.recorder.step()
    assert fleet.recorder.recorded == 1
    assert fleet.recorder.refused == 0
    assert fleet.hq.fold().missions == {"quick": Status.DONE}


def test_entries_of_two_streams_with_one_id_are_two_missions(fleet: Fleet) -> None:
    """Redis gives each stream its own ids: those of one millisecond are alike."""
    for name, place in (("a", 1), ("b", 9)):
        fleet.bus.publish(envelope(name), place)
    found = [replace(each, entry="5-0") for each in fleet.bus.requests(5)]
    assert [why for _, why in fleet.recorder.filing.file(found)] == ["", ""]
    assert sorted(fleet.hq.ledger().open) == ["a", "b"]
    wrong = [replace(found[0], envelope="{}"), replace(found[1], envelope=envelope("c"))]
    assert [bool(why) for _, why in fleet.recorder.filing.file(wrong)] == [True, False]
    assert "c" in fleet.hq.ledger().open


def test_secrets_in_results_are_redacted(fleet: Fleet) -> None:
    """What a worker says is written by the function that redacts everything."""
    fleet.bus.publish(envelope("a"), 1)
    fleet.recorder.step()
    fleet.work(key="AKIA" + "IOSFODNN7EXAMPLQ", said="ghp_" + "a1B2" * 9)
    fleet.recorder.step()
    fleet.hq.fold()
    assert "a1B2a1B2" not in fleet.hq.archived("a")
    assert "IOSFODNN7EXAMPLQ" not in fleet.hq.archived("a")


# -- from the ledger onto the bus -------------------------------------------------------------------------------------


def test_what_is_open_in_the_ledger_is_put_on_the_bus(fleet: Fleet) -> None:
    """By priority, once; not what names machines, waits for others, is not due, or runs a command."""
    head = "---\n{}\n---\nDo it.\n"
    files = {
        "plain": "Do it.\n",
        "urgent": head.format("priority: 8"),
        "sent": head.format("to: desk"),
        "able": head.format("capabilities: [gpu]"),
        "after": head.format("depends_on: [plain]"),
        "later": head.format("not_before: 2027-01-01T00:00:00Z"),
        "shell": head.format("agent: command\nrun: make"),
        "parked": head.format("status: parked"),
    }
    fleet.person.push({f"missions/{name}.md": text for name, text in files.items()})
    for _ in range(3):
        fleet.recorder.step()
    taken = [json.loads(each.envelope) for each in fleet.bus.claim("w", 20)]
    assert [(each["job_id"], each["priority"]) for each in taken] == [("urgent", 8), ("plain", 1)]
    assert taken[1]["payload"]["task"] == "general_task:Do it."


def test_an_idle_bus_asks_no_remote(fleet: Fleet) -> None:
    """Only when something came, the loop saw the ledger move, the bus lost something, or half a minute is over."""
    fleet.recorder.look(fleet.hq.ledger())
    fleet.recorder.step()
    fleet.hq.line.cut = True
    for _ in range(3):
        assert not fleet.recorder.step()
    fleet.ticks.at += SHOW_SECONDS
    with pytest.raises(RemoteUnreachable):
        fleet.recorder.step()
    fleet.hq.line.cut = False
    fleet.recorder.step()
    fleet.hq.line.cut = True
    fleet.bus.generation = lambda: "2"  # type: ignore[method-assign]
    with pytest.raises(RemoteUnreachable):
        fleet.recorder.step()
    fleet.hq.line.cut = False
    fleet.recorder.step()
    fleet.bus.publish(envelope("a"), 1)
    fleet.hq.line.cut = True
    with pytest.raises(RemoteUnreachable):
        fleet.recorder.step()


def test_what_the_loop_sees_is_shown_at_once(fleet: Fleet, tmp_path: Path) -> None:
    """A person's commit that the node's loop has fetched is on the bus at the recorder's next round."""
    node = working(fleet.hq, tmp_path, role=Role.HEADQUARTERS, ticks=fleet.ticks)
    node.node.over_bus = BusThreads(recorder=fleet.recorder)
    node.step()
    fleet.recorder.step()
    for name in ("a", "b"):
        fleet.person.push({f"missions/{name}.md": SPECIAL})
        fleet.recorder.step()
        assert fleet.bus.claim("w", 5) == [], "nobody has seen it yet"
        node.step()
        fleet.recorder.step()
        assert [json.loads(each.envelope)["job_id"] for each in fleet.bus.claim("w", 5)] == [name]


def test_what_is_over_is_not_kept_in_mind(fleet: Fleet) -> None:
    """Headquarters runs for months, and so does its server: what it knows is as large as what is open."""
    for number in range(5):
        fleet.bus.publish(envelope(f"m{number}"), 1)
    fleet.recorder.step()
    assert set(fleet.recorder._published) == set(fleet.hq.ledger().open)
    fleet.work()
    fleet.recorder.step()
    fleet.hq.fold()
    fleet.person.push({"missions/later.md": SPECIAL})
    fleet.recorder.step()
    assert set(fleet.recorder._published) == {"later"}
    assert fleet.recorder.bus.generation() == "1", "it is the same bus all the time"


def test_what_becomes_due_by_waiting_is_put_on_the_bus(fleet: Fleet) -> None:
    """The ledger does not move then."""
    fleet.person.push({"missions/later.md": "---\nnot_before: 2026-11-21T13:00:00Z\n---\nDo it.\n"})
    fleet.recorder.step()
    fleet.town.clock.forward(3700)
    fleet.ticks.at += 3700
    fleet.recorder.step()
    assert len(fleet.bus.claim("w", 5)) == 1


def test_an_untrusted_mission_does_not_travel(tmp_path: Path) -> None:
    """A file that nobody signed who may file missions goes to no worker, and no result is recorded for it."""
    keys = Keys(folder=tmp_path / "keys")
    signers = keys.signers(ann=["admin", "author"], hq=["node"])
    files = {"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers}
    fleet = Fleet.__new__(Fleet)
    fleet.town, fleet.ticks, fleet.marks = Town(files), Ticks(), Marks()
    fleet.bus = MemoryBus(fleet.ticks)
    fleet.person = fleet.town.peer("ann", key=keys["ann"])
    fleet.hq = fleet.town.peer("hq", key=keys["hq"])
    fleet.again()
    fleet.town.peer("mallory").push({"missions/evil.md": SPECIAL})
    fleet.person.push({"missions/good.md": SPECIAL})
    fleet.bus._results["1-1"] = _received(result("evil"))
    fleet.recorder.step()
    fleet.recorder.step()
    assert [json.loads(each.envelope)["job_id"] for each in fleet.bus.claim("w", 5)] == ["good"]
    assert "evil: it is not run" in fleet.told()
    fleet.bus.publish(envelope("ours"), 1)
    fleet.recorder.step()
    fleet.work()
    fleet.recorder.step()
    assert fleet.hq.fold().missions == {"ours": Status.DONE}, "signed by the person here, recorded by the node"


def test_a_bus_that_forgot_everything_gets_it_again(fleet: Fleet) -> None:
    """After a failover to nothing all that is open in the ledger is there again, special types with their own text."""
    fleet.bus.publish(envelope("a", "probe:dig here", key="k", max_retries=2), 1)
    fleet.person.push({"missions/plain.md": "Do it.\n"})
    fleet.recorder.step()
    lost = MemoryBus(fleet.ticks)
    lost.generation = lambda: "2"  # type: ignore[method-assign]
    fleet.recorder.bus = fleet.bus = lost
    fleet.recorder.step()
    taken = {json.loads(each.envelope)["job_id"]: json.loads(each.envelope) for each in lost.claim("w", 5)}
    assert taken["a"]["payload"]["task"] == "probe:dig here"
    assert (taken["a"]["idempotency_key"], taken["a"]["max_retries"]) == ("k", 2)
    assert set(taken) == {"a", "plain"}


def test_what_the_ledger_carried_is_answered_on_the_bus(fleet: Fleet) -> None:
    """A node did it by the ledger: its producer is told by its own job_id, once."""
    fleet.bus.publish(envelope("Job_1", "general_task:say it", key="k"), 1)
    fleet.recorder.step()
    fleet.town.peer("desk").attempt("job-1")
    fleet.hq.fold()
    fleet.recorder.step()
    (said,) = fleet.bus.results(10)
    assert json.loads(said.body)["job_id"] == "Job_1"
    assert (json.loads(said.body)["status"], json.loads(said.body)["result"]["node"]) == ("SUCCESS", "desk")
    for _ in range(2):
        fleet.recorder.step()
    assert fleet.bus.results(10) == []
    assert fleet.recorder.filing.unanswered() == []
    assert fleet.bus.claim("w", 5) == [], "nobody does it again"


def test_a_deleted_mission_is_answered_as_failed(fleet: Fleet) -> None:
    """Nobody waits for ever."""
    fleet.bus.publish(envelope("a", "general_task:x"), 1)
    fleet.recorder.step()
    fleet.person.push({"missions/a.md": None})
    fleet.recorder.step()
    (said,) = fleet.bus.results(10)
    assert json.loads(said.body)["error"] == "its file was deleted"


def test_a_second_round_has_a_key_of_its_own(fleet: Fleet) -> None:
    """What a person has tried again travels again, and its first round's key does not keep it off the bus."""
    fleet.bus.publish(envelope("a", "paint:it"), 1)
    fleet.recorder.step()
    fleet.work()
    fleet.recorder.step()
    fleet.hq.fold()
    text = fleet.person.text("missions/a.md")
    fleet.person.push({"missions/a.md": text.replace("status: dead", "status: queued")})
    fleet.recorder.step()
    (again,) = fleet.bus.claim("w", 5)
    assert json.loads(again.envelope)["idempotency_key"] == "a#1"


def test_old_keys_are_forgotten(fleet: Fleet) -> None:
    """A key is remembered for as long as anybody might come back with it."""
    fleet.bus.publish(envelope("a"), 1)
    fleet.recorder.step()
    now = fleet.town.clock()
    assert forget_old_keys(fleet.marks, now - timedelta(days=1)) == 0
    assert forget_old_keys(fleet.marks, now + timedelta(days=1)) == 1
    assert not fleet.marks.starting(KEYS)
    fleet.bus.publish(envelope("b"), 1)
    fleet.recorder.step()
    fleet.town.clock.forward(61 * 86_400)
    fleet.ticks.at += 61 * 86_400
    fleet.recorder.step()
    assert not fleet.marks.starting(KEYS), "headquarters does so once a day"


def test_trouble_is_told_and_the_next_round_tries_again(fleet: Fleet) -> None:
    """The remote away: nothing is lost, nothing is told to the bus."""
    import threading

    fleet.bus.publish(envelope("a"), 1)
    fleet.person.line.cut = True
    over = threading.Event()
    thread = threading.Thread(target=fleet.recorder.run, args=(over,))
    thread.start()
    until(lambda: "cannot be recorded" in fleet.told() or "nothing can be recorded" in fleet.told())
    fleet.person.line.cut = False
    until(lambda: "a" in fleet.town.peer("eye").ledger().open)
    over.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def _received(body: str) -> Any:
    from orchestrator.core.ports.mission_bus import ReceivedResult

    return ReceivedResult(entry="1-1", body=body)


def lost(fleet: Fleet) -> MemoryBus:
    """The bus came back with nothing; the recorder has looked at it once."""
    empty = MemoryBus(fleet.ticks)
    empty.generation = lambda: "2"  # type: ignore[method-assign]
    fleet.recorder.bus = fleet.bus = empty
    fleet.recorder.step()
    return empty


def test_a_context_comes_back_as_it_was(fleet: Fleet) -> None:
    """A mission that is put on an empty bus again has its context, and its description without it."""
    context = {"number": 17, "note": "```\nContext:\n```", "lines": [{"a": None}]}
    fleet.bus.publish(envelope("a", payload={"task": "probe:dig here", "context": context}), 1)
    fleet.recorder.step()
    (again,) = lost(fleet).claim("w", 5)
    payload = json.loads(again.envelope)["payload"]
    assert payload["task"] == "probe:dig here"
    assert {key: payload["context"][key] for key in context} == context


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("---\ntitle: Only a title\n---\n", True),
        (f"Do it.\n{'x' * 120_000}\n", False),
        ("---\nmax_retries: 0\n---\nDo it.\n", True),
    ],
)
def test_what_a_person_files_never_dies_of_the_bus(fleet: Fleet, text: str, carried: bool) -> None:
    """What workers could not read is left to the nodes; what they get they can read."""
    fleet.person.push({"missions/a.md": text})
    assert "a" in fleet.hq.ledger().open
    fleet.recorder.step()
    taken = fleet.bus.claim("w", 5)
    assert len(taken) == carried
    for each in taken:
        assert read_envelope(each.envelope).mission == "a"


def test_a_long_key_has_further_rounds(fleet: Fleet) -> None:
    """A key of 200 characters with the round's number would be refused as too long."""
    key = "k" * 200
    fleet.bus.publish(envelope("a", "paint:it", key=key), 1)
    fleet.recorder.step()
    fleet.work()
    fleet.recorder.step()
    fleet.hq.fold()
    text = fleet.person.text("missions/a.md")
    fleet.person.push({"missions/a.md": text.replace("status: dead", "status: queued")})
    fleet.recorder.step()
    (again,) = fleet.bus.claim("w", 5)
    assert read_envelope(again.envelope).key.endswith("#1")


def signed_fleet(folder: Path) -> Fleet:
    """A fleet in which only what is signed is trusted."""
    keys = Keys(folder=folder / "keys")
    signers = keys.signers(ann=["admin", "author"], hq=["node"])
    made = Fleet.__new__(Fleet)
    made.town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})
    made.ticks, made.marks = Ticks(), Marks()
    made.bus = MemoryBus(made.ticks)
    made.person, made.hq = made.town.peer("ann", key=keys["ann"]), made.town.peer("hq", key=keys["hq"])
    made.again()
    return made


def test_what_is_trusted_later_travels_then(tmp_path: Path) -> None:
    """A mission that nobody had signed is put on the bus once a person has, under the same epoch."""
    fleet = signed_fleet(tmp_path)
    fleet.town.peer("mallory").push({"missions/a.md": SPECIAL})
    fleet.recorder.step()
    assert fleet.bus.claim("w", 5) == []
    fleet.person.push({"missions/a.md": SPECIAL + "\nChecked.\n"})
    fleet.recorder.step()
    assert len(fleet.bus.claim("w", 5)) == 1


@pytest.mark.parametrize("line", ["to: desk", "status: no such word"])
def test_a_mission_whose_result_was_refused_travels_again(fleet: Fleet, line: str) -> None:
    """While it was another node's, or its file could not be read, no result counted; afterwards somebody does it."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    text = fleet.person.text("missions/a.md")
    fleet.person.push({"missions/a.md": text.replace("---\n", f"---\n{line}\n", 1)})
    fleet.work(n=1)
    fleet.recorder.step()
    assert (fleet.recorder.recorded, fleet.recorder.refused) == (0, 1)
    fleet.person.push({"missions/a.md": text})
    fleet.recorder.step()
    fleet.work(n=2)
    fleet.recorder.step()
    fleet.hq.fold()
    assert '"n": 2' in fleet.hq.archived("a")


def test_a_foreign_word_takes_nothing_from_who_works_on_it(fleet: Fleet) -> None:
    """A result that is refused ends no other worker's work on the mission."""
    fleet.bus.publish(envelope("a", key="k"), 1)
    fleet.recorder.step()
    (mine,) = fleet.bus.claim("w", 5)
    text = fleet.person.text("missions/a.md")
    fleet.person.push({"missions/a.md": text.replace("---\n", "---\nto: desk\n", 1)})
    fleet.bus._results["1-1"] = _received(result("a"))
    fleet.recorder.step()
    assert fleet.recorder.refused == 1
    assert fleet.bus.renew(mine)
