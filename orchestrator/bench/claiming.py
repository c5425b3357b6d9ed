"""How many claims a second does the bus carry, beside the plain way of doing the same with Git?

Everything is real: processes, a bare repository on disk, signed claims.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

from orchestrator.bench import stampede
from orchestrator.bench.result import Measurement, at_most, median
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.git_server.http_backend import FLUSHED
from orchestrator.ledger.claims import claim_missions, prepare_claims, push_claims
from sync.git import Git

NODES, CLAIMS_PER_NODE = 8, 20
"""As in the promise: 8 nodes, distinct missions."""
MAX_MILLISECONDS_EACH = 0.5
"""For each further claim of a push to a repository on the same disk: three objects, a ref there, and a note here."""


def eight_nodes(root: Path) -> list[Measurement]:
    """Nodes that claim missions of their own at the same moment, one by one.

    A claim is on the disk before it is told. So it is compared with pushes to a repository that is told to have the
    disk keep what it takes, as ours are that are served, and beside it with pushes as git makes them by itself.
    """
    ours = make_testbed(root / "claims", missions=NODES * CLAIMS_PER_NODE)
    theirs = make_testbed(root / "branch", missions=NODES * CLAIMS_PER_NODE)
    loose = make_testbed(root / "loose", missions=NODES * CLAIMS_PER_NODE)
    Git(theirs.bare).config({"core.fsync": FLUSHED})
    rate, tries, latencies = _race(_claims_one_by_one, ours)
    naive_rate, naive_tries, _ = _race(_pull_edit_commit_push, theirs)
    loose_rate, _, _ = _race(_pull_edit_commit_push, loose)
    p95 = statistics.quantiles(latencies, n=20)[-1] * 1000
    ratio = rate / naive_rate
    return [
        Measurement(
            name="8 nodes claim distinct missions",
            value=round(rate, 1),
            unit="claims/s",
            baseline=round(naive_rate, 1),
            ratio=round(ratio, 2),
            bar=f">= 15 x pull-edit-commit-push on one branch whose repository flushes ({naive_tries:.1f} tries each);"
            f" {rate / loose_rate:.1f} x where it does not",
            met=ratio >= 15,
        ),
        Measurement(name="tries a claim", value=tries, unit="tries", bar="1.0", met=tries == 1.0),
        at_most("a claim, 95th percentile", p95, "ms", 150),
    ]


def _race(run: Callable[[BenchSetup, int, Barrier, str], None], ground: BenchSetup) -> tuple[float, float, list[float]]:
    """Lets NODES processes loose at the same moment. Returns claims a second, tries a claim, seconds of each claim."""
    rows = [line.split() for line in _let_loose(run, ground)]
    began, ended = min(float(row[0]) for row in rows), max(float(row[1]) for row in rows)
    tries = sum(int(row[2]) for row in rows) / len(rows)
    return len(rows) / (ended - began), tries, [float(row[1]) - float(row[0]) for row in rows]


def same_missions(root: Path) -> Iterator[Measurement]:
    """Nodes that all want the same missions: how many of their pushes lose a race."""
    yield stampede.measure(root, _want_the_same)


def _want_the_same(ground: BenchSetup, *, in_turn: bool) -> list[str]:
    return _let_loose(partial(stampede.take_all, in_turn=in_turn), ground)


def _let_loose(run: Callable[[BenchSetup, int, Barrier, str], None], ground: BenchSetup) -> list[str]:
    """Lets NODES processes loose at the same moment. Returns the lines that they wrote."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(NODES)
    outs = [str(ground.root / f"times-{n}") for n in range(NODES)]
    workers = [context.Process(target=run, args=(ground, n, start, outs[n])) for n in range(NODES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=300)
    return [line for out in outs for line in Path(out).read_text(encoding="utf-8").splitlines()]


def _claims_one_by_one(ground: BenchSetup, node: int, start: Barrier, out: str) -> None:
    """One node: its own clone, its own key, each claim signed and pushed create-only."""
    bus = ground.bus(f"n{node}")
    bus.remote.fetch()
    mine = [ground.filed(n) for n in range(node * CLAIMS_PER_NODE, (node + 1) * CLAIMS_PER_NODE)]
    rows = []
    start.wait()
    for filed in mine:
        began, tries, won = time.monotonic(), 0, False
        while not won:
            tries += 1
            won = bool(claim_missions(bus, [filed]))
        rows.append(f"{began} {time.monotonic()} {tries}")
    Path(out).write_text("\n".join(rows), encoding="utf-8")


def _pull_edit_commit_push(ground: BenchSetup, node: int, start: Barrier, out: str) -> None:
    """The plain way: every node edits the mission's file on the one branch, and tries again when it was overtaken."""
    clone = ground.root / f"clone-{node}"
    Git(ground.root).run("clone", "--quiet", str(ground.bare), str(clone))
    git = Git(clone)
    rows = []
    start.wait()
    for number in range(node * CLAIMS_PER_NODE, (node + 1) * CLAIMS_PER_NODE):
        began, tries, pushed = time.monotonic(), 0, False
        path = clone / "missions" / f"job-{number}.md"
        git.run("pull", "--quiet", "--rebase")
        path.write_text(f"---\nstatus: running\nnode: n{node}\n---\nDo it.\n", encoding="utf-8")
        git.run("commit", "--quiet", "--all", "-m", f"n{node} takes job-{number}")
        while not pushed:
            tries += 1
            pushed = git.call("push", "--quiet", codes=(0, 1))[0] == 0
            if not pushed:
                time.sleep(random.uniform(0, 0.05))  # noqa: S311  # spreads racers, as any sensible script would
                git.call("pull", "--quiet", "--rebase", codes=(0, 1, 128))
        rows.append(f"{began} {time.monotonic()} {tries}")
    Path(out).write_text("\n".join(rows), encoding="utf-8")


def hundred_at_once(root: Path, *, by_git: bool, rounds: int = 9) -> Iterator[Measurement]:
    """By `git push`, as to a server elsewhere: a rule for what is received keeps this from going the short way."""
    ground = make_testbed(root, missions=rounds * 101)
    if by_git:
        Git(ground.bare).run("config", "receive.denyDeletes", "false")
    bus = ground.bus("n0")
    bus.remote.fetch()
    one, hundred = list[float](), list[float]()
    for turn in range(rounds):
        first = turn * 101
        for numbers, took in ((range(first, first + 1), one), (range(first + 1, first + 101), hundred)):
            asked = prepare_claims(bus, [ground.filed(number) for number in numbers])
            took.append(_push_time(lambda held=asked: push_claims(bus, held)))  # type: ignore[misc]
    value, baseline = median(hundred) * 1000, median(one) * 1000
    each = (value - baseline) / 99
    yield Measurement(
        name=f"100 claims by one node, {'one git push' if by_git else 'local'}",
        value=round(value, 1),
        unit="ms",
        baseline=round(baseline, 1),
        ratio=round(value / baseline, 2),
        bar="<= 2 x one claim's push" if by_git else f"<= {MAX_MILLISECONDS_EACH:g} ms for each more than one",
        met=value <= 2 * baseline if by_git else each <= MAX_MILLISECONDS_EACH,
    )


def batches(root: Path, rounds: int = 5, size: int = 100) -> Iterator[Measurement]:
    """Claims a second by one node, made, signed and moved a hundred at a time, at a repository on its disk."""
    ground = make_testbed(root, missions=(rounds + 1) * size)
    bus = ground.bus("n0")
    bus.remote.fetch()
    took = []
    for first in range(0, (rounds + 1) * size, size):
        wanted = [ground.filed(number) for number in range(first, first + size)]
        took.append(_push_time(lambda asked=wanted: len(claim_missions(bus, asked)) == size))  # type: ignore[misc]
    rate = size / median(took[1:])
    yield Measurement(
        name="claims in batches of 100, local", value=round(rate), unit="claims/s", bar=">= 1,000", met=rate >= 1000
    )


def _push_time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    assert work()
    return time.perf_counter() - began
