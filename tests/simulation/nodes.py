"""Who takes part in the simulation? The product's own nodes, whose work takes virtual time instead of threads."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from missions.lease import ClaimState, LeaseWatch
from missions.mission import Mission
from missions.selection import NodeCapabilities
from orchestrator.core.events import Tell
from orchestrator.core.ports.agent import Outcome
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger import result_report
from orchestrator.ledger.claim_reader import ClaimReader
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import BEAT, Transport
from orchestrator.node.attempts import Attempts
from orchestrator.node.executor import CancelToken, Executor
from orchestrator.node.handback import Handback
from orchestrator.node.heartbeat import FencedWork, Heartbeat
from orchestrator.node.jobs import RunningJob, RunningJobs
from orchestrator.node.loop import Node
from orchestrator.node.outbox import Outbox, PendingResult
from orchestrator.node.precedence import Precedence
from orchestrator.node.rounds.fold_duty import FoldDuty
from orchestrator.node.rounds.ledger_feed import LedgerFeed
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.node.rounds.round_trouble import RoundTrouble
from orchestrator.node.scheduler import Assignment, Scheduler
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.eligibility import Eligibility
from sync.heartbeat import Beat
from sync.latency import LatencyMeter
from sync.memory_remote import MemoryRemote
from sync.remote import Oid, Refs
from tests.ledgers import Unbooked
from tests.simulation.host import Link, Server, View
from tests.simulation.scenario import Scenario

HQ_OFFER = {"node-0": NodeCapabilities(node="node-0", role=Role.HEADQUARTERS.value, agents=frozenset({"builtin"}))}
BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)
AGENTS = frozenset({"builtin"})
VIEWS, MISSIONS = 8, 4096
"""Of which it is remembered what was read, and what could do them."""
NO_THREAD = threading.Thread()
"""That of every attempt: none is begun."""
Idle = Callable[[LedgerSnapshot, Callable[[LedgerSnapshot], frozenset[str]]], frozenset[str]]
"""Of a ledger and of how it is found: the nodes that live and have a free slot."""
Overdue = Mapping[str, tuple[HeldClaim, float]]
"""Running claims whose holders have been silent for a lease, each with the last moment at which one of them moved."""


@dataclass(frozen=True)
class Pocket(Outbox):
    """An outbox that needs no disk: a simulated node whose power fails has lost it, as one whose disk died."""

    letters: dict[str, PendingResult] = field(default_factory=dict)

    def put(self, letter: PendingResult) -> None:
        """Keeps a letter."""
        self.letters[letter.held.oid] = letter

    def remove(self, letter: PendingResult) -> None:
        """Takes it out."""
        self.letters.pop(letter.held.oid, None)

    def __iter__(self) -> Iterator[PendingResult]:
        return iter(list(self.letters.values()))


@dataclass(kw_only=True)
class SharedEligibility(Eligibility):
    """What could do a mission, worked out once for all: they offer alike."""

    assumed: OrderedDict[int, tuple[Mission, Mission]] = field(default_factory=OrderedDict)
    """By a mission's identity, that mission and what came of it."""

    def with_assumed_agent(self, mission: Mission) -> Mission:
        """As each node finds it."""
        known = self.assumed.get(id(mission))
        if known is None or known[0] is not mission:
            known = self.assumed[id(mission)] = mission, super().with_assumed_agent(mission)
            while len(self.assumed) > MISSIONS:
                self.assumed.popitem(last=False)
        return known[1]


class SharedClaims(ClaimReader):
    """A reader of claims that is told which refs are claims."""

    def _standing(self, refs: Refs) -> dict[str, Oid]:
        return refs.claims if isinstance(refs, View) else super()._standing(refs)


@dataclass
class SharedReader(SnapshotReader):
    """One reader for all: what a view says is the same for everybody, so it is read once and not a thousand times."""

    _views: OrderedDict[int, LedgerSnapshot] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._claims = SharedClaims(self.store)

    def read(self, refs: Refs) -> LedgerSnapshot:
        """The ledger behind these refs; the last few are kept."""
        known = self._views.get(id(refs))
        if known is None or known.refs is not refs:
            known = self._views[id(refs)] = super().read(refs)
            while len(self._views) > VIEWS:
                self._views.popitem(last=False)
        return known


@dataclass(kw_only=True)
class Observer(Scheduler):
    """An intake that looks back instead of looking on: who has moved is asked only when somebody may be overdue.

    It then shows its lease watch, for the overdue claims, those of its fetches that tell something, in turn. For the
    others the watch would say that they moved less than a lease ago.
    """

    overdue: Callable[[], Overdue]
    clock: Callable[[], float]
    stretches: Mapping[str, int] = field(default_factory=dict)
    """By how much each node's last beat is stretched."""
    fetches: list[float] = field(default_factory=list)
    """When this node has fetched, for as long as it matters."""
    asked: tuple[LedgerSnapshot, float, int, list[MissionFile], float | None] | None = None
    """Of which ledger, when and with how many free slots it was worked out last what this node asks for, and when its
    turn comes for the rest."""

    def fetched(self, ledger: LedgerSnapshot) -> None:
        """Notes a fetch."""
        now, bus = self.clock(), ledger.charter.bus
        self._show(now)
        if self.fetches and now - self.fetches[-1] > max(2 * bus.poll_seconds[1], bus.lease):
            self.fetches.clear()  # a node that was cut off so long counts anew
        self.fetches.append(now)
        if len(self.fetches) % 64 == 0:
            matters = 2 * max(self.stretches.values(), default=1) * bus.lease + 2 * bus.poll_seconds[1]
            del self.fetches[: bisect_left(self.fetches, now - matters)]

    def _eligible(self, ledger: LedgerSnapshot, free: int) -> list[MissionFile]:
        """Found before a round is played, to know whether it is worth playing, and again in it at the same moment."""
        last = self.asked
        if last is None or last[0] is not ledger or last[1:3] != (self.clock(), free):
            chosen = super()._eligible(ledger, free)
            last = self.asked = (ledger, self.clock(), free, chosen, self._claim_turns.next_in)
        self._claim_turns.next_in = last[4]
        return list(last[3])

    def _telling(self, overdue: Overdue) -> list[float]:
        """The fetches that tell something: for each holder the first one after it had moved, and the last."""
        first = (bisect_left(self.fetches, since) for _, since in overdue.values())
        return sorted({self.fetches[at] for at in first if at < len(self.fetches)} | {self.fetches[-1]})

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in one fetch."""
        self._show(now)
        bus = ledger.charter.bus
        overdue = {name: held for name, held in self.overdue().items() if held[0].claim.node != self.bus.name}
        self.watch = LeaseWatch(lease=bus.lease, roof=float("inf"))
        stretches = self.stretches
        self.watch.longer = {n: bus.lease * stretches.get(held.claim.node, 1) for n, (held, _) in overdue.items()}
        for at in self._telling(overdue) if overdue else ():
            self.watch.observe({name: (held.oid, since <= at) for name, (held, since) in overdue.items()}, at)


class Heart(Heartbeat):
    """A pulse without threads: the simulation says when it beats."""

    def __init__(self, beat: Beat, *, clock: Callable[[], float], work: FencedWork, tell: Tell) -> None:
        progress = LoopProgress(clock)
        super().__init__(
            beat, clock=lambda: clock() if self._sent is None else self._sent, work=work, progress=progress, tell=tell
        )
        self._sent: float | None = None

    def begin(self) -> None:
        """Finds where its ref stands."""
        self.beat.start()

    def throb(self, sent: float) -> None:
        """One beat, which arrives now."""
        self._sent = sent
        self._once()
        self._sent = None

    @property
    def pause(self) -> float:
        """Seconds until the next beat."""
        return self._pause()

    @property
    def closes(self) -> float:
        """Seconds until the fence closes if no other beat is accepted."""
        return self._left()


class Unfed(Liveness):
    """A liveness that nobody asks: the nodes' pages are not simulated, and a thousand beats a round would cost."""

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in nothing."""


@dataclass(kw_only=True)
class VirtualAttempts(Attempts):
    """Attempts that begin and end when the simulation says."""

    begun: Callable[[Assignment], None]
    clock: Callable[[], float]
    work: dict[str, tuple[Assignment, float]] = field(default_factory=dict)
    """What is worked on, and since when."""

    def _start(self, taken: Assignment) -> None:
        name = taken.mission.name
        self.jobs.by_mission[name] = RunningJob(
            held=taken.held, mission=taken.mission, thread=NO_THREAD, cancel_token=CancelToken()
        )
        self.work[name] = (taken, self.clock())
        self.begun(taken)

    def finish(self, name: str, *, ok: bool) -> float:
        """The work on a mission ends: hands what came of it to the delivery, as the worker's thread would.

        Returns how many seconds it took.
        """
        taken, began = self.work.pop(name)
        now, claim, stopped = self.clock(), taken.held.claim, self.jobs.by_mission[name].cancel_token.reason
        outcome = _outcome(ok=ok and not stopped, stopped=stopped)
        attempt = result_report.EndedAttempt(
            mission=taken.mission,
            claim=claim,
            outcome=outcome,
            state=ClaimState.RELEASED if stopped else ClaimState.DONE if ok else ClaimState.FAILED,
            started=BEGINNING + timedelta(seconds=began),
            finished=BEGINNING + timedelta(seconds=now),
            final=not stopped and (ok or claim.attempt >= taken.mission.attempts_allowed),
        )
        self.handback.post(taken.held, attempt, stopped)
        return now - began


@dataclass(kw_only=True)
class VirtualFoldDuty(FoldDuty):
    """A fold of which the simulation asks whether it is due before it plays a round."""

    def waits_no_longer(self) -> None:
        """Nothing is left to fold: the next wait begins anew."""
        self._due = None


@dataclass(kw_only=True)
class VirtualPrecedence(Precedence):
    """A place among those of whom the server heard lately, which all nodes know alike: beats are not in their view."""

    roll: Callable[[], frozenset[str]] = frozenset
    idle: Idle

    def living(self, ledger: LedgerSnapshot) -> frozenset[str]:
        """Those that live."""
        return self.roll()

    def offers(self, ledger: LedgerSnapshot) -> Mapping[str, NodeCapabilities]:
        """Headquarters' page: the others' are not simulated."""
        return HQ_OFFER

    def _free(self, ledger: LedgerSnapshot) -> frozenset[str]:
        return self.idle(ledger, super()._free)


@dataclass(kw_only=True)
class Crewman(Node):
    """A node that tells the simulation when it begins some work, and is told when it is done."""

    scheduler: Observer
    attempts: VirtualAttempts
    folding: VirtualFoldDuty
    link: Link
    heart: Heart
    number: int
    up: bool = True
    fresh: bool = True
    """It has just started, and does not know yet what it held before."""
    busy: bool = False
    """A fetch or a round is under way."""
    nudged: bool = False
    ticket: int = 0
    """The only entry of the agenda that counts for its next poll."""

    @property
    def work(self) -> dict[str, tuple[Assignment, float]]:
        """What it works on, and since when."""
        return self.attempts.work

    def wants(self, ledger: LedgerSnapshot, *, ready: bool, duty: bool) -> bool:
        """Whether a round would do anything: it costs a thousand times as much as this."""
        if (
            (ready and self.jobs.free > 0 and self.scheduler.asks(ledger, self.jobs.free))
            or self.attempts.handback.waiting
            or not self.trouble.online
        ):
            return True
        if self.scheduler.overdue():
            self.scheduler.observe(ledger, self.feed.clock())
            if self.scheduler.watch.expired(list(ledger.claims)):
                return True
        if not duty:
            self.folding.waits_no_longer()
        return duty and self.folding.is_due(ledger)

    def rest(self, ledger: LedgerSnapshot) -> float:
        """Seconds until its next poll after one that brought nothing to do."""
        self.pause.calm(
            ledger.charter.bus, turn_in=self._turn_in(), claimed=bool(ledger.claims), look=self._look(ledger)
        )
        return self.pause.seconds


def _outcome(*, ok: bool, stopped: str) -> Outcome:
    if ok:
        return Outcome(ok=True, summary="Done.", answer="42")
    return Outcome(ok=False, summary="Stopped." if stopped else "It did not work out.", error=stopped or "bad luck")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all nodes share."""

    server: Server
    reader: SnapshotReader
    clock: Callable[[], float]
    overdue: Callable[[], Overdue]
    begin: Callable[[int, Assignment], None]
    """Told the number of the node that begins some work."""
    roll: Callable[[], frozenset[str]]
    """The nodes that live."""
    idle: Idle
    assumed: OrderedDict[int, tuple[Mission, Mission]]
    """What could do each mission: see SharedEligibility."""
    tell: Callable[[str], Tell]
    """Gives each node, by name, somebody to whom it tells its shift."""


def speaker(name: str, boot: str, link: Link) -> Transport:
    """A voice on the bus whose time is virtual."""
    nonces = itertools.count()
    return Transport(
        remote=link,
        store=link.store,
        name=name,
        boot=boot,
        sign=None,
        now=lambda: BEGINNING + timedelta(seconds=link.now()),
        nonce=lambda: f"{boot}-{next(nonces)}",
        sleep=link.sleep,
    )


def crewman(number: int, boot: str, plan: Scenario, link: Link, around: Surroundings) -> Crewman:
    """The fleet's node of that number: HQ is number 0."""
    name, clock = f"node-{number}", around.clock
    bus, tell = speaker(name, boot, link), around.tell(name)
    offer = NodeCapabilities(node=name, role="LOCAL_WORKER", agents=AGENTS)
    role = Role.HEADQUARTERS if number == 0 else Role.LOCAL_WORKER
    trust, witness, liveness, jobs = Trust(link.store), RewriteDetector(bus), Unfed(), RunningJobs(slots=plan.slots)
    precedence = VirtualPrecedence(
        me=name,
        role=role,
        liveness=liveness,
        pushes=LatencyMeter(clock=clock),
        nudged=number == 0 and plan.hq_on_host,
        roll=around.roll,
        idle=around.idle,
    )
    heart = Heart(Beat(MemoryRemote(around.server), link.store, BEAT + name), clock=clock, work=jobs, tell=tell)
    executor = Executor(agents={}, folders=AttemptDirs(Path("/nonexistent")), now=bus.now)
    return Crewman(
        feed=LedgerFeed(bus=bus, reader=around.reader, witness=witness, liveness=liveness, clock=clock, tell=tell),
        scheduler=Observer(
            bus=bus,
            reader=around.reader,
            trust=trust,
            offer=offer,
            tell=tell,
            eligibility=SharedEligibility(offer=offer, assumed=around.assumed),
            liveness=liveness,
            precedence=precedence,
            gaps=heart,
            resumable=executor,
            overdue=around.overdue,
            clock=clock,
            stretches=around.server.stretches,
        ),
        attempts=VirtualAttempts(
            jobs=jobs,
            executor=executor,
            handback=Handback(bus=bus, outbox=Pocket(Path()), tell=tell, clock=clock),
            leases=heart,
            usage=Unbooked(),
            tell=tell,
            begun=partial(around.begin, number),
            clock=clock,
        ),
        folding=VirtualFoldDuty(
            bus=bus,
            reader=around.reader,
            trust=trust,
            witness=witness,
            precedence=precedence,
            tell=tell,
            clock=clock,
        ),
        heartbeat=heart,
        heart=heart,
        trouble=RoundTrouble(tell),
        link=link,
        number=number,
    )
