"""How does a simulated week go by? An agenda of events in virtual time, and nobody waits."""

from __future__ import annotations

import gc
import itertools
import math
import random
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random

from orchestrator.core.events import Tell
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.node.scheduler import Assignment
from tests.simulation.agenda import Agenda, Kind
from tests.simulation.host import Link, MeteredStore, Queue, Server
from tests.simulation.nodes import Crewman, SharedReader, Surroundings, crewman, speaker
from tests.simulation.person import Person
from tests.simulation.scenario import DAY, Scenario
from tests.simulation.shared_view import Outlook

PATIENCE = 0.5 * DAY
"""Virtual seconds after the last mission was filed in which the rest must come to an end: a fleet that cannot keep up
never does."""
RARE_COLLECTIONS = (100_000, 20, 50)
"""Almost nothing here is a circle of references, and millions of objects stay until the end (gc.set_threshold)."""
WEBHOOK_SECONDS = 1.0
"""From a push until headquarters has the host's call."""
SPOKEN = DAY / 4
"""Virtual seconds between two words on how far it has got."""


@dataclass(kw_only=True, repr=False)
class Simulation:
    """One fleet's history. `say` is told how far it has got, four times a virtual day."""

    plan: Scenario
    say: Callable[[str], None] = lambda _line: None
    keep: Callable[[Simulation], None] = lambda _run: None
    """Is called as often, so that what came of it until then outlives whatever ends this process."""
    patience: float = PATIENCE
    counts: Counter[str] = field(default_factory=Counter)
    hours: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of work by what became of it: done, failed, released (the fence closed), late, lost (power cut)."""
    finished: bool = False
    """Every mission came to its end."""
    stopped: bool = False
    """Somebody has enough of it: it ends after the event that is played."""
    crew: list[Crewman] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.plan.seed)  # a simulation's chance must be replayable
        self.agenda, self.queue, self.store = Agenda(), Queue(self.plan.host), MeteredStore()
        self.server = Server(store=self.store, moved=self._nudge_hq)
        constitution = TrustRoot(self.store, lambda tip: tip)
        self.reader = SharedReader(self.store, constitution)
        self.outlook = Outlook(server=self.server, reader=self.reader, clock=self.agenda.clock, lease=self.plan.lease)
        self.person = Person(
            bus=speaker("ada", "", self._link()),
            reader=self.reader,
            plan=self.plan,
            chance=self.chance,
            start=self.agenda.fibers.start,
        )
        self.server.move([self.person.found()], atomic=True)
        self._boots, self._unsettled = itertools.count(), dict[tuple[str, str], float]()
        self._around = Surroundings(
            server=self.server,
            reader=self.reader,
            clock=self.agenda.clock,
            overdue=self.outlook.overdue,
            begin=self._begin,
            roll=self.outlook.living,
            idle=self.outlook.idle,
            assumed=OrderedDict(),
            tell=self._listener,
        )
        self.crew += [self._crewman(number) for number in range(self.plan.nodes)]

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.agenda.now

    @property
    def filed(self) -> dict[str, float]:
        """When each mission was filed."""
        return self.person.filed

    def ledger(self) -> LedgerSnapshot:
        """What the repository says now."""
        return self.outlook.ledger()

    def run(self) -> None:
        """Plays everything until nothing is left to do."""
        before, collects = random.getstate(), gc.get_threshold()
        random.seed(self.plan.seed)  # the product spreads racers with it
        gc.set_threshold(*RARE_COLLECTIONS)
        try:
            self._begin_all()
            self._play()
        finally:
            self.agenda.fibers.close()
            random.setstate(before)
            gc.set_threshold(*collects)

    def _begin_all(self) -> None:
        for member in self.crew:
            self.agenda.at(self.chance.uniform(0, self.plan.beat_seconds), Kind.BEAT, member)
            self._plan_troubles(member)
        self._plan_filing()

    def _play(self) -> None:
        acts: dict[Kind, Callable[..., None]] = {}
        acts |= {kind: getattr(self, f"_{kind.name.lower()}") for kind in Kind if kind is not Kind.RESUME}
        began, told, end = time.monotonic(), SPOKEN, self.plan.seconds + self.patience
        while not (self.finished or self.stopped) and self.now < end:
            turn = self.agenda.turn()
            if turn is None:
                return
            acts[turn[0]](turn[1])
            if self.now >= told:
                took = time.monotonic() - began
                self.say(f"day {self.now / DAY:.2f}: {len(self.filed):,} missions filed, {took:.0f} s of real time")
                self.keep(self)
                told += SPOKEN

    def _link(self) -> Link:
        link = Link(
            self.server,
            self.queue,
            self.counts,
            now=self.agenda.clock,
            wait=lambda until: self.agenda.wait(until, link),
        )
        return link

    def _crewman(self, number: int) -> Crewman:
        member = crewman(number, f"boot-{next(self._boots)}", self.plan, self._link(), self._around)
        member.heart.follow(self.outlook.bus)
        member.heart.begin()
        return member

    def _file(self, _what: None) -> None:
        if self.person.write(self.now):
            self._plan_filing()

    def _plan_filing(self) -> None:
        gap = self.chance.expovariate(self.plan.missions / self.plan.seconds)
        self.agenda.at(self.now + gap, Kind.FILE, None)

    # A node's rounds

    def _poll(self, what: tuple[Crewman, int]) -> None:
        """It asks for the news, in its turn."""
        member, ticket = what
        if ticket != member.ticket or not member.up:
            return
        member.busy = True
        if member.link.cut:
            self._act(member)
        else:
            self.counts["fetches"] += 1
            answered = self.queue.fetch(self.now, len(self.server.refs))
            member.scheduler.precedence.looks.answered(answered - self.now)
            self.agenda.at(answered, Kind.NEWS, member)

    def _news(self, member: Crewman) -> None:
        """The news are here: mostly they bring nothing to do, and the node goes back to sleep."""
        if not member.up:
            return
        if member.link.cut:
            self._act(member)
            return
        ledger, facts = self.ledger(), self.outlook.facts()
        member.scheduler.fetched(ledger)
        if member.fresh or member.wants(ledger, ready=facts.ready, duty=facts.duty):
            member.fresh, member.link.view = False, ledger.refs
            self._act(member)
        else:
            member.busy = False
            self._wake(member, self.now + member.rest(ledger))

    def _act(self, member: Crewman) -> None:
        """A round of the product's own code; whenever it waits for the host, others go on."""

        def act() -> None:
            self.counts["rounds"] += 1
            member.step()
            member.busy, member.link.view = False, None
            self._wake(member, self.now + member.pause.seconds)
            self.finished = self.person.done and self.outlook.nothing_open()

        self.agenda.fibers.start(act)

    def _wake(self, member: Crewman, when: float) -> None:
        """Its next poll. One that is in a round finishes that first, and looks again at once."""
        if member.busy:
            member.nudged = True
            return
        if member.nudged:
            member.nudged, when = False, self.now
        member.ticket += 1
        self.agenda.at(when, Kind.POLL, (member, member.ticket))

    def _nudge_hq(self, refs: Collection[str]) -> None:
        """A ref has moved: HQ sees it at once on its own disk; elsewhere the host may ring for branches."""
        if self.plan.hq_on_host:
            self._ring(None)
        elif self.plan.webhooks and any(ref.startswith("refs/heads/") for ref in refs):
            self.counts["webhooks"] += 1
            self.agenda.at(self.now + WEBHOOK_SECONDS, Kind.RING, None)

    def _ring(self, _what: None) -> None:
        if self.crew and self.crew[0].up and self.crew[0].ticket:
            self._wake(self.crew[0], self.now)

    # Its beats

    def _beat(self, member: Crewman) -> None:
        if not member.up:
            return
        if member.link.cut:
            self.agenda.at(self.now + member.heart.pause, Kind.BEAT, member)
            return
        self.counts["beat pushes"] += 1
        arrives, closes = self.queue.push(self.now), self.now + member.heart.closes
        if member.ticket and arrives > closes:
            self.agenda.at(closes, Kind.FENCE, member)
        self.agenda.at(arrives, Kind.BEATEN, (member, self.now))

    def _beaten(self, what: tuple[Crewman, float]) -> None:
        member, sent = what
        if not member.up:
            return
        if not member.link.cut:
            self.server.now = self.now
            member.heart.follow(self.outlook.bus, stretch=self.outlook.stretch())
            member.heart.throb(sent)
        self.agenda.at(self.now + member.heart.pause, Kind.BEAT, member)
        if member.link.cut:
            return
        self.server.stretches[member.bus.name] = member.heart.beat.stretch
        member.scheduler.precedence.pushes.answered(self.now - sent)
        if not member.ticket:
            self._wake(member, self.now)

    def _fence(self, member: Crewman) -> None:
        """The guard looks whether beats still arrive; if not, the node stops its own work."""
        if not member.up or not member.heart.fenced:
            return
        member.heart.work.fence()
        for name in list(member.work):
            self.counts["fenced"] += 1
            self._finish(member, name)

    # Its work

    def _begin(self, number: int, taken: Assignment) -> None:
        seconds = self.chance.lognormvariate(math.log(self.plan.work_seconds), 1.0)
        self.agenda.at(self.now + seconds, Kind.DONE, (self.crew[number], taken.held))

    def _done(self, what: tuple[Crewman, HeldClaim]) -> None:
        member, held = what
        name = held.claim.mission
        if member.up and name in member.work and member.work[name][0].held.oid == held.oid:
            self._finish(member, name)

    def _finish(self, member: Crewman, name: str) -> None:
        self._unsettled[member.bus.name, name] = member.attempts.finish(name, ok=self.chance.random() >= self.plan.fail)
        self._wake(member, self.now)

    def _listener(self, node: str) -> Tell:
        """Hears what a node tells, as people would."""

        def tell(event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
            mission = str(facts.get("mission", ""))
            self.counts[event] += 1
            if (node, mission) in self._unsettled and event in {"done", "failed", "released", "late"}:
                self.hours[event] += self._unsettled.pop((node, mission))

        return tell

    # Its troubles

    def _plan_troubles(self, member: Crewman) -> None:
        if self.plan.crash_days:
            self.agenda.at(self.now + self.chance.expovariate(1 / (self.plan.crash_days * DAY)), Kind.CRASH, member)
        self._plan_cut(member)

    def _plan_cut(self, member: Crewman) -> None:
        if self.plan.cut_days:
            self.agenda.at(self.now + self.chance.expovariate(1 / (self.plan.cut_days * DAY)), Kind.CUT, member)

    def _cut(self, member: Crewman) -> None:
        """Its line breaks; it works on, until the fence closes."""
        if not member.up:
            return
        member.link.cut = True
        self.counts["cut lines"] += 1
        self.agenda.at(self.now + member.heart.closes, Kind.FENCE, member)
        self.agenda.at(self.now + self.chance.expovariate(1 / self.plan.cut_seconds), Kind.MEND, member)

    def _mend(self, member: Crewman) -> None:
        member.link.cut = False
        self._plan_cut(member)

    def _crash(self, member: Crewman) -> None:
        """Its power fails; what it did and has not handed back is lost."""
        member.up, member.link.dead = False, True
        self.counts["power cuts"] += 1
        node = member.bus.name
        self.hours["lost"] += sum(self.now - began for _, began in member.work.values())
        for key in [key for key in self._unsettled if key[0] == node]:
            self.hours["lost"] += self._unsettled.pop(key)
        self.agenda.at(self.now + self.chance.expovariate(1 / self.plan.down_seconds), Kind.UP, member)

    def _up(self, member: Crewman) -> None:
        """It starts again: the same name, another boot."""
        fresh = self.crew[member.number] = self._crewman(member.number)
        self.agenda.at(self.now, Kind.BEAT, fresh)
        self._plan_troubles(fresh)
