"""What can go wrong between many nodes, however their steps interleave? Whole nodes over a remote in memory, by seed.

The nodes are the product's own `Node.run`, with its pulse, outbox and fold. Time, threads, the network and the death of
processes are the loop's, so that a week of bad luck takes a second and a seed always gives the same history.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from missions.selection import NodeCapabilities
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import BEAT, Transport
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.node import attempts as attempts_module
from orchestrator.node import heartbeat as pulse_module
from orchestrator.node.announcer import NodePagePublisher
from orchestrator.node.attempts import Attempts
from orchestrator.node.executor import Executor
from orchestrator.node.handback import Handback
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.loop import Node
from orchestrator.node.outbox import Outbox
from orchestrator.node.precedence import Precedence
from orchestrator.node.rounds.fold_duty import FoldDuty
from orchestrator.node.rounds.ledger_feed import LedgerFeed
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.node.rounds.round_trouble import RoundTrouble
from orchestrator.node.scheduler import Scheduler
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.eligibility import Eligibility
from sync.errors import SyncError
from sync.heartbeat import Beat
from sync.latency import LatencyMeter
from sync.memory_remote import MemoryRemote
from sync.remote import RefUpdate
from tests.acceptance.torture.history import CLAIM, Hang, History, Work
from tests.acceptance.torture.intruder import Intruder
from tests.acceptance.torture.person import Person
from tests.acceptance.torture.reading import Archive
from tests.acceptance.torture.virtual import Event, Loop, replaced, threads
from tests.acceptance.torture.world import BEAT_SECONDS, NOON, Line, Recorder, World
from tests.ledgers import Unbooked


@dataclass
class Worker:
    """An agent that works for as long as the seed says, and looks at its stop flag."""

    fleet: Exploration
    node: str
    name: str = "builtin"

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """Works."""
        loop, chance = self.fleet.loop, self.fleet.loop.chance
        epoch = int(job.folder.name.rpartition("-")[2])
        work = Work(mission=job.mission.name, epoch=epoch, node=self.node, start=loop.now, end=None)
        at = len(self.fleet.works)
        self.fleet.works.append(work)
        over = loop.now + chance.uniform(*self.fleet.world.length)
        try:
            while loop.now < over and not stop.is_set():
                loop.sleep(min(0.5, over - loop.now))
        finally:
            self.fleet.works[at] = replace(self.fleet.works[at], end=loop.now)
        if stop.is_set():
            return Outcome(ok=False, summary="Stopped.", cancelled=True)
        if self.fleet.world.parks and chance.random() < self.fleet.world.parks:
            return Outcome(ok=False, summary="Waits.", parked="a quota")
        if chance.random() < 0.1:
            return Outcome(ok=False, summary="Failed.", error="bad luck")
        return Outcome(ok=True, summary="Done.", answer=f"by {self.node}")


@dataclass(kw_only=True)
class Watching(Scheduler):
    """An intake that counts the ledgers that its node has looked at, and found sound."""

    views: int = 0
    hang: Callable[[], None] = lambda: None
    """Stands still for as long as the nemesis wants."""

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in one fetch."""
        self.views += 1
        super().observe(ledger, now)
        self.hang()


@dataclass
class Process:
    """One node's process, from its start until it is killed."""

    name: str
    group: str
    node: Node
    line: Line
    ended: str = ""
    hangs_until: float = 0.0


@dataclass
class Exploration:
    """One run of a world."""

    world: World
    seed: int
    processes: dict[str, Process] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    told: list[tuple[float, str, str, str]] = field(default_factory=list)
    hung: list[Hang] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = Loop(self.seed)
        self.server = Recorder(self.loop)
        self._boots = itertools.count()
        self._nonces = itertools.count()
        self._skew = {name: timedelta(days=self.loop.chance.uniform(-5, 5)) for name in (*self.world.nodes, "ada")}
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="shiftbook-", dir=memory if memory.is_dir() else None))

    def run(self) -> History:
        """Plays the world. The history is settled if the nodes were given the time to finish."""
        random.seed(self.seed)  # publish and the fold's wait draw from it
        shim = threads(self.loop)
        try:
            with replaced(
                (attempts_module, "threading", shim),
                (pulse_module, "threading", shim),
            ):
                return self._play()
        finally:
            self.loop.end()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _play(self) -> History:
        person = self._bus("ada", "ada", "person")
        root = {"fleet.toml": self.world.charter.encode(), "SESSION_LOG.md": b"# Session log\n"}
        for number in range(self.world.missions):
            name = f"m{number}"
            retries = f"---\nmax_retries: 50\npriority: {self.loop.chance.randint(0, 9)}\n---\n"
            root[f"missions/{name}.md"] = f"{retries}Do {name}.\n".encode()
        tip = person.commit(root, "the ledger", onto=None, tree=None)
        self.server.move([RefUpdate(ref="refs/heads/main", expect=None, new=tip)], atomic=True)
        for name in self.world.nodes:
            self.start(name)
        for number in range(self.world.liars):
            self.loop.spawn(f"liar-{number}", "liars", partial(self._lie, f"liar-{number}"))
        self.loop.spawn("nemesis", "nemesis", self._nemesis)
        if self.world.edits:
            self.loop.spawn("ada", "ada", Person(self.loop, person, self.world).run)
        if self.world.attack:
            intruder = Intruder(self.loop, self.server, self._views, lambda name, boot: self._bus(name, boot, "person"))
            self.loop.spawn("intruder", "intruder", intruder.run)
        self.loop.run(self.world.trouble)
        self._calm()
        if self.world.parks:
            self.loop.spawn("ada", "ada", Person(self.loop, person, self.world).let_go_on)
        ends = self.loop.now + self.world.rest
        while self.loop.now < ends and not self._quiet():
            self.loop.run(min(ends, self.loop.now + 10))
        archive = Archive(self.server.store, frozenset(self.world.nodes))
        nodes = [process.node.bus.name for process in self.processes.values()]
        return archive.history(self.server.pushes, self.works, settled=self.world.rest > 0, hung=self.hung, nodes=nodes)

    def start(self, name: str) -> None:
        """Starts a node's process as `shiftbook node run` does."""
        boot = f"boot-{next(self._boots)}"
        group = f"{name} {boot}"
        alike = self.world.alike and name in self.world.nodes[-2:]
        called = self.world.nodes[-1] if alike else name
        boot = "cloned" if alike and self.world.twins else boot
        bus = self._bus(called, boot, group)
        line = bus.remote
        assert isinstance(line, Line)
        store = bus.store
        constitution = TrustRoot(store, lambda tip: self.server.pushes[0].moves[0].new or tip)
        offer = NodeCapabilities(node=called, role="LOCAL_WORKER", agents=frozenset({"builtin"}))

        def tell(event: str, words: str, **_facts: object) -> None:
            self.told.append((self.loop.now, name, event, words))

        home = self.folder / name

        def clock() -> float:
            return self.loop.now

        reader, trust, witness, liveness = (
            SnapshotReader(store, constitution),
            Trust(store),
            RewriteDetector(bus),
            Liveness(),
        )
        role = Role.HEADQUARTERS if name == self.world.nodes[0] else Role.LOCAL_WORKER
        pushes, looks = LatencyMeter(clock=clock), LatencyMeter(clock=clock)
        precedence = Precedence(me=called, role=role, liveness=liveness, pushes=pushes, looks=looks)
        jobs = RunningJobs(slots=2, wake=Event(self.loop))  # type: ignore[arg-type]  # the same methods
        beat = Beat(line, store, BEAT + called)
        heartbeat = Heartbeat(beat, clock=clock, work=jobs, progress=LoopProgress(clock), tell=tell)
        agents = {"builtin": Worker(self, called)}
        executor = Executor(agents=agents, folders=AttemptDirs(home / "work"), now=bus.now)
        node = Node(
            feed=LedgerFeed(
                bus=bus, reader=reader, witness=witness, liveness=liveness, clock=clock, tell=tell, looks=looks
            ),
            scheduler=Watching(
                bus=bus,
                reader=reader,
                trust=trust,
                offer=offer,
                tell=tell,
                eligibility=Eligibility(offer=offer),
                liveness=liveness,
                precedence=precedence,
                gaps=heartbeat,
                resumable=executor,
                hang=lambda: self._hang(name),
            ),
            attempts=Attempts(
                jobs=jobs,
                executor=executor,
                handback=Handback(bus=bus, outbox=Outbox(home / "outbox"), tell=tell, clock=clock),
                leases=heartbeat,
                usage=Unbooked(),
                tell=tell,
            ),
            folding=FoldDuty(
                bus=bus,
                reader=reader,
                trust=trust,
                witness=witness,
                precedence=precedence,
                tell=tell,
                clock=clock,
            ),
            heartbeat=heartbeat,
            trouble=RoundTrouble(tell),
            page=NodePagePublisher(
                bus=bus, reader=reader, offer=offer, role=role, tell=tell, clock=clock, spent=lambda _since: ()
            ),
        )
        process = Process(name, group, node, line)
        self.processes[name] = process
        self.loop.spawn(name, group, lambda: self._live(process))

    def _hang(self, name: str) -> None:
        """Where a node's loop stands still, if it does."""
        process = self.processes[name]
        while self.loop.now < process.hangs_until:
            self.loop.sleep(1.0)

    def _live(self, process: Process) -> None:
        try:
            process.node.run()
        except (SyncError, OrchestratorError) as error:
            process.ended = f"{type(error).__name__}: {error}"
            self.told.append((self.loop.now, process.name, "ended", process.ended))
            self.loop.kill(process.group)

    def _bus(self, name: str, boot: str, group: str) -> Transport:
        remote = MemoryRemote(self.server)
        return Transport(
            remote=Line(remote, self.loop, self.world, calm=group == "person"),
            store=remote.store,
            name=name,
            boot=boot,
            sign=None,
            now=lambda: NOON + self._skew[name] + timedelta(seconds=self.loop.now),
            nonce=self.nonce,
            sleep=self.loop.sleep,
        )

    def _views(self) -> dict[str, int]:
        intakes = {name: process.node.scheduler for name, process in self.processes.items()}
        return {name: intake.views for name, intake in intakes.items() if isinstance(intake, Watching)}

    def nonce(self) -> str:
        """What makes two claims two objects."""
        return f"nonce-{next(self._nonces)}"

    def _lie(self, name: str) -> None:
        """Beats as a node that lives, and does nothing else."""
        bus = self._bus("ada", name, "person")
        beat = Beat(bus.remote, bus.store, BEAT + name)
        beat.start()
        while True:
            beat.move()
            self.loop.sleep(BEAT_SECONDS)

    def _nemesis(self) -> None:
        """Kills, cuts off and freezes processes until the trouble is over."""
        loop, chance, world = self.loop, self.loop.chance, self.world
        while True:
            loop.sleep(1.0)
            for name in world.nodes:
                process = self.processes[name]
                if process.ended and not world.alike and not world.attack:
                    self.start(name)  # a service manager would
                elif chance.random() < world.kills:
                    loop.kill(process.group)
                    loop.sleep(chance.choice((0.1, 5.0, 60.0)))
                    self.start(name)
                elif chance.random() < world.cuts:
                    process.line.cut, process.line.mute = chance.choice(((True, False), (False, True)))
                    loop.spawn("mend", "nemesis", lambda line=process.line: self._mend(line))
                elif chance.random() < world.freezes:
                    for_seconds = chance.choice((2.0, 8.0, 45.0))
                    loop.freeze(process.group, for_seconds)
                    self._excuse(process.node.bus.name)
                elif world.hangs and chance.random() < world.hangs:
                    process.hangs_until = loop.now + chance.choice((5.0, 60.0, 900.0))
                    self.hung.append(Hang(node=process.node.bus.name, start=loop.now, end=process.hangs_until))
                elif world.falls and chance.random() < world.falls:
                    self._skew[process.node.bus.name] -= timedelta(hours=1)

    def _mend(self, line: Line) -> None:
        self.loop.sleep(self.loop.chance.choice((3.0, 20.0, 70.0)))
        line.cut = line.mute = False

    def _excuse(self, node: str) -> None:
        """A process that stood still cannot have known; what it had begun is not held against it."""
        for at, work in enumerate(self.works):
            if work.node == node and work.end is None:
                self.works[at] = replace(work, excused="it stood still")

    def _calm(self) -> None:
        """Everything works again, and whoever is down is started."""
        self.loop.kill("nemesis")
        self.loop.kill("ada")
        self.loop.run(self.loop.now)
        for process in list(self.processes.values()):
            process.line.cut, process.line.mute, process.line.calm = False, False, True
            alive = any(actor.group == process.group for actor in self.loop.actors)
            if (process.ended or not alive) and not self.world.attack and not self.world.alike:
                self.start(process.name)
                self.processes[process.name].line.calm = True

    def _quiet(self) -> bool:
        """Whether nothing is left to do."""
        pages = Archive(self.server.store, frozenset()).commit(self.server.refs["refs/heads/main"]).pages.values()
        return all(page.archived or page.status == "dead" for page in pages) and not any(
            ref.startswith(CLAIM) for ref in self.server.refs
        )


def explore(world: World, seed: int, *removed: tuple[object, str, object]) -> tuple[Exploration, History]:
    """Plays one seed, with guards taken out: (module or class, attribute, what stands there instead)."""
    with ExitStack() as stack:
        stack.enter_context(replaced(*removed))
        exploration = Exploration(world, seed)
        return exploration, exploration.run()
