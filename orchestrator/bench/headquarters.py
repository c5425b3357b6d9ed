"""What does headquarters cost while nothing is to be done, with its web server and fifty registered nodes?

Its own node, its server and their git processes are measured. The nodes are this process: each reports over HTTP once a
minute, with a token of its own and signed as a node signs, and moves its beat in the ledger.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from orchestrator import __version__
from orchestrator.api.auth.tokens import mint
from orchestrator.app import wiring
from orchestrator.bench.testbed import BenchSetup, RunningNode, make_testbed
from orchestrator.core.environment import load_settings
from orchestrator.core.roles import Role
from orchestrator.ledger.transport import BEAT
from orchestrator.node.headquarters.registrar import INTERVAL_SECONDS, Registrar
from orchestrator.workflow.delegation.node_status import NodeStatus
from sync.heartbeat import Beat
from sync.signatures import make_key

REGISTERED = 50
KIB = 1024
_PSS = re.compile(r"^Pss:\s+([0-9]+) kB", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ServedHeadquarters:
    """A headquarters that runs, and those that report to it."""

    node: RunningNode
    others: Sequence[_RegisteredNode]
    client: httpx.Client

    def used(self, seconds: float) -> float:
        """Percent of one core over so many seconds, in which each node reports and beats once."""
        before, began = cpu_seconds(self.node.pid), time.monotonic()
        for turn, other in enumerate(self.others):
            time.sleep(max(0.0, began + turn * seconds / len(self.others) - time.monotonic()))
            other.report(self.client)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        return (cpu_seconds(self.node.pid) - before) / (time.monotonic() - began) * 100

    @property
    def memory(self) -> float:
        """MiB of all its processes."""
        return proportional_mib(self.node)


@contextlib.contextmanager
def serving(root: Path, nodes: int = REGISTERED) -> Iterator[ServedHeadquarters]:
    """Headquarters with so many registered nodes, until the block is left."""
    ground = make_testbed(root, missions=0, beat=INTERVAL_SECONDS, nodes=nodes + 1)
    with ground.serving(git=True) as node, httpx.Client(timeout=30.0) as client:
        names = [f"n{number}" for number in range(1, nodes + 1)]
        tokens = _tokens(ground.root / "home", names)
        others = [_RegisteredNode(ground, name, node.listening(), tokens[name]) for name in names]
        node.calm()
        for other in others:
            other.report(client)
        yield ServedHeadquarters(node=node, others=others, client=client)


def _tokens(home: Path, names: Iterable[str]) -> dict[str, str]:
    """One for each node, as a join link makes them."""
    with contextlib.closing(wiring.stores(load_settings(home=home, node="n0", role=Role.HEADQUARTERS))) as stores:
        return {name: mint(stores.tokens, name, ["missions"], expires=None)[0] for name in names}


class _RegisteredNode:
    """One of the nodes: what it says, and its beat."""

    def __init__(self, ground: BenchSetup, name: str, url: str, token: str) -> None:
        bus = ground.bus("n1")  # one clone is enough to move the beats of all
        self._beat = Beat(bus.remote, bus.store, BEAT + name)
        self._beat.start()
        self._registrar = Registrar(
            url=url,
            token=token,
            status=lambda number, latency: _status(name, number, latency),
            sign=make_key(ground.root / "keys" / name, name).sign,
            tell=lambda *_said, **_facts: None,
            now_ms=lambda: int(wiring.now().timestamp() * 1000),
        )

    def report(self, client: httpx.Client) -> None:
        """Reports and beats once. Raises TimeoutError where headquarters does not take the report."""
        self._registrar.report(client)
        if self._registrar.failures:
            raise TimeoutError("headquarters took no report")
        assert self._beat.move()


def _status(node: str, number: int, latency: float | None) -> NodeStatus:
    return NodeStatus(
        node=node,
        number=number,
        role=Role.LOCAL_WORKER.value,
        version=__version__,
        capabilities=[],
        agents=["command"],
        tasks=[],
        works_on=[],
        slots=1,
        load=0.1,
        cores=4,
        disk_free=1e10,
        disk_total=1e11,
        latency_ms=latency,
        today_usd=0.0,
        today_tokens=0,
    )


def cpu_seconds(pid: int) -> float:
    """What a process and all below it have used, also those that have ended and were waited for."""
    return sum(_used(each) for each in _family(pid))


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it has just ended: whoever waited for it has its seconds
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def proportional_mib(node: RunningNode) -> float:
    """Resident memory of a process and all below it; what several share counts once (Linux: proc_pid_smaps(5))."""
    return family_mib(node.pid)


def family_mib(pid: int, *, but: int | None = None) -> float:
    """The same of any process, without one of those below it and its own. 0 for one that has ended."""
    try:
        others = {each.pid for each in _family(but)} if but is not None else set()
        return sum(_pss(each.pid) for each in _family(pid) if each.pid not in others) / KIB
    except psutil.NoSuchProcess:
        return 0.0


def _family(pid: int) -> Iterator[psutil.Process]:
    first = psutil.Process(pid)
    yield from (first, *first.children(recursive=True))


def _pss(pid: int) -> int:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    except OSError:  # it has just ended
        return 0
    return int(found[1]) if found else 0
