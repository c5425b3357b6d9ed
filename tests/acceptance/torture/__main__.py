"""`make torture`: episodes with real processes and explorations in memory, seed after seed, until the time is over.

Every seed is printed before it is used. A broken promise ends the run with exit code 1, and the folder is kept.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TypedDict

from tests.acceptance.torture import disk
from tests.acceptance.torture.checker import check
from tests.acceptance.torture.clocks import FAKETIME
from tests.acceptance.torture.episode import NODES, Episode
from tests.acceptance.torture.exploration import explore
from tests.acceptance.torture.guards import GUARDS
from tests.acceptance.torture.guards import WORLDS as ODD_WORLDS
from tests.acceptance.torture.world import World

WORLDS = {"plain": World(), "resting": World(parks=0.15)} | ODD_WORLDS | {guard.name: guard.world for guard in GUARDS}
SHARE = 0.3
"""The part of the time that explorations get."""


def main() -> int:
    """Runs until the time is over. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first seed")
    parser.add_argument("--episode", type=float, default=45.0, help="seconds of torment in one episode")
    parser.add_argument("--only", choices=("episodes", "explorations"))
    parser.add_argument("--gc", action="store_true", help="collect garbage on the server under way, in every episode")
    parser.add_argument("--restore", action="store_true", help="restore a backup in the end of every episode")
    parser.add_argument("--tame", action="store_true", help="no doubles, second spellings, falls, endless hangs")
    told = parser.parse_args()
    if not FAKETIME:
        print("no clocks are skewed: libfaketime is not installed (apt-get install faketime)")
    ends, found, counts = time.monotonic() + told.seconds, list[str](), {"episodes": 0, "explorations": 0}
    for seed in itertools.count(told.seed):
        if time.monotonic() >= ends or found:
            break
        if told.only != "explorations":
            ways = Ways(wild=not told.tame, restores=told.restore or seed % 3 == 0, collects=told.gc or seed % 4 == 1)
            found += _episode(seed, told.episode, ways)
            counts["episodes"] += 1
        if told.only != "episodes":
            share = told.episode * SHARE if told.only is None else told.seconds
            for name, tried in _explorations(seed, min(ends, time.monotonic() + share), found):
                counts["explorations"] += tried
                print(f"  {tried} explorations of {name} from seed {seed * 1000}", flush=True)
    print(f"{counts['episodes']} episodes, {counts['explorations']} explorations, {len(found)} broken promises")
    for line in found:
        print(line)
    return 1 if found else 0


class Ways(TypedDict):
    """What an episode may do beyond the usual harm."""

    wild: bool
    restores: bool
    collects: bool


def _episode(seed: int, seconds: float, ways: Ways) -> list[str]:
    folder = Path(tempfile.mkdtemp(prefix="shiftbook-torture-"))
    small = NODES[seed % len(NODES)] if seed % 2 and disk.possible() else ""
    more = [f"{small} on a small disk" if small else "", *(name for name, on in ways.items() if on)]
    print(", ".join([f"episode {seed}", *filter(None, more)]), flush=True)
    with Episode(folder, seed, small=small, **ways) as episode:
        episode.torment(seconds)
        settled = episode.settle(120)
        words = episode.fleet.words()
    history = episode.history(settled=settled)
    did = ", ".join(f"{count} {what}" for what, count in episode.did.most_common())
    print(f"  {len(history.pushes)} ref transactions, {len(history.works)} attempts; {did}", flush=True)
    broken = [f"episode {seed}: {violation}" for violation in check(history, tolerance=episode.tolerance)]
    broken += [] if settled else [f"episode {seed}: it did not come to rest\n{words}"]
    if broken:
        print(f"  kept in {folder}")
    else:
        shutil.rmtree(folder)
    return broken


def _explorations(seed: int, ends: float, found: list[str]) -> list[tuple[str, int]]:
    """Plays each world in turn, seed after seed; returns how often each was played."""
    played = dict.fromkeys(WORLDS, 0)
    for number, (name, world) in enumerate(itertools.cycle(WORLDS.items())):
        if time.monotonic() >= ends or found:
            break
        this = seed * 1000 + number // len(WORLDS)
        _, history = explore(world, this)
        found += [f"{name}, seed {this}: {violation}" for violation in check(history, tolerance=world.tolerance)]
        played[name] += 1
    return list(played.items())


if __name__ == "__main__":
    sys.exit(main())
