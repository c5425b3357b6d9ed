"""How does growth (years of finished missions) change what a claim, a fold and a first look cost?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from orchestrator.bench.result import Measurement, at_most, median
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.ledger.claims import claim_missions
from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.workflow.fold import fold
from orchestrator.workflow.journal.memos import Memos
from sync.git_remote import GitRemote

ROUNDS, OPEN_MISSIONS = 15, 60
BEAT_SECONDS = 60.0
"""As people have it: what a push may take follows from it, and in a large ledger it takes seconds."""
LISTED = 20
"""Missions and memos that a list shows."""
FOUND_MILLISECONDS, LISTED_MILLISECONDS = 50.0, 2000.0
FIRST_FETCH_SECONDS, FIRST_READ_SECONDS, NEW_MISSION_JUDGED_MILLISECONDS = 20.0, 2.0, 50.0
"""Bars: seconds for the first fetch and the first look, milliseconds for whose word a new mission is."""


def large_ledger(root: Path, finished: int = 10_000, *, bar: float = 1.1) -> list[Measurement]:
    """A claim and a fold, each beside the same in an empty ledger, by turns: a busy machine slows both."""
    both = {
        "empty": make_testbed(root / "empty", missions=OPEN_MISSIONS, beat=BEAT_SECONDS),
        "large": make_testbed(root / "large", missions=OPEN_MISSIONS, finished=finished, beat=BEAT_SECONDS),
    }
    claims, folds, moved = _times(), _times(), _times()
    for number in range(ROUNDS):
        for name, ground in both.items():
            claims[name].append(_one_claim(ground, number))
    for number in range(ROUNDS):
        for name, ground in both.items():
            folds[name].append(_one_fold(ground, 20 + number))
            moved[name].append(_one_claim(ground, 40 + number))
    return [
        _compared(f"a claim in a ledger of {finished:,} finished missions", claims, bar),
        _compared(f"a fold in a ledger of {finished:,} finished missions", folds, bar),
        _compared(f"a claim there when the branch has just moved, {finished:,} finished", moved, bar),
    ]


def _times() -> dict[str, list[float]]:
    return {"empty": [], "large": []}


def first_look(root: Path) -> list[Measurement]:
    """What a machine does that joins: it fetches all there is, reads it, and looks whose word a mission is."""
    ground, mirror = BenchSetup(root), root / "fresh.git"
    began = time.perf_counter()
    link = GitRemote(str(ground.bare), mirror)
    refs = link.fetch()
    fetched = time.perf_counter()
    reader = SnapshotReader(link.store, ground.reader("n0").constitution)
    ledger = reader.read(refs)
    read = time.perf_counter()
    trust, words = ground.trust("n0"), []
    for filed in list(ledger.open.values())[:9]:
        at = time.perf_counter()
        assert trust.authorize(ledger, filed).trusted
        words.append((time.perf_counter() - at) * 1000)
    memos = Memos(bus=ground.bus("n0"), reader=reader, trust=trust, ledger=lambda: ledger)
    shown = _milliseconds(lambda: ledger.archived("old-7"))
    listed = _milliseconds(lambda: list(ledger.every_archived(limit=LISTED)))
    remembered = _milliseconds(lambda: list(islice(memos.newest(), LISTED)))
    link.close()
    shutil.rmtree(mirror)
    return [
        at_most("the first fetch of it", fetched - began, "s", FIRST_FETCH_SECONDS),
        at_most("the first look at it", read - fetched, "s", FIRST_READ_SECONDS),
        at_most("whose word a new mission is", median(words), "ms", NEW_MISSION_JUDGED_MILLISECONDS),
        at_most("one finished mission by its name", shown, "ms", FOUND_MILLISECONDS),
        at_most(f"the newest {LISTED} finished missions", listed, "ms", LISTED_MILLISECONDS),
        at_most(f"the newest {LISTED} memos", remembered, "ms", LISTED_MILLISECONDS),
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _compared(name: str, times: dict[str, list[float]], bar: float) -> Measurement:
    value, baseline = median(times["large"]) * 1000, median(times["empty"]) * 1000
    return Measurement(
        name=name,
        value=round(value, 1),
        unit="ms",
        baseline=round(baseline, 1),
        ratio=round(value / baseline, 2),
        bar=f"<= {bar:g} x the same in an empty ledger",
        met=value <= bar * baseline,
    )


def _one_claim(ground: BenchSetup, number: int) -> float:
    """What a node does for a claim: look, claim, look again."""
    bus, reader = ground.bus("n0"), ground.reader("n0")
    began = time.perf_counter()
    reader.read(bus.remote.fetch())
    claim_missions(bus, [ground.filed(number)])
    reader.read(bus.remote.fetch())
    return time.perf_counter() - began


def _one_fold(ground: BenchSetup, number: int) -> float:
    bus, reader, trust = ground.bus("n0"), ground.reader("n0"), ground.trust("n0")
    ground.complete(bus, number)
    began = time.perf_counter()
    assert fold(bus, reader, trust).missions
    return time.perf_counter() - began
