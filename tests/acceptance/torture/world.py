"""What is an exploration made of? Parameters, a server in memory that writes everything down, lines that break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.errors import PushUncertain, RemoteUnreachable
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.remote import PushVerdict, Refs, RefUpdate
from tests.acceptance.torture.history import Move, Push
from tests.acceptance.torture.virtual import Loop

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BEAT_SECONDS = 10.0
CHARTER = """\
[bus]
beat_seconds = 10
lease_beats = 3
poll_seconds = [1, 5]
[trust]
missions = "remote"
sandbox = "optional"
"""
TIMEOUT = 10.0
"""Virtual seconds after which a call to a remote that does not answer is given up; wiring: a third of the lease."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What one exploration is made of. Chances are for each call to the remote; times are virtual seconds."""

    nodes: tuple[str, ...] = ("hq", "east", "west")
    twins: bool = False
    """Two of the nodes are one machine that was cloned while it ran: same name, same boot."""
    namesakes: bool = False
    """Two of the nodes were given one name: each is a process of its own, and both go on until one notices."""
    missions: int = 8
    length: tuple[float, float] = (0.2, 20.0)
    """How long the work on a mission takes."""
    lost_push: float = 0.02
    lost_answer: float = 0.02
    late_push: float = 0.01
    slow: float = 0.03
    kills: float = 0.02
    cuts: float = 0.02
    freezes: float = 0.02
    """Chances for each second of trouble; the same for the next two."""
    hangs: float = 0.0
    """A node's loop stands still while its heartbeat's thread goes on."""
    falls: float = 0.0
    """A node's clock falls back an hour, as one does that was set by hand or knew no time zone."""
    trouble: float = 120.0
    """So long the nemesis goes on."""
    rest: float = 900.0
    """So long everything then has to come to an end; 0: the run is cut off."""
    edits: bool = True
    copies: bool = False
    """The person files a second spelling of a mission's name, too."""
    parks: float = 0.0
    """The chance that an attempt waits for a person in the end; if there is one, the person pauses and resumes, too."""
    liars: int = 0
    """So many nodes beat for ever, and never ask for a mission, nor fold."""
    pushes_a_minute: float = 0.0
    """What the host allows, by `fleet.toml`: less than all beats take stretches them and the leases. 0: no limit."""
    attack: bool = False
    """A stale holder forces its old claim back, and its result with it, after everybody has seen the newer one."""

    @property
    def charter(self) -> str:
        """This world's `fleet.toml`."""
        limit = f"\npushes_a_minute = {self.pushes_a_minute}" if self.pushes_a_minute else ""
        return CHARTER.replace("poll_seconds = [1, 5]", f"poll_seconds = [1, 5]{limit}")

    @property
    def tolerance(self) -> float:
        """Virtual seconds in which a worker must notice that it has to stop.

        A node that starts takes up again at once what it held when it died. A second one of its name does, too, and
        nobody can tell the two apart before the first one's next beat: so long both may work, and one result counts.
        """
        return 0.6 + (BEAT_SECONDS if self.namesakes else 0.0)

    @property
    def alike(self) -> bool:
        """Whether two nodes have one name."""
        return self.twins or self.namesakes


class Recorder(MemoryServer):
    """A server in memory that writes down what it takes in."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop
        self.pushes: list[Push] = []
        self.attacking = False

    def move(self, updates: Sequence[RefUpdate], *, atomic: bool) -> dict[str, PushVerdict]:
        """Moves refs as the server does."""
        before = dict(self.refs)
        verdicts = super().move(updates, atomic=atomic)
        moves = tuple(
            Move(ref=u.ref, old=before.get(u.ref), new=u.new)
            for u in updates
            if verdicts[u.ref] is PushVerdict.ACCEPTED
        )
        if moves:
            self.pushes.append(Push(at=self.loop.now, moves=moves, attack=self.attacking))
        return verdicts


@dataclass
class Line:
    """One process' way to the server."""

    remote: MemoryRemote
    loop: Loop
    world: World
    cut: bool = False
    mute: bool = False
    """Only what is sent gets lost: what comes still comes."""
    calm: bool = False

    def fetch(self) -> Refs:
        """All refs, if the line holds."""
        self._travel()
        if self.cut:
            self.loop.sleep(TIMEOUT)
            raise RemoteUnreachable("line", "cut")
        refs = self.remote.fetch()
        self._travel()
        return refs

    def seen(self) -> Refs:
        """The refs as they were last fetched."""
        return self.remote.seen()

    def heads(self, *prefixes: str) -> Refs:
        """Where the branch and some refs stand, if the line holds."""
        self._travel()
        if self.cut:
            self.loop.sleep(TIMEOUT)
            raise RemoteUnreachable("line", "cut")
        return self.remote.heads(*prefixes)

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, if nothing happens on the way."""
        self._travel()
        fate = self.loop.chance.random() if not self.calm else 1.0
        if self.cut or self.mute or fate < self.world.lost_push:
            self.loop.sleep(TIMEOUT)
            raise PushUncertain("line", "no answer")
        if fate < self.world.lost_push + self.world.late_push:
            self._deliver_later(updates, atomic)
            self.loop.sleep(TIMEOUT)
            raise PushUncertain("line", "no answer")
        verdicts = self.remote.push(updates, atomic=atomic)
        self._travel()
        if fate > 1.0 - self.world.lost_answer and not self.calm:
            self.loop.sleep(TIMEOUT)
            raise PushUncertain("line", "no answer")
        return verdicts

    def close(self) -> None:
        """Nothing to let go of."""

    def _travel(self) -> None:
        slow = not self.calm and self.loop.chance.random() < self.world.slow
        self.loop.sleep(self.loop.chance.uniform(1, 8) if slow else self.loop.chance.uniform(0.005, 0.05))

    def _deliver_later(self, updates: Sequence[RefUpdate], atomic: bool) -> None:
        """The server had all of it, and took its time; whoever sent it gave up meanwhile, or died."""
        delay = self.loop.chance.uniform(0.5, 3 * TIMEOUT)

        def arrive() -> None:
            self.loop.sleep(delay)
            self.remote.server.move(updates, atomic=atomic)

        self.loop.spawn("late push", "network", arrive)
