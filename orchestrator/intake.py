"""Which missions does this node take on now: queued ones, a silent holder's, its own from before a restart?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from missions.lease import LeaseWatch
from missions.mission import Mission
from missions.selection import Offer, choose, unsuited
from orchestrator import claim as claims
from orchestrator.bus import Bus
from orchestrator.journal import duration
from orchestrator.ledger import Filed, Held, Ledger, Reader
from orchestrator.trust import Trust
from sync.remote import Oid

Tell = Callable[..., None]
"""Takes (event, sentence, **facts): one line of this node's shift. With `once=True` the same line is told once."""

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
    deleted: bool = False
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
    _asked: OrderedDict[Oid, int] = field(default_factory=OrderedDict)
    """The claims that this very process has pushed, each with `breaks` of that moment. A machine that was cloned while
    it ran shares all but these."""

    def observe(self, ledger: Ledger, now: float) -> None:
        """Takes in one fetch: who of the others still moves. `now` is this node's monotonic time."""
        bus = ledger.charter.bus
        self.watch.lease, self.watch.roof = bus.lease, max(2 * bus.poll_seconds[1], bus.lease)
        listed = {p.name for p in self.trust.verifier(ledger).principals.values() if "node" in p.roles}
        beats = {node: beat for node, beat in ledger.beats.items() if self.bus.sign is None or node in listed}
        others = {n: h for n, h in ledger.claims.items() if h.claim.closed or h.claim.node != self.bus.name}
        self.watch.observe({n: (h.oid, h.claim.closed or beats.get(h.claim.node)) for n, h in others.items()}, now)

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
                spent = filed is not None and held.claim.attempt > filed.mission.attempts_allowed
                if spent or filed is None or self._may(ledger, filed, free - len(taken)):
                    taken.append(self._taken(ledger, held, "", filed, spent=spent))
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
        return [
            Taken(held=h, mission=now.open[h.claim.mission].mission, ledger=now, breaks=self._asked[h.oid])
            for h in claims.confirm(self.bus, won, now)
        ]

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
        spent = filed is not None and held.claim.attempt >= filed.mission.attempts_allowed
        if filed is not None and not spent and not self._may(ledger, filed, free):
            return []
        mine = claims.succeed(self.bus, held, blob=filed.blob if filed else held.claim.blob)
        self._asking(mine.oid)
        if not claims.replaced(self.bus, held, mine):
            return []
        taken = self._taken(ledger, mine, remark, filed, spent=spent)
        self.tell("took over", f"{taken.mission.title}: {remark}", mission=name, holder=held.claim.node)
        return [taken]

    def _taken(self, ledger: Ledger, mine: Held, remark: str, filed: Filed | None, *, spent: bool) -> Taken:
        name = mine.claim.mission
        mission = filed.mission if filed else Mission(name=name, title=name, body="")
        why = f"all {mission.attempts_allowed} attempts are spent" if spent else ""
        why = why if filed else "its file was deleted meanwhile"
        end = f"{remark}; {why}" if remark and why else why
        breaks = self._asked[mine.oid]
        return Taken(
            held=mine, mission=mission, ledger=ledger, remark=remark, end=end, deleted=filed is None, breaks=breaks
        )

    def _orphaned(self, ledger: Ledger, held: Held) -> bool:
        """Whether a closed claim will never be folded, because whoever signed it is not the node that it names now."""
        known = self.bus.sign is None or self.trust.by_holder(ledger, held, held.oid)
        return not known and ledger.archived(held.claim.mission) is None

    def _may(self, ledger: Ledger, filed: Filed, free: int) -> bool:
        return free > 0 and unsuited(filed.mission, self.offer) is None and self.trust.word(ledger, filed).trusted

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
        candidates = [filed.mission for name, filed in ledger.open.items() if name not in taken]
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
            if word.trusted:
                chosen.append(filed)
            else:
                self.tell("untrusted", f"{filed.path} is not run: {word.why}", once=True, mission=mission.name)
            if len(chosen) == free:
                break
        return chosen
