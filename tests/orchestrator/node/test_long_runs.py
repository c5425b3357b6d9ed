"""Does a node that runs for months grow? A whole one, over a real repository, round by round, mission by mission."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from orchestrator.app.factories.node_factory import build_node
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.core.environment import load_settings
from orchestrator.node.loop import Node
from tests.databases import brought_up
from tests.waiting import PATIENCE, SELDOM

OURS = ("orchestrator.", "missions.", "handoff.", "sync.", "mobile_bridge.")
WARM_ROUNDS, WARM_MISSIONS = 10, 3
MAX_CACHED = 16_000
"""Values of ours that caches may hold: parsed entries of the journal above all (`session_logs.MAX_CACHED_ENTRIES`)."""


@dataclass(frozen=True)
class Held:
    """What this process holds."""

    values: Counter[str]
    """Values of our own classes, by class."""
    files: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> Held:
        """After everything that nobody holds is gone."""
        gc.collect()
        kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
        ours = Counter({kind: count for kind, count in kinds.items() if kind.startswith(OURS)})
        me = psutil.Process()
        return cls(ours, len(os.listdir("/proc/self/fd")), threading.active_count(), len(me.children()))  # noqa: PTH208

    @classmethod
    def at_rest(cls, before: Held) -> Held:
        """The same, once what a step has set off beside it has ended: a short thread, and the files that it reads."""
        over = time.monotonic() + PATIENCE
        while not (held := cls.now()).within(before) and time.monotonic() < over:
            time.sleep(SELDOM)
        return held

    def within(self, before: Held) -> bool:
        """Whether there is no thread and no process more."""
        return self.threads <= before.threads and self.children <= before.children


@dataclass(frozen=True)
class LongRun:
    """A node and the ledger that it works on."""

    ground: BenchSetup
    node: Node

    def rest(self, rounds: int) -> None:
        """Rounds without anything to do; a beat after every other one."""
        for number in range(rounds):
            assert not self.node.step()
            if number % 2:
                assert self.node.heartbeat.beat.move()

    def work(self, first: int, missions: int) -> None:
        """Does so many missions to the end: folded, and nothing left."""
        names = [f"m{number}" for number in range(first, first + missions)]
        for name in names:
            self.ground.push_mission(name)
        until = time.monotonic() + 60 + 5 * missions
        while not self._done(names[-1]):
            assert time.monotonic() < until, "a mission was not done in time"
            if not self.node.step():
                self.node.jobs.wake.wait(0.02)
        self.rest(2)

    def _done(self, last: str) -> bool:
        ledger = self.node.feed.look()
        return not ledger.claims and ledger.archived(last) is not None and not self.node.jobs.by_mission


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LongRun]:
    """Built as `node run` builds it, as headquarters: it folds, tells, keeps house."""
    for name in [each for each in os.environ if each.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    ground, home = make_testbed(tmp_path / "ground", missions=0), tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    for ending in ("", ".pub"):
        (ground.root / "keys" / f"n0{ending}").rename(home / "keys" / f"node{ending}")
    node = build_node(
        brought_up(load_settings(home=home, ledger=str(ground.bare), node_id="n0")), lambda *_said, **_facts: None
    )
    node.heartbeat.beat.start()
    assert node.page is not None
    node.page.announce()
    yield LongRun(ground, node)
    node.close()


@pytest.mark.parametrize("rounds", [40, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_a_node_at_rest_holds_no_more_after_any_number_of_rounds(run: LongRun, rounds: int) -> None:
    """No value, open file, thread or process more than after the first few."""
    run.rest(WARM_ROUNDS)
    before = Held.now()
    run.rest(rounds)
    after = Held.at_rest(before)
    assert after.values - before.values == Counter()
    assert after.within(before), (before, after)
    assert after.files <= before.files


@pytest.mark.parametrize("missions", [4, pytest.param(1000, marks=pytest.mark.nightly)])
def test_a_node_that_works_holds_no_more_than_its_caches(run: LongRun, missions: int) -> None:
    """What it did is in the ledger: no file, thread or process is left of a mission, and values only in caches."""
    run.work(0, WARM_MISSIONS)
    before = Held.now()
    run.work(WARM_MISSIONS, missions)
    after = Held.at_rest(before)
    assert after.within(before), (before, after)
    assert after.files <= before.files + 2  # a second connection to the database, a reader of the cache's own
    grown = after.values - before.values
    assert sum(grown.values()) <= min(MAX_CACHED, 150 * missions), grown.most_common(8)
    held = {kind: count for kind, count in after.values.items() if kind.endswith((".Assignment", ".RunningJob"))}
    assert sum(held.values()) <= 2, held
