"""What does an idle node cost, which has nothing to do, and headquarters beside it?

Both mostly wait, so they wait through the same minute. What they cost is counted in processor time of their own
processes, and headquarters' memory when the other has ended: what several share counts for all that share it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from orchestrator.bench import headquarters
from orchestrator.bench.result import Measurement, at_most
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.ledger.transport import BEAT
from sync.heartbeat import RING_BLOBS, Beat

SETTLE_SECONDS, BEAT_SECONDS = 5.0, 60.0
MIB = 1024 * 1024


def measure(
    root: Path, seconds: float = BEAT_SECONDS, nodes: int = headquarters.REGISTERED, settle: float = SETTLE_SECONDS
) -> Iterator[Measurement]:
    """Percent of a core over so many seconds, and MiB; headquarters has so many registered nodes."""
    ground = make_testbed(root / "node", missions=0, beat=BEAT_SECONDS)
    with headquarters.serving(root / "headquarters", nodes) as leader:
        with ground.serving() as node:
            process = psutil.Process(node.pid)
            node.calm()
            time.sleep(settle)
            before, began = headquarters.cpu_seconds(node.pid), time.monotonic()
            led = leader.used(seconds)
            used = (headquarters.cpu_seconds(node.pid) - before) / (time.monotonic() - began) * 100
            resident = process.memory_info().rss / MIB
        yield at_most("an idle node, its git included", used, "% of a core", 0.1)
        yield at_most("an idle node, resident after its first start", resident, "MiB", 60.0)
        yield at_most(f"headquarters, idle, its server included, {nodes} registered nodes", led, "% of a core", 1.0)
        yield at_most("the same, memory of all its processes", leader.memory, "MiB", 150.0)


def beats_grow(root: Path, beats: int = RING_BLOBS + 60) -> Iterator[Measurement]:
    """MiB by which the shared repository grows while one node beats a whole lap and some more."""
    ground = make_testbed(root, missions=0)
    bus = ground.bus("n0")
    beat = Beat(bus.remote, bus.store, BEAT + "n0")
    beat.start()
    before = _size(ground)
    for _ in range(beats):
        beat.move()
    grown = (_size(ground) - before) / MIB
    yield at_most(f"{beats} beats (a lap is {RING_BLOBS}), before any gc", grown, "MiB", 7.0)


def _size(ground: BenchSetup) -> int:
    return sum(path.stat().st_blocks * 512 for path in ground.bare.rglob("*") if path.is_file())
