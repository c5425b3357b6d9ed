"""How do tests make a ledger, the nodes that share it, and the commits that people push to it?"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from handoff.entry import Entry, render_entry
from missions.archive_path import dated_path, day_of
from missions.frontmatter import Scalar
from missions.lease import ClaimState
from missions.selection import NodeCapabilities
from orchestrator.core.ports.agent import Agent, AgentJob, Outcome
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger import claims as claims
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.result_report import EndedAttempt
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.node.attempts import Attempts
from orchestrator.node.executor import Executor
from orchestrator.node.gates import BudgetGate, DiskGate, QuotaGate, SafetyGate
from orchestrator.node.handback import Handback
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.jobs import RunningJob, RunningJobs
from orchestrator.node.loop import Node
from orchestrator.node.message_delivery import MessageDelivery
from orchestrator.node.outbox import Outbox
from orchestrator.node.precedence import Precedence
from orchestrator.node.rounds.fold_duty import FoldDuty
from orchestrator.node.rounds.ledger_feed import LedgerFeed
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.node.rounds.round_trouble import RoundTrouble
from orchestrator.node.scheduler import HeartbeatGaps, Resumable, Scheduler
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.eligibility import Eligibility
from orchestrator.workflow.fold import FoldResult, fold
from orchestrator.workflow.run_questions.run_desk import RunDesks
from sync.errors import PushUncertain, RemoteUnreachable
from sync.git_remote import GitRemote
from sync.heartbeat import Beat
from sync.latency import LatencyMeter
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.objects import Signer, edit_tree, read_commit, read_tree, write_commit
from sync.publish import publish
from sync.remote import LedgerRemote, ObjectStore, Oid, PushVerdict, Refs, RefUpdate
from sync.signatures import Key, Principal, make_key
from tests.orchestrator.repositories import git
from tests.waiting import PATIENCE

FLEET = """\
[bus]
beat_seconds = 10
lease_beats = 3
poll_seconds = [1, 5]
[trust]
missions = "{trust}"
[projects.shop]
url = "/srv/shop.git"
"""
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOT = {"fleet.toml": FLEET.format(trust="remote"), "SESSION_LOG.md": "# Session log\n"}
AGENTS = frozenset({"builtin", "command"})

Files = Mapping[str, "str | bytes | None"]


@dataclass
class Clock:
    """A time of day that only moves when a test moves it."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        """Lets time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass
class Line:
    """A remote behind a line that can be cut, and on which others can be quicker: what networks do."""

    remote: LedgerRemote
    before_push: list[Callable[[], object]] = field(default_factory=list)
    """Each is called once, before one push."""
    cut: bool = False
    lose_answers: int = 0
    """So many pushes arrive, but their answers do not."""
    lose_pushes: int = 0
    """So many pushes do not arrive, and nobody can tell."""
    cut_after_push: bool = False

    def fetch(self) -> Refs:
        """All refs, unless the line is cut."""
        if self.cut:
            raise RemoteUnreachable("line", "cut")
        return self.remote.fetch()

    def seen(self) -> Refs:
        """The refs as they were last fetched."""
        return self.remote.seen()

    def heads(self, *prefixes: str) -> Refs:
        """Where the branch and some refs stand, unless the line is cut."""
        if self.cut:
            raise RemoteUnreachable("line", "cut")
        return self.remote.heads(*prefixes)

    def close(self) -> None:
        """Lets go of the remote."""
        self.remote.close()

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, unless something happens on the way."""
        if self.cut:
            raise RemoteUnreachable("line", "cut")
        while self.before_push:
            self.before_push.pop(0)()
        if self.lose_pushes:
            self.lose_pushes -= 1
            raise PushUncertain("line", "hung up")
        verdicts = self.remote.push(updates, atomic=atomic)
        self.cut = self.cut or self.cut_after_push
        if self.lose_answers:
            self.lose_answers -= 1
            raise PushUncertain("line", "hung up")
        return verdicts


@dataclass(kw_only=True)
class Peer:
    """A node, or a person, with its own view of one ledger."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust

    @property
    def name(self) -> str:
        """What it is called."""
        return self.bus.name

    @property
    def line(self) -> Line:
        """Its line to the remote."""
        assert isinstance(self.bus.remote, Line)
        return self.bus.remote

    def ledger(self) -> LedgerSnapshot:
        """What the remote says now."""
        return self.reader.read(self.bus.remote.fetch())

    def push(self, files: Files, message: str = "a commit") -> Oid:
        """Commits files onto the branch and pushes them; returns the commit."""

        def plan(refs: Refs) -> list[RefUpdate]:
            tip = refs[self.bus.main]
            tree = read_commit(self.bus.store.get(tip)).tree
            return [RefUpdate(ref=self.bus.main, expect=tip, new=self.commit(files, message, onto=tip, tree=tree))]

        return str(publish(self.bus.remote, plan)[0].new)

    def commit(self, files: Files, message: str = "a commit", *, onto: Oid | None, tree: Oid | None) -> Oid:
        """A commit that is not pushed."""
        return self.bus.commit(in_bytes(files), message, onto=onto, tree=tree)

    def claim(self, *names: str) -> list[HeldClaim]:
        """Tries to win missions that are open now."""
        ledger = self.ledger()
        wanted = [ledger.open[name] for name in names]
        return claims.push_claims(self.bus, claims.prepare_claims(self.bus, wanted, ledger.departed_epoch))

    def hold(self, name: str) -> HeldClaim:
        """Wins one mission, or fails the test."""
        won = self.claim(name)
        assert len(won) == 1
        return won[0]

    def end(self, held: HeldClaim, state: ClaimState = ClaimState.DONE, **facts: object) -> claims.CompletionResult:
        """Hands back an attempt with a record."""
        return claims.complete(self.bus, held, record(held, **facts), state=state)

    def attempt(self, name: str, state: ClaimState = ClaimState.DONE, **facts: object) -> HeldClaim:
        """Claims and ends a mission without folding it."""
        held = self.hold(name)
        assert self.end(held, state, **facts).accepted
        return held

    def fold(self) -> FoldResult:
        """Folds what can be folded."""
        return fold(self.bus, self.reader, self.trust)

    def text(self, path: str) -> str:
        """A file on the branch as text."""
        data = self.ledger().read(path)
        assert data is not None, f"{path} is missing: {self.paths()}"
        return data.decode()

    def archived(self, name: str, ending: str = "md") -> str:
        """A finished mission's file as text, or what an attempt left (`1.diff`), on whichever day it ended."""
        return self.text(*self.archived_paths(name, ending))

    def archived_paths(self, name: str, ending: str = "md") -> list[str]:
        """Where that lies; nothing where there is none."""
        ends = f"/{name}.{ending}"
        return [path for path in self.paths() if re.match(r"missions/archive/\d", path) and path.endswith(ends)]

    def paths(self) -> list[str]:
        """Every file on the branch."""
        return sorted(all_files(self.bus.store, self.ledger().tree))


def merge_in(peer: Peer, beside: Oid, files: Files, *, first: bool = True) -> Oid:
    """Merges a commit into the branch, with these files on top of it, signed as the peer signs, and pushes that.
    `first`: the branch is the first parent."""
    bus = peer.bus
    tip = bus.remote.fetch()[bus.main]
    merge = write_commit(
        bus.store,
        tree=edit_tree(bus.store, read_commit(bus.store.get(tip)).tree, in_bytes(files)) or "",
        parents=(tip, beside) if first else (beside, tip),
        name=peer.name,
        email=f"{peer.name}@shiftbook.invalid",
        when=int(bus.now().timestamp()),
        message="merge",
        sign=bus.sign,
    )
    peer.line.push([RefUpdate(ref=bus.main, expect=tip, new=merge)])
    return merge


def in_bytes(files: Files) -> dict[str, bytes | None]:
    """The same files, texts encoded."""
    return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}


def all_files(store: ObjectStore, tree: Oid, under: str = "") -> dict[str, Oid]:
    """Every file below a tree, by path."""
    found: dict[str, Oid] = {}
    for name, entry in read_tree(store.get(tree)).items():
        path = f"{under}{name}"
        found |= all_files(store, entry.oid, f"{path}/") if entry.mode == "40000" else {path: entry.oid}
    return found


def record(
    held: HeldClaim,
    *,
    section: str = "### Attempt\n\nworked",
    finished: str = "2026-11-21T12:05:00Z",
    fields: Mapping[str, Scalar] | None = None,
    entry: bool = True,
    memo: str = "",
    artifacts: Mapping[str, str] | None = None,
) -> ResultRecord:
    """What an attempt hands over, short but whole."""
    claim = held.claim
    said = Entry(
        entry_id=f"{claim.mission}-{claim.epoch}",
        when=finished,
        node=claim.node,
        mission=claim.mission,
        sections=(("Work Accomplished", f"by {claim.node}"),),
    )
    return ResultRecord(
        mission=claim.mission,
        epoch=claim.epoch,
        fields=fields if fields is not None else {"finished": finished},
        finished=finished,
        section=section,
        entry=render_entry(said) if entry else "",
        log_path="SESSION_LOG.md",
        memo=memo,
        memo_path=dated_path("memos", day_of(finished), f"{claim.mission}-{claim.epoch}") if memo else "",
        artifacts=artifacts or {},
    )


class Town:
    """One ledger and everybody who shares it; in memory unless `folder` is given, then a real bare repository."""

    def __init__(self, files: Files | None = None, *, folder: Path | None = None, signers: str = "") -> None:
        self.clock = Clock()
        self.folder = folder
        self.server = MemoryServer()
        self._nonces = (f"nonce-{n}" for n in itertools.count())
        self._remotes: list[GitRemote] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "server.git")
        founder = self.peer("founder")
        root = founder.commit(ROOT | dict(files or {}), "the ledger", onto=None, tree=None)
        founder.line.remote.push([RefUpdate(ref="refs/heads/main", expect=None, new=root)])
        self.root = root

    @property
    def bare(self) -> Path:
        """The real repository's folder."""
        assert self.folder is not None
        return self.folder / "server.git"

    def peer(self, name: str, *, key: Key | None = None, boot: str = "boot-1", pin: Oid | None = None) -> Peer:
        """Somebody new with a view of their own. `pin` is the commit they first trusted (default: the root)."""
        if self.folder is None:
            plain: MemoryRemote | GitRemote = MemoryRemote(self.server)
        else:
            plain = GitRemote(str(self.bare), self.folder / f"views/{name}-{len(self._remotes)}.git")
            self._remotes.append(plain)
        sign: Signer | None = key.sign if key else None
        bus = Transport(
            remote=Line(plain),
            store=plain.store,
            name=name,
            boot=boot,
            sign=sign,
            now=self.clock,
            nonce=lambda: next(self._nonces),
        )
        reader = SnapshotReader(plain.store, TrustRoot(plain.store, lambda tip: pin or getattr(self, "root", tip)))
        return Peer(bus=bus, reader=reader, trust=Trust(plain.store))

    def close(self) -> None:
        """Ends the reader processes."""
        for remote in self._remotes:
            remote.close()


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Real ssh keys by name, and the `allowed_signers` that lists them."""

    folder: Path
    keys: dict[str, Key] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Key:
        if name not in self.keys:
            self.keys[name] = make_key(self.folder / name, name)
        return self.keys[name]

    def line(self, name: str, *roles: str) -> str:
        """A principal's line."""
        return Principal(name=name, roles=frozenset(roles), key=self[name].public).line

    def signers(self, **roles: Iterable[str]) -> str:
        """`allowed_signers` with these principals and their roles."""
        return "".join(self.line(name, *rights) + "\n" for name, rights in roles.items())


@dataclass
class Scripted:
    """An agent that does what the test wrote for it."""

    does: Callable[[AgentJob, Stop], Outcome] = lambda _job, _stop: Outcome(ok=True, summary="Done.", answer="42")
    name: str = "builtin"
    jobs: list[AgentJob] = field(default_factory=list)

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """Does it."""
        self.jobs.append(job)
        return self.does(job, stop)


@dataclass
class Ticks:
    """Monotonic seconds that only move when a test moves them."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass(kw_only=True)
class Working:
    """A whole node with its agent, its clock and what it told."""

    peer: Peer
    node: Node
    agent: Scripted
    ticks: Ticks
    told: list[tuple[str, str]]

    @property
    def scheduler(self) -> Scheduler:
        """What takes missions on."""
        return self.node.scheduler

    @property
    def handback(self) -> Handback:
        """What hands results back."""
        return self.node.attempts.handback

    @property
    def executor(self) -> Executor:
        """What does the work."""
        return self.node.attempts.executor

    @property
    def jobs(self) -> dict[str, RunningJob]:
        """What it works on."""
        return self.node.jobs.by_mission

    def step(self) -> bool:
        """One round, and the end of what it started."""
        moved = self.node.step()
        self.node.jobs.join(PATIENCE)
        return moved

    def settle(self, rounds: int = 12) -> None:
        """Rounds until nothing moves, and no turn of its own is left to wait for."""
        for _ in range(rounds):
            if self.step():
                continue
            turn = self.node.scheduler.turn_in
            if turn is None:
                return
            self.ticks.at += turn

    def take_in(self, ledger: LedgerSnapshot) -> None:
        """Shows it a fetch, and no more."""
        self.node.feed.liveness.observe(ledger, self.ticks())
        self.scheduler.observe(ledger, self.ticks())


@dataclass(frozen=True)
class Steady:
    """Beats that were never interrupted, and nothing to go on with: what a scheduler by itself has."""

    heartbeat_gaps: int = 0

    def can_resume(self, mission: str, epoch: int) -> bool:
        """Never."""
        return False


class Unbooked:
    """A usage log that keeps nothing."""

    def record(self, attempt: EndedAttempt) -> None:
        """Keeps nothing."""


def intake_of(
    peer: Peer,
    told: list[tuple[str, str]] | None = None,
    *,
    agents: Iterable[str] = AGENTS,
    liveness: Liveness | None = None,
    gaps: HeartbeatGaps | None = None,
    resumable: Resumable | None = None,
    budget: BudgetGate | None = None,
    safety: SafetyGate | None = None,
    quota: QuotaGate | None = None,
    precedence: Precedence | None = None,
) -> Scheduler:
    """What takes missions on for a peer."""
    said: list[tuple[str, str]] = [] if told is None else told
    offer = NodeCapabilities(node=peer.name, role="LOCAL_WORKER", agents=frozenset(agents))

    def tell(event: str, words: str, **_facts: object) -> None:
        said.append((event, words))

    liveness = liveness or Liveness()
    return Scheduler(
        bus=peer.bus,
        reader=peer.reader,
        trust=peer.trust,
        offer=offer,
        tell=tell,
        eligibility=Eligibility(offer=offer, closed=quota.closed) if quota else Eligibility(offer=offer),
        liveness=liveness,
        precedence=precedence or Precedence(me=peer.name, role=Role.LOCAL_WORKER, liveness=liveness),
        gaps=gaps or Steady(),
        resumable=resumable or Steady(),
        budget=budget,
        safety=safety,
    )


def working(
    peer: Peer,
    folder: Path,
    *,
    slots: int = 1,
    role: Role = Role.HEADQUARTERS,
    agents: Mapping[str, Agent] | None = None,
    offered: Iterable[str] = AGENTS,
    ticks: Ticks | None = None,
    once: bool = False,
    budget: BudgetGate | None = None,
    safety: SafetyGate | None = None,
    disk: DiskGate | None = None,
    quota: QuotaGate | None = None,
    cleanup: Cleanup | None = None,
    desks: RunDesks | None = None,
) -> Working:
    """A node that works for this peer's name. It does not beat by itself: call `heartbeat.beat` as the test needs.

    `agents` do the work (default: one that the test can script), `offered` are those that it asks missions for.
    """
    told: list[tuple[str, str]] = []
    agent, ticks, liveness = Scripted(), ticks or Ticks(), Liveness()

    def tell(event: str, words: str, **_facts: object) -> None:
        told.append((event, words))

    jobs = RunningJobs(slots=slots)
    precedence = Precedence(me=peer.name, role=role, liveness=liveness, pushes=LatencyMeter(clock=ticks), at_once=once)
    beat = Beat(peer.bus.remote, peer.bus.store, f"refs/shiftbook/beat/{peer.name}")
    heartbeat = Heartbeat(beat, clock=ticks, work=jobs, progress=LoopProgress(ticks), tell=tell)
    executor = Executor(
        agents=agents or {"builtin": agent},
        folders=cleanup.folders if cleanup is not None else AttemptDirs(folder / "work"),
        now=peer.bus.now,
        budget=budget,
        safety=safety,
        disk=disk or cleanup,
        quota=quota,
        desks=desks,
    )
    scheduler = intake_of(
        peer,
        told,
        agents=offered,
        liveness=liveness,
        gaps=heartbeat,
        resumable=executor,
        budget=budget,
        safety=safety,
        quota=quota,
        precedence=precedence,
    )
    witness = RewriteDetector(peer.bus)
    node = Node(
        feed=LedgerFeed(bus=peer.bus, reader=peer.reader, witness=witness, liveness=liveness, clock=ticks, tell=tell),
        scheduler=scheduler,
        attempts=Attempts(
            jobs=jobs,
            executor=executor,
            handback=Handback(
                bus=peer.bus,
                outbox=Outbox(folder / "outbox"),
                tell=tell,
                clock=ticks,
                limited=heartbeat.push_refused,
            ),
            leases=heartbeat,
            usage=Unbooked(),
            tell=tell,
            cleanup=cleanup,
            messages=MessageDelivery(bus=peer.bus, trust=peer.trust, tell=tell),
        ),
        folding=FoldDuty(
            bus=peer.bus,
            reader=peer.reader,
            trust=peer.trust,
            witness=witness,
            precedence=precedence,
            tell=tell,
            clock=ticks,
        ),
        heartbeat=heartbeat,
        trouble=RoundTrouble(tell),
        once=once,
        cleanup=cleanup,
    )
    return Working(peer=peer, node=node, agent=agent, ticks=ticks, told=told)


def shuffled(items: Iterable[str], seed: int) -> list[str]:
    """The items in an order that depends on the seed only."""
    found = list(items)
    random.Random(seed).shuffle(found)
    return found
