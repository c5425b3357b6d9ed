"""Which missions does this node take on now? Its scheduler: queued ones, a silent holder's, its own from before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from missions.lease import PAUSED_REASON, Claim, ClaimState, LeaseWatch
from missions.mission import OPEN, Mission, Status
from missions.selection import NodeCapabilities, choose
from orchestrator.core import tracing
from orchestrator.core.errors import StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.time_text import format_duration
from orchestrator.ledger import claims as claims
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.node_pages import has_full_disk
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.gates import BudgetGate, SafetyGate
from orchestrator.node.mission_turns import MissionTurns
from orchestrator.node.precedence import Precedence
from orchestrator.policy.authorization import Trust
from orchestrator.policy.turn_order import mission_subject
from orchestrator.workflow.assignment.eligibility import Eligibility
from sync.heartbeat import RING_BLOBS, announced_stretch
from sync.remote import Oid

MAX_EXTRA_RESUMES = 2
"""So often more than its attempts allow may a mission that a restart cut off go on in its folder: one whose work ends
its node each time must not do so for ever."""
MAX_TOLD_RESTING = 32
"""Missions of which people are told in a round that they wait for an account."""
MAX_OWN_CLAIMS = 1000
"""Claims of its own that a process remembers; more can never be open at once."""

MAX_KNOWN_BEATS = 4 * RING_BLOBS
"""Different beats that are remembered."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A claim that this node now holds. `end` is empty for work to start, else why it ends without any."""

    held: HeldClaim
    mission: Mission
    ledger: LedgerSnapshot
    remark: str = ""
    end: str = ""
    state: ClaimState = ClaimState.FAILED
    """As what it ends then."""
    heartbeat_gaps: int = 0
    """How often this node's beats had been interrupted when it asked for the claim."""


class HeartbeatGaps(Protocol):
    """How well this node's beats have held its leases."""

    @property
    def heartbeat_gaps(self) -> int:
        """How often they have been interrupted for so long that a lease may have run out."""


class Resumable(Protocol):
    """What earlier attempts have left on this node."""

    def can_resume(self, mission: str, epoch: int) -> bool:
        """Whether a mission's attempt that was cut off in that epoch can go on here, in its agent's own session."""


@dataclass(kw_only=True)
class Scheduler:
    """Takes missions for one node."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    offer: NodeCapabilities
    tell: Tell
    eligibility: Eligibility
    """Fills in what missions leave open: the project, the agent."""
    liveness: Liveness
    precedence: Precedence
    gaps: HeartbeatGaps
    resumable: Resumable
    budget: BudgetGate | None = None
    """None: nobody limits what is spent."""
    safety: SafetyGate | None = None
    """None: whatever this node's agents can do may run here."""
    is_brought: Callable[[str], bool] = lambda _mission: False
    """Whether a bus beside the ledger has brought a mission to this node."""
    watch: LeaseWatch = field(default_factory=lambda: LeaseWatch(lease=180.0, roof=180.0))
    """Times each claim, not each node: safety rests on it."""
    _left: LeaseWatch = field(default_factory=lambda: LeaseWatch(lease=180.0, roof=180.0))
    """For how long resumed missions have waited for the nodes that keep their workspaces."""
    _now: float = 0.0
    """When it was shown a fetch last."""
    _known_stretches: dict[Oid, int] = field(default_factory=dict)
    _claim_turns: MissionTurns = field(init=False)
    _takeover_turns: MissionTurns = field(init=False)
    _asked: OrderedDict[Oid, int] = field(default_factory=OrderedDict)
    """The claims that this very process has pushed, each with `breaks` of that moment. A machine that was cloned while
    it ran shares all but these."""

    def __post_init__(self) -> None:
        self._claim_turns = MissionTurns(precedence=self.precedence, is_brought=self.is_brought)
        self._takeover_turns = MissionTurns(precedence=self.precedence)

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in one fetch, after the liveness has been fed: which holders still move. `now` is this node's monotonic
        time, in seconds."""
        bus = ledger.charter.bus
        self.watch.lease, self.watch.roof = bus.lease, max(2 * bus.poll_seconds[1], bus.lease)
        listed = {p.name for p in self.trust.verifier(ledger).principals.values() if "node" in p.roles}
        self._show(now)
        self.precedence.members = None if self.bus.sign is None else frozenset(listed)
        beats = {node: beat for node, beat in ledger.beats.items() if self.bus.sign is None or node in listed}
        others = {n: h for n, h in ledger.claims.items() if h.claim.closed or h.claim.node != self.bus.name}
        self.watch.observe({n: (h.oid, h.claim.closed or beats.get(h.claim.node)) for n, h in others.items()}, now)
        stretches = {node: self._stretches(beat) for node, beat in beats.items()}
        self.precedence.stretches = stretches
        self.watch.longer = {n: bus.lease * stretches.get(h.claim.node, 1) for n, h in others.items()}
        self._left.lease, self._left.roof = self.watch.lease, self.watch.roof
        kept = {n: f.mission for n, f in ledger.open.items() if f.mission.kept_on and f.mission.status in OPEN}
        self._left.longer = {n: bus.lease * stretches.get(m.kept_on or "", 1) for n, m in kept.items()}
        self._left.observe({n: (m.epoch, m.kept_on) for n, m in kept.items() if m.kept_on in ledger.beats}, now)

    def _stretches(self, beat: Oid) -> int:
        """By how much a beat says that it is stretched. There are few different ones: each is read once."""
        if beat not in self._known_stretches:
            if len(self._known_stretches) >= MAX_KNOWN_BEATS:
                self._known_stretches.clear()
            self._known_stretches[beat] = announced_stretch(self.bus.store, beat)
        return self._known_stretches[beat]

    def _show(self, now: float) -> None:
        self._now = now
        self._claim_turns.next_in = self._takeover_turns.next_in = None

    def resume(self, ledger: LedgerSnapshot, free: int, busy: Collection[str] = ()) -> list[Assignment]:
        """What this node held when it was stopped the last time: its own, so it need not wait for the lease.

        Nobody else takes it over while this node beats, so what did not work out, or found no free slot, is tried again
        in every round. `busy` are the missions whose results of that earlier run wait to be handed back.
        """
        taken: list[Assignment] = []
        for name, held in ledger.claims.items():
            mine = held.claim.node == self.bus.name and held.claim.boot != self.bus.boot
            if mine and not held.claim.closed and name not in busy:
                remark = f"this node was stopped during attempt {held.claim.attempt} and started again"
                taken += self._take(ledger, held, remark, free - len(taken))
        return taken

    def pick_up(self, ledger: LedgerSnapshot, free: int, busy: Collection[str]) -> list[Assignment]:
        """What this run of the node won without hearing of it: the line broke between the push and the second look,
        or the push arrived after all when this node had given it up.

        `busy` are the missions that it works on or is about to hand back. Nobody else would ever take the others
        over, because this node beats.
        """
        taken: list[Assignment] = []
        for name, held in ledger.claims.items():
            if held.oid not in self._asked or held.claim.closed or name in busy:
                continue
            filed = ledger.open.get(name)
            if filed is not None and held.claim.epoch <= filed.mission.epoch:
                claims.confirm(self.bus, [held], ledger)  # withdraws it
            elif filed is not None or (not self._over(ledger, held) and ledger.deleted(name)):
                why, state = self._ends(filed, held.claim, begun=False)
                if why or filed is None or self._may(ledger, filed, free - len(taken), own=True):
                    taken.append(self._taken(ledger, held, "", filed, why, state))
        return taken

    def take_over(self, ledger: LedgerSnapshot, free: int) -> list[Assignment]:
        """What silent holders let go of, and what a node ended that was taken out of the fleet before the fold."""
        taken: list[Assignment] = []
        for held in self._in_turn_over(ledger):
            name = held.claim.mission
            ended = f"; its word on {held.claim.state} does not count" if held.claim.closed else ""
            silence = format_duration(self.watch.silent_for(name))
            remark = f"took over from {held.claim.node} after {silence} of silence{ended}"
            taken += self._take(ledger, held, remark, free - len(taken))
        return taken

    def _in_turn_over(self, ledger: LedgerSnapshot) -> list[HeldClaim]:
        """The claims without a living holder that it is this node's turn to take."""
        left = [ledger.claims[name] for name in self.watch.expired(list(ledger.claims))]
        left = [held for held in left if not held.claim.closed or self._orphaned(ledger, held)]
        subjects = {mission_subject(held.claim.mission, held.claim.epoch + 1): held for held in left}
        self._takeover_turns.observe(subjects, self._now)
        living = self.precedence.living(ledger)
        places = {s: self.precedence.place(s, living - {held.claim.node}) for s, held in subjects.items()}
        return [held for s, held in subjects.items() if self._takeover_turns.is_due(ledger, s, places[s])]

    @property
    def turn_in(self) -> float | None:
        """Seconds until this node's turn comes for what it could take and leaves to others; None where nothing is."""
        turns = [turns.next_in for turns in (self._claim_turns, self._takeover_turns) if turns.next_in is not None]
        return min(turns, default=None)

    def claim(self, ledger: LedgerSnapshot, free: int) -> list[Assignment]:
        """What is queued, best first: all claims in one push, then a second look before anything starts (trap D)."""
        wanted = self._eligible(ledger, free)
        asked = claims.prepare_claims(self.bus, wanted, ledger.departed_epoch)
        self._asking(*(held.oid for held in asked))
        if not asked:
            return []
        self._claim_turns.free_since, began = self._now, tracing.moment()
        with self.precedence.pushes.timed():
            won = claims.push_claims(self.bus, asked)
        if not won:
            return []
        now = self.reader.read(self.bus.remote.fetch())
        confirmed = claims.confirm(self.bus, won, now)
        for held in confirmed:
            facts: dict[str, tracing.Fact] = {"node": self.bus.name, "epoch": held.claim.epoch, "asked": len(asked)}
            tracing.record("mission.claim", began, mission=held.claim.mission, **facts)
        return [self._won(now, held) for held in confirmed]

    def asks(self, ledger: LedgerSnapshot, free: int) -> bool:
        """Whether this node would ask for a mission now."""
        return bool(self._eligible(ledger, free))

    def _won(self, now: LedgerSnapshot, held: HeldClaim) -> Assignment:
        one = self.eligibility.won(now, now.open[held.claim.mission].mission)
        remark, breaks = "; ".join(one.remarks), self._asked[held.oid]
        return Assignment(held=held, mission=one.mission, ledger=now, remark=remark, heartbeat_gaps=breaks)

    def _asking(self, *oids: Oid) -> None:
        self._asked.update(dict.fromkeys(oids, self.gaps.heartbeat_gaps))
        while len(self._asked) > MAX_OWN_CLAIMS:
            self._asked.popitem(last=False)

    def _take(self, ledger: LedgerSnapshot, held: HeldClaim, remark: str, free: int) -> list[Assignment]:
        """Takes one claim whose holder is gone, if this node may and can; one with no attempts left it only ends."""
        name = held.claim.mission
        filed = ledger.open.get(name)
        if filed is None and (self._over(ledger, held) or not ledger.deleted(name)):
            return []  # its file broke: it waits until the file is mended
        why, state = self._ends(filed, held.claim, begun=True)
        own = held.claim.node == self.bus.name
        if filed is not None and not why and not self._may(ledger, filed, free, own=own):
            return []
        mine = claims.prepare_takeover(self.bus, held, blob=filed.blob if filed else held.claim.blob)
        self._asking(mine.oid)
        began = tracing.moment()
        if not claims.push_takeover(self.bus, held, mine):
            return []
        facts: dict[str, tracing.Fact] = {"node": self.bus.name, "epoch": mine.claim.epoch, "from": held.claim.node}
        tracing.record("mission.take_over", began, mission=name, **facts)
        taken = self._taken(ledger, mine, remark, filed, why, state)
        self.tell("took over", f"{taken.mission.title}: {remark}", mission=name, holder=held.claim.node)
        return [taken]

    def _ends(self, filed: MissionFile | None, claim: Claim, *, begun: bool) -> tuple[str, ClaimState]:
        """Why a claim that is taken only has to be ended, and as what: its file is gone, a person called it off or
        paused it, or no attempt is left after the one that was `begun`. What can go on here has some more.
        """
        if filed is None:
            return "its file was deleted meanwhile", ClaimState.CANCELLED
        mission = filed.mission
        if mission.status in {Status.CANCELLED, Status.PARKED}:
            off = mission.status is Status.CANCELLED
            return ("cancelled by a person", ClaimState.CANCELLED) if off else (PAUSED_REASON, ClaimState.PARKED)
        left = claim.node == self.bus.name and self.resumable.can_resume(mission.name, claim.epoch - (not begun))
        spent = claim.attempt + begun > mission.attempts_allowed + (MAX_EXTRA_RESUMES if left else 0)
        return (f"all {mission.attempts_allowed} attempts are spent" if spent else ""), ClaimState.FAILED

    def _taken(
        self,
        ledger: LedgerSnapshot,
        mine: HeldClaim,
        remark: str,
        filed: MissionFile | None,
        why: str,
        state: ClaimState,
    ) -> Assignment:
        name = mine.claim.mission
        mission = filed.mission if filed else Mission(name=name, title=name, body="")
        if filed and not why:
            one = self.eligibility.won(ledger, mission)
            mission, remark = one.mission, "; ".join(filter(None, (remark, *one.remarks)))
        end = f"{remark}; {why}" if remark and why else why
        breaks = self._asked[mine.oid]
        return Assignment(
            held=mine, mission=mission, ledger=ledger, remark=remark, end=end, state=state, heartbeat_gaps=breaks
        )

    def _orphaned(self, ledger: LedgerSnapshot, held: HeldClaim) -> bool:
        """Whether a closed claim will never be folded, because whoever signed it is not the node that it names now."""
        known = self.bus.sign is None or self.trust.is_signed_by_holder(ledger, held, held.oid)
        return not known and ledger.archived(held.claim.mission) is None

    def _may(self, ledger: LedgerSnapshot, filed: MissionFile, free: int, *, own: bool) -> bool:
        fits = free > 0 and self.eligibility.fits(ledger, filed.mission, own=own)
        return fits and self.trust.authorize(ledger, filed).trusted

    def _over(self, ledger: LedgerSnapshot, held: HeldClaim) -> bool:
        """Withdraws a claim on an archived mission, on which nobody works; returns whether it was one.

        It was won from an old view (trap D), or its holder died after a person had archived the file.
        """
        over = held.claim.mission not in ledger.open and ledger.archived(held.claim.mission) is not None
        if over:
            claims.confirm(self.bus, [held], ledger)
        return over

    def _eligible(self, ledger: LedgerSnapshot, free: int) -> list[MissionFile]:
        candidates = [self.eligibility.with_assumed_agent(filed.mission) for filed in ledger.unclaimed]
        needed = {name for mission in candidates for name in mission.depends_on}
        ready = choose(
            candidates,
            self.offer,
            slots=len(candidates),
            finished=ledger.finished(needed),
            known=needed,  # the words for an unknown one are for people; nobody reads them here
            now=self.bus.now(),
        )
        ready = self._awake(ledger, ready)
        self._claim_turns.observe({mission_subject(m.name, m.epoch + 1) for m in ready}, self._now)
        chosen: list[MissionFile] = []
        if free <= 0:
            self._claim_turns.free_since = self._now
            return chosen
        for mission in self._claim_turns.in_turn(ledger, ready, partial(self._wanted, ledger)):
            chosen.append(ledger.open[mission.name])
            if len(chosen) == free:
                break
        return chosen

    def _awake(self, ledger: LedgerSnapshot, ready: list[Mission]) -> list[Mission]:
        """Those that wait for no account: of the others there may be more than a node compares."""
        closed = self.eligibility.closed(ledger)
        rest = {m.name: self.eligibility.resting_reason(ledger.open[m.name].mission, closed) for m in ready}
        resting = [name for name, why in rest.items() if why]
        for name in resting[:MAX_TOLD_RESTING]:
            self.tell("waits", f"{name}: {rest[name]}", once=True, mission=name)
        return [mission for mission in ready if not rest[mission.name]]

    def _wanted(self, ledger: LedgerSnapshot, mission: Mission) -> bool:
        """Whether this node would take a mission now that it may take; where not, people are told why."""
        filed = ledger.open[mission.name]
        word = self.trust.authorize(ledger, filed)
        if not word.trusted:
            self.tell("untrusted", f"{filed.path} is not run: {word.why}", once=True, mission=mission.name)
        return word.trusted and not self._waits(ledger, mission)

    def _left_to_another(self, ledger: LedgerSnapshot, mission: Mission) -> bool:
        """Whether a resumed mission is left, for a lease of the node that keeps its workspace, to that node.

        Only while it lives and has room.
        """
        keeper = mission.kept_on
        if keeper in (None, self.bus.name) or keeper not in ledger.beats or self._left.expired([mission.name]):
            return False
        lease = self.watch.lease * self.precedence.stretches.get(keeper, 1)
        return self.liveness.silent_for(keeper) < lease and not has_full_disk(ledger, keeper)

    def _waits(self, ledger: LedgerSnapshot, mission: Mission) -> bool:
        """Whether a mission that this node may take is not asked for now."""
        if self._left_to_another(ledger, mission) or self._is_over_budget(ledger, mission):
            return True
        unsafe = self.safety.unsafe_reason(ledger, mission) if self.safety is not None else ""
        why = unsafe or self.eligibility.hold_back_reason(ledger, ledger.open[mission.name].mission)
        if why:
            self.tell("waits", f"{mission.name}: {why}", once=True, mission=mission.name)
        return bool(why)

    def _is_over_budget(self, ledger: LedgerSnapshot, mission: Mission) -> bool:
        try:
            why = self.budget.day_budget_reason(ledger, mission) if self.budget is not None else ""
        except StoreFailed as error:
            why = f"its budget cannot be looked up: {error}"
        if why:
            self.tell("budget", f"{mission.name} waits: {why}", once=True, mission=mission.name)
        return bool(why)
