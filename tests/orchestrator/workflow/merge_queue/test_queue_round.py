"""Does a merge queue keep its word, whatever happens between its steps? With people who push, hooks and crashes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import Refused
from orchestrator.workflow.merge_queue.queue_round import (
    BranchMoved,
    QueueOutcome,
    StackedBatch,
    TreeTest,
    Untestable,
    run_round,
)

MAX_ROUNDS = 400


class Crashed(Exception):
    """The node died here."""


@dataclass
class ModelGround:
    """A project in memory: a tree is what was merged into it, in order. `red` are sets that break it together."""

    queue: list[str]
    red: list[frozenset[str]] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    """What a hook of the server does not take."""
    events: list[str] = field(default_factory=list)
    """What happens at the next steps: "", "push" of a person, or "crash"."""
    branch: tuple[str, ...] = ("root",)
    tested: dict[tuple[str, ...], bool] = field(default_factory=dict)
    tests: int = 0
    landings: list[tuple[str, ...]] = field(default_factory=list)
    back: dict[str, str] = field(default_factory=dict)
    blamed: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    untestable: str = ""
    unready: str = ""
    """A result with which no tests can be run."""

    def _happens(self) -> None:
        event = self.events.pop(0) if self.events else ""
        if event == "crash":
            raise Crashed
        if event == "push":
            self.branch = (*self.branch, f"person-{len(self.branch)}")

    def _told(self) -> None:
        """What landed and was not told to the ledger is found on the branch."""
        self.queue = [name for name in self.queue if name not in self.branch]

    def stack(self, limit: int) -> StackedBatch:
        """The first of the queue."""
        self._told()
        names = tuple(self.queue[:limit])
        self.trees = {"|".join(self.branch): self.branch}
        commits = []
        for count in range(1, len(names) + 1):
            tree = (*self.branch, *names[:count])
            self.trees["|".join(tree)] = tree
            commits.append("|".join(tree))
        return StackedBatch(base="|".join(self.branch), missions=names, commits=tuple(commits))

    def test(self, batch: StackedBatch, size: int) -> TreeTest:
        """Red where a set that breaks is in it as a whole."""
        if self.untestable:
            raise Untestable("n1", self.untestable)
        self._happens()
        tree = self.trees[batch.commit(size)]
        if self.unready in tree:
            raise Untestable("n1", "no service")
        self.tests += 1
        self.tested[tree] = not any(bad <= set(tree) for bad in self.red)
        return TreeTest(passed=self.tested[tree], says="2 failed")

    def land(self, batch: StackedBatch, size: int) -> None:
        """Compare-and-swap, then the ledger."""
        self._happens()
        if "|".join(self.branch) != batch.base:
            raise BranchMoved("main")
        if self.refused & set(batch.missions[:size]):
            raise Refused("a hook declined it")
        self.branch = self.trees[batch.commit(size)]
        self.landings.append(self.branch)
        self._happens()
        self._told()

    def require_base(self, batch: StackedBatch) -> None:
        """Whether nobody pushed."""
        if "|".join(self.branch) != batch.base:
            raise BranchMoved("main")

    def send_back(self, mission: str, why: str) -> None:
        """To its person."""
        self.back[mission] = why
        self.blamed.append((self.branch, mission))
        self.queue.remove(mission)


def settled(ground: ModelGround, limit: int) -> QueueOutcome:
    """Rounds until the queue is empty or stands still; whoever crashes is followed by another."""
    alone, outcome = False, QueueOutcome()
    for _ in range(MAX_ROUNDS):
        if not ground.queue:
            return outcome
        try:
            outcome = run_round(ground, "main", 1 if alone else limit)
        except (Crashed, BranchMoved):
            continue
        alone = outcome.refused or (alone and not outcome.landed)
        if outcome.trouble:
            return outcome
        ground._told()
    raise AssertionError("the queue never came to its end")


NAMES = st.integers(1, 12).map(lambda count: [f"m{number}" for number in range(count)])


@given(names=NAMES, limit=st.integers(1, 20), data=st.data())
def test_only_tested_trees_land_and_nothing_is_lost(names: list[str], limit: int, data: st.DataObject) -> None:
    """People push, nodes die, a hook refuses, results break together: each result lands once or comes back once, each
    landing was tested green as that very tree, and who is blamed turned a tree red that stood after the tests."""
    bad = st.lists(st.frozensets(st.sampled_from(names), min_size=1, max_size=3), max_size=3)
    ground = ModelGround(
        queue=list(names),
        red=data.draw(bad),
        refused=data.draw(st.frozensets(st.sampled_from(names), max_size=2)),
        events=data.draw(st.lists(st.sampled_from(["", "", "", "push", "crash"]), max_size=30)),
    )
    settled(ground, limit)
    landed = [name for name in ground.branch if name in names]
    assert sorted([*landed, *ground.back]) == sorted(names)
    assert len(set(landed)) == len(landed)
    assert all(ground.tested[tree] for tree in ground.landings)
    assert not any(bad <= set(ground.branch) for bad in ground.red)
    for branch, name in ground.blamed:
        if "hook" not in ground.back[name]:
            stood = [branch, *(tree for tree in ground.landings if branch[: len(tree)] == tree)]
            assert any(ground.tested.get((*tree, name)) is False for tree in stood)


@given(names=NAMES, limit=st.integers(1, 20), data=st.data())
def test_few_tests_are_run(names: list[str], limit: int, data: st.DataObject) -> None:
    """Where nobody interferes: a batch's test each time something lands, and 2 + log2(batch) for each that is bad."""
    red = data.draw(st.lists(st.frozensets(st.sampled_from(names), min_size=1, max_size=3), max_size=3))
    ground = ModelGround(queue=list(names), red=red)
    settled(ground, limit)
    batch = min(limit, len(names))
    found = len(ground.back) * (2 + math.ceil(math.log2(batch)))
    assert ground.tests <= found + math.ceil(len(names) / batch)
    assert len(ground.back) <= len(red)


def test_a_red_default_branch_is_told_and_blames_nobody() -> None:
    """Everything stays in the queue, and says what a person does."""
    ground = ModelGround(queue=["a", "b"], red=[frozenset({"root"})])
    outcome = settled(ground, 5)
    assert outcome.trouble == (
        "main is red by itself at root, without any result of the queue: 2 failed; mend main, and it goes on"
    )
    assert (ground.queue, ground.back, ground.branch) == (["a", "b"], {}, ("root",))


def test_two_that_break_together() -> None:
    """The later one comes back with the names of those that it was tested with; the others land in two rounds."""
    ground = ModelGround(queue=["a", "b", "c", "d", "e"], red=[frozenset({"b", "d"})])
    first = run_round(ground, "main", 5)
    assert first == QueueOutcome(landed=("a", "b", "c"), sent_back=("d",))
    assert ground.back["d"].startswith("the project's tests do not pass with it on main at root with a, b, c, and pass")
    assert run_round(ground, "main", 5) == QueueOutcome(landed=("e",))
    assert ground.branch == ("root", "a", "b", "c", "e")


def test_nobody_is_blamed_on_a_branch_that_stands_no_more() -> None:
    """The only result is red; a person pushes while the branch is tested without it."""
    ground = ModelGround(queue=["a"], red=[frozenset({"a"})])
    ground.events = ["", "push"]
    with pytest.raises(BranchMoved):
        run_round(ground, "main", 5)
    assert (ground.queue, ground.back) == (["a"], {})


def test_one_that_cannot_be_tested_is_named_and_what_is_before_it_lands() -> None:
    """Such as one with which no service comes up: it would else hold all up, and nobody knew which it is."""
    ground = ModelGround(queue=["a", "b", "c", "d"], unready="c")
    outcome = run_round(ground, "main", 5)
    assert outcome.landed == ("a", "b")
    assert outcome.trouble == (
        "c waits, for with it the tests cannot be run on n1: no service; without it they can:"
        " `shiftbook mission cancel c` lets the others go on"
    )
    assert (ground.queue, ground.back) == (["c", "d"], {})


def test_what_cannot_be_tested_moves_nothing() -> None:
    """The round ends with why."""
    ground = ModelGround(queue=["a"], untestable="no sandbox")
    with pytest.raises(Untestable, match="the tests cannot be run on n1: no sandbox"):
        run_round(ground, "main", 5)
    assert (ground.queue, ground.branch) == (["a"], ("root",))
