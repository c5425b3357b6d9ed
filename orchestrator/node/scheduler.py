"""Which missions does this node take on now: queued ones, a silent holder's, its own from before a restart?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from missions.lease import PAUSED, Claim, Hold, LeaseWatch
from missions.mission import OPEN, Mission, Status
from missions.selection import Offer, choose
from orchestrator.core.events import Tell
from orchestrator.ledger import claims as claims
from orchestrator.ledger.result_report import duration
from orchestrator.ledger.snapshot import Filed, Held, Ledger, Reader
from orchestrator.ledger.transport import Bus
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.assignment.eligibility import Fitting
from sync.remote import Oid

GOES_ON = 2
"""So often more than its attempts allow may a mission that a restart cut off go on in its folder: one whose work ends
its node each time must not do so for ever."""
REMEMBERED = 1000
"""Claims of its own that a process remembers; more can never be open at once."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A claim that this node now holds. `end` is empty for work to start, else why it ends without any."""

    held: Held
    mission: Mission
    ledger: Ledger
    remark: str = ""
    end: str = ""
    state: Hold = Hold.FAILED
    """As what it ends then."""
    breaks: int = 0
    """How often this node's beats had been interrupted when it asked for the claim."""


@dataclass(kw_only=True)
class Intake:
    """Takes missions for one node."""

    bus: Bus
    reader: Reader
    trust: Trust
    offer: Offer
    tell: Tell
    watch: LeaseWatch = field(default_factory=lambda: LeaseWatch(lease=180.0, roof=180.0))
    breaks: Callable[[], int] = lambda: 0
    """How often this node's beats have been interrupted for so long that a lease may have run out."""
    continues: Callable[[str, int], bool] = lambda mission, epoch: False
    """Whether a mission's attempt that was cut off in that epoch can go on here, in its agent's own session."""
    afford: Callable[[Ledger, Mission], str] = lambda ledger, mission: ""
    """Why there is no money for a mission today, in words."""
    barred: Callable[[Ledger, Mission], str] = lambda ledger, mission: ""
    """Why a mission must not run on this node, whatever agents it has: it has no sandbox."""
    fitting: Fitting = field(init=False)
    """Fills in what missions leave open: the project, the agent."""
    _left: LeaseWatch = field(default_factory=lambda: LeaseWatch(lease=180.0, roof=180.0))
    """For how long resumed missions have waited for the nodes that keep their workspaces."""
    _asked: OrderedDict[Oid, int] = field(default_factory=OrderedDict)
    """The claims that this very process has pushed, each with `breaks` of that moment. A machine that was cloned while
    it ran shares all but these."""

    def __post_init__(self) -> None:
        self.fitting = Fitting(offer=self.offer)

    def observe(self, ledger: Ledger, now: float) -> None:
        """Takes in one fetch: who of the others still moves. `now` is this node's monotonic time."""
        bus = ledger.charter.bus
        self.watch.lease, self.watch.roof = bus.lease, max(2 * bus.poll_seconds[1], bus.lease)
        listed = {p.name for p in self.trust.verifier(ledger).principals.values() if "node" in p.roles}
        beats = {node: beat for node, beat in ledger.beats.items() if self.bus.sign is None or node in listed}
        others = {n: h for n, h in ledger.claims.items() if h.claim.closed or h.claim.node != self.bus.name}
        self.watch.observe({n: (h.oid, h.claim.closed or beats.get(h.claim.node)) for n, h in others.items()}, now)
        self.fitting.observe(ledger, now)
        self._left.lease, self._left.roof = self.watch.lease, self.watch.roof
        kept = {n: f.mission for n, f in ledger.open.items() if f.mission.kept_on and f.mission.status in OPEN}
        self._left.observe({n: (m.epoch, m.kept_on) for n, m in kept.items() if m.kept_on in ledger.beats}, now)

    def resume(self, ledger: Ledger, free: int, busy: Collection[str] = ()) -> list[Taken]:
        """What this node held when it was stopped the last time: its own, so it need not wait for the lease.

        Nobody else takes it over while this node beats, so what did not work out, or found no free slot, is tried again
        in every round. `busy` are the missions whose results of that earlier run wait to be handed back.
        """
        taken: list[Taken] = []
        for name, held in ledger.claims.items():
            mine = held.claim.node == self.bus.name and held.claim.boot != self.bus.boot
            if mine and not held.claim.closed and name not in busy:
                remark = f"this node was stopped during attempt {held.claim.attempt} and started again"
                taken += self._take(ledger, held, remark, free - len(taken))
        return taken

    def pick_up(self, ledger: Ledger, free: int, busy: Collection[str]) -> list[Taken]:
        """What this run of the node won without hearing of it: the line broke between the push and the second look,
        or the push arrived after all when this node had given it up.

        `busy` are the missions that it works on or is about to hand back. Nobody else would ever take the others
        over, because this node beats.
        """
        taken: list[Taken] = []
        for name, held in ledger.claims.items():
            if held.oid not in self._asked or held.claim.closed or name in busy:
                continue
            filed = ledger.open.get(name)
            if filed is not None and held.claim.epoch <= filed.mission.epoch:
                claims.confirm(self.bus, [held], ledger)  # withdraws it
            elif filed is not None or (not self._over(ledger, held) and self.deleted(ledger, name)):
                why, state = self._ends(filed, held.claim, begun=False)
                if why or filed is None or self._may(ledger, filed, free - len(taken)):
                    taken.append(self._taken(ledger, held, "", filed, why, state))
        return taken

    def take_over(self, ledger: Ledger, free: int) -> list[Taken]:
        """What silent holders let go of, and what a node ended that was taken out of the fleet before the fold."""
        taken: list[Taken] = []
        for name in self.watch.expired(list(ledger.claims)):
            held = ledger.claims[name]
            if held.claim.closed and not self._orphaned(ledger, held):
                continue
            ended = f"; its word on {held.claim.state} does not count" if held.claim.closed else ""
            remark = f"took over from {held.claim.node} after {duration(self.watch.silent_for(name))} of silence{ended}"
            taken += self._take(ledger, held, remark, free - len(taken))
        return taken

    def claim(self, ledger: Ledger, free: int) -> list[Taken]:
        """What is queued, best first: all claims in one push, then a second look before anything starts (trap D)."""
        wanted = self._eligible(ledger, free) if free > 0 else []
        asked = claims.ask(self.bus, wanted)
        self._asking(*(held.oid for held in asked))
        won = claims.win(self.bus, asked)
        if not won:
            return []
        now = self.reader.read(self.bus.remote.fetch())
        return [self._won(now, held) for held in claims.confirm(self.bus, won, now)]

    def _won(self, now: Ledger, held: Held) -> Taken:
        one = self.fitting.won(now, now.open[held.claim.mission].mission)
        remark, breaks = "; ".join(one.remarks), self._asked[held.oid]
        return Taken(held=held, mission=one.mission, ledger=now, remark=remark, breaks=breaks)

    def _asking(self, *oids: Oid) -> None:
        self._asked.update(dict.fromkeys(oids, self.breaks()))
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def _take(self, ledger: Ledger, held: Held, remark: str, free: int) -> list[Taken]:
        """Takes one claim whose holder is gone, if this node may and can; one with no attempts left it only ends."""
        name = held.claim.mission
        filed = ledger.open.get(name)
        if filed is None and (self._over(ledger, held) or not self.deleted(ledger, name)):
            return []  # its file broke: it waits until the file is mended
        why, state = self._ends(filed, held.claim, begun=True)
        if filed is not None and not why and not self._may(ledger, filed, free):
            return []
        mine = claims.succeed(self.bus, held, blob=filed.blob if filed else held.claim.blob)
        self._asking(mine.oid)
        if not claims.replaced(self.bus, held, mine):
            return []
        taken = self._taken(ledger, mine, remark, filed, why, state)
        self.tell("took over", f"{taken.mission.title}: {remark}", mission=name, holder=held.claim.node)
        return [taken]

    def _ends(self, filed: Filed | None, claim: Claim, *, begun: bool) -> tuple[str, Hold]:
        """Why a claim that is taken only has to be ended, and as what: its file is gone, a person called it off or
        paused it, or no attempt is left after the one that was `begun`. What can go on here has some more.
        """
        if filed is None:
            return "its file was deleted meanwhile", Hold.CANCELLED
        mission = filed.mission
        if mission.status in {Status.CANCELLED, Status.PARKED}:
            off = mission.status is Status.CANCELLED
            return ("cancelled by a person", Hold.CANCELLED) if off else (PAUSED, Hold.PARKED)
        left = claim.node == self.bus.name and self.continues(mission.name, claim.epoch - (not begun))
        spent = claim.attempt + begun > mission.attempts_allowed + (GOES_ON if left else 0)
        return (f"all {mission.attempts_allowed} attempts are spent" if spent else ""), Hold.FAILED

    def _taken(self, ledger: Ledger, mine: Held, remark: str, filed: Filed | None, why: str, state: Hold) -> Taken:
        name = mine.claim.mission
        mission = filed.mission if filed else Mission(name=name, title=name, body="")
        if filed and not why:
            one = self.fitting.won(ledger, mission)
            mission, remark = one.mission, "; ".join(filter(None, (remark, *one.remarks)))
        end = f"{remark}; {why}" if remark and why else why
        breaks = self._asked[mine.oid]
        return Taken(held=mine, mission=mission, ledger=ledger, remark=remark, end=end, state=state, breaks=breaks)

    def _orphaned(self, ledger: Ledger, held: Held) -> bool:
        """Whether a closed claim will never be folded, because whoever signed it is not the node that it names now."""
        known = self.bus.sign is None or self.trust.by_holder(ledger, held, held.oid)
        return not known and ledger.archived(held.claim.mission) is None

    def _may(self, ledger: Ledger, filed: Filed, free: int) -> bool:
        return free > 0 and self.fitting.fits(ledger, filed.mission) and self.trust.word(ledger, filed).trusted

    def _over(self, ledger: Ledger, held: Held) -> bool:
        """Withdraws a claim on an archived mission, on which nobody works; returns whether it was one.

        It was won from an old view (trap D), or its holder died after a person had archived the file.
        """
        over = held.claim.mission not in ledger.open and ledger.archived(held.claim.mission) is not None
        if over:
            claims.confirm(self.bus, [held], ledger)
        return over

    def deleted(self, ledger: Ledger, name: str) -> bool:
        """Whether a mission that was claimed has no file any more: neither open, nor broken, nor archived."""
        broken = any(bad.name == name for bad in ledger.quarantined)
        return name not in ledger.open and not broken and ledger.archived(name) is None

    def _eligible(self, ledger: Ledger, free: int) -> list[Filed]:
        taken = ledger.claims.keys() | ledger.junk_claims.keys()
        candidates = [self.fitting.sketch(f.mission) for name, f in ledger.open.items() if name not in taken]
        needed = {name for mission in candidates for name in mission.depends_on}
        ready = choose(
            candidates,
            self.offer,
            slots=len(candidates),
            finished=ledger.finished(needed),
            known=needed,  # the words for an unknown one are for people; nobody reads them here
            now=self.bus.now(),
        )
        chosen: list[Filed] = []
        for mission in ready:
            filed = ledger.open[mission.name]
            word = self.trust.word(ledger, filed)
            if not word.trusted:
                self.tell("untrusted", f"{filed.path} is not run: {word.why}", once=True, mission=mission.name)
            elif not self._waits(ledger, mission):
                chosen.append(filed)
            if len(chosen) == free:
                break
        return chosen

    def _left_to_another(self, ledger: Ledger, mission: Mission) -> bool:
        """Whether a resumed mission is left, for a lease, to the node that keeps its workspace and is there."""
        elsewhere = mission.kept_on not in (None, self.bus.name) and mission.kept_on in ledger.beats
        return elsewhere and not self._left.expired([mission.name])

    def _waits(self, ledger: Ledger, mission: Mission) -> bool:
        """Whether a mission that this node may take is not asked for now."""
        if self._left_to_another(ledger, mission) or self._too_dear(ledger, mission):
            return True
        why = self.barred(ledger, mission) or self.fitting.holds_back(ledger, ledger.open[mission.name].mission)
        if why:
            self.tell("waits", f"{mission.name}: {why}", once=True, mission=mission.name)
        return bool(why)

    def _too_dear(self, ledger: Ledger, mission: Mission) -> bool:
        why = self.afford(ledger, mission)
        if why:
            self.tell("budget", f"{mission.name} waits: {why}", once=True, mission=mission.name)
        return bool(why)
