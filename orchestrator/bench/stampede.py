"""How many pushes lose in the stampede of eight nodes that want the same missions, and how many without turns?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Protocol

from missions.selection import NodeCapabilities
from orchestrator.bench.result import Measurement
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.transport import BEAT
from orchestrator.node.precedence import Precedence
from orchestrator.node.scheduler import Scheduler
from orchestrator.workflow.assignment.eligibility import Eligibility
from sync.heartbeat import Beat
from sync.latency import LatencyMeter
from sync.remote import LedgerRemote, PushVerdict, Refs, RefUpdate

MISSIONS, MISSIONS_WITHOUT_TURNS = 200, 40
MAX_LOST_SHARE = 0.03
NAP_SECONDS = 0.2
"""Between two looks of a node that has nothing to wait for."""


class Race(Protocol):
    """Lets processes loose at the same moment."""

    def __call__(self, ground: BenchSetup, *, in_turn: bool) -> list[str]:
        """What each wrote."""


def measure(root: Path, run: Race) -> Measurement:
    """Pushes of claims that lost, of all, beside the same where every node asks at once."""
    ours = _lost(run(make_testbed(root / "turns", missions=MISSIONS, slots=MISSIONS), in_turn=True))
    theirs = _lost(run(make_testbed(root / "none", missions=MISSIONS_WITHOUT_TURNS, slots=MISSIONS), in_turn=False))
    return Measurement(
        name=f"8 nodes want the same {MISSIONS} missions: pushes that lost a race",
        value=round(100 * ours, 1),
        unit="of 100",
        baseline=round(100 * theirs, 1),
        ratio=round(ours / theirs, 3) if theirs else None,
        bar=f"<= {100 * MAX_LOST_SHARE:g} of 100 (beside it: where all ask at once)",
        met=ours <= MAX_LOST_SHARE,
    )


def _lost(lines: Sequence[str]) -> float:
    rows = [tuple(map(int, line.split())) for line in lines]
    return sum(lost for _, lost in rows) / max(1, sum(pushes for pushes, _ in rows))


@dataclass
class CountingRemote:
    """A remote that counts pushes and those that lost."""

    remote: LedgerRemote
    pushes: int = 0
    lost: int = 0

    def fetch(self) -> Refs:
        """As Remote.fetch promises."""
        return self.remote.fetch()

    def seen(self) -> Refs:
        """As Remote.seen promises."""
        return self.remote.seen()

    def heads(self, *prefixes: str) -> Refs:
        """As Remote.heads promises."""
        return self.remote.heads(*prefixes)

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """As Remote.push promises."""
        verdicts = self.remote.push(updates, atomic=atomic)
        self.pushes += 1
        self.lost += PushVerdict.STALE in verdicts.values()
        return verdicts

    def close(self) -> None:
        """As Remote.close promises."""
        self.remote.close()


class _Idle:
    """A node whose beats held and that has nothing to go on with."""

    heartbeat_gaps = 0

    def can_resume(self, mission: str, epoch: int) -> bool:
        """Never."""
        return False


def take_all(ground: BenchSetup, node: int, start: Barrier, out: str, *, in_turn: bool) -> None:
    """One node: takes missions one by one as its scheduler says, until none is left."""
    name, plain = f"n{node}", ground.bus(f"n{node}")
    counted = CountingRemote(plain.remote)
    bus = replace(plain, remote=counted)
    reader, liveness = ground.reader(name), Liveness()
    meter, looks = LatencyMeter(clock=time.monotonic), LatencyMeter(clock=time.monotonic)
    beat = Beat(plain.remote, plain.store, BEAT + name)
    beat.start()
    for _ in range(3):
        with meter.timed():
            beat.move()
    offer = NodeCapabilities(node=name, role=Role.LOCAL_WORKER.value, agents=frozenset({"command"}))
    scheduler = Scheduler(
        bus=bus,
        reader=reader,
        trust=ground.trust(name),
        offer=offer,
        tell=lambda *_words, **_facts: None,
        eligibility=Eligibility(offer=offer),
        liveness=liveness,
        precedence=Precedence(
            me=name, role=Role.LOCAL_WORKER, liveness=liveness, pushes=meter, looks=looks, at_once=not in_turn
        ),
        gaps=_Idle(),
        resumable=_Idle(),
    )
    start.wait()
    while True:
        with looks.timed():
            refs = bus.remote.fetch()
        ledger = reader.read(refs)
        if not ledger.open.keys() - ledger.claims.keys():
            break
        liveness.observe(ledger, time.monotonic())
        scheduler.observe(ledger, time.monotonic())
        if not scheduler.claim(ledger, 1):
            time.sleep(min(NAP_SECONDS, scheduler.turn_in or 0.0))
    Path(out).write_text(f"{counted.pushes} {counted.lost}\n", encoding="utf-8")
