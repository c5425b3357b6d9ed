"""Can a person take an approved result back until a node pushes it, and are they told when it was too late?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from missions.mission import Status
from orchestrator.core.errors import AlreadyDone
from orchestrator.workflow.merge_queue.queue_work import QueueWork
from orchestrator.workflow.orders import Orders
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, QueueRecord, begun, read_queue_record
from sync.objects import find, load_commit
from sync.remote import LedgerRemote, ObjectStore, Oid, PushVerdict, RefUpdate
from tests.orchestrator.workflow.approval.scene import Scene
from tests.orchestrator.workflow.merge_queue.queues import Queue, queue_toml
from tests.orchestrator.workflow.merge_queue.test_queue_work import interrupted

Scenes = Callable[..., Scene]
TakeBack = Callable[[Scene, str], object]
QUEUE_REF = "refs/shiftbook/queue/shop"


def rejected(scene: Scene, name: str) -> None:
    """Ben sends it back after all."""
    scene.door("ben").reject(name, "the parser that is there, please")


def cancelled(scene: Scene, name: str) -> None:
    """Ben calls it off."""
    ben = scene.peer("ben")
    Orders(bus=ben.bus, reader=ben.reader, trust=ben.trust).cancel(name)


@dataclass
class Meddled:
    """A node's line to the ledger on which somebody acts just before, or just after, it says that it pushes."""

    line: LedgerRemote
    store: ObjectStore
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None

    def push(self, updates: Iterable[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """As the line does."""
        moves = list(updates)
        lands = any(move.ref == QUEUE_REF and move.new and record_at(self.store, move.new).landing for move in moves)
        if lands:
            self.before()
        done = self.line.push(moves, atomic=atomic)
        if lands and PushVerdict.STALE not in done.values():
            self.after()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)


def record_at(store: ObjectStore, oid: Oid) -> QueueRecord:
    """The record of one commit."""
    entry = find(store, load_commit(store, oid).tree, QUEUE_FILE)
    assert entry is not None
    return read_queue_record(store.get(entry.oid))


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Acts the first time that it is asked to."""
    acts = [act]

    def acted() -> None:
        if acts:
            acts.pop()()

    return acted


def meddled(queue: Queue, node: str = "n1", **acts: Callable[[], object]) -> QueueWork:
    """A node's work with somebody who acts in the moment of its push."""
    work = queue.work(node)
    bus = work.delivery.bus
    line = Meddled(bus.remote, bus.store, **acts)
    return replace(work, delivery=replace(work.delivery, bus=replace(bus, remote=line)))


@pytest.mark.parametrize(("take_back", "then"), [(rejected, Status.QUEUED), (cancelled, Status.CANCELLED)])
def test_what_waits_is_taken_back_in_a_word(scenes: Scenes, take_back: TakeBack, then: Status) -> None:
    """While nobody tests it, and while somebody does; what is not withdrawn keeps its place."""
    scene = scenes(missions=("a", "c", "e"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c", "e")
    take_back(scene, "c")
    assert queue.waiting() == ["a", "e"]
    said = queue.mission("c")
    assert (said.status, said.merged, said.rejections) == (then, None, int(then is Status.QUEUED))
    report = queue.round(work=interrupted(queue.work("n1"), once(lambda: take_back(scene, "a"))))
    assert report is not None
    assert (report.settled, queue.trailers(), queue.mission("a").status) == ((), [], then)
    queue.round()
    assert queue.trailers() == ["e"]


@pytest.mark.parametrize("take_back", [rejected, cancelled])
def test_a_word_between_the_last_look_and_the_push_counts(scenes: Scenes, take_back: TakeBack) -> None:
    """The node has looked that all are approved; before it can say that it pushes them, one is taken back."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c")
    report = queue.round(work=meddled(queue, before=once(lambda: take_back(scene, "c"))))
    assert report is not None
    assert (report.settled, queue.trailers(), queue.waiting()) == ((), [], ["a"])
    queue.round()
    assert queue.trailers() == ["a"]


def edited(scene: Scene, name: str) -> None:
    """Anna puts it back into review in her clone, and pushes."""
    scene.peer("anna").push({f"missions/{name}.md": scene.text(name).replace("status: done", "status: review")})


def deleted(scene: Scene, name: str) -> None:
    """She takes the file away."""
    scene.peer("anna").push({f"missions/{name}.md": None})


@pytest.mark.parametrize("take_back", [edited, deleted])
def test_a_file_that_is_pushed_by_hand_between_the_two_counts_too(scenes: Scenes, take_back: TakeBack) -> None:
    """It moves no record: so the node looks once more when it has said that it pushes, and lets the others go on."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c")
    report = queue.round(work=meddled(queue, before=once(lambda: take_back(scene, "c"))))
    assert report is not None
    assert (report.settled, queue.trailers(), queue.waiting()) == ((), [], ["a"])
    assert queue.record()[0].landing == ()
    queue.round()
    assert queue.trailers() == ["a"]


@pytest.mark.parametrize("take_back", [rejected, cancelled])
def test_a_word_after_that_is_told_to_be_too_late(scenes: Scenes, take_back: TakeBack) -> None:
    """Nothing is written, and the result is merged as it was approved."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a")
    says = list[str]()

    def too_late() -> None:
        assert queue.record()[0].landing == ("a",)
        with pytest.raises(AlreadyDone) as caught:
            take_back(scene, "a")
        says.append(str(caught.value))

    queue.round(work=meddled(queue, after=too_late))
    assert [line.startswith("too late: n1 puts a on main since ") for line in says] == [True]
    assert (queue.trailers(), queue.mission("a").merged) == (["a"], scene.main())
    with pytest.raises(AlreadyDone, match="a is decided already: ben approved it"):
        rejected(scene, "a")


def test_what_is_not_in_the_batch_costs_it_no_tests(scenes: Scenes) -> None:
    """A word about a result further behind moves the record, and the node that tests goes on."""
    scene = scenes(missions=("a", "c"), policy=queue_toml(batch=1))
    queue = Queue.of(scene, "a", "c")
    tests = list[int]()

    def act() -> None:
        tests.append(1)
        if len(tests) == 1:
            rejected(scene, "c")
            assert queue.record()[0].testing == ("a",)

    queue.round(work=interrupted(queue.work("n1"), act))
    assert (queue.trailers(), len(tests), queue.waiting()) == (["a"], 1, [])


def test_two_who_take_back_two_results_at_once(scenes: Scenes) -> None:
    """Each word stands upon the other, also where no node has said anything yet, and the next node takes the queue."""
    scene = scenes(missions=("a", "c", "e"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c", "e")
    rejected(scene, "a")
    first = queue.record()
    cancelled(scene, "c")
    assert (first[0].node, queue.record()[0].node) == ("", "")
    assert queue.record()[1] != first[1]
    queue.round()
    assert queue.trailers() == ["e"]


def test_who_takes_over_keeps_what_may_have_landed(scenes: Scenes) -> None:
    """A node died while it pushed: until the next one has looked, nobody takes back what may be on the branch."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a")
    bus = scene.peer("n1").bus
    record = replace(begun("n1", "", ("a",), bus.now()), landing=("a",))
    dead = bus.commit({QUEUE_FILE: record.print()}, "x", onto=None, tree=None)
    bus.remote.push([RefUpdate(ref=QUEUE_REF, expect=None, new=dead)])
    seen = list[tuple[str, tuple[str, ...]]]()

    def look() -> None:
        now = queue.record()[0]
        seen.append((now.node, now.landing))
        with pytest.raises(AlreadyDone, match="too late: n2"):
            rejected(scene, "a")

    queue.round("n2", work=meddled(queue, "n2", after=look))
    assert seen == [("n2", ("a",)), ("n2", ("a",))]
    assert queue.trailers() == ["a"]


def test_a_word_that_is_no_nodes_leaves_the_record_as_it_was(scenes: Scenes) -> None:
    """Whoever may push puts what they like upon it: what the node said is what counts."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a")
    bus, eve = scene.peer("n1").bus, scene.peer("eve")
    said = bus.commit({QUEUE_FILE: begun("n1", "", ("a",), bus.now()).print()}, "x", onto=None, tree=None)
    bus.remote.push([RefUpdate(ref=QUEUE_REF, expect=None, new=said)])
    eve.bus.remote.fetch()
    forged = QueueRecord(node="n2", landing=("a",))
    over = eve.bus.commit({QUEUE_FILE: forged.print()}, "x", onto=said, tree=None)
    eve.bus.remote.push([RefUpdate(ref=QUEUE_REF, expect=said, new=over)])
    assert (queue.record()[0].node, queue.record()[0].landing, queue.record()[1]) == ("n1", (), over)
    rejected(scene, "a")
    assert queue.waiting() == []
